-- map: each answer as the protocol has it, then any sequence of changes against a plain table.

test("a map is made, filled, asked and emptied", function(node)
  expect(node:get("map:new:m"), "CREATED")
  expect(node:get("map:put:m:b:2"), "SUCCESS")
  expect(node:get("map:put:m:a:1"), "SUCCESS")
  expect(node:get("map:get:m:a"), "a : 1")
  expect(node:get("map:count:m"), "2")
  expect(node:get("map:getkeys:m"), "a\r\nb\r\n")
  expect(node:get("map:getvalues:m"), "1\r\n2\r\n")
  expect(node:get("map:getall:m"), "a : 1\r\nb : 2\r\n")
  expect(node:get("map:delete:m:a"), "SUCCESS")
  expect(node:get("map:get:m:a"), "NOT_FOUND")
  expect(node:get("map:count:m"), "1")
end)

test("putting a key again replaces its value and does not count", function(node)
  node:get("map:new:m")
  node:get("map:put:m:a:1")
  node:get("map:put:m:a:2")
  expect(node:get("map:get:m:a"), "a : 2")
  expect(node:get("map:count:m"), "1")
end)

test("deleting what is not there succeeds and does not count", function(node)
  node:get("map:new:m")
  expect(node:get("map:delete:m:a"), "SUCCESS")
  expect(node:get("map:count:m"), "0")
end)

test("an empty map has empty lists", function(node)
  node:get("map:new:m")
  expect(node:get("map:getkeys:m"), "")
  expect(node:get("map:getvalues:m"), "")
  expect(node:get("map:getall:m"), "")
end)

test("a map that does not exist is a miss for every method", function(node)
  for _, call in ipairs({ "put:m:a:1", "get:m:a", "delete:m:a", "count:m", "getkeys:m",
                          "getvalues:m", "getall:m" }) do
    expect(node:get("map:" .. call), "ERROR_CACHE_MISS")
  end
end)

test("making a map again empties it", function(node)
  node:get("map:new:m")
  node:get("map:put:m:a:1")
  expect(node:get("map:new:m"), "CREATED")
  expect(node:get("map:count:m"), "0")
  expect(node:get("map:get:m:a"), "NOT_FOUND")
end)

test("keys that look like methods or numbers are keys as any other", function(node)
  node:get("map:new:m")
  for _, key in ipairs({ "expire", "key", "delete", "count", "items", "1", "" }) do
    expect(node:get("map:put:m:" .. key .. ":x" .. key), "SUCCESS")
  end
  expect(node:get("map:get:m:expire"), "expire : xexpire")
  expect(node:get("map:get:m:"), " : x")
  expect(node:get("map:count:m"), "7")
  expect(node:get("map:getkeys:m"), "\r\n1\r\ncount\r\ndelete\r\nexpire\r\nitems\r\nkey\r\n")
end)

test("any byte goes into keys and values", function(node)
  node:get("map:new:m")
  node:get("map:put:m:a%3Ab%20c:%00%FF%0D%0A%25")
  expect(node:get("map:get:m:a%3Ab%20c"), "a:b c : \0\255\r\n%")
  expect(node:set("map:put:m:big", ("x"):rep(100000)), "STORED")
  expect(node:get("map:get:m:big"), "big : " .. ("x"):rep(100000))
end)

test("a key or value that is missing is an error", function(node)
  node:get("map:new:m")
  expect_error(node:get("map:put:m"), "key is missing")
  expect_error(node:get("map:put:m:a"), "value is missing")
  expect_error(node:get("map:get:m"), "key is missing")
  expect_error(node:get("map:delete:m"), "key is missing")
  expect_error(node:set("map:put:m", "v"), "value is missing")
  expect(node:get("map:count:m"), "0")
end)

test("a map expires with its item", function(node)
  node:get("map:new:m")
  expect(node:touch("map$m", 10), "TOUCHED")
  node:advance(5)
  expect(node:get("map:put:m:a:1"), "SUCCESS")
  node:advance(4)
  expect(node:get("map:count:m"), "1")
  node:advance(2)
  expect(node:get("map:count:m"), "ERROR_CACHE_MISS")
end)

test("any sequence of changes gives what a plain table has", function(node)
  node:get("map:new:m")
  local model = {}
  for _ = 1, 2000 do
    local key = "k" .. math.random(60)
    if math.random(3) == 1 then
      node:get("map:delete:m:" .. key)
      model[key] = nil
    else
      local value = tostring(math.random(1000))
      node:get("map:put:m:" .. key .. ":" .. value)
      model[key] = value
    end
  end
  local keys = {}
  for key in pairs(model) do keys[#keys + 1] = key end
  table.sort(keys)
  local lines = {}
  for _, key in ipairs(keys) do lines[#lines + 1] = key .. " : " .. model[key] .. "\r\n" end
  expect(node:get("map:getall:m"), table.concat(lines))
  expect(node:get("map:count:m"), tostring(#keys))
end)
