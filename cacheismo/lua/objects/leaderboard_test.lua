-- leaderboard: order, ties and neighbours by hand, then random changes against a sorted list.

test("members are listed by score, highest first", function(node)
  expect(node:get("leaderboard:add:game:alice:100"), "SUCCESS")
  expect(node:get("leaderboard:add:game:bob:70"), "SUCCESS")
  expect(node:get("leaderboard:add:game:carol:90"), "SUCCESS")
  expect(node:get("leaderboard:top:game"), "1 100 alice\r\n2 90 carol\r\n3 70 bob\r\n")
  expect(node:get("leaderboard:top:game:2"), "1 100 alice\r\n2 90 carol\r\n")
  expect(node:get("leaderboard:rank:game:carol"), "2")
  expect(node:get("leaderboard:score:game:carol"), "90")
  expect(node:get("leaderboard:count:game"), "3")
end)

test("equal scores go by name", function(node)
  node:get("leaderboard:add:game:b:1")
  node:get("leaderboard:add:game:c:1")
  node:get("leaderboard:add:game:a:1")
  expect(node:get("leaderboard:top:game"), "1 1 a\r\n2 1 b\r\n3 1 c\r\n")
end)

test("a new score moves a member and does not count", function(node)
  node:get("leaderboard:add:game:a:1")
  node:get("leaderboard:add:game:b:2")
  node:get("leaderboard:add:game:a:3")
  node:get("leaderboard:add:game:a:3")
  expect(node:get("leaderboard:top:game"), "1 3 a\r\n2 2 b\r\n")
  expect(node:get("leaderboard:count:game"), "2")
end)

test("an increment begins at 0 and answers the new score", function(node)
  expect(node:get("leaderboard:incr:game:a:5"), "5")
  expect(node:get("leaderboard:incr:game:a"), "6")
  expect(node:get("leaderboard:incr:game:a:-10"), "-4")
  expect(node:get("leaderboard:incr:game:a:0.5"), "-3.5")
end)

test("the neighbours of a member are listed up to the ends", function(node)
  for i = 1, 9 do node:get("leaderboard:add:game:m" .. i .. ":" .. -i) end
  expect(node:get("leaderboard:around:game:m5:1"), "4 -4 m4\r\n5 -5 m5\r\n6 -6 m6\r\n")
  expect(node:get("leaderboard:around:game:m1:1"), "1 -1 m1\r\n2 -2 m2\r\n")
  expect(node:get("leaderboard:around:game:m9:1"), "8 -8 m8\r\n9 -9 m9\r\n")
  expect(node:get("leaderboard:around:game:m5:0"), "5 -5 m5\r\n")
  local _, lines = node:get("leaderboard:around:game:m5"):gsub("\r\n", "")
  expect(lines, 9)
end)

test("who is not there has no score, no rank and no neighbours", function(node)
  expect(node:get("leaderboard:score:game:a"), nil)
  node:get("leaderboard:add:game:b:1")
  expect(node:get("leaderboard:score:game:a"), nil)
  expect(node:get("leaderboard:rank:game:a"), nil)
  expect(node:get("leaderboard:around:game:a"), nil)
  expect(node:get("leaderboard:remove:game:a"), "NOT_FOUND")
end)

test("a leaderboard without members is not kept", function(node)
  expect(node:get("leaderboard:count:game"), "0")
  expect(node:get("leaderboard:top:game"), "")
  node:get("leaderboard:add:game:a:1")
  expect(node:get("leaderboard:remove:game:a"), "SUCCESS")
  expect(node:get("leaderboard:count:game"), "0")
  expect(node:delete("leaderboard$game"), "NOT_FOUND")
end)

test("scores beyond whole numbers of floats round, and members are found again", function(node)
  node:get("leaderboard:add:game:a:9007199254740993")
  node:get("leaderboard:add:game:b:9007199254740992")
  node:get("leaderboard:add:game:c:9223372036854775807")
  expect(node:get("leaderboard:rank:game:a"), "2")
  expect(node:get("leaderboard:remove:game:a"), "SUCCESS")
  expect(node:get("leaderboard:remove:game:c"), "SUCCESS")
  expect(node:get("leaderboard:remove:game:b"), "SUCCESS")
end)

test("bad members and scores are errors and change nothing", function(node)
  node:get("leaderboard:add:game:a:1")
  expect_error(node:get("leaderboard:add:game:a"), "score is missing")
  expect_error(node:get("leaderboard:add:game:a:x"), "score is not a number")
  expect_error(node:get("leaderboard:add:game:a:nan"), "score is not a number")
  expect_error(node:get("leaderboard:add:game"), "member is missing")
  expect_error(node:get("leaderboard:add:game::1"), "member is empty")
  expect_error(node:set("leaderboard:score:game", ("m"):rep(201)), "member has more than 200 bytes")
  expect_error(node:get("leaderboard:top:game:0"), "count is below 1")
  expect_error(node:get("leaderboard:top:game:1001"), "count is above 1000")
  node:get("leaderboard:add:game:a:1.7e308")
  expect_error(node:get("leaderboard:incr:game:a:1.7e308"), "the new score is not a number")
  expect(node:get("leaderboard:top:game"), "1 1.7e+308 a\r\n")
end)

test("a leaderboard expires with its item", function(node)
  node:get("leaderboard:add:game:a:1")
  node:touch("leaderboard$game", 5)
  node:advance(6)
  expect(node:get("leaderboard:count:game"), "0")
end)

test("members that arrive in order are found as fast and as well", function(node)
  for i = 1, 2000 do node:get("leaderboard:add:game:m" .. i .. ":" .. i) end
  for i = 1, 2000, 37 do
    expect(node:get("leaderboard:rank:game:m" .. i), tostring(2001 - i))
  end
end)

test("random changes give what a sorted list gives", function(node)
  local scores = {}
  for round = 1, 3000 do
    local member = "m" .. math.random(80)
    local what = math.random(4)
    if what == 1 then
      node:get("leaderboard:remove:game:" .. member)
      scores[member] = nil
    elseif what == 2 then
      local by = math.random(-3, 3)
      node:get("leaderboard:incr:game:" .. member .. ":" .. by)
      scores[member] = (scores[member] or 0) + by
    else
      local score = math.random(-20, 20)
      node:get("leaderboard:add:game:" .. member .. ":" .. score)
      scores[member] = score
    end
    if round % 100 == 0 then
      local order = {}
      for name in pairs(scores) do order[#order + 1] = name end
      table.sort(order, function(a, b)
        if scores[a] ~= scores[b] then return scores[a] > scores[b] end
        return a < b
      end)
      local lines = {}
      for place, name in ipairs(order) do
        lines[place] = place .. " " .. scores[name] .. " " .. name .. "\r\n"
        expect(node:get("leaderboard:rank:game:" .. name), tostring(place))
      end
      expect(node:get("leaderboard:top:game:1000"), table.concat(lines))
      expect(node:get("leaderboard:count:game"), tostring(#order))
      local middle = #order // 2
      expect(node:get("leaderboard:around:game:" .. order[middle] .. ":3"),
             table.concat(lines, "", math.max(1, middle - 3), math.min(#order, middle + 3)))
    end
  end
end)
