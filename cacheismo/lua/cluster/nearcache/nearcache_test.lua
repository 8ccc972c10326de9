-- A key of n1 and n2, of which the second one is not n1's.
local function key_of(node, name)
  for i = 1, 100 do
    if node:get("cluster:owner:key" .. i) == name then return "key" .. i end
  end
end

test("a value of another node is kept for a second", function(n1, n2)
  local key = key_of(n1, "n2")
  n2:set(key, "old")
  expect(n1:get("nearcache:get:" .. key), "old")
  n2:set(key, "new")
  expect(n1:get("nearcache:get:" .. key), "old")
  n1:advance(2)
  expect(n1:get("nearcache:get:" .. key), "new")
end, 2)

test("a copy answers while the owner cannot, and then the client hears of it", function(n1, n2)
  local key = key_of(n1, "n2")
  n2:set(key, "x")
  n1:get("nearcache:get:" .. key)
  n2:stop()
  expect(n1:get("nearcache:get:" .. key), "x")
  n1:advance(2)
  expect_error(n1:get("nearcache:get:" .. key), "n2: re")
end, 2)

test("a node's own keys are never old", function(n1, n2)
  local key = key_of(n1, "n1")
  n1:set(key, "x")
  expect(n1:get("nearcache:get:" .. key), "x")
  n1:set(key, "y")
  expect(n1:get("nearcache:get:" .. key), "y")
end, 2)

test("a miss is asked again", function(n1, n2)
  local key = key_of(n1, "n2")
  expect(n1:get("nearcache:get:" .. key), nil)
  n2:set(key, "x")
  expect(n1:get("nearcache:get:" .. key), "x")
end, 2)

test("keys may have colons, and any length", function(n1, n2)
  for _, key in ipairs({ "a:b:c", ("k"):rep(236) }) do
    n1:set(key, "x")
    expect(n1:get("nearcache:get:" .. key), "x")
    expect(n2:get("nearcache:get:" .. key), "x")
  end
end, 2)
