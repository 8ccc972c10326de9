-- remote.lua: what scripts do with many nodes at once, in terms of getInParallel.

local fanout_default, seconds_default = 64, 1

local function checked(options)
  options = options or {}
  if type(options) ~= "table" then error("mapreduce: options are a table", 3) end
  for name in pairs(options) do
    if name ~= "nodes" and name ~= "fanout" and name ~= "timeout" then
      error("mapreduce: there is no option '" .. tostring(name) .. "'", 3)
    end
  end
  local fanout, seconds = options.fanout or fanout_default, options.timeout or seconds_default
  if math.type(fanout) ~= "integer" or fanout < 1 or fanout > 1024 then
    error("mapreduce: fanout is a whole number, 1 to 1024", 3)
  end
  if type(seconds) ~= "number" or not (seconds > 0 and seconds <= 60) then
    error("mapreduce: timeout is a number of seconds, above 0 and at most 60", 3)
  end
  return options.nodes, fanout, seconds
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
  local nodes, fanout, seconds = checked(options)
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

return { mapreduce = mapreduce }
