local function copies_of(key, ...)
  local count = 0
  for _, node in ipairs({ ... }) do
    if node:own(key) then count = count + 1 end
  end
  return count
end

-- Who owns `key`: the owner, the one with the copy, the third.
local function placed(key, ...)
  local nodes = { n1 = (...), n2 = select(2, ...), n3 = select(3, ...) }
  local owner = nodes.n1:get("cluster:owner:" .. key)
  local first, second, third = nodes[owner], nil, nil
  for name, node in pairs(nodes) do
    if name ~= owner then
      if node:own(key) then second = node else third = node end
    end
  end
  return first, second, third
end

test("a value is at two nodes, and every node answers it", function(n1, n2, n3)
  for _, writer in ipairs({ n1, n2, n3 }) do
    expect(writer:set("k", "hello"), "STORED")
    expect(copies_of("k", n1, n2, n3), 2)
  end
  for _, node in ipairs({ n1, n2, n3 }) do expect(node:get("k"), "hello") end
end, 3)

test("a delete removes both copies", function(n1, n2, n3)
  n1:set("k", "hello")
  expect(n2:delete("k"), "DELETED")
  expect(copies_of("k", n1, n2, n3), 0)
  expect(n3:get("k"), nil)
  expect(n3:delete("k"), "NOT_FOUND")
end, 3)

test("when the owner is gone the copy answers", function(n1, n2, n3)
  n1:set("k", "hello")
  local owner, copy, third = placed("k", n1, n2, n3)
  owner:stop()
  expect(copy:get("k"), "hello")
  expect(third:get("k"), "hello")
end, 3)

test("a write that does not reach both is an error that says what is known", function(n1, n2, n3)
  n1:set("k", "hello")
  local owner, copy, third = placed("k", n1, n2, n3)
  copy:stop()
  expect_error(owner:set("k", "more"), "1 of 2 copies are written, 0 unknown")
  expect_error(third:set("k", "more"), "1 of 2 copies are written, 0 unknown")
  expect(third:get("k"), "more")
end, 3)

test("a write into a partition is said to be unknown", function(n1, n2, n3)
  n1:set("k", "hello")
  local owner, copy, third = placed("k", n1, n2, n3)
  owner:set("k", "hello")
  copy:cut_off(5)
  expect_error(owner:set("k", "more"), "1 of 2 copies are written, 1 unknown")
  owner:advance(6)
  expect(third:get("k"), "more")
  expect(copy:own("k"), "more")
end, 3)

test("a miss is not certain while an owner does not answer", function(n1, n2, n3)
  n1:set("k", "hello")
  local owner, copy, third = placed("k", n1, n2, n3)
  n1:delete("k")
  owner:stop()
  expect_error(third:get("k"), "k is not certain: ")
  expect_error(copy:get("k"), "k is not certain: ")
end, 3)

test("a deleted value does not come back from a copy that was cut off", function(n1, n2, n3)
  n1:set("k", "hello")
  local owner, copy, third = placed("k", n1, n2, n3)
  owner:get("k")
  owner:set("k", "again")
  copy:cut_off(3)
  expect_error(owner:delete("k"), "1 unknown")
  owner:advance(4)
  expect(copy:own("k"), nil)
  expect(third:get("k"), nil)
end, 3)

test("large values and times to live are replicated", function(n1, n2, n3)
  local value = ("v"):rep(200000)
  expect(n1:set("k", value, 10), "STORED")
  expect(n2:get("k"), value)
  n1:advance(11)
  expect(copies_of("k", n1, n2, n3), 0)
end, 3)

test("without a cluster nobody holds the second copy", function(node)
  expect_error(node:set("k", "hello"), "1 of 2 copies are written, 0 unknown")
  expect(node:get("k"), "hello")
end)

test("what cannot be replicated is refused", function(n1)
  expect_error(n1:touch("k", 60), "touch is not replicated")
end, 2)
