-- counter: a whole number that goes up and down, within bounds if it was made with some.
--
--   floor <= value <= ceiling        a step that would leave the bounds is refused whole
--
--  1. value, floor and ceiling are integers of 64 bits; without bounds both are absent.
--  2. Every answer is the value after the step, or OUT_OF_RANGE and nothing has changed.
--
-- Cost: O(1).

local arguments = require("arguments")
local integer, whole = integer, arguments.whole

local counter = object.type("counter", { version = 1 })

function counter.default() return { value = 0, start = 0 } end

function counter.new(start, floor, ceiling)
  local value = whole(start or 0, "start")
  if not floor and not ceiling then return { value = value, start = value } end
  floor = whole(floor or math.mininteger, "floor")
  ceiling = whole(ceiling or math.maxinteger, "ceiling")
  if value < floor or value > ceiling then error("start is outside of floor and ceiling", 0) end
  return { value = value, start = value, floor = floor, ceiling = ceiling }
end

-- These two are called all the time, so they call nothing but integer() themselves. A sum on the
-- wrong side of `before` has left the 64 bits.
function counter.update.incr(self, by)
  by = integer(by or 1) or whole(by, "amount")
  if by < 0 then whole(by, "amount", 0) end
  local before, floor = self.value, self.floor
  local value = before + by
  if value < before or floor and (value < floor or value > self.ceiling) then
    return "OUT_OF_RANGE"
  end
  self.value = value
  return value
end

function counter.update.decr(self, by)
  by = integer(by or 1) or whole(by, "amount")
  if by < 0 then whole(by, "amount", 0) end
  local before, floor = self.value, self.floor
  local value = before - by
  if value > before or floor and (value < floor or value > self.ceiling) then
    return "OUT_OF_RANGE"
  end
  self.value = value
  return value
end

local function move_to(self, value)
  local floor = self.floor
  if floor and (value < floor or value > self.ceiling) then return "OUT_OF_RANGE" end
  self.value = value
  return value
end

function counter.read.get(self) return self.value end

function counter.update.set(self, value) return move_to(self, whole(value, "value")) end

function counter.update.reset(self) return move_to(self, self.start) end
