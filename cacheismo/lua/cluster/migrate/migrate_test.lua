-- Keys as they lie on n1, whoever owns them: each node is filled through its own.
local function fill(node, name, count)
  local keys = {}
  for i = 1, 10000 do
    if #keys == count then return keys end
    if node:get("cluster:owner:" .. "key" .. i) == name then
      keys[#keys + 1] = "key" .. i
      node:set("key" .. i, "value" .. i)
    end
  end
end

test("all values of a node are copied and stay", function(n1, n2)
  local keys = fill(n1, "n1", 250)
  expect(n1:get("migrate:copy:n2"), "copied 250 of 250, 0 failed")
  for _, key in ipairs(keys) do
    expect(n2:own(key), n1:own(key))
    expect(n2:own(key), "value" .. key:sub(4))
  end
end, 2)

test("times to live go with the values", function(n1, n2)
  local keys = fill(n1, "n1", 2)
  n1:touch(keys[1], 10)
  n1:get("migrate:copy:n2")
  n1:advance(11)
  expect(n2:own(keys[1]), nil)
  expect(n2:own(keys[2]), "value" .. keys[2]:sub(4))
end, 2)

test("a prefix chooses", function(n1, n2)
  fill(n1, "n1", 20)
  n1:set("other", "x")
  local node, target = n1, "n2"
  if n2:own("other") then node, target = n2, "n1" end
  expect(node:get("migrate:copy:" .. target .. ":oth"), "copied 1 of 1, 0 failed")
  expect(n1:own("other"), n2:own("other"))
end, 2)

test("what does not arrive is counted, and why", function(n1, n2)
  fill(n1, "n1", 30)
  n2:stop()
  local answer = n1:get("migrate:copy:n2")
  expect(answer:sub(1, 33), "copied 0 of 30, 30 failed: n2 ref")
end, 2)

-- What n2 has of the objects of n1 is seen by copying it back: only an owner answers for its own.
local function lose_and_copy_back(n1, n2, keys)
  for _, key in ipairs(keys) do expect(n1:delete(key), "DELETED") end
  return n2:get("migrate:copy:n1")
end

test("objects go with all their fields and the time they have left", function(n1, n2)
  local keys, count = {}, 0
  for i = 1, 40 do
    local key = "o" .. i
    if n1:get("cluster:owner:map$" .. key) == "n1" then
      n1:get("map:new:" .. key)
      for field = 1, i do n1:set("map:put:" .. key .. ":f" .. field, ("x"):rep(field * 20)) end
      if i % 2 == 0 then n1:touch("map$" .. key, 100) end
      keys[#keys + 1], count = key, count + 1
    end
  end
  local before = {}
  for _, key in ipairs(keys) do before[key] = n1:get("map:getall:" .. key) end
  expect(n1:get("migrate:copy:n2"), ("copied %d of %d, 0 failed"):format(count, count))
  n1:advance(50)
  local objects = {}
  for i, key in ipairs(keys) do objects[i] = "map$" .. key end
  expect(lose_and_copy_back(n1, n2, objects), ("copied %d of %d, 0 failed"):format(count, count))
  for _, key in ipairs(keys) do expect(n1:get("map:getall:" .. key), before[key]) end
  n1:advance(51)
  for _, key in ipairs(keys) do
    local lives = tonumber(key:sub(2)) % 2 == 1
    expect(n1:get("map:getall:" .. key), lives and before[key] or "ERROR_CACHE_MISS")
  end
end, 2)

test("a copy that the network broke is gone on with by another", function(n1, n2)
  local keys = fill(n1, "n1", 150)
  n1:get("map:new:lost")
  n2:cut_off(3)
  local copied, all, failed = n1:get("migrate:copy:n2"):match("^copied (%d+) of (%d+), (%d+) failed")
  expect(tonumber(copied) + tonumber(failed), tonumber(all))
  expect(tonumber(failed) > 0, true)
  n1:advance(5)
  expect(n1:get("migrate:copy:n2"), ("copied %s of %s, 0 failed"):format(all, all))
  for _, key in ipairs(keys) do expect(n2:own(key), "value" .. key:sub(4)) end
end, 2)

test("nobody is copied to but nodes of the ring", function(n1)
  expect_error(n1:get("migrate:copy:h%3A11211"), "h:11211 is no other node of the ring")
  expect_error(n1:get("migrate:copy:n1"), "n1 is no other node of the ring")
  expect_error(n1:get("migrate:part:n7:0"), "n7 is no other node of the ring")
end, 2)
