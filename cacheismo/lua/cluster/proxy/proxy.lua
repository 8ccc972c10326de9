-- proxy: get, set and delete go to other servers by the prefix of the key.
--
--   get user:7 --> the first route whose prefix fits --> its first server, else the next one
--                                                 `--> its shadow, whose answer nobody sees
--
--  1. A read goes on to the next server when one fails; a write does only if that one has certainly
--     not seen it, else the client hears that nobody knows.
--  2. The shadow gets a share of the same requests. It can delay a client by `shadow_seconds`.
--  3. What no route fits is this node's own.
--
-- What it is not: a ring. Other commands than these three are not routed.

local routes = {
  { prefix = "user:", servers = { "10.0.0.2:11211", "10.0.0.3:11211" } },
  { prefix = "page:", servers = { "10.0.0.3:11211" }, shadow = "10.0.0.2:11211", share = 1.0 },
}
local seconds, shadow_seconds = 0.5, 0.01
local function route_of(key)
  for _, route in ipairs(routes) do
    if key:find(route.prefix, 1, true) == 1 then return route end
  end
end

-- What `here()` returns where no route fits; else what the first server does that answers.
local function ask(route, writes, here, there)
  if not route then return here() end
  local first, second
  for _, server in ipairs(route.servers) do
    first, second = there(server, { timeout = seconds })
    if type(second) ~= "table" or writes and second.sent then break end
  end
  if route.shadow and math.random() < (route.share or 1) then
    there(route.shadow, { timeout = shadow_seconds })
  end
  return first, second
end

local function fail(cmd, failure)
  cmd:setNoReply(0)
  cmd:writeString(("SERVER_ERROR proxy: %s: %s%s\r\n"):format(
    failure.server, failure.code, failure.sent and ", the outcome is unknown" or ""))
end

function command.get(cmd)
  local keys = cmd:hasMultipleKeys() > 0 and cmd:getMultipleKeys() or { cmd:getKey() }
  for _, key in ipairs(keys) do
    local value, flags = ask(route_of(key), false, function() return store.get(key) end,
      function(server, options) return getFromServer(server, key, options) end)
    if type(flags) == "table" then return fail(cmd, flags) end
    if value then
      cmd:writeString(("VALUE %s %d %d\r\n%s\r\n"):format(key, flags, #value, value))
    end
  end
  cmd:writeString("END\r\n")
end

local function write(cmd, yes, no, here, there)
  local done, failure = ask(route_of(cmd:getKey()), true, here, there)
  if failure then return fail(cmd, failure) end
  cmd:writeString((done and yes or no) .. "\r\n")
end

local function remove(cmd, yes, no)
  write(cmd, yes, no, function() return store.delete(cmd:getKey()) end,
    function(server, options) return deleteOnServer(server, cmd:getKey(), options) end)
end

function command.delete(cmd) remove(cmd, "DELETED", "NOT_FOUND") end

function command.set(cmd)
  local key, value, ttl, flags = cmd:getKey(), cmd:getData(), cmd:getExpiryTime(), cmd:getFlags()
  if ttl > 30 * 24 * 3600 then ttl = ttl - os.time() end
  if cmd:getExpiryTime() ~= 0 and ttl <= 0 then return remove(cmd, "STORED", "STORED") end
  write(cmd, "STORED", "NOT_STORED", function() return store.set(key, value, ttl, flags) end,
    function(server, options)
      options.flags, options.ttl = flags, ttl
      return setOnServer(server, key, value, options)
    end)
end
