-- queue: order, limits and emptiness by hand, then random pushes and pops against a list.

test("what is pushed first is popped first", function(node)
  expect(node:get("queue:push:jobs:a"), "1")
  expect(node:get("queue:push:jobs:b"), "2")
  expect(node:get("queue:peek:jobs"), "a")
  expect(node:get("queue:len:jobs"), "2")
  expect(node:get("queue:pop:jobs"), "a")
  expect(node:get("queue:pop:jobs"), "b")
  expect(node:get("queue:pop:jobs"), nil)
end)

test("an empty queue is a miss, has no length and is not kept", function(node)
  expect(node:get("queue:pop:jobs"), nil)
  expect(node:get("queue:peek:jobs"), nil)
  expect(node:get("queue:len:jobs"), "0")
  node:get("queue:push:jobs:a")
  node:get("queue:pop:jobs")
  expect(node:delete("queue$jobs"), "NOT_FOUND")
end)

test("a queue with a limit refuses what is too much, and keeps its limit when empty", function(node)
  expect(node:get("queue:new:jobs:2"), "CREATED")
  for _ = 1, 3 do
    expect(node:get("queue:push:jobs:a"), "1")
    expect(node:get("queue:push:jobs:b"), "2")
    expect(node:get("queue:push:jobs:c"), nil)
    expect(node:set("queue:push:jobs", "c"), "NOT_STORED")
    expect(node:get("queue:pop:jobs"), "a")
    expect(node:set("queue:push:jobs", "c"), "STORED")
    expect(node:get("queue:pop:jobs"), "b")
    expect(node:get("queue:pop:jobs"), "c")
    expect(node:get("queue:pop:jobs"), nil)
  end
end)

test("values are any bytes of any length", function(node)
  local long = ("x\0\r\n"):rep(20000)
  expect(node:set("queue:push:jobs", long), "STORED")
  expect(node:set("queue:push:jobs", ""), "STORED")
  expect(node:get("queue:pop:jobs"), long)
  expect(node:get("queue:pop:jobs"), "")
  expect(node:get("queue:len:jobs"), "0")
end)

test("a cleared queue is empty and keeps its limit", function(node)
  node:get("queue:push:free:a")
  expect(node:get("queue:clear:free"), "SUCCESS")
  expect(node:get("queue:len:free"), "0")
  node:get("queue:new:bound:1")
  node:get("queue:push:bound:a")
  expect(node:get("queue:clear:bound"), "SUCCESS")
  expect(node:get("queue:peek:bound"), nil)
  expect(node:get("queue:push:bound:b"), "1")
  expect(node:get("queue:push:bound:c"), nil)
end)

test("bad arguments are errors", function(node)
  expect_error(node:get("queue:push:jobs"), "value is missing")
  expect_error(node:get("queue:new:jobs:-1"), "limit is below 0")
  expect_error(node:get("queue:new:jobs:x"), "limit is not a number")
  expect(node:get("queue:len:jobs"), "0")
end)

test("a queue expires with its item, whatever is pushed meanwhile", function(node)
  node:get("queue:push:jobs:a")
  node:touch("queue$jobs", 10)
  node:advance(5)
  node:get("queue:push:jobs:b")
  node:advance(6)
  expect(node:get("queue:pop:jobs"), nil)
end)

test("random pushes and pops give what a list gives", function(node)
  local model = {}
  for step = 1, 3000 do
    if math.random(5) < 3 then
      model[#model + 1] = "v" .. step
      expect(node:get("queue:push:jobs:v" .. step), tostring(#model))
    else
      expect(node:get("queue:pop:jobs"), table.remove(model, 1))
    end
    expect(node:get("queue:peek:jobs"), model[1])
    if math.random(500) == 1 then
      node:get("queue:clear:jobs")
      model = {}
    end
  end
  expect(node:get("queue:len:jobs"), tostring(#model))
end)
