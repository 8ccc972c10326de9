-- map: named values under one key.
--
--   self.items   key -> value        self.count   how many there are
--
--  1. count is the number of items.
--  2. Keys and values are the client's bytes; lists are in the order of the keys' bytes.
--
-- Cost: O(log n) for one item, O(n) for a list.

local arguments = require("arguments")

local map = object.type("map", { version = 1 })

function map.new() return { count = 0, items = {} } end

function map.update.put(self, key, value)
  arguments.text(key, "key", 0, 500)
  arguments.text(value, "value", 0)
  local items = self.items
  if items[key] == nil then self.count = self.count + 1 end
  items[key] = value
  return "SUCCESS"
end

function map.read.get(self, key)
  local value = self.items[arguments.text(key, "key", 0, 500)]
  return value and key .. " : " .. value or "NOT_FOUND"
end

function map.update.delete(self, key)
  local items = self.items
  if items[arguments.text(key, "key", 0, 500)] ~= nil then
    items[key] = nil
    self.count = self.count - 1
  end
  return "SUCCESS"
end

function map.read.count(self) return self.count end

function map.read.getkeys(self)
  local lines = {}
  for key in pairs(self.items) do lines[#lines + 1] = key .. "\r\n" end
  return table.concat(lines)
end

function map.read.getvalues(self)
  local lines = {}
  for _, value in pairs(self.items) do lines[#lines + 1] = value .. "\r\n" end
  return table.concat(lines)
end

function map.read.getall(self)
  local lines = {}
  for key, value in pairs(self.items) do lines[#lines + 1] = key .. " : " .. value .. "\r\n" end
  return table.concat(lines)
end
