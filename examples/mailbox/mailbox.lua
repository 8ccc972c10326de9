-- mailbox: letters for a reader, who may wait for the next one.
--
--   send --> | first | ... | last | --> take, which sleeps while there is none
--
--  1. The object is there exactly while there are letters.
--
-- Cost: O(log n); a reader that waits looks twenty times a second.

local arguments = require("arguments")

local mailbox = object.type("mailbox", { version = 1 })

local wait_max_seconds = 60
local look_every_seconds = 0.05

function mailbox.default() return { first = 1, last = 0, letters = {} } end

function mailbox.update.send(self, letter)
  local last = self.last + 1
  self.letters[last] = arguments.text(letter, "letter", 0)
  self.last = last
  return last - self.first + 1
end

local function take_first(self)
  local first, letters = self.first, self.letters
  local letter = letters[first]
  letters[first] = nil
  self.first = first + 1
  if first == self.last then self:delete() end
  return letter
end

function mailbox.async.take(key, seconds)
  local ends = now() + arguments.number(seconds or 0, "seconds", 0, wait_max_seconds)
  while not object.open(key) do
    if now() >= ends then return nil end
    sleep(look_every_seconds)
  end
  return atomically(take_first)
end
