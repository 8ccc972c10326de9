// Goal: types in the style of the original run as they are, and answer what they answered. Method:
// whole scripts, in the Lua 5.1 of their time, on a MapHost; answers are compared byte by byte.

#include "cacheismo/lua/original_case.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cacheismo::lua {
namespace {

using Scripts = OriginalScripts;

// ---- Types as they were written then ------------------------------------------------------------

constexpr const char* bag = R"(
local function create()
  local bag = {}
  return bag
end

local function handleNEW(command, originalKey, cacheKey)
  executeNew(command, originalKey, "bag", cacheKey, function() return create() end)
end

local function handlePUT(command, originalKey, cacheKey, member)
  executeReadWrite(command, originalKey, "bag", cacheKey,
    function(o, m)
      o[m] = 1
      return "SUCCESS"
    end,
    member)
end

local function handleGETALL(command, originalKey, cacheKey)
  executeReadOnly(command, originalKey, "bag", cacheKey,
    function(o)
      local members = {}
      for k, v in pairs(o) do table.insert(members, k) end
      table.sort(members)
      return table.concat(members, "\r\n")
    end)
end

-- a global function, and both objects fetched by hand
function union(a, b)
  local all = table.clone(a)
  for k, v in pairs(b) do all[k] = 1 end
  local count = 0
  for k in pairs(all) do count = count + 1 end
  return count
end

local function handleUNION(command, originalKey, key1, key2)
  local hashMap = getHashMap()
  local item1 = hashMap:get("bag$" .. key1)
  local item2 = hashMap:get("bag$" .. key2)
  if (item1 ~= nil and item2 ~= nil) then
    local object1 = table:unmarshal(item1:getData())
    item1:delete()
    local object2 = table:unmarshal(item2:getData())
    item2:delete()
    writeStringAsValue(command, originalKey, union(object1, object2))
    return
  end
  writeStringAsValue(command, originalKey, "ERROR_CACHE_MISS")
end

bag = { new = handleNEW, put = handlePUT, getall = handleGETALL, union = handleUNION }

return bag
)";

TEST(Original, ABagOfStringsRunsAsItIs) {
  Scripts scripts("bag.lua", bag);
  ASSERT_EQ(scripts.error, "");
  EXPECT_EQ(scripts.value("bag:put:k:a"), "ERROR_CACHE_MISS");
  EXPECT_EQ(scripts.get("bag:new:k"), "VALUE bag:new:k 0 7\r\nCREATED\r\n");
  EXPECT_EQ(scripts.value("bag:put:k:b"), "SUCCESS");
  EXPECT_EQ(scripts.value("bag:put:k:a%3A"), "SUCCESS");
  EXPECT_EQ(scripts.value("bag:getall:k"), "a:\r\nb");
  EXPECT_EQ(scripts.value("bag:union:k:other"), "ERROR_CACHE_MISS");
  EXPECT_EQ(scripts.value("bag:new:other"), "CREATED");
  EXPECT_EQ(scripts.value("bag:put:other:c"), "SUCCESS");
  EXPECT_EQ(scripts.value("bag:union:k:other"), "3");
  EXPECT_EQ(scripts.value("bag:new:k"), "CREATED");
  EXPECT_EQ(scripts.value("bag:getall:k"), "");
  ASSERT_TRUE(scripts.host.items.contains("bag$k"));
  EXPECT_EQ(scripts.host.items["bag$k"].value, std::string("\xD1\0", 2));
}

constexpr const char* meter = R"(
local periods = { day = 1, hour = 1 }

local function findExpiresAt(period)
  local current = os.date("*t")
  if (period == "day") then
    current.day = current.day + 1
    current.hour = 0
  else
    current.hour = current.hour + 1
  end
  current.min = 0
  current.sec = 1
  return os.time(current)
end

local function new(limit, period)
  if (periods[period] == nil) then return nil end
  local object = {}
  object.limit = tonumber(limit)
  object.type = period
  object.count = 0
  object.expiresAt = findExpiresAt(period)
  return object
end

local function add(object, value)
  if (os.time() > object.expiresAt) then
    object.count = 0
    object.expiresAt = findExpiresAt(object.type)
  end
  local n = 1
  if (value ~= nil) then n = tonumber(value) end
  if (object.count + n > object.limit) then return "FULL" end
  object.count = object.count + n
  return "OK"
end

