-- session: named fields under one key, each with an expiry of its own if wanted.
--
--   self.values   field -> value
--   self.ends     field -> when it expires, milliseconds since 1970
--   self.due      (that time as 8 bytes, field) -> true, the next to expire first
--
--  1. A field in `ends` is in `due` too, and the other way round.
--  2. A field whose time has come is not seen; the next change of the session erases it.
--  3. A session without fields takes no memory.
--
-- Cost: O(log n) for a field, plus as much for each that has expired; O(n) for all.

local arguments = require("arguments")

local session = object.type("session", { version = 1 })

local seconds_max = 10 * 365 * 86400
local field_bytes_max = 400

function session.default() return { values = {}, ends = {}, due = {} } end

local function now_ms() return math.floor(now() * 1000 + 0.5) end

local function due_key(ends, field) return string.pack(">I8", ends) .. field end

local function keep_forever(self, field)
  local ends = self.ends[field]
  if ends then
    self.due[due_key(ends, field)] = nil
    self.ends[field] = nil
  end
end

local function keep_for(self, field, seconds)
  keep_forever(self, field)
  local ends = now_ms() + math.ceil(arguments.number(seconds, "seconds", 0, seconds_max) * 1000)
  self.ends[field] = ends
  self.due[due_key(ends, field)] = true
end

local function erase_expired(self)
  local time = now_ms()
  for key in pairs(self.due) do
    local ends = string.unpack(">I8", key)
    if ends > time then return end
    local field = key:sub(9)
    self.values[field] = nil
    keep_forever(self, field)
  end
end

local function is_empty(self)
  local after, values = pairs(self.values)
  return after(values) == nil
end

local function checked(field) return arguments.text(field, "field", 1, field_bytes_max) end

local function live(self, field)
  local ends = self.ends[field]
  return not ends or ends > now_ms()
end

function session.update.set(self, field, value, seconds)
  erase_expired(self)
  self.values[checked(field)] = arguments.text(value, "value", 0)
  if seconds then keep_for(self, field, seconds) else keep_forever(self, field) end
  return "SUCCESS"
end

function session.read.get(self, field)
  local value = self.values[checked(field)]
  return live(self, field) and value or nil
end

function session.update.delete(self, field)
  erase_expired(self)
  local found = self.values[checked(field)] ~= nil
  self.values[field] = nil
  keep_forever(self, field)
  if is_empty(self) then self:delete() end
  return found and "SUCCESS" or "NOT_FOUND"
end

function session.read.getall(self)
  local lines = {}
  for field, value in pairs(self.values) do
    if live(self, field) then lines[#lines + 1] = field .. " : " .. value .. "\r\n" end
  end
  return table.concat(lines)
end

function session.update.touch(self, seconds, field)
  erase_expired(self)
  if is_empty(self) then
    self:delete()
    return "NOT_FOUND"
  end
  if field == nil then
    self:expire(math.ceil(arguments.number(seconds, "seconds", 0, seconds_max)))
    return "SUCCESS"
  end
  if self.values[checked(field)] == nil then return "NOT_FOUND" end
  keep_for(self, field, seconds)
  return "SUCCESS"
end
