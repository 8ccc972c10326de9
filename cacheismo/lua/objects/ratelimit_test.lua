-- ratelimit: both kinds at their edges to the millisecond, then against naive models.

test("a full bucket gives its burst at once and then one by one", function(node)
  expect(node:get("ratelimit:take:alice:1:2:3"), "OK 2 0")
  expect(node:get("ratelimit:take:alice:1:2:3"), "OK 1 0")
  expect(node:get("ratelimit:take:alice:1:2:3"), "OK 0 0")
  expect(node:get("ratelimit:take:alice:1:2:3"), "LIMITED 0 0.5")
  node:advance(0.499)
  expect(node:get("ratelimit:take:alice:1:2:3"), "LIMITED 0 0.001")
  node:advance(0.001)
  expect(node:get("ratelimit:take:alice:1:2:3"), "OK 0 0")
end)

test("a bucket takes several at once, or none of them", function(node)
  expect(node:get("ratelimit:take:alice:7:1:10"), "OK 3 0")
  expect(node:get("ratelimit:take:alice:5:1:10"), "LIMITED 3 2")
  expect(node:get("ratelimit:take:alice:3:1:10"), "OK 0 0")
  expect(node:get("ratelimit:take:alice:0:1:10"), "OK 0 0")
end)

test("a bucket that rests is full, and never more than full", function(node)
  node:get("ratelimit:take:alice:10:1:10")
  node:advance(5)
  expect(node:get("ratelimit:take:alice:0:1:10"), "OK 5 0")
  node:advance(1000)
  expect(node:get("ratelimit:take:alice:0:1:10"), "OK 10 0")
end)

test("waiting as long as was said is enough, whatever the rate", function(node)
  for _, rate in ipairs({ "0.1", "0.3", "3", "7", "1.7", "333", "999.9" }) do
    local call = "ratelimit:take:r" .. rate .. ":1:" .. rate .. ":1"
    expect(node:get(call), "OK 0 0")
    for _ = 1, 50 do
      local wait = node:get(call):match("^LIMITED 0 ([%d.]+)$")
      node:advance(tonumber(wait))
      expect(node:get(call), "OK 0 0")
    end
  end
end)

test("a window lets as many through as was said", function(node)
  expect(node:get("ratelimit:hit:alice:2:10"), "OK 1 0")
  node:advance(4)
  expect(node:get("ratelimit:hit:alice:2:10"), "OK 0 0")
  expect(node:get("ratelimit:hit:alice:2:10"), "LIMITED 0 6")
  node:advance(5.999)
  expect(node:get("ratelimit:hit:alice:2:10"), "LIMITED 0 0.001")
  node:advance(0.001)
  expect(node:get("ratelimit:hit:alice:2:10"), "OK 0 0")
  expect(node:get("ratelimit:hit:alice:2:10"), "LIMITED 0 4")
end)

test("a window that becomes smaller or lower counts what is still within", function(node)
  for _ = 1, 5 do node:get("ratelimit:hit:alice:5:10") end
  node:advance(3)
  expect(node:get("ratelimit:hit:alice:2:10"), "LIMITED 0 7")
  expect(node:get("ratelimit:hit:alice:2:3"), "OK 1 0")
end)

test("limiters that are as good as new are not kept", function(node)
  node:get("ratelimit:take:bucket:3:1:3")
  node:get("ratelimit:hit:window:3:3")
  node:advance(2)
  expect(node:touch("ratelimit$bucket", 4), "TOUCHED")
  node:get("ratelimit:take:bucket:1:1:3")
  node:get("ratelimit:hit:window:3:3")
  node:advance(6)
  expect(node:delete("ratelimit$bucket"), "NOT_FOUND")
  expect(node:delete("ratelimit$window"), "NOT_FOUND")
end)

test("bad arguments are errors", function(node)
  expect_error(node:get("ratelimit:take:a"), "amount is missing")
  expect_error(node:get("ratelimit:take:a:1"), "rate is missing")
  expect_error(node:get("ratelimit:take:a:1:1"), "burst is missing")
  expect_error(node:get("ratelimit:take:a:-1:1:1"), "amount is below 0")
  expect_error(node:get("ratelimit:take:a:1:0:1"), "rate is below")
  expect_error(node:get("ratelimit:take:a:1:nan:1"), "rate is not a number")
  expect_error(node:get("ratelimit:take:a:2:1:1"), "amount is above burst")
  expect_error(node:get("ratelimit:take:a:1:1:1e15"), "burst is above")
  expect_error(node:get("ratelimit:hit:a"), "limit is missing")
  expect_error(node:get("ratelimit:hit:a:0:1"), "limit is below 1")
  expect_error(node:get("ratelimit:hit:a:10001:1"), "limit is above 10000")
  expect_error(node:get("ratelimit:hit:a:1"), "seconds is missing")
  expect_error(node:get("ratelimit:hit:a:1:0"), "seconds is below")
end)

test("random hits are let through as a plain list says", function(node)
  local model = {}
  for _ = 1, 2000 do
    node:advance(math.random(0, 900) / 1000)
    local time = math.floor(node:time() * 1000 + 0.5)
    while model[1] and model[1] <= time - 3000 do table.remove(model, 1) end
    local answer = node:get("ratelimit:hit:alice:5:3")
    if #model < 5 then
      model[#model + 1] = time
      expect(answer, "OK " .. 5 - #model .. " 0")
    else
      expect(answer:match("^LIMITED 0 ") ~= nil, true)
    end
  end
end)

test("no stretch of time gives more tokens than rate and burst allow", function(node)
  local given = {}
  for _ = 1, 2000 do
    node:advance(math.random(0, 400) / 1000)
    local amount = math.random(3)
    local answer = node:get("ratelimit:take:alice:" .. amount .. ":4:6")
    if answer:match("^OK") then given[#given + 1] = { node:time(), amount } end
  end
  for first = 1, #given, 7 do
    local sum = 0
    for last = first, #given do
      sum = sum + given[last][2]
      expect(sum <= 6 + (given[last][1] - given[first][1]) * 4 + 0.01, true)
    end
  end
end)
