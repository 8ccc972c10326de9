-- nearcache: values of other nodes, kept here for a second.
--
--   get nearcache:get:KEY --> nearcache$KEY, if this node has such a copy
--                         `-> else the key's owner, and a copy of what it says
--
--  1. A value is at most `seconds` older than what its owner had when it was asked.
--  2. Misses and failures are not kept.
--
-- What it is not: it hears of no change. Use it for what is read far more often than written, and
-- may be a second old: a few very hot keys, which then cost their owner one read a second and node.

local seconds = 1

local function find(key)
  local owner = ring.owner(key)
  if owner == ring.self then return store.get(key) end
  local copy = "nearcache$" .. key
  local value, flags = store.get(copy)
  if value then return value, flags end
  value, flags = getFromServer(owner, key, { timeout = 0.5 })
  if value and #copy <= 250 then store.set(copy, value, seconds, flags) end
  return value, flags
end

-- A handler runs where it is asked; a method of a type would run at the owner of its object.
local nearcache = {}

function nearcache.get(command, originalKey)
  local key = originalKey:sub(#"nearcache:get:" + 1)
  local value, flags = find(key)
  if value then
    command:writeString(("VALUE %s %d %d\r\n%s\r\n"):format(originalKey, flags, #value, value))
  elseif flags then
    error(("%s: %s"):format(flags.server, flags.code), 0)
  end
end

return nearcache
