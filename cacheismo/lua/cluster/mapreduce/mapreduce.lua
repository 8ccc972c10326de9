-- mapreduce: which prefixes have the most keys, over all nodes of the cluster.
--
--   get mapreduce:top:all[:LIMIT[:DELIMITER]] --> node, at every node --> part, part, ...
--        `--> user 812, page 75, ... a line each, and: "counted 887 keys on 3 of 3 nodes"
--
--  1. A node that does not answer is named in the last line; the others count all the same.
--  2. Counting changes nothing, not even the order of eviction. Keys that come and go meanwhile may
--     be counted or not; some are counted twice if the store grows under the count.
--
-- What it is not: a count of accesses, which the store does not keep for each key.
--
-- Cost: 2,000 keys in one go, and the node serves others in between. Of a go's prefixes the 100
-- largest are kept, so that it is exact for that many.

local arguments = require("arguments")

local keys_per_part, prefixes_max, seconds = 2000, 100, 60

local census = object.type("mapreduce")

local function add(counts, more)
  for prefix, count in pairs(more) do counts[prefix] = (counts[prefix] or 0) + count end
  return counts
end

-- The largest of `counts` as a list of {prefix, count}; of equal ones the first by name.
local function largest(counts, limit)
  local list = {}
  for prefix, count in pairs(counts) do list[#list + 1] = { prefix, count } end
  table.sort(list, function(a, b) return a[2] > b[2] or a[2] == b[2] and a[1] < b[1] end)
  return { table.unpack(list, 1, math.min(limit, #list)) }
end

-- From `cursor` on: the next cursor, 0 at the end, and the largest counts.
function census.async.part(_, cursor, delimiter)
  local keys, following = store.keys("", { limit = keys_per_part, cursor = tonumber(cursor) })
  local counts, kept = {}, {}
  for _, key in ipairs(keys) do
    local prefix = key:sub(1, (key:find(delimiter, 1, true) or #key + 1) - 1)
    counts[prefix] = (counts[prefix] or 0) + 1
  end
  for _, one in ipairs(largest(counts, prefixes_max)) do kept[one[1]] = one[2] end
  return table.marshal({ following or 0, kept })
end

-- All keys of this node: calls of its own, each with steps of its own.
function census.async.node(_, delimiter)
  local cursor, counts = 0, {}
  repeat
    local text, failure = callOnServer(ring.self, "mapreduce:part:all", cursor, delimiter)
    if not text then error(failure.text, 0) end
    local part = table.unmarshal(text)
    cursor, counts = part[1], add(counts, part[2])
  until cursor == 0
  return table.marshal(counts)
end

function census.async.top(_, limit, delimiter)
  limit = arguments.whole(limit or 10, "limit", 1, 1000)
  delimiter = arguments.text(delimiter or ":", "delimiter", 1, 10)
  local counts, coverage = mapreduce("mapreduce:node:all", { delimiter }, function(so_far, text)
    return add(so_far or {}, table.unmarshal(text))
  end, { timeout = seconds })
  local keys, lines = 0, {}
  for _, count in pairs(counts or {}) do keys = keys + count end
  for _, one in ipairs(largest(counts or {}, limit)) do
    lines[#lines + 1] = one[1] .. " " .. one[2]
  end
  local last = ("counted %d keys on %d of %d nodes"):format(keys, coverage.answered,
    coverage.answered + #coverage.failed)
  for _, failure in ipairs(coverage.failed) do last = last .. ", not on " .. failure.server end
  lines[#lines + 1] = last
  return table.concat(lines, "\r\n") .. "\r\n"
end