meter = {
  new = function(command, originalKey, cacheKey, limit, period)
    executeNew(command, originalKey, "meter", cacheKey, new, limit, period)
  end,
  add = function(command, originalKey, cacheKey, value)
    executeReadWrite(command, originalKey, "meter", cacheKey, add, value)
  end,
  reset = function(command, originalKey, cacheKey)
    executeReadWrite(command, originalKey, "meter", cacheKey,
      function(o) o.count = 0; return "OK" end, value) -- a global that nobody has set
  end,
  load = function(command, originalKey, cacheKey, ...)
    local factors = { ... }
    executeReadOnly(command, originalKey, "meter", cacheKey,
      function(o, ...) return o.count / unpack(factors) end)
  end,
}
)";

TEST(Original, AMeterWithCalendarPeriodsRunsAsItIs) {
  Scripts scripts("meter.lua", meter);
  ASSERT_EQ(scripts.error, "");
  EXPECT_EQ(scripts.value("meter:new:m:10:century"), "NOT_CREATED");
  EXPECT_EQ(scripts.value("meter:new:m:10:hour"), "CREATED");
  EXPECT_EQ(scripts.value("meter:add:m:9"), "OK");
  EXPECT_EQ(scripts.value("meter:add:m"), "OK");
  EXPECT_EQ(scripts.value("meter:add:m"), "FULL");
  // 5.4 divides 10 by 2 to 5.0; its answer is that of its time.
  EXPECT_EQ(scripts.value("meter:load:m:2"), "5");
  EXPECT_EQ(scripts.value("meter:load:m:4"), "2.5");
  scripts.host.now_ns += 3'602'000'000'000;
  EXPECT_EQ(scripts.value("meter:add:m:3"), "OK");
  EXPECT_EQ(scripts.value("meter:reset:m"), "OK");
  EXPECT_EQ(scripts.value("meter:add:m:10"), "OK");
}

TEST(Original, ATypeThatIsOnlyReturnedIsFoundUnderTheNameOfItsFile) {
  Scripts scripts("ring.lua", R"(
    local ring = {}
    function ring.echo(command, originalKey, cacheKey, ...)
      local arguments = { ... }
      local text = cacheKey .. select("#", ...) .. tostring(arguments[1])
      writeStringAsValue(command, originalKey, text)
    end
    return ring)");
  ASSERT_EQ(scripts.error, "");
  EXPECT_EQ(scripts.value("ring:echo:k"), "k0nil");
  EXPECT_EQ(scripts.value("ring:echo:k:x:y"), "k2x");
  EXPECT_NE(scripts.get("ring:echo").find("the object's key is missing"), std::string::npos);
  EXPECT_EQ(scripts.get("ring:lost:k"), "an ordinary key");
}

