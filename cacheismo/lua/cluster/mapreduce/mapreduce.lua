-- mapreduce: the cluster's top keys by access count, and which prefixes have the most keys.
--
--   get mapreduce:top:all[:LIMIT]                   --> hot, at every node
--   get mapreduce:prefixes:all[:LIMIT[:DELIMITER]]  --> node, at every node --> part, part, ...
--        `--> "user 812", "page 75", ... and: "counted 887 keys on 3 of 3 nodes"
--
--  1. A node that does not answer is named in the last line; the others count all the same.
--  2. Counting changes nothing, not even the order of eviction. Keys that come and go meanwhile may
--     be counted or not; some are counted twice if the store grows under the count.
--
-- What it is not: exact about accesses: a sample, half of it forgotten each minute (store.hotkeys).
-- Cost: 2,000 keys in one go, then others are served. Exact for 100 prefixes in a go.
local arguments = require("arguments")
local keys_per_part, kept_max, seconds = 2000, 100, 60
local census = object.type("mapreduce")

local function add(counts, more)
  for name, count in pairs(more) do counts[name] = (counts[name] or 0) + count end
  return counts
end

-- A list of {name, count}; of equal ones the first by name.
local function largest(counts, limit)
  local list = {}
  for name, count in pairs(counts) do list[#list + 1] = { name, count } end
  table.sort(list, function(a, b) return a[2] > b[2] or a[2] == b[2] and a[1] < b[1] end)
  return { table.unpack(list, 1, math.min(limit, #list)) }
end

-- From `cursor` on: the next cursor, 0 at the end, and the largest counts.
function census.async.part(_, cursor, delimiter)
  local keys, following = store.keys("", { limit = keys_per_part, cursor = tonumber(cursor) })
  local counts, kept = {}, {}
  for _, key in ipairs(keys) do
    add(counts, { [key:sub(1, (key:find(delimiter, 1, true) or #key + 1) - 1)] = 1 })
  end
  for _, one in ipairs(largest(counts, kept_max)) do kept[one[1]] = one[2] end
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

function census.async.hot()
  local counts = {}
  for _, hot in ipairs(store.hotkeys(kept_max)) do counts[hot.key] = hot.uses end
  return table.marshal(counts)
end

local function over_all_nodes(method, words, what, limit)
  limit = arguments.whole(limit or 10, "limit", 1, 1000)
  local counts, coverage = mapreduce(method, words, function(so_far, text)
    return add(so_far or {}, table.unmarshal(text))
  end, { timeout = seconds })
  local lines, all, answered, failed = {}, 0, coverage.answered, coverage.failed
  for _, count in pairs(counts or {}) do all = all + count end
  for i, one in ipairs(largest(counts or {}, limit)) do lines[i] = one[1] .. " " .. one[2] end
  local last = ("counted %d %s on %d of %d nodes"):format(all, what, answered, answered + #failed)
  for _, failure in ipairs(failed) do last = last .. ", not on " .. failure.server end
  return table.concat(lines, "\r\n") .. (#lines > 0 and "\r\n" or "") .. last .. "\r\n"
end

function census.async.top(_, limit)
  return over_all_nodes("mapreduce:hot:all", {}, "accesses", limit)
end

function census.async.prefixes(_, limit, delimiter)
  delimiter = arguments.text(delimiter or ":", "delimiter", 1, 10)
  return over_all_nodes("mapreduce:node:all", { delimiter }, "keys", limit)
end
