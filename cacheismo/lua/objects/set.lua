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
local text = arguments.text

local set = object.type("set", { version = 1 })

-- The empty string at the end becomes the last line's end.
local function as_lines(members)
  members[#members + 1] = ""
  return table.concat(members, "\r\n")
end

function set.new() return { count = 0, items = {} } end

function set.update.put(self, member)
  local items = self.items
  if not items[text(member, "member", 0, 500)] then
    items[member] = true
    self.count = self.count + 1
  end
  return "SUCCESS"
end

function set.read.exist(self, member)
  return self.items[text(member, "member", 0, 500)] and "EXISTS" or "NOT_FOUND"
end

function set.update.delete(self, member)
  local items = self.items
  if items[text(member, "member", 0, 500)] then
    items[member] = nil
    self.count = self.count - 1
  end
  return "SUCCESS"
end

function set.read.count(self) return self.count end

function set.read.getall(self)
  local members = {}
  for member in pairs(self.items) do members[#members + 1] = member end
  return as_lines(members)
end

function set.read.union(self, other_key)
  local other = object.open(text(other_key, "second key", 0))
  if not other then return "ERROR_CACHE_MISS" end
  local after, left = pairs(self.items)
  local _, right = pairs(other.items)
  local members = {}
  local a, b = after(left), after(right)
  while a or b do
    local member = (not b or a and a < b) and a or b
    members[#members + 1] = member
    if a == member then a = after(left, a) end
    if b == member then b = after(right, b) end
  end
  return as_lines(members)
end

function set.read.intersection(self, other_key)
  local other = object.open(text(other_key, "second key", 0))
  if not other then return "ERROR_CACHE_MISS" end
  local few, many = self, other
  if few.count > many.count then few, many = many, few end
  local members = {}
  local items = many.items
  for member in pairs(few.items) do
    if items[member] then members[#members + 1] = member end
  end
  return as_lines(members)
end
