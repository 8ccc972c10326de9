-- bloom: nothing that was added is missed, and what was not is found as rarely as was said.

test("what was added exists and what was not does not", function(node)
  expect(node:get("bloom:new:seen:1000:0.001"), "CREATED")
  expect(node:get("bloom:add:seen:a"), "ADDED")
  expect(node:get("bloom:add:seen:a"), "EXISTS")
  expect(node:get("bloom:exist:seen:a"), "EXISTS")
  expect(node:get("bloom:exist:seen:b"), "NOT_FOUND")
  expect(node:get("bloom:count:seen"), "1")
end)

test("a filter that nobody made is empty", function(node)
  expect(node:get("bloom:exist:seen:a"), "NOT_FOUND")
  expect(node:get("bloom:count:seen"), "0")
  expect(node:get("bloom:add:seen:a"), "ADDED")
  expect(node:get("bloom:exist:seen:a"), "EXISTS")
end)

local function check_errors(node, capacity, error_rate)
  expect(node:get("bloom:new:seen:" .. capacity .. ":" .. error_rate), "CREATED")
  for i = 1, capacity do node:get("bloom:add:seen:in" .. i) end
  for i = 1, capacity do expect(node:get("bloom:exist:seen:in" .. i), "EXISTS") end
  local wrong = 0
  for i = 1, 10000 do
    if node:get("bloom:exist:seen:out" .. i) == "EXISTS" then wrong = wrong + 1 end
  end
  -- Three standard deviations above what was promised.
  local promised = 10000 * error_rate
  expect(wrong <= promised + 3 * math.sqrt(promised), true)
  expect(tonumber(node:get("bloom:count:seen")) >= capacity * (1 - error_rate), true)
end

test("a full filter of one in ten errs as often as was said", function(node)
  check_errors(node, 3000, 0.1)
end)

test("a full filter of one in a hundred errs as often as was said", function(node)
  check_errors(node, 5000, 0.01)
end)

test("a full filter of one in ten thousand errs as often as was said", function(node)
  check_errors(node, 3000, 0.0001)
end)

test("a filter of one value works", function(node)
  node:get("bloom:new:seen:1:0.5")
  expect(node:get("bloom:add:seen:a"), "ADDED")
  expect(node:get("bloom:exist:seen:a"), "EXISTS")
end)

test("values may be empty, long and any bytes", function(node)
  for _, value in ipairs({ "", "\0", "\0\0", ("x"):rep(10000) }) do
    expect(node:set("bloom:add:seen", value), "STORED")
  end
  expect(node:get("bloom:exist:seen:"), "EXISTS")
  expect(node:get("bloom:exist:seen:%00%00"), "EXISTS")
  expect(node:get("bloom:exist:seen:%00%00%00"), "NOT_FOUND")
end)

test("a filter expires with its item", function(node)
  node:get("bloom:add:seen:a")
  node:touch("bloom$seen", 5)
  node:advance(6)
  expect(node:get("bloom:exist:seen:a"), "NOT_FOUND")
end)

test("bad arguments are errors", function(node)
  expect_error(node:get("bloom:new:seen:0"), "capacity is below 1")
  expect_error(node:get("bloom:new:seen:x"), "capacity is not a number")
  expect_error(node:get("bloom:new:seen:10:0"), "error_rate is below")
  expect_error(node:get("bloom:new:seen:10:1"), "error_rate is above")
  expect_error(node:get("bloom:new:seen:100000000:0.01"), "capacity is too large")
  expect_error(node:get("bloom:add:seen"), "value is missing")
  expect_error(node:get("bloom:exist:seen"), "value is missing")
end)
