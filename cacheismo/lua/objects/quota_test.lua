-- quota: amounts at the limit, calendar boundaries to the second, bad arguments.

-- Seconds from now to the next multiple of `period` since 1970: hours and days begin there.
local function until_next(node, period)
  return period - math.floor(node:time()) % period
end

test("a quota says when it is used up", function(node)
  expect(node:get("quota:new:alice:10:hour"), "CREATED")
  expect(node:get("quota:addandcheck:alice:10"), "QUOTA_OK")
  expect(node:get("quota:addandcheck:alice:1"), "QUOTA_EXCEEDED")
end)

test("an amount that does not fit uses nothing up", function(node)
  node:get("quota:new:alice:10:hour")
  expect(node:get("quota:addandcheck:alice:11"), "QUOTA_EXCEEDED")
  expect(node:get("quota:addandcheck:alice:10"), "QUOTA_OK")
end)

test("without an amount one is meant", function(node)
  node:get("quota:new:alice:2:day")
  expect(node:get("quota:addandcheck:alice"), "QUOTA_OK")
  expect(node:get("quota:addandcheck:alice"), "QUOTA_OK")
  expect(node:get("quota:addandcheck:alice"), "QUOTA_EXCEEDED")
end)

test("nothing always fits, and fractions add up", function(node)
  node:get("quota:new:alice:0:hour")
  expect(node:get("quota:addandcheck:alice:0"), "QUOTA_OK")
  expect(node:get("quota:addandcheck:alice:0.5"), "QUOTA_EXCEEDED")
  node:get("quota:new:alice:1.5:hour")
  expect(node:get("quota:addandcheck:alice:0.75"), "QUOTA_OK")
  expect(node:get("quota:addandcheck:alice:0.75"), "QUOTA_OK")
  expect(node:get("quota:addandcheck:alice:0.25"), "QUOTA_EXCEEDED")
end)

test("what remains can be asked, also when a period is over", function(node)
  node:get("quota:new:alice:10:hour")
  node:get("quota:addandcheck:alice:4")
  expect(node:get("quota:remaining:alice"), "6")
  node:advance(until_next(node, 3600))
  expect(node:get("quota:remaining:alice"), "10")
end)

test("a reset gives everything back", function(node)
  node:get("quota:new:alice:10:hour")
  node:get("quota:addandcheck:alice:10")
  expect(node:get("quota:reset:alice"), "QUOTA_OK")
  expect(node:get("quota:addandcheck:alice:10"), "QUOTA_OK")
end)

test("an hour ends at the full hour and not a second before", function(node)
  node:get("quota:new:alice:1:hour")
  node:get("quota:addandcheck:alice:1")
  node:advance(until_next(node, 3600) - 1)
  expect(node:get("quota:addandcheck:alice:1"), "QUOTA_EXCEEDED")
  node:advance(1)
  expect(node:get("quota:addandcheck:alice:1"), "QUOTA_OK")
  expect(node:get("quota:addandcheck:alice:1"), "QUOTA_EXCEEDED")
  node:advance(3600)
  expect(node:get("quota:addandcheck:alice:1"), "QUOTA_OK")
end)

test("a day ends at midnight UTC and not a second before", function(node)
  node:get("quota:new:alice:1:day")
  node:get("quota:addandcheck:alice:1")
  node:advance(until_next(node, 86400) - 1)
  expect(node:get("quota:addandcheck:alice:1"), "QUOTA_EXCEEDED")
  node:advance(1)
  expect(node:get("quota:addandcheck:alice:1"), "QUOTA_OK")
end)

test("each month ends with its last day, over more than four years", function(node)
  node:get("quota:new:alice:1:month")
  node:get("quota:addandcheck:alice:1")
  local month = os.date("!*t", math.floor(node:time())).month
  local seen = {}
  for _ = 1, 1500 do
    node:jump(until_next(node, 86400) - 1)
    expect(node:get("quota:addandcheck:alice:1"), "QUOTA_EXCEEDED")
    node:jump(1)
    local date = os.date("!*t", math.floor(node:time()))
    local fresh = date.month ~= month
    expect(node:get("quota:addandcheck:alice:1"), fresh and "QUOTA_OK" or "QUOTA_EXCEEDED")
    if fresh then expect(date.day, 1) end
    month = date.month
    if date.month == 2 then seen[date.day] = true end
  end
  expect(seen[29], true)
end)

test("periods that pass unused do not add up", function(node)
  node:get("quota:new:alice:1:hour")
  node:advance(10 * 3600)
  expect(node:get("quota:addandcheck:alice:1"), "QUOTA_OK")
  expect(node:get("quota:addandcheck:alice:1"), "QUOTA_EXCEEDED")
end)

test("a period that is none makes no quota and leaves the old one", function(node)
  node:get("quota:new:alice:10:hour")
  expect(node:get("quota:new:alice:5:week"), "NOT_CREATED")
  expect(node:get("quota:new:alice:5:"), "NOT_CREATED")
  expect(node:get("quota:new:alice"), "NOT_CREATED")
  expect(node:get("quota:remaining:alice"), "10")
end)

test("a quota that does not exist is a miss for every method", function(node)
  for _, method in ipairs({ "addandcheck", "reset", "remaining" }) do
    expect(node:get("quota:" .. method .. ":alice"), "ERROR_CACHE_MISS")
  end
end)

test("amounts and limits that are no numbers are errors and change nothing", function(node)
  node:get("quota:new:alice:10:hour")
  for _, bad in ipairs({ "x", "", "nan", "inf", "-inf", "0x10", "1e999", "1 ", "--1", "1.2.3" }) do
    local encoded = bad:gsub(" ", "%%20")
    expect_error(node:get("quota:addandcheck:alice:" .. encoded), "amount is not a number")
    expect_error(node:get("quota:new:bob:" .. encoded .. ":hour"), "limit is not a number")
  end
  expect_error(node:get("quota:addandcheck:alice:-1"), "amount is below 0")
  expect_error(node:get("quota:new:bob:-1:hour"), "limit is below 0")
  expect(node:get("quota:remaining:alice"), "10")
  expect(node:get("quota:remaining:bob"), "ERROR_CACHE_MISS")
end)
