-- session: fields that come and go by command and by time, then random ones against a table.

test("fields are set, read, listed and deleted", function(node)
  expect(node:get("session:set:s1:user:alice"), "SUCCESS")
  expect(node:get("session:set:s1:cart:3"), "SUCCESS")
  expect(node:get("session:get:s1:user"), "alice")
  expect(node:get("session:getall:s1"), "cart : 3\r\nuser : alice\r\n")
  expect(node:get("session:delete:s1:cart"), "SUCCESS")
  expect(node:get("session:delete:s1:cart"), "NOT_FOUND")
  expect(node:get("session:getall:s1"), "user : alice\r\n")
end)

test("what is not there is a miss", function(node)
  expect(node:get("session:get:s1:user"), nil)
  expect(node:get("session:getall:s1"), "")
  node:get("session:set:s1:user:alice")
  expect(node:get("session:get:s1:cart"), nil)
end)

test("a field with an expiry goes alone, to the millisecond", function(node)
  node:get("session:set:s1:user:alice")
  node:get("session:set:s1:code:1234:2.5")
  node:advance(2.499)
  expect(node:get("session:get:s1:code"), "1234")
  node:advance(0.001)
  expect(node:get("session:get:s1:code"), nil)
  expect(node:get("session:getall:s1"), "user : alice\r\n")
  expect(node:get("session:delete:s1:code"), "NOT_FOUND")
end)

test("setting a field again gives it a new expiry, or none", function(node)
  node:get("session:set:s1:code:1:10")
  node:get("session:set:s1:code:2:20")
  node:advance(15)
  expect(node:get("session:get:s1:code"), "2")
  node:get("session:set:s1:code:3")
  node:advance(1000)
  expect(node:get("session:get:s1:code"), "3")
end)

test("a field that is touched lives longer, or shorter", function(node)
  node:get("session:set:s1:a:1:10")
  node:get("session:set:s1:b:1")
  expect(node:get("session:touch:s1:20:a"), "SUCCESS")
  expect(node:get("session:touch:s1:5:b"), "SUCCESS")
  expect(node:get("session:touch:s1:5:c"), "NOT_FOUND")
  node:advance(15)
  expect(node:get("session:getall:s1"), "a : 1\r\n")
  expect(node:get("session:touch:s1:5:b"), "NOT_FOUND")
end)

test("a session that is touched goes as a whole", function(node)
  expect(node:get("session:touch:s1:10"), "NOT_FOUND")
  node:get("session:set:s1:a:1")
  expect(node:get("session:touch:s1:10"), "SUCCESS")
  node:advance(8)
  node:get("session:set:s1:b:2")
  expect(node:get("session:touch:s1:10"), "SUCCESS")
  node:advance(8)
  expect(node:get("session:getall:s1"), "a : 1\r\nb : 2\r\n")
  node:advance(3)
  expect(node:get("session:getall:s1"), "")
end)

test("a session that was touched with 0 stays", function(node)
  node:get("session:set:s1:a:1")
  node:get("session:touch:s1:10")
  node:get("session:touch:s1:0")
  node:advance(100)
  expect(node:get("session:get:s1:a"), "1")
end)

test("a session without fields is not kept", function(node)
  node:get("session:delete:s1:a")
  expect(node:delete("session$s1"), "NOT_FOUND")
  node:get("session:set:s1:a:1")
  node:get("session:delete:s1:a")
  expect(node:delete("session$s1"), "NOT_FOUND")
  node:get("session:set:s1:a:1:5")
  node:advance(6)
  expect(node:get("session:touch:s1:10"), "NOT_FOUND")
  expect(node:delete("session$s1"), "NOT_FOUND")
end)

test("fields that look like methods and values of any bytes are fine", function(node)
  for _, field in ipairs({ "expire", "key", "delete", "values" }) do
    node:get("session:set:s1:" .. field .. ":v%00%FF:100")
    expect(node:get("session:get:s1:" .. field), "v\0\255")
  end
  local long = ("x"):rep(50000)
  expect(node:set("session:set:s1:big", long), "STORED")
  expect(node:get("session:get:s1:big"), long)
end)

test("bad arguments are errors and change nothing", function(node)
  node:get("session:set:s1:a:1")
  expect_error(node:get("session:set:s1"), "field is missing")
  expect_error(node:get("session:set:s1::1"), "field is empty")
  expect_error(node:get("session:set:s1:a"), "value is missing")
  expect_error(node:get("session:set:s1:a:2:x"), "seconds is not a number")
  expect_error(node:get("session:set:s1:a:2:-1"), "seconds is below 0")
  expect_error(node:get("session:touch:s1"), "seconds is missing")
  expect_error(node:get("session:touch:s1:nan"), "seconds is not a number")
  expect(node:get("session:getall:s1"), "a : 1\r\n")
end)

test("random fields with random expiries give what a table gives", function(node)
  local model = {}
  for _ = 1, 2000 do
    local field = "f" .. math.random(20)
    local what = math.random(5)
    if what == 1 then
      node:get("session:delete:s1:" .. field)
      model[field] = nil
    elseif what == 2 then
      node:advance(math.random(0, 3))
    else
      local seconds = math.random(0, 20)
      local value = tostring(math.random(1000))
      local forever = math.random(2) == 1
      node:get("session:set:s1:" .. field .. ":" .. value .. (forever and "" or ":" .. seconds))
      model[field] = { value = value, ends = forever and math.huge or node:time() + seconds }
    end
    local fields = {}
    for name, entry in pairs(model) do
      if entry.ends > node:time() then fields[#fields + 1] = name end
    end
    table.sort(fields)
    for i, name in ipairs(fields) do fields[i] = name .. " : " .. model[name].value .. "\r\n" end
    expect(node:get("session:getall:s1"), table.concat(fields))
  end
end)
