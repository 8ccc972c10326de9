-- migrate: copies what this node has to another one of the ring, while both serve.
--
--   get migrate:copy:n4[:PREFIX] --> part, part, ... of the keys: this node --copyToServer--> n4
--        `--> "copied 812 of 815, 3 failed: n4 refused"
--
--  1. Everything goes with all that belongs to it: a value with its flags, an object with its
--     fields, both with the time that they have left. Nothing is deleted, here or there.
--  2. Only nodes of the ring are copied to: clients do not choose where data goes.
--  3. Every key that is there throughout is copied or counted as failed. What was copied stays: to
--     copy once more is how to go on.
--
-- What it is not: a change of the ring, or a replica. What is written here behind the copying is
-- missing there, and what is written there meanwhile may be overwritten: copy before clients use
-- the new node, or copy twice. `cacheismo copy` does more.
--
-- Needs --accept-copy at the other node for objects; values are taken by every node.
-- Cost: a round trip a key; 100 keys in one go, then others have their turn.

local keys_per_part, seconds = 100, 1

local function is_node(name)
  for _, node in ipairs(ring.nodes()) do
    if node.name == name and not node.self then return true end
  end
  return false
end

local function copy_one(key, target, counts)
  local went, done, failure = pcall(copyToServer, target, key, { timeout = seconds })
  if went and done then
    counts.copied = counts.copied + 1
  elseif not went or failure then -- else it is gone since it was seen
    counts.failed = counts.failed + 1
    counts.why = counts.why or (went and target .. " " .. failure.code .. ": " .. failure.text or done)
  end
end

-- Handlers run where they are asked; methods of a type would run at the owner of an object.
local migrate = {}

function migrate.part(command, originalKey, target, cursor, prefix)
  if not is_node(target) then error(target .. " is no other node of the ring", 0) end
  local counts = { copied = 0, failed = 0 }
  local keys, following = store.keys(prefix or "",
                                     { limit = keys_per_part, cursor = tonumber(cursor) })
  for _, key in ipairs(keys) do copy_one(key, target, counts) end
  counts.cursor = following or 0
  writeStringAsValue(command, originalKey, table.marshal(counts))
end

function migrate.copy(command, originalKey, target, prefix)
  if not is_node(target) then error(target .. " is no other node of the ring", 0) end
  local copied, failed, cursor, why = 0, 0, 0, nil
  repeat
    -- A call of its own for each part, with steps of its own.
    local text, failure = callOnServer(ring.self, "migrate:part:" .. target, cursor, prefix or "",
                                       { timeout = 60 })
    if not text then error(("at cursor %d: %s"):format(cursor, failure.text), 0) end
    local part = table.unmarshal(text)
    copied, failed, cursor = copied + part.copied, failed + part.failed, part.cursor
    why = why or part.why
  until cursor == 0
  writeStringAsValue(command, originalKey, ("copied %d of %d, %d failed%s"):format(
    copied, copied + failed, failed, why and ": " .. why or ""))
end

return migrate
