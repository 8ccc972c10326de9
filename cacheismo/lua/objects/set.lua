-- set: members under one key, each at most once.
--
--   self.items   member -> true      self.count   how many there are
--
--  1. count is the number of members.
--  2. Lists are in the order of the members' bytes, each member followed by "\r\n".
--
-- Cost: O(log n) for one member, O(n) for a list, O(n + m) for a union, O(min(n, m) log max(n, m))
-- for an intersection.

local arguments = require("arguments")

local set = object.type("set", { version = 1 })

function set.new() return { count = 0, items = {} } end

function set.update.put(self, member)
  local items = self.items
  if not items[arguments.text(member, "member", 0, 500)] then
    items[member] = true
    self.count = self.count + 1
  end
  return "SUCCESS"
end

function set.read.exist(self, member)
  return self.items[arguments.text(member, "member", 0, 500)] and "EXISTS" or "NOT_FOUND"
end

function set.update.delete(self, member)
  local items = self.items
  if items[arguments.text(member, "member", 0, 500)] then
    items[member] = nil
    self.count = self.count - 1
  end
  return "SUCCESS"
end

function set.read.count(self) return self.count end

function set.read.getall(self)
  local lines = {}
  for member in pairs(self.items) do lines[#lines + 1] = member .. "\r\n" end
  return table.concat(lines)
end

function set.read.union(self, other_key)
  local other = object.open(arguments.text(other_key, "second key", 0))
  if not other then return "ERROR_CACHE_MISS" end
  local after, left = pairs(self.items)
  local _, right = pairs(other.items)
  local lines = {}
  local a, b = after(left), after(right)
  while a or b do
    local member = (not b or a and a < b) and a or b
    lines[#lines + 1] = member .. "\r\n"
    if a == member then a = after(left, a) end
    if b == member then b = after(right, b) end
  end
  return table.concat(lines)
end

function set.read.intersection(self, other_key)
  local other = object.open(arguments.text(other_key, "second key", 0))
  if not other then return "ERROR_CACHE_MISS" end
  local few, many = self, other
  if few.count > many.count then few, many = many, few end
  local lines = {}
  local items = many.items
  for member in pairs(few.items) do
    if items[member] then lines[#lines + 1] = member .. "\r\n" end
  end
  return table.concat(lines)
end
