-- replicate: every value at `copies` nodes, `ack` of which have it before a client hears STORED.
--
--   set, delete --> replicate() --> the first owners of the key    get --> one owner, or the next
--
--  1. What was answered STORED or DELETED is at `ack` owners. Where nobody can know how many have
--     it, the answer is an error that says so.
--  2. A miss is answered when it is certain: from that many owners that one would have the value.
--     With ack = copies a node that has lost its memory hides nothing that another one has.
--  3. Commands that read and write in one would race between owners, and are refused.
--
-- What it is not: it repairs nothing. A copy that no write reached is old until the next one.

local copies, ack, seconds = 2, 2, 0.5
local misses_enough = ack == copies and copies or copies - ack + 1

local function fail(cmd, text)
  cmd:setNoReply(0)
  cmd:writeString("SERVER_ERROR replicate: " .. text .. "\r\n")
end

local function answer(cmd, result, word)
  if result.ok then return cmd:writeString(word .. "\r\n") end
  local first = result.failures[1]
  fail(cmd, ("%d of %d copies are written, %d unknown%s"):format(result.acked, copies,
    result.unknown, first and (": %s %s"):format(first.server, first.code) or ""))
end

-- nil, or a value and its flags; and what has failed, where a miss is not certain.
local function read(key)
  local owners, misses, failed = ring.owners(key, copies), 0, nil
  if #owners == 0 then owners = { ring.self } end
  local enough = math.min(misses_enough, #owners)
  for _, name in ipairs(owners) do
    local here, value, flags = name == ring.self, nil, nil
    if here then value, flags = store.get(key) end
    if not here then value, flags = getFromServer(name, key, { timeout = seconds }) end
    if value then return value, flags end
    if flags then failed = name .. " " .. flags.code else misses = misses + 1 end
    if misses >= enough then return nil end
  end
  return nil, nil, failed
end

function command.get(cmd)
  local keys = cmd:hasMultipleKeys() > 0 and cmd:getMultipleKeys() or { cmd:getKey() }
  for _, key in ipairs(keys) do
    local value, flags, failed = read(key)
    if failed then return fail(cmd, key .. " is not certain: " .. failed) end
    if value then
      cmd:writeString(("VALUE %s %d %d\r\n%s\r\n"):format(key, flags, #value, value))
    end
  end
  cmd:writeString("END\r\n")
end

function command.set(cmd)
  local exptime = cmd:getExpiryTime()
  local ttl = exptime > 30 * 24 * 3600 and exptime - os.time() or exptime
  local options = { copies = copies, ack = ack, timeout = seconds }
  if exptime ~= 0 and ttl <= 0 then
    options.gone = true
  else
    options.value, options.flags, options.ttl = cmd:getData(), cmd:getFlags(), ttl
  end
  answer(cmd, replicate(cmd:getKey(), options), "STORED")
end

function command.delete(cmd)
  local key = cmd:getKey()
  local there, _, failed = read(key)
  local result = replicate(key, { copies = copies, ack = ack, timeout = seconds, gone = true })
  answer(cmd, result, (there or failed) and "DELETED" or "NOT_FOUND")
end

for _, name in ipairs({ "gets", "add", "replace", "append", "prepend", "cas", "incr", "decr",
                        "touch" }) do
  command[name] = function(cmd) fail(cmd, name .. " is not replicated") end
end
