-- lastn: the last N values, newest first.
--
--   self.items   |v9 |v6 |v7 |v8 |      a ring of self.size slots
--                  ^ self.newest
--
--  1. items has min(pushes, size) entries: 1, 2, ...
--  2. One push replaces one entry: the oldest.
--
-- Cost: O(log N) to push, O(n log N) to list n.

local arguments = require("arguments")

local lastn = object.type("lastn", { version = 1 })

local size_max = 10000

function lastn.default() return { size = 16, newest = 0, items = {} } end

function lastn.new(size)
  return { size = arguments.whole(size or 16, "size", 1, size_max), newest = 0, items = {} }
end

function lastn.update.push(self, value)
  local newest = self.newest % self.size + 1
  self.items[newest] = arguments.text(value, "value", 0)
  self.newest = newest
  return "SUCCESS"
end

function lastn.read.get(self, count)
  local items = self.items
  local at, size = self.newest, self.size
  local lines = {}
  for line = 1, math.min(arguments.whole(count or size, "count", 1), #items) do
    lines[line] = items[at] .. "\r\n"
    at = at == 1 and size or at - 1
  end
  return table.concat(lines)
end

function lastn.read.count(self) return #self.items end
