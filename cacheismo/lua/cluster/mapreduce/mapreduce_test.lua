test("prefixes of all nodes are counted, the largest first", function(n1, n2, n3)
  for i = 1, 30 do n1:set("user:" .. i, "x") end
  for i = 1, 20 do n1:set("page:" .. i .. ":html", "x") end
  n1:set("plain", "x")
  for _, node in ipairs({ n1, n2, n3 }) do
    expect(node:get("mapreduce:prefixes:all"),
      "user 30\r\npage 20\r\nplain 1\r\ncounted 51 keys on 3 of 3 nodes\r\n")
  end
  expect(n1:get("mapreduce:prefixes:all:1"), "user 30\r\ncounted 51 keys on 3 of 3 nodes\r\n")
end, 3)

test("another delimiter cuts elsewhere", function(n1)
  n1:set("a-b:c", "x")
  n1:set("a-b:d", "x")
  expect(n1:get("mapreduce:prefixes:all:10:-"), "a 2\r\ncounted 2 keys on 2 of 2 nodes\r\n")
end, 2)

test("more keys than one go takes are all counted", function(n1)
  for i = 1, 7000 do n1:set((i % 2 == 0 and "even:" or "odd:") .. i, "x") end
  expect(n1:get("mapreduce:prefixes:all"),
    "even 3500\r\nodd 3500\r\ncounted 7000 keys on 2 of 2 nodes\r\n")
end, 2)

test("a node that does not answer is named", function(n1, n2, n3)
  for i = 1, 30 do n1:set("user:" .. i, "x") end
  local there = 0
  for i = 1, 30 do if not n3:own("user:" .. i) then there = there + 1 end end
  n3:stop()
  local node = n1:get("cluster:owner:mapreduce$all") == "n2" and n2 or n1
  local answer = node:get("mapreduce:prefixes:all")
  if answer:find("SERVER_ERROR cluster: n3") then answer = node:get("mapreduce:prefixes:other") end
  expect(answer:match("user (%d+)\r\n"), tostring(there))
  expect(answer:match("counted.*"), "counted " .. there .. " keys on 2 of 3 nodes, not on n3\r\n")
end, 3)

test("arguments are checked", function(n1)
  expect_error(n1:get("mapreduce:prefixes:all:0"), "limit is below 1")
  expect_error(n1:get("mapreduce:prefixes:all:1:" .. ("x"):rep(11)), "delimiter")
end, 2)

test("without a cluster there is nothing to ask", function(node)
  expect_error(node:get("mapreduce:prefixes:all"), "this node is in no cluster")
end)

local function lines_of(answer)
  local lines = {}
  for line in answer:gmatch("([^\r]*)\r\n") do lines[#lines + 1] = line end
  return lines
end

test("keys of all nodes that are used much are told, the most used first", function(n1, n2, n3)
  local uses = { ["hot:1"] = 12000, ["warm:2"] = 4000 }
  for i = 1, 300 do n1:set("cold:" .. i, "x") end
  for key, count in pairs(uses) do
    n1:set(key, "x")
    for _ = 1, count do n1:get(key) end
  end
  for _ = 1, 2000 do n2:get("counter:incr:c:1") end
  local lines = lines_of(n3:get("mapreduce:top:all:3"))
  for i, expected in ipairs({ { "hot:1", 12000 }, { "warm:2", 4000 }, { "counter$c", 2000 } }) do
    local key, count = lines[i]:match("^(%S+) (%d+)$")
    expect(key, expected[1])
    expect_about(tonumber(count), expected[2], expected[2] / 2)
  end
  expect(lines[4]:match("accesses on 3 of 3 nodes$"), "accesses on 3 of 3 nodes")
  expect(#lines, 4)
end, 3)

test("half of the accesses is forgotten each minute", function(n1, n2)
  n1:set("hot", "x")
  for _ = 1, 6400 do n1:get("hot") end
  local before = tonumber(n1:get("mapreduce:top:all"):match("^hot (%d+)"))
  n1:advance(61)
  local behind = tonumber(n2:get("mapreduce:top:all"):match("^hot (%d+)"))
  expect_about(behind, before / 2, 64)
  n1:advance(3600)
  expect(n1:get("mapreduce:top:all"), "counted 0 accesses on 2 of 2 nodes\r\n")
end, 2)
