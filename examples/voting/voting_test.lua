-- voting: votes, changes of mind, bad arguments; then random votes against a plain table.

test("votes are counted", function(node)
  expect(node:get("voting:new:lunch:pizza:soup"), "CREATED")
  expect(node:get("voting:vote:lunch:ann:soup"), "SUCCESS")
  expect(node:get("voting:vote:lunch:bob:soup"), "SUCCESS")
  expect(node:get("voting:result:lunch"), '{"pizza":0,"soup":2}')
end)

test("who votes again changes the vote", function(node)
  node:get("voting:new:lunch:pizza:soup")
  node:get("voting:vote:lunch:ann:soup")
  node:get("voting:vote:lunch:ann:pizza")
  expect(node:get("voting:result:lunch"), '{"pizza":1,"soup":0}')
end)

test("a vote needs a person", function(node)
  node:get("voting:new:lunch:pizza:soup")
  expect_error(node:get("voting:vote:lunch"), "person is missing")
end)

test("what is not to choose gets no vote, and takes none away", function(node)
  node:get("voting:new:lunch:pizza:soup")
  node:get("voting:vote:lunch:ann:soup")
  expect(node:get("voting:vote:lunch:ann:salad"), "NO_SUCH_CHOICE")
  expect_error(node:get("voting:vote:lunch:ann"), "choice is missing")
  expect(node:get("voting:result:lunch"), '{"pizza":0,"soup":1}')
end)

test("a vote needs choices, and a question that was asked", function(node)
  expect_error(node:get("voting:new:lunch"), "choices are missing")
  expect(node:get("voting:vote:lunch:ann:soup"), "ERROR_CACHE_MISS")
end)

test("a question is over when its time is", function(node)
  node:get("voting:new:lunch:pizza:soup")
  expect(node:touch("voting$lunch", 60), "TOUCHED")
  node:advance(59)
  expect(node:get("voting:vote:lunch:ann:soup"), "SUCCESS")
  node:advance(2)
  expect(node:get("voting:vote:lunch:ann:soup"), "ERROR_CACHE_MISS")
end)

test("any votes come to what a plain table comes to", function(node)
  node:get("voting:new:lunch:a:b:c")
  local voters = {}
  for _ = 1, 300 do
    local person, choice = "p" .. math.random(30), ("abc"):sub(math.random(3)):sub(1, 1)
    node:get("voting:vote:lunch:" .. person .. ":" .. choice)
    voters[person] = choice
  end
  local votes = { a = 0, b = 0, c = 0 }
  for _, choice in pairs(voters) do votes[choice] = votes[choice] + 1 end
  expect(node:get("voting:result:lunch"),
         ('{"a":%d,"b":%d,"c":%d}'):format(votes.a, votes.b, votes.c))
end)
