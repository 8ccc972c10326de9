-- counter: bounds, the ends of 64 bits, and first use; then random steps against a plain number.

test("a counter begins at 0 when it is first used", function(node)
  expect(node:get("counter:get:hits"), "0")
  expect(node:get("counter:incr:hits"), "1")
  expect(node:get("counter:incr:hits:9"), "10")
  expect(node:get("counter:decr:hits:15"), "-5")
  expect(node:get("counter:decr:hits"), "-6")
  expect(node:get("counter:get:hits"), "-6")
end)

test("a counter is set, and reset to where it began", function(node)
  expect(node:get("counter:set:hits:7"), "7")
  expect(node:get("counter:reset:hits"), "0")
  expect(node:get("counter:new:seats:5"), "CREATED")
  node:get("counter:decr:seats")
  expect(node:get("counter:reset:seats"), "5")
end)

test("a step that would leave the bounds is refused whole", function(node)
  node:get("counter:new:seats:2:0:3")
  expect(node:get("counter:incr:seats:2"), "OUT_OF_RANGE")
  expect(node:get("counter:incr:seats"), "3")
  expect(node:get("counter:incr:seats"), "OUT_OF_RANGE")
  expect(node:get("counter:decr:seats:4"), "OUT_OF_RANGE")
  expect(node:get("counter:decr:seats:3"), "0")
  expect(node:get("counter:decr:seats"), "OUT_OF_RANGE")
  expect(node:get("counter:set:seats:4"), "OUT_OF_RANGE")
  expect(node:get("counter:set:seats:-1"), "OUT_OF_RANGE")
  expect(node:get("counter:get:seats"), "0")
end)

test("a floor may stand alone, up to the end of 64 bits", function(node)
  node:get("counter:new:seats:0:0")
  expect(node:get("counter:decr:seats"), "OUT_OF_RANGE")
  expect(node:get("counter:incr:seats:1000000"), "1000000")
  expect(node:get("counter:set:seats:9223372036854775807"), "9223372036854775807")
  expect(node:get("counter:incr:seats"), "OUT_OF_RANGE")
end)

test("at the ends of 64 bits a counter stays where it is", function(node)
  node:get("counter:set:c:9223372036854775807")
  expect(node:get("counter:incr:c"), "OUT_OF_RANGE")
  expect(node:get("counter:incr:c:9223372036854775807"), "OUT_OF_RANGE")
  expect(node:get("counter:get:c"), "9223372036854775807")
  node:get("counter:set:c:-9223372036854775808")
  expect(node:get("counter:decr:c"), "OUT_OF_RANGE")
  expect(node:get("counter:decr:c:9223372036854775807"), "OUT_OF_RANGE")
  expect(node:get("counter:get:c"), "-9223372036854775808")
end)

test("amounts that are no whole numbers are errors and change nothing", function(node)
  node:get("counter:set:c:5")
  expect_error(node:get("counter:incr:c:x"), "amount is not a number")
  expect_error(node:get("counter:incr:c:1.5"), "amount is not a whole number")
  expect_error(node:get("counter:incr:c:-1"), "amount is below 0")
  expect_error(node:get("counter:decr:c:-1"), "amount is below 0")
  expect_error(node:get("counter:set:c"), "value is missing")
  expect_error(node:get("counter:set:c:9223372036854775808"), "value is not a whole number")
  expect_error(node:get("counter:new:c:5:6:7"), "start is outside")
  expect_error(node:get("counter:new:c:5:6:4"), "start is outside")
  expect(node:get("counter:get:c"), "5")
end)

test("a counter that expired begins at 0 again", function(node)
  node:get("counter:incr:c:5")
  expect(node:touch("counter$c", 10), "TOUCHED")
  node:advance(9)
  expect(node:get("counter:incr:c"), "6")
  node:advance(2)
  expect(node:get("counter:incr:c"), "1")
end)

test("random steps give what a number with bounds gives", function(node)
  node:get("counter:new:c:0:-20:20")
  local model = 0
  for _ = 1, 2000 do
    local amount = math.random(0, 15)
    local up = math.random(2) == 1
    local next_value = up and model + amount or model - amount
    local fits = next_value >= -20 and next_value <= 20
    if fits then model = next_value end
    expect(node:get("counter:" .. (up and "incr" or "decr") .. ":c:" .. amount),
           fits and tostring(model) or "OUT_OF_RANGE")
  end
end)
