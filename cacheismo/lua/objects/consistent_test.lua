-- consistent: shares are even, only the share of whoever comes or goes moves, and it comes back.

local function owners(node, count)
  local found = {}
  for key = 1, count do found[key] = node:get("consistent:getserver:ring:key" .. key) end
  return found
end

local function new_ring(node, count)
  local names = {}
  for i = 1, count do names[i] = "10.0.0." .. i .. "%3A11211" end
  expect(node:get("consistent:new:ring:" .. table.concat(names, ",")), "CREATED")
end

test("one server has every key", function(node)
  expect(node:get("consistent:new:ring:10.0.0.1%3A11211"), "CREATED")
  expect(node:get("consistent:count:ring"), "1")
  for _, owner in ipairs(owners(node, 50)) do expect(owner, "10.0.0.1:11211") end
end)

test("names are parted by commas, blanks and tabs, and count once", function(node)
  node:get("consistent:new:ring:a,b%20c%09d,,a")
  expect(node:get("consistent:count:ring"), "4")
end)

test("five servers have about a fifth of the keys each", function(node)
  new_ring(node, 5)
  local shares = {}
  for _, owner in ipairs(owners(node, 5000)) do shares[owner] = (shares[owner] or 0) + 1 end
  for i = 1, 5 do
    local share = shares["10.0.0." .. i .. ":11211"]
    expect(share > 700 and share < 1300, true)
  end
end)

test("a server that comes takes keys only for itself, and leaves them when it goes", function(node)
  new_ring(node, 4)
  local before = owners(node, 1000)
  expect(node:get("consistent:add:ring:late"), "SUCCESS")
  expect(node:get("consistent:count:ring"), "5")
  local moved = 0
  for key, owner in ipairs(owners(node, 1000)) do
    if owner ~= before[key] then
      expect(owner, "late")
      moved = moved + 1
    end
  end
  expect(moved > 100 and moved < 300, true)
  expect(node:get("consistent:remove:ring:late"), "SUCCESS")
  for key, owner in ipairs(owners(node, 1000)) do expect(owner, before[key]) end
end)

test("the order in which servers come does not matter", function(node)
  node:get("consistent:new:ring:a,b,c")
  local before = owners(node, 500)
  node:get("consistent:new:ring:c")
  node:get("consistent:add:ring:a")
  node:get("consistent:add:ring:b")
  for key, owner in ipairs(owners(node, 500)) do expect(owner, before[key]) end
end)

test("keys of a server that is not available go elsewhere until it is back", function(node)
  new_ring(node, 3)
  local before = owners(node, 500)
  expect(node:get("consistent:isavailable:ring:10.0.0.2%3A11211"), "1")
  expect(node:get("consistent:setavailable:ring:10.0.0.2%3A11211:0"), "SUCCESS")
  expect(node:get("consistent:isavailable:ring:10.0.0.2%3A11211"), "0")
  expect(node:get("consistent:count:ring"), "3")
  for key, owner in ipairs(owners(node, 500)) do
    if before[key] == "10.0.0.2:11211" then
      expect(owner ~= "10.0.0.2:11211", true)
    else
      expect(owner, before[key])
    end
  end
  node:get("consistent:setavailable:ring:10.0.0.2%3A11211:1")
  for key, owner in ipairs(owners(node, 500)) do expect(owner, before[key]) end
end)

test("with no server available none is found", function(node)
  node:get("consistent:new:ring:a,b")
  node:get("consistent:setavailable:ring:a:0")
  node:get("consistent:setavailable:ring:a:0")
  expect(node:get("consistent:getserver:ring:k"), "b")
  node:get("consistent:setavailable:ring:b:0")
  expect(node:get("consistent:getserver:ring:k"), "NOT_FOUND")
  node:get("consistent:remove:ring:a")
  expect(node:get("consistent:getserver:ring:k"), "NOT_FOUND")
  node:get("consistent:setavailable:ring:b:1")
  expect(node:get("consistent:getserver:ring:k"), "b")
  node:get("consistent:remove:ring:b")
  expect(node:get("consistent:getserver:ring:k"), "NOT_FOUND")
  expect(node:get("consistent:count:ring"), "0")
end)

test("servers that are not in the ring are not found", function(node)
  node:get("consistent:new:ring:a")
  expect(node:get("consistent:remove:ring:z"), "NOT_FOUND")
  expect(node:get("consistent:isavailable:ring:z"), "0")
  expect(node:get("consistent:setavailable:ring:z:1"), "NOT_FOUND")
end)

test("a ring that does not exist is a miss for every method", function(node)
  for _, call in ipairs({ "add:ring:a", "remove:ring:a", "getserver:ring:k", "count:ring",
                          "isavailable:ring:a", "setavailable:ring:a:1" }) do
    expect(node:get("consistent:" .. call), "ERROR_CACHE_MISS")
  end
end)

test("bad arguments are errors, and no servers make no ring", function(node)
  expect_error(node:get("consistent:new:ring"), "list of servers is missing")
  expect_error(node:get("consistent:new:ring:"), "list of servers is empty")
  expect(node:get("consistent:new:ring:,"), "NOT_CREATED")
  node:get("consistent:new:ring:a")
  expect_error(node:get("consistent:add:ring"), "server is missing")
  expect_error(node:get("consistent:add:ring:"), "server is empty")
  expect_error(node:get("consistent:getserver:ring"), "key is missing")
  expect_error(node:get("consistent:setavailable:ring:a"), "available is neither 0 nor 1")
end)

test("a ring has at most 100 servers", function(node)
  local names = {}
  for i = 1, 100 do names[i] = "s" .. i end
  expect(node:set("consistent:new:ring", table.concat(names, " ")), "STORED")
  expect_error(node:get("consistent:add:ring:s101"), "at most 100 servers")
  expect(node:get("consistent:count:ring"), "100")
end)
