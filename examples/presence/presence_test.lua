-- presence: who is listed when, to the millisecond, and who is forgotten.

test("people are listed in the order of their coming", function(node)
  expect(node:get("presence:list:hall"), "{}")
  node:get("presence:here:hall:zoe")
  node:advance(1)
  node:get("presence:here:hall:ann")
  expect(node:get("presence:list:hall"), '["zoe","ann"]')
  node:advance(1)
  node:get("presence:here:hall:zoe")
  expect(node:get("presence:list:hall"), '["ann","zoe"]')
end)

test("who left is listed for five minutes, or as long as was asked for", function(node)
  node:get("presence:here:hall:ann")
  node:advance(10)
  expect(node:get("presence:list:hall:10"), '["ann"]')
  expect(node:get("presence:list:hall:9.999"), "{}")
  node:advance(290)
  expect(node:get("presence:list:hall"), '["ann"]')
  node:advance(0.001)
  expect(node:get("presence:list:hall"), "{}")
end)

test("who was not here for an hour is forgotten, and an empty place is too", function(node)
  node:get("presence:here:hall:ann")
  node:advance(1800)
  node:get("presence:here:hall:bob")
  node:advance(1801)
  node:get("presence:here:hall:eve")
  expect(node:get("presence:list:hall:3600"), '["bob","eve"]')
  node:advance(3602)
  expect(node:delete("presence$hall"), "NOT_FOUND")
end)

test("bad arguments are errors", function(node)
  expect_error(node:get("presence:here:hall"), "person is missing")
  expect_error(node:get("presence:here:hall:"), "person is empty")
  expect_error(node:get("presence:list:hall:3601"), "seconds is above 3600")
end)

test("any comings and goings are listed as a plain table has them", function(node)
  local seen = {}
  for _ = 1, 500 do
    node:advance(math.random(0, 20))
    local person = "p" .. math.random(40)
    node:get("presence:here:hall:" .. person)
    seen[person] = node:time()
    local count = 0
    for _, time in pairs(seen) do
      if node:time() - time <= 60.0005 then count = count + 1 end
    end
    local _, names = node:get("presence:list:hall:60"):gsub('"p%d+"', "")
    expect(names, count)
  end
end)
