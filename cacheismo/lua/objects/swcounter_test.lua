-- swcounter: windows that are empty, filling and full, then random values against a plain list.

test("the last two values are what counts in a window of two", function(node)
  expect(node:get("swcounter:new:pings:2"), "CREATED")
  expect(node:get("swcounter:add:pings:7"), "SUCCESS")
  expect(node:get("swcounter:add:pings:100"), "SUCCESS")
  expect(node:get("swcounter:add:pings:50"), "SUCCESS")
  expect(node:get("swcounter:getmin:pings"), "50")
  expect(node:get("swcounter:getmax:pings"), "100")
  expect(node:get("swcounter:getavg:pings"), "75")
  expect(node:get("swcounter:getlast:pings"), "50")
end)

test("an empty window answers 0", function(node)
  node:get("swcounter:new:pings:4")
  for _, method in ipairs({ "getlast", "getmin", "getmax", "getavg" }) do
    expect(node:get("swcounter:" .. method .. ":pings"), "0")
  end
end)

test("a window that is not full knows only the values it has", function(node)
  node:get("swcounter:new:pings:4")
  node:get("swcounter:add:pings:100")
  expect(node:get("swcounter:getavg:pings"), "100")
  expect(node:get("swcounter:getmin:pings"), "100")
  node:get("swcounter:add:pings:-50")
  expect(node:get("swcounter:getavg:pings"), "25")
  expect(node:get("swcounter:getmin:pings"), "-50")
end)

test("values below zero have a greatest too", function(node)
  node:get("swcounter:new:pings:4")
  node:get("swcounter:add:pings:-3")
  node:get("swcounter:add:pings:-2")
  expect(node:get("swcounter:getmax:pings"), "-2")
end)

test("fractions stay fractions", function(node)
  node:get("swcounter:new:pings:2")
  node:get("swcounter:add:pings:1.5")
  expect(node:get("swcounter:getlast:pings"), "1.5")
  node:get("swcounter:add:pings:2")
  expect(node:get("swcounter:getavg:pings"), "1.75")
end)

test("a window has 16 values if nothing is said", function(node)
  node:get("swcounter:new:pings")
  for value = 1, 17 do node:get("swcounter:add:pings:" .. value) end
  expect(node:get("swcounter:getmin:pings"), "2")
end)

test("a window of one is the last value", function(node)
  node:get("swcounter:new:pings:1")
  node:get("swcounter:add:pings:1")
  node:get("swcounter:add:pings:2")
  for _, method in ipairs({ "getlast", "getmin", "getmax", "getavg" }) do
    expect(node:get("swcounter:" .. method .. ":pings"), "2")
  end
end)

test("a window that does not exist is a miss for every method", function(node)
  for _, call in ipairs({ "add:p:1", "getlast:p", "getmin:p", "getmax:p", "getavg:p" }) do
    expect(node:get("swcounter:" .. call), "ERROR_CACHE_MISS")
  end
end)

test("sizes and values out of range are errors", function(node)
  expect_error(node:get("swcounter:new:p:0"), "size is below 1")
  expect_error(node:get("swcounter:new:p:10001"), "size is above 10000")
  expect_error(node:get("swcounter:new:p:1.5"), "size is not a whole number")
  expect_error(node:get("swcounter:new:p:x"), "size is not a number")
  node:get("swcounter:new:p:2")
  expect_error(node:get("swcounter:add:p"), "value is missing")
  expect_error(node:get("swcounter:add:p:nan"), "value is not a number")
  expect(node:get("swcounter:getlast:p"), "0")
end)

test("any values give what a plain list gives", function(node)
  for _ = 1, 20 do
    local size, model = math.random(1, 12), {}
    node:get("swcounter:new:p:" .. size)
    for _ = 1, math.random(1, 40) do
      local value = math.random(-100, 100)
      node:get("swcounter:add:p:" .. value)
      table.insert(model, 1, value)
      model[size + 1] = nil
      local total = 0
      for _, present in ipairs(model) do total = total + present end
      local average = total / #model
      expect(node:get("swcounter:getlast:p"), tostring(value))
      expect(node:get("swcounter:getmin:p"), tostring(math.min(table.unpack(model))))
      expect(node:get("swcounter:getmax:p"), tostring(math.max(table.unpack(model))))
      expect(node:get("swcounter:getavg:p"), tostring(math.tointeger(average) or average))
    end
  end
end)
