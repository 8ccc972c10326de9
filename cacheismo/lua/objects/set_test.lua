-- set: each answer as the protocol has it, then unions and intersections against plain tables.

local function fill(node, key, members)
  expect(node:get("set:new:" .. key), "CREATED")
  for _, member in ipairs(members) do
    expect(node:get("set:put:" .. key .. ":" .. member), "SUCCESS")
  end
end

test("a set is made, filled, asked and emptied", function(node)
  fill(node, "s", { "b", "a" })
  expect(node:get("set:exist:s:a"), "EXISTS")
  expect(node:get("set:exist:s:c"), "NOT_FOUND")
  expect(node:get("set:count:s"), "2")
  expect(node:get("set:getall:s"), "a\r\nb\r\n")
  expect(node:get("set:delete:s:a"), "SUCCESS")
  expect(node:get("set:exist:s:a"), "NOT_FOUND")
  expect(node:get("set:count:s"), "1")
  expect(node:get("set:getall:s"), "b\r\n")
end)

test("a member counts once, however often it is put or deleted", function(node)
  fill(node, "s", { "a", "a", "b" })
  expect(node:get("set:count:s"), "2")
  node:get("set:delete:s:b")
  node:get("set:delete:s:b")
  expect(node:get("set:count:s"), "1")
end)

test("a union has each member once, in order", function(node)
  fill(node, "s", { "a", "c", "d" })
  fill(node, "t", { "b", "c", "e" })
  expect(node:get("set:union:s:t"), "a\r\nb\r\nc\r\nd\r\ne\r\n")
  expect(node:get("set:union:t:s"), "a\r\nb\r\nc\r\nd\r\ne\r\n")
end)

test("an intersection has what is in both, in order", function(node)
  fill(node, "s", { "a", "c", "d", "e" })
  fill(node, "t", { "d", "c", "b" })
  expect(node:get("set:intersection:s:t"), "c\r\nd\r\n")
  expect(node:get("set:intersection:t:s"), "c\r\nd\r\n")
end)

test("a set meets itself", function(node)
  fill(node, "s", { "a", "b" })
  expect(node:get("set:union:s:s"), "a\r\nb\r\n")
  expect(node:get("set:intersection:s:s"), "a\r\nb\r\n")
end)

test("an empty set has empty lists", function(node)
  fill(node, "s", {})
  fill(node, "t", { "a" })
  expect(node:get("set:getall:s"), "")
  expect(node:get("set:union:s:t"), "a\r\n")
  expect(node:get("set:union:t:s"), "a\r\n")
  expect(node:get("set:union:s:s"), "")
  expect(node:get("set:intersection:s:t"), "")
end)

test("a set that does not exist is a miss for every method", function(node)
  for _, call in ipairs({ "put:s:a", "exist:s:a", "delete:s:a", "count:s", "getall:s",
                          "union:s:t", "intersection:s:t" }) do
    expect(node:get("set:" .. call), "ERROR_CACHE_MISS")
  end
end)

test("a second set that does not exist is a miss too", function(node)
  fill(node, "s", { "a" })
  expect(node:get("set:union:s:t"), "ERROR_CACHE_MISS")
  expect(node:get("set:intersection:s:t"), "ERROR_CACHE_MISS")
  fill(node, "t", { "a" })
  node:touch("set$t", 10)
  node:advance(11)
  expect(node:get("set:union:s:t"), "ERROR_CACHE_MISS")
end)

test("a member or a second key that is missing is an error", function(node)
  fill(node, "s", {})
  expect_error(node:get("set:put:s"), "member is missing")
  expect_error(node:get("set:exist:s"), "member is missing")
  expect_error(node:get("set:delete:s"), "member is missing")
  expect_error(node:get("set:union:s"), "second key is missing")
  expect_error(node:get("set:intersection:s"), "second key is missing")
end)

test("members that look like methods or numbers are members as any other", function(node)
  fill(node, "s", { "expire", "key", "delete", "count", "1" })
  expect(node:get("set:getall:s"), "1\r\ncount\r\ndelete\r\nexpire\r\nkey\r\n")
end)

test("a member may be as long as a key of a table, and no longer", function(node)
  fill(node, "s", {})
  expect(node:set("set:put:s", ("m"):rep(500)), "STORED")
  expect_error(node:set("set:put:s", ("m"):rep(501)), "member has more than 500 bytes")
  expect(node:get("set:count:s"), "1")
end)

test("any two sets meet as plain tables do", function(node)
  for _ = 1, 30 do
    local models = {}
    for _, key in ipairs({ "s", "t" }) do
      local model, members = {}, {}
      for i = 1, math.random(0, 30) do
        members[i] = "m" .. math.random(40)
        model[members[i]] = true
      end
      fill(node, key, members)
      models[key] = model
    end
    local union, both = {}, {}
    for i = 1, 40 do
      local member = "m" .. i
      if models.s[member] or models.t[member] then union[#union + 1] = member end
      if models.s[member] and models.t[member] then both[#both + 1] = member end
    end
    table.sort(union)
    table.sort(both)
    expect(node:get("set:union:s:t"), table.concat(union, "\r\n") .. (#union > 0 and "\r\n" or ""))
    expect(node:get("set:intersection:s:t"),
           table.concat(both, "\r\n") .. (#both > 0 and "\r\n" or ""))
  end
end)
