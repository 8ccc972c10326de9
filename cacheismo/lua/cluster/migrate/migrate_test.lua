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
  expect(n1:get("migrate:copy:n2"), "copied 250 of 250, 0 objects, 0 failed")
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
  expect(node:get("migrate:copy:" .. target .. ":oth"), "copied 1 of 1, 0 objects, 0 failed")
  expect(n1:own("other"), n2:own("other"))
end, 2)

test("what does not arrive is counted", function(n1, n2)
  fill(n1, "n1", 30)
  n2:stop()
  expect(n1:get("migrate:copy:n2"), "copied 0 of 30, 0 objects, 30 failed")
end, 2)

test("objects are counted and left", function(n1, n2)
  for i = 1, 10 do n1:get("counter:incr:c" .. i) end
  local answer = n1:get("migrate:copy:n2:counter$")
  local objects = answer:match("^copied 0 of (%d+), %1 objects, 0 failed$")
  expect(answer, ("copied 0 of %s, %s objects, 0 failed"):format(objects, objects))
end, 2)

test("nobody is copied to but nodes of the ring", function(n1)
  expect_error(n1:get("migrate:copy:h%3A11211"), "h:11211 is no other node of the ring")
  expect_error(n1:get("migrate:copy:n1"), "n1 is no other node of the ring")
  expect_error(n1:get("migrate:part:n7:0"), "n7 is no other node of the ring")
end, 2)