TEST(Original, AnObjectKeepsItsExpiryUnlessTheScriptAsksForAnother) {
  Scripts scripts("t.lua", R"(
    local function touch(o) o.n = (o.n or 0) + 1; return o.n end
    return {
      new = function(command, originalKey, cacheKey, seconds)
        command:setExpiryTime(tonumber(seconds))
        executeNew(command, originalKey, "t", cacheKey, function() return {} end)
      end,
      use = function(command, originalKey, cacheKey)
        executeReadWrite(command, originalKey, "t", cacheKey, touch)
      end,
      renew = function(command, originalKey, cacheKey, seconds)
        command:setExpiryTime(tonumber(seconds))
        executeReadWrite(command, originalKey, "t", cacheKey, touch)
      end,
    })");
  ASSERT_EQ(scripts.error, "");
  const auto expiry = [&] { return scripts.host.items["t$k"].expiry_unix_seconds; };
  EXPECT_EQ(scripts.value("t:new:k:100"), "CREATED");
  EXPECT_EQ(expiry(), 1'700'000'100);
  scripts.host.now_ns += 10'000'000'000;
  EXPECT_EQ(scripts.value("t:use:k"), "1");
  EXPECT_EQ(expiry(), 1'700'000'100);
  EXPECT_EQ(scripts.value("t:renew:k:100"), "2");
  EXPECT_EQ(expiry(), 1'700'000'110);
  EXPECT_EQ(scripts.value("t:renew:k:1800000000"), "3");
  EXPECT_EQ(expiry(), 1'800'000'000);
  EXPECT_EQ(scripts.value("t:renew:k:-1"), "4");
  EXPECT_FALSE(scripts.host.items.contains("t$k"));
  EXPECT_EQ(scripts.value("t:new:k:0"), "CREATED");
  EXPECT_EQ(scripts.value("t:use:k"), "1");
  EXPECT_EQ(expiry(), 0);
}

// ---- Answers ------------------------------------------------------------------------------------
TEST(Original, ResultsOfEveryTypeHaveAText) {
  Scripts scripts({method(R"(
    local values = { s = "text", i = 7, f = 7.0, h = 0.5, b = true, t = { 1, 2 }, e = "" }
    writeStringAsValue(command, key, values[...])
  )")});
  ASSERT_EQ(scripts.error, "");
  EXPECT_EQ(scripts.value("t:m:k:s"), "text");
  EXPECT_EQ(scripts.value("t:m:k:i"), "7");
  EXPECT_EQ(scripts.value("t:m:k:f"), "7");
  EXPECT_EQ(scripts.value("t:m:k:h"), "0.5");
  EXPECT_EQ(scripts.value("t:m:k:b"), "true");
  EXPECT_EQ(scripts.value("t:m:k:t"), "[1,2]");
  EXPECT_EQ(scripts.value("t:m:k:e"), "");
  EXPECT_EQ(scripts.get("t:m:k:none"), "") << "nil is a miss";
}

TEST(Original, WhatIsWrittenIsSentAsItIsAndAnErrorTakesItBack) {
  Scripts scripts({method(R"(
    command:writeString("VALUE a 0 1\r\nx\r\n")
    command:writeString(12)
    if ... then error("too bad") end
  )")});
  EXPECT_EQ(scripts.get("t:m:k"), "VALUE a 0 1\r\nx\r\n12");
  const std::string text = scripts.get("t:m:k:now");
  EXPECT_TRUE(text.starts_with("SERVER_ERROR script t.lua:")) << text;
  EXPECT_NE(text.find("too bad id="), std::string::npos) << text;
  EXPECT_EQ(text.find("VALUE"), std::string::npos) << text;
}

TEST(Original, AnAnswerThatBecomesTooLargeIsAnError) {
  Scripts scripts({method(R"(
    local piece = string.rep(string.rep("x", 1000), 300)
    for i = 1, 5 do command:writeString(piece) end
  )")});
  const std::string text = scripts.get("t:m:k");
  EXPECT_NE(text.find("the answer becomes too large"), std::string::npos) << text.substr(0, 200);
}

TEST(Original, AHandlerMayWait) {
  Scripts scripts({method(R"(
    command:writeString("before ")
    sleep(0.5)
    command:writeString("after " .. command:getKey())
  )")});
  EXPECT_EQ(scripts.get("t:m:k"), "before after t:m:k");
  EXPECT_EQ(scripts.waits, 1);
}

TEST(Original, AValueComesFromAnotherServerAloneOrIsNil) {
  Scripts scripts({method(R"(
    local all = {}
    table.insert(all, command:getFromServer("h1:11211", "a"))
    local absent, more = command:getFromServer("h2:11211", "a")
    writeStringAsValue(command, key, all[1] .. tostring(absent) .. tostring(more))
  )")});
  scripts.elsewhere["h1:11211 a"] = "x";
  EXPECT_EQ(scripts.value("t:m:k"), "xnilnil");
  EXPECT_EQ(scripts.waits, 2);
}

TEST(Original, ManyValuesComeFromManyServersAsATableForEach) {
  Scripts scripts({method(R"(
    local values, more = command:getInParallel({
      ["h1:11211"] = { "a", "set:count:k" }, ["h2:11211"] = "b", ["h3:11211"] = { "c" } })
    local lines = {}
    for server, found in pairs(values) do
      local count = 0
      for name, data in pairs(found) do
        count = count + 1
        lines[#lines + 1] = server .. " " .. name .. "=" .. data
      end
      if count == 0 then lines[#lines + 1] = server .. " nothing" end
    end
    table.sort(lines)
    writeStringAsValue(command, key, table.concat(lines, ",") .. tostring(more))
  )")});
  scripts.elsewhere["h1:11211 a"] = "x";
  scripts.elsewhere["h1:11211 set:count:k"] = "3";
  scripts.elsewhere["h2:11211 b"] = "y";
  EXPECT_EQ(scripts.value("t:m:k"),
            "h1:11211 a=x,h1:11211 set:count:k=3,h2:11211 b=y,h3:11211 nothingnil");
  EXPECT_EQ(scripts.waits, 1);
}

TEST(Original, WrongArgumentsForAnotherServerAreCountedFromTheFirst) {
  Scripts scripts({method("command:getFromServer(...)")});
  EXPECT_NE(scripts.get("t:m:k::key").find("bad argument #1 to 'getFromServer' (a server is"),
            std::string::npos);
  EXPECT_NE(scripts.get("t:m:k:h1").find("bad argument #2 to 'getFromServer'"), std::string::npos);
  Scripts parallel({method("command:getInParallel(...)")});
  EXPECT_NE(parallel.get("t:m:k:h1").find("bad argument #1 to 'getInParallel' (a table {server"),
            std::string::npos);
}

TEST(Original, ACommandThatWasTakenOverMayAskAnotherServer) {
  Scripts scripts("proxy.lua", R"(
    command.get = function(cmd)
      local value = cmd:getFromServer("h1:11211", cmd:getKey())
      if value then writeStringAsValue(cmd, cmd:getKey(), value) end
      cmd:writeString("END\r\n")
    end
  )");
  scripts.elsewhere["h1:11211 a"] = "x";
  EXPECT_EQ(scripts.run({.verb = Verb::get, .key = "a"}), "VALUE a 0 1\r\nx\r\nEND\r\n");
  EXPECT_EQ(scripts.run({.verb = Verb::get, .key = "b"}), "END\r\n");
}

TEST(Original, ADataBlockIsTheLastArgumentAndTheCommandsData) {
  Scripts scripts({method(R"(
    local first, second = ...
    command:writeString(command:getCommand() .. " " .. first .. " " .. tostring(second) .. " " ..
                        command:getData() .. command:getDataSize())
  )")});
  EXPECT_EQ(scripts.get("t:m:k:a", "\r\n"), "set a \r\n \r\n2");
  EXPECT_EQ(scripts.get("t:m:k:a"), "get a nil 0");
}

// ---- The rest -----------------------------------------------------------------------------------

TEST(Original, ARingOfServersSpreadsKeysAndPassesOverTheUnavailable) {
  Scripts scripts({method(R"(
    local counts = {}
    for i = 1, 3000 do
      local server = ring:findServerForKey("key" .. i)
      counts[server] = (counts[server] or 0) + 1
    end
    assert(ring:getServerCount() == 3)
    for _, name in ipairs({ "a:1", "b:1", "c:1" }) do
      assert(counts[name] > 600 and counts[name] < 1500, counts[name])
    end
    local before = {}
    for i = 1, 300 do before[i] = ring:findServerForKey("key" .. i) end
    assert(ring:isServerAvailable("b:1") == 1 and ring:isServerAvailable("d:1") == 0)
    ring:setServerAvailable("b:1", 0)
    assert(ring:isServerAvailable("b:1") == 0)
    for i = 1, 300 do
      local now = ring:findServerForKey("key" .. i)
      assert(now ~= "b:1")
      assert(before[i] == "b:1" or before[i] == now, "only the keys of b move")
    end
    ring:setServerAvailable(1, "b:1") -- the order of the original
    for i = 1, 300 do assert(before[i] == ring:findServerForKey("key" .. i)) end
    for _, name in ipairs({ "a:1", "b:1", "c:1" }) do ring:setServerAvailable(name, false) end
    assert(ring:findServerForKey("k") == nil)
    assert(newConsistent(" ,\t") == nil)
    assert(not pcall(ring.setServerAvailable, ring, "d:1", 1))
    deleteConsistent(ring)
    assert(not pcall(ring.getServerCount, ring))
    command:writeString("done")
  )",
                          R"(ring = newConsistent("a:1, b:1,c:1"))")});
  ASSERT_EQ(scripts.error, "");
  EXPECT_EQ(scripts.get("t:m:k"), "done");
}

TEST(Original, TheLevelOfTheLogIsSet) {
  Scripts scripts({method("setLogLevel(tonumber(...)) command:writeString('set')")});
  EXPECT_EQ(scripts.get("t:m:k:3"), "set");
  EXPECT_EQ(scripts.host.log_level, Level::error);
  EXPECT_NE(scripts.get("t:m:k:4").find("3 error"), std::string::npos);
}
}  // namespace
}  // namespace cacheismo::lua
