-- presence: who was here within the last minutes, in the order of their coming.
--
--   self.seen    person -> when, milliseconds since 1970
--   self.order   (when as 8 bytes, person) -> true, the longest ago first
--
--  1. Every person in `seen` is once in `order`.
--  2. Who was not here for an hour is forgotten, and so is a place where nobody was.
--
-- Cost: O(log n) to be here, O(k) to list k people, however many were here earlier.

local arguments = require("arguments")

local presence = object.type("presence", { version = 1 })

local kept_seconds = 3600

function presence.default() return { seen = {}, order = {} } end

local function now_ms() return math.floor(now() * 1000 + 0.5) end

local function place(time, person) return string.pack(">I8", time) .. person end

local function forget_before(self, time)
  local seen, order = self.seen, self.order
  for key in pairs(order) do
    if string.unpack(">I8", key) >= time then return end
    order[key] = nil
    seen[key:sub(9)] = nil
  end
end

function presence.update.here(self, person)
  arguments.text(person, "person", 1, 200)
  local time = now_ms()
  forget_before(self, time - kept_seconds * 1000)
  local seen, order = self.seen, self.order
  if seen[person] then order[place(seen[person], person)] = nil end
  seen[person] = time
  order[place(time, person)] = true
  self:expire(kept_seconds)
  return "SUCCESS"
end

function presence.read.list(self, seconds)
  seconds = arguments.number(seconds or 300, "seconds", 0, kept_seconds)
  local from = place(math.max(0, math.ceil(now_ms() - seconds * 1000)), "")
  local after, order = pairs(self.order)
  local people = {}
  for key in after, order, from do people[#people + 1] = key:sub(9) end
  return people
end
