-- hyperloglog: small counts exactly, large ones within 2%, merges like unions.

-- Adds prefix .. from to prefix .. to, twenty a call.
local function add(node, key, prefix, from, to)
  for first = from, to, 20 do
    local values = {}
    for i = first, math.min(first + 19, to) do values[#values + 1] = prefix .. i end
    node:get("hyperloglog:add:" .. key .. ":" .. table.concat(values, ":"))
  end
end

local function expect_about(node, key, count, error_rate)
  local found = tonumber(node:get("hyperloglog:count:" .. key))
  if math.abs(found - count) > count * error_rate then expect(found, count) end
end

test("nothing counts as 0, and a value counts once", function(node)
  expect(node:get("hyperloglog:count:visitors"), "0")
  expect(node:get("hyperloglog:add:visitors:alice"), "CHANGED")
  expect(node:get("hyperloglog:add:visitors:alice"), "UNCHANGED")
  expect(node:get("hyperloglog:add:visitors:bob:carol"), "CHANGED")
  expect(node:get("hyperloglog:add:visitors:alice:bob"), "UNCHANGED")
  expect(node:get("hyperloglog:count:visitors"), "3")
end)

test("a hundred values count as a hundred, or nearly", function(node)
  add(node, "v", "u", 1, 100)
  expect_about(node, "v", 100, 0.02)
end)

test("counts are within 2% up to a hundred thousand values", function(node)
  local done = 0
  for _, count in ipairs({ 1000, 5000, 20000, 50000, 100000 }) do
    add(node, "v", "user-", done + 1, count)
    done = count
    expect_about(node, "v", count, 0.02)
  end
end)

test("adding everything again changes nothing", function(node)
  add(node, "v", "u", 1, 5000)
  local count = node:get("hyperloglog:count:v")
  add(node, "v", "u", 1, 5000)
  expect(node:get("hyperloglog:count:v"), count)
end)

test("a merge counts what is in both once", function(node)
  add(node, "a", "u", 1, 3000)
  add(node, "b", "u", 2001, 5000)
  add(node, "all", "u", 1, 5000)
  local b = node:get("hyperloglog:count:b")
  expect(node:get("hyperloglog:merge:a:b"), "SUCCESS")
  expect(node:get("hyperloglog:count:a"), node:get("hyperloglog:count:all"))
  expect(node:get("hyperloglog:count:b"), b)
end)

test("merging itself, or what is missing, changes nothing", function(node)
  add(node, "a", "u", 1, 100)
  local count = node:get("hyperloglog:count:a")
  expect(node:get("hyperloglog:merge:a:a"), "SUCCESS")
  expect(node:get("hyperloglog:merge:a:none"), "SUCCESS")
  expect(node:get("hyperloglog:count:a"), count)
end)

test("merging into what is missing copies", function(node)
  add(node, "a", "u", 1, 100)
  expect(node:get("hyperloglog:merge:copy:a"), "SUCCESS")
  expect(node:get("hyperloglog:count:copy"), node:get("hyperloglog:count:a"))
end)

test("values may be empty and any bytes", function(node)
  expect(node:get("hyperloglog:add:v:"), "CHANGED")
  expect(node:set("hyperloglog:add:v", ("\0x"):rep(1000)), "STORED")
  expect(node:get("hyperloglog:count:v"), "2")
end)

test("a count expires with its item", function(node)
  node:get("hyperloglog:add:v:a")
  node:touch("hyperloglog$v", 5)
  node:advance(6)
  expect(node:get("hyperloglog:count:v"), "0")
end)

test("bad arguments are errors", function(node)
  expect_error(node:get("hyperloglog:add:v"), "value is missing")
  expect_error(node:get("hyperloglog:merge:v"), "second key is missing")
end)
