-- swcounter: the last N values, and what they come to.
--
--   self.values   |v9 |v6 |v7 |v8 |      a ring of self.size slots
--                   ^ self.index: where the newest is
--
--  1. values has min(adds, size) entries: 1, 2, ...
--  2. An empty window answers 0 to every question; one that is not full yet knows only the values
--     it has.
--
-- Cost: O(log N) to add and for the newest, O(N) for the others.

local arguments = require("arguments")
local number, whole = arguments.number, arguments.whole

local swcounter = object.type("swcounter", { version = 1 })

local size_max = 10000

function swcounter.new(size)
  return { size = whole(size or 16, "size", 1, size_max), index = 0, values = {} }
end

function swcounter.update.add(self, value)
  value = number(value, "value")
  local index = self.index % self.size + 1
  self.values[index] = value
  self.index = index
  return "SUCCESS"
end

function swcounter.read.getlast(self) return self.values[self.index] or 0 end

function swcounter.read.getmin(self)
  local least
  for _, value in pairs(self.values) do
    if not least or value < least then least = value end
  end
  return least or 0
end

function swcounter.read.getmax(self)
  local most
  for _, value in pairs(self.values) do
    if not most or value > most then most = value end
  end
  return most or 0
end

function swcounter.read.getavg(self)
  local total, count = 0.0, 0
  for _, value in pairs(self.values) do
    total = total + value
    count = count + 1
  end
  if count == 0 then return 0 end
  local average = total / count
  return math.tointeger(average) or average
end
