-- lock: who gets it, when a lease is over, and tokens that grow.

local function token_of(answer)
  return math.tointeger(answer:match("^OK (%d+)$"))
end

test("one owner gets the lock and the other hears for how long", function(node)
  expect(token_of(node:get("lock:acquire:door:alice:10")) ~= nil, true)
  expect(node:get("lock:acquire:door:bob:10"), "HELD 10")
  node:advance(3.5)
  expect(node:get("lock:acquire:door:bob:10"), "HELD 7")
  expect(node:get("lock:holder:door"), "alice")
  expect(node:get("lock:release:door:alice"), "OK")
  expect(node:get("lock:holder:door"), nil)
  expect(token_of(node:get("lock:acquire:door:bob:10")) ~= nil, true)
end)

test("a lease that is over frees the lock, and not a moment before", function(node)
  node:get("lock:acquire:door:alice:10")
  node:advance(9.999)
  expect(node:get("lock:acquire:door:bob:10"), "HELD 1")
  node:advance(0.001)
  expect(node:get("lock:holder:door"), nil)
  expect(token_of(node:get("lock:acquire:door:bob:10")) ~= nil, true)
  expect(node:get("lock:release:door:alice"), "NOT_HELD")
  expect(node:get("lock:renew:door:alice:10"), "NOT_HELD")
  expect(node:get("lock:holder:door"), "bob")
end)

test("who asks again keeps the lock and the token, for the new time", function(node)
  local token = token_of(node:get("lock:acquire:door:alice:10"))
  node:advance(5)
  expect(node:get("lock:acquire:door:alice:10"), "OK " .. token)
  expect(node:get("lock:acquire:door:bob:1"), "HELD 10")
end)

test("a lease is renewed by its owner alone", function(node)
  local token = token_of(node:get("lock:acquire:door:alice:10"))
  expect(node:get("lock:renew:door:alice:60"), "OK " .. token)
  expect(node:get("lock:renew:door:bob:60"), "NOT_HELD")
  expect(node:get("lock:release:door:bob"), "NOT_HELD")
  node:advance(59)
  expect(node:get("lock:holder:door"), "alice")
  expect(node:get("lock:renew:door:alice:1"), "OK " .. token)
  node:advance(1)
  expect(node:get("lock:holder:door"), nil)
end)

test("tokens grow from holder to holder, also within one millisecond", function(node)
  local last = 0
  for i = 1, 20 do
    local token = token_of(node:get("lock:acquire:door:owner" .. i .. ":10"))
    expect(token > last, true)
    last = token
    node:get("lock:release:door:owner" .. i)
  end
end)

test("tokens grow over eviction and over hours of rest", function(node)
  local last = token_of(node:get("lock:acquire:door:alice:10"))
  node:advance(1)
  node:delete("lock$door")
  local token = token_of(node:get("lock:acquire:door:bob:10"))
  expect(token > last, true)
  node:advance(3 * 3600)
  expect(node:delete("lock$door"), "NOT_FOUND")
  expect(token_of(node:get("lock:acquire:door:carol:10")) > token, true)
end)

test("what is not held can be neither renewed nor released", function(node)
  expect(node:get("lock:holder:door"), nil)
  expect(node:get("lock:renew:door:alice:10"), "NOT_HELD")
  expect(node:get("lock:release:door:alice"), "NOT_HELD")
  node:get("lock:acquire:door:alice:10")
  expect(node:get("lock:release:door:alice"), "OK")
  expect(node:get("lock:release:door:alice"), "NOT_HELD")
end)

test("bad arguments are errors, and nobody gets the lock", function(node)
  expect_error(node:get("lock:acquire:door"), "owner is missing")
  expect_error(node:get("lock:acquire:door:"), "owner is empty")
  expect_error(node:get("lock:acquire:door:alice"), "seconds is missing")
  expect_error(node:get("lock:acquire:door:alice:0"), "seconds is below")
  expect_error(node:get("lock:acquire:door:alice:-5"), "seconds is below")
  expect_error(node:get("lock:acquire:door:alice:nan"), "seconds is not a number")
  expect_error(node:get("lock:acquire:door:alice:1e9"), "seconds is above")
  expect(node:get("lock:holder:door"), nil)
  expect(token_of(node:get("lock:acquire:door:bob:10")) ~= nil, true)
end)

test("at any time at most one of many holds the lock", function(node)
  local holder, ends, last = nil, 0, 0
  for _ = 1, 3000 do
    node:advance(math.random(0, 2000) / 1000)
    local owner = "o" .. math.random(4)
    local held = node:time() < ends - 1e-6 and holder or nil
    local what = math.random(3)
    if what == 1 then
      local seconds = math.random(5)
      local answer = node:get("lock:acquire:door:" .. owner .. ":" .. seconds)
      local token = token_of(answer)
      expect(token ~= nil, held == nil or held == owner)
      if token then
        expect(held == owner and token == last or token > last, true)
        holder, ends, last = owner, node:time() + seconds, token
      end
    elseif what == 2 then
      local answer = node:get("lock:release:door:" .. owner)
      expect(answer, held == owner and "OK" or "NOT_HELD")
      if answer == "OK" then ends = 0 end
    else
      expect(node:get("lock:holder:door"), held)
    end
  end
end)
