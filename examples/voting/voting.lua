-- voting: one vote a person, for one of a few choices; the last one counts.
--
--   self.choices   choice -> votes      self.voters   person -> choice
--
--  1. Votes are as many as voters.

local arguments = require("arguments")

local voting = object.type("voting", { version = 1 })

function voting.new(...)
  local choices = {}
  for _, choice in ipairs({ ... }) do choices[choice] = 0 end
  if next(choices) == nil then error("choices are missing", 0) end
  return { choices = choices, voters = {} }
end

function voting.update.vote(self, person, choice)
  arguments.text(person, "person", 1, 200)
  arguments.text(choice, "choice", 1, 200)
  local choices, voters = self.choices, self.voters
  if not choices[choice] then return "NO_SUCH_CHOICE" end
  local earlier = voters[person]
  if earlier then choices[earlier] = choices[earlier] - 1 end
  choices[choice] = choices[choice] + 1
  voters[person] = choice
  return "SUCCESS"
end

function voting.read.result(self) return self.choices end
