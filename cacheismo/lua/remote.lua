-- remote.lua: what scripts do with many nodes at once, in terms of getInParallel and its kin.

local fanout_default, copies_default, seconds_default = 64, 2, 1

-- Errors are those of the line that has called the function whose `name` this is.
local function checked(name, options, allowed)
  options = options or {}
  if type(options) ~= "table" then error(name .. ": options are a table", 4) end
  for option in pairs(options) do
    if not allowed[option] then
      error(name .. ": there is no option '" .. tostring(option) .. "'", 4)
    end
  end
  local seconds = options.timeout or seconds_default
  if type(seconds) ~= "number" or not (seconds > 0 and seconds <= 60) then
    error(name .. ": timeout is a number of seconds, above 0 and at most 60", 4)
  end
  return options, seconds
end

local function whole(name, option, value, low, high)
  if math.type(value) ~= "integer" or value < low or value > high then
    error(("%s: %s is a whole number, %d to %d"):format(name, option, low, high), 4)
  end
  return value
end

-- ---- mapreduce ---------------------------------------------------------------------------------

local map_options = { nodes = true, fanout = true, timeout = true }

local function checkedMap(options)
  local checked_options, seconds = checked("mapreduce", options, map_options)
  local fanout = whole("mapreduce", "fanout", checked_options.fanout or fanout_default, 1, 1024)
  return checked_options.nodes, fanout, seconds
end

-- All that may hold something.
local function everyNode()
  local names = {}
  for _, node in ipairs(ring.nodes()) do names[#names + 1] = node.name end
  if #names == 0 then
    error("mapreduce: this node is in no cluster; say nodes = {\"host:port\", ...}", 3)
  end
  return names
end

-- Calls `method` ("TYPE:METHOD:KEY") with `args` on each node, `fanout` at a time, and `reduce(so
-- far, value, node)` with each value, in the order of the nodes.
local function mapreduce(method, args, reduce, options)
  if type(reduce) ~= "function" then error("mapreduce: reduce is a function", 2) end
  local nodes, fanout, seconds = checkedMap(options)
  local key, epoch, ends = mapreduceKey(method, args or {}), ring.epoch, os.clock() + seconds
  nodes = nodes or everyNode()
  local result, answered, failed = nil, 0, {}
  for first = 1, #nodes, fanout do
    local last = math.min(first + fanout - 1, #nodes)
    local asked = {}
    for i = first, last do asked[nodes[i]] = key end
    -- No time left: let it say so, node by node.
    local left = math.max(ends - os.clock(), 1e-9)
    local values, coverage = getInParallel(asked, { timeout = left })
    for i = first, last do
      local value = values[nodes[i]][key]
      if value ~= nil then result = reduce(result, value, nodes[i]) end
    end
    answered = answered + coverage.answered
    for _, failure in ipairs(coverage.missing) do failed[#failed + 1] = failure end
  end
  return result, { answered = answered, failed = failed, epoch = epoch }
end

-- ---- replicate ---------------------------------------------------------------------------------

local replicate_options = { copies = true, ack = true, timeout = true,
                            value = true, flags = true, ttl = true, gone = true }
-- With these nobody can say whether the node has taken it.
local open_codes = { timeout = true, reset = true, protocol = true, cancelled = true }

local function checkedReplicate(options)
  local checked_options, seconds = checked("replicate", options, replicate_options)
  local copies = whole("replicate", "copies", checked_options.copies or copies_default, 1, 256)
  local ack, value = checked_options.ack, checked_options.value
  if ack ~= nil then whole("replicate", "ack", ack, 0, copies) end
  if value ~= nil and type(value) ~= "string" then error("replicate: value is a string", 3) end
  if value ~= nil and checked_options.gone then
    error("replicate: an item that is gone has no value", 3)
  end
  local flags = whole("replicate", "flags", checked_options.flags or 0, 0, 0xFFFFFFFF)
  local ttl = whole("replicate", "ttl", checked_options.ttl or 0, 0, 0x7FFFFFFF)
  return copies, ack, seconds, { value = value, flags = flags, ttl = ttl,
                                 given = value ~= nil or checked_options.gone }
end

-- The nodes that should hold copies, without this one; 1 if it should, else 0.
local function holders(key, copies)
  local others, here = {}, 0
  local names = ring.owners(key, copies)
  for _, name in ipairs(names) do
    if name == ring.self then here = 1 else others[#others + 1] = name end
  end
  return others, #names == 0 and 1 or here
end

-- Adds up what has become of the other copies. True: one of them is newer.
local function addUp(result, coverage)
  local newer = false
  result.acked, result.failures = result.acked + coverage.answered, coverage.missing
  for _, failure in ipairs(coverage.missing) do
    local outcome = failure.sent and open_codes[failure.code] and "unknown" or "failed"
    result[outcome] = result[outcome] + 1
    newer = newer or failure.text:find("replica: newer", 1, true) ~= nil
  end
  return newer
end

-- Brings the item that is stored under `key`, or that it is gone, to the other nodes that hold
-- copies; or what it is to be to all that do. Where one of them knows a newer version, once more
-- under one that is newer still.
local function replicate(key, options)
  local copies, ack, seconds, state = checkedReplicate(options)
  local others, here = holders(key, copies)
  local ends = os.clock() + seconds
  ack = ack or here + #others
  local result, packed, there
  for _ = 1, 2 do
    local kept, was_there = here, there
    if state.given then
      packed, there = packValue(key, state.value, state.flags, state.ttl, here == 1)
      if not there then kept = 0 end
    else
      packed, there = packItem(key, packed)
      -- Something else is there now, or it has been evicted meanwhile: nothing to send once more.
      if packed == "" or was_there and not there then break end
    end
    result = { acked = kept, failed = here - kept, unknown = 0 }
    local left = math.max(ends - os.clock(), 1e-9)
    local newer = addUp(result, shipPacked(packed, others, math.max(ack - kept, 0), left))
    result.ok = result.acked >= ack
    if result.ok or not newer then break end
  end
  return result
end

return { mapreduce = mapreduce, replicate = replicate }
