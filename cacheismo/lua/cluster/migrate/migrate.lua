-- migrate: copies what this node has to another one of the ring, while both serve.
--
--   get migrate:copy:n4[:PREFIX] --> part, part, ... of the keys: this node --set--> n4
--        `--> "copied 812 of 815, 2 objects, 1 failed"
--
--  1. A value goes with its flags and the time that it has left; nothing is deleted here.
--  2. Only nodes of the ring are copied to: clients do not choose where data goes.
--  3. Every key that is there throughout is copied or counted as failed.
--
-- What it is not: a change of the ring, or a replica. What is written here behind the copying is
-- missing there, and what is written there meanwhile may be overwritten: copy before clients use
-- the new node, or copy twice. Objects are not values; they are counted and left.
--
-- Cost: a round trip a key; 100 keys in one go, then others have their turn.

local keys_per_part, seconds = 100, 1
local never = 4294967295 -- getExpiryTime() of what does not expire

local function is_node(name)
  for _, node in ipairs(ring.nodes()) do
    if node.name == name and not node.self then return true end
  end
  return false
end

local function copy_one(key, target, counts)
  local item = getHashMap():get(key)
  -- An object; or gone since the key was seen, which is nothing that is missing there.
  if not item then
    counts.objects = counts.objects + 1
    return
  end
  local expires = item:getExpiryTime()
  local ttl = expires == never and 0 or math.max(1, expires - os.time())
  local done = setOnServer(target, key, item:getData(),
                           { flags = item:getFlags(), ttl = ttl, timeout = seconds })
  local field = done and "copied" or "failed"
  counts[field] = counts[field] + 1
end

-- Handlers run where they are asked; methods of a type would run at the owner of an object.
local migrate = {}

function migrate.part(command, originalKey, target, cursor, prefix)
  if not is_node(target) then error(target .. " is no other node of the ring", 0) end
  local counts = { copied = 0, failed = 0, objects = 0 }
  local keys, following = store.keys(prefix or "",
                                     { limit = keys_per_part, cursor = tonumber(cursor) })
  for _, key in ipairs(keys) do copy_one(key, target, counts) end
  counts.cursor = following or 0
  writeStringAsValue(command, originalKey, table.marshal(counts))
end

function migrate.copy(command, originalKey, target, prefix)
  if not is_node(target) then error(target .. " is no other node of the ring", 0) end
  local copied, failed, objects, cursor = 0, 0, 0, 0
  repeat
    -- A call of its own for each part, with steps of its own.
    local text, failure = callOnServer(ring.self, "migrate:part:" .. target, cursor, prefix or "",
                                       { timeout = 60 })
    if not text then error(("at cursor %d: %s"):format(cursor, failure.text), 0) end
    local part = table.unmarshal(text)
    copied, failed = copied + part.copied, failed + part.failed
    objects, cursor = objects + part.objects, part.cursor
  until cursor == 0
  writeStringAsValue(command, originalKey, ("copied %d of %d, %d objects, %d failed"):format(
    copied, copied + failed + objects, objects, failed))
end

return migrate
