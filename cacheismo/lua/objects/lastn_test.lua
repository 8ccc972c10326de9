-- lastn: empty, filling and full rings, then random pushes against a list.

test("the newest comes first and the oldest goes", function(node)
  expect(node:get("lastn:new:seen:3"), "CREATED")
  for _, value in ipairs({ "a", "b", "c", "d" }) do
    expect(node:get("lastn:push:seen:" .. value), "SUCCESS")
  end
  expect(node:get("lastn:get:seen"), "d\r\nc\r\nb\r\n")
  expect(node:get("lastn:get:seen:2"), "d\r\nc\r\n")
  expect(node:get("lastn:get:seen:9"), "d\r\nc\r\nb\r\n")
  expect(node:get("lastn:count:seen"), "3")
end)

test("a list that nobody made holds 16 values", function(node)
  expect(node:get("lastn:get:seen"), "")
  expect(node:get("lastn:count:seen"), "0")
  for value = 1, 20 do node:get("lastn:push:seen:" .. value) end
  expect(node:get("lastn:count:seen"), "16")
  expect(node:get("lastn:get:seen:1"), "20\r\n")
end)

test("a list of one is the last value", function(node)
  node:get("lastn:new:seen:1")
  node:get("lastn:push:seen:a")
  node:get("lastn:push:seen:b")
  expect(node:get("lastn:get:seen"), "b\r\n")
end)

test("making a list again empties it", function(node)
  node:get("lastn:push:seen:a")
  node:get("lastn:new:seen:2")
  expect(node:get("lastn:get:seen"), "")
end)

test("values are any bytes of any length", function(node)
  local long = ("x\0"):rep(20000)
  node:get("lastn:new:seen:2")
  expect(node:set("lastn:push:seen", long), "STORED")
  expect(node:set("lastn:push:seen", ""), "STORED")
  expect(node:get("lastn:get:seen"), "\r\n" .. long .. "\r\n")
end)

test("bad arguments are errors", function(node)
  expect_error(node:get("lastn:push:seen"), "value is missing")
  expect_error(node:get("lastn:new:seen:0"), "size is below 1")
  expect_error(node:get("lastn:new:seen:10001"), "size is above 10000")
  expect_error(node:get("lastn:get:seen:0"), "count is below 1")
  expect_error(node:get("lastn:get:seen:x"), "count is not a number")
end)

test("a list expires with its item", function(node)
  node:get("lastn:push:seen:a")
  node:touch("lastn$seen", 5)
  node:advance(6)
  expect(node:get("lastn:get:seen"), "")
end)

test("random pushes give what a list gives", function(node)
  for size = 1, 12 do
    node:get("lastn:new:seen:" .. size)
    local model = {}
    for step = 1, math.random(40) do
      node:get("lastn:push:seen:v" .. step)
      table.insert(model, 1, "v" .. step .. "\r\n")
      model[size + 1] = nil
      expect(node:get("lastn:get:seen"), table.concat(model))
    end
  end
end)
