-- map: named values under one key.
--
--   self.items   key -> value        self.count   how many there are
--
--  1. count is the number of items.
--  2. Keys and values are the client's bytes; lists are in the order of the keys' bytes.
--
-- Cost: O(log n) for one item, O(n) for a list.

local arguments = require("arguments")
local text = arguments.text

local map = object.type("map", { version = 1 })

-- The empty string at the end becomes the last line's end.
local function as_lines(texts)
  texts[#texts + 1] = ""
  return table.concat(texts, "\r\n")
end

function map.new() return { count = 0, items = {} } end

function map.update.put(self, key, value)
  text(key, "key", 0, 500)
  text(value, "value", 0)
  local items = self.items
  if items[key] == nil then self.count = self.count + 1 end
  items[key] = value
  return "SUCCESS"
end

function map.read.get(self, key)
  local value = self.items[text(key, "key", 0, 500)]
  return value and key .. " : " .. value or "NOT_FOUND"
end

function map.update.delete(self, key)
  local items = self.items
  if items[text(key, "key", 0, 500)] ~= nil then
    items[key] = nil
    self.count = self.count - 1
  end
  return "SUCCESS"
end

function map.read.count(self) return self.count end

function map.read.getkeys(self)
  local keys = {}
  for key in pairs(self.items) do keys[#keys + 1] = key end
  return as_lines(keys)
end

function map.read.getvalues(self)
  local values = {}
  for _, value in pairs(self.items) do values[#values + 1] = value end
  return as_lines(values)
end

function map.read.getall(self)
  local lines = {}
  for key, value in pairs(self.items) do lines[#lines + 1] = key .. " : " .. value end
  return as_lines(lines)
end
