// Goal: scripts in the style of the original run as they are, and what they do wrong is an error and
// no crash. Method: whole scripts, in the Lua 5.1 of their time, on a MapHost; the answers are
// compared byte by byte.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/lua/engine.h"
#include "cacheismo/lua/map_host.h"
#include "cacheismo/lua/test_vm.h"

namespace cacheismo::lua {
namespace {

class Scripts {
 public:
  explicit Scripts(const std::vector<Script>& scripts)
      : heap_(region_.span()), engine_(heap_, host, {}) {
    const auto loaded = engine_.load(scripts);
    if (!loaded) error = loaded.error();
  }
  Scripts(const std::string& name, const std::string& source)
      : Scripts({Script{.name = name, .source = source}}) {}

  /// What a client would see of `get key`, without the END; "waiting" is resumed.
  std::string get(const std::string& key, std::optional<Bytes> data = std::nullopt) {
    Bytes rest;
    const Method* method = engine_.find(key, rest);
    if (method == nullptr) return "an ordinary key";
    return text(engine_.call(*method, rest, data));
  }
  /// The value that `get key` answers.
  std::string value(const std::string& key) {
    const std::string text = get(key);
    const std::string head = "VALUE " + key + " 0 ";
    if (!text.starts_with(head)) return text;
    const std::size_t line = text.find("\r\n");
    const std::size_t size = std::stoul(text.substr(head.size()));
    EXPECT_EQ(text.size(), line + 2 + size + 2);
    return text.substr(line + 2, size);
  }
  std::string run(CommandData command) {
    const Method* method = engine_.takes_over(command.verb);
    if (method == nullptr) return "not taken over";
    return text(engine_.call_command(*method, std::move(command)));
  }

  MapHost host;
  std::string error;  ///< of loading
  int waits = 0;

 private:
  std::string text(Answer answer) {
    while (answer.is == Answer::Is::waiting) {
      ++waits;
      EXPECT_EQ(host.open_states(), 0u);
      answer = engine_.resume(answer.call);
    }
    EXPECT_EQ(host.open_states(), 0u);
    EXPECT_EQ(engine_.audit(), std::nullopt);
    switch (answer.is) {
      case Answer::Is::raw: return std::string(answer.text);
      case Answer::Is::error: return "SERVER_ERROR " + std::string(answer.text);
      case Answer::Is::value: return "value " + std::string(answer.text);
      default: return "miss";
    }
  }

  TestRegion region_{16u << 20};
  Heap heap_;
  Engine engine_;
};

std::string block(const std::string& key, const std::string& value, int flags = 0) {
  return "VALUE " + key + " " + std::to_string(flags) + " " + std::to_string(value.size()) +
         "\r\n" + value + "\r\n";
}

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
      writeStringAsValue(command, originalKey, cacheKey .. select("#", ...) .. tostring(arguments[1]))
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

/// A type "t" whose method m has the body `body`, with parameters (command, key, cacheKey, ...).
Script method(const std::string& body, const std::string& before = "") {
  return {.name = "t.lua",
          .source =
              before + "\nreturn { m = function(command, key, cacheKey, ...) " + body + "\nend }"};
}

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

TEST(Original, ADataBlockIsTheLastArgumentAndTheCommandsData) {
  Scripts scripts({method(R"(
    local first, second = ...
    command:writeString(command:getCommand() .. " " .. first .. " " .. tostring(second) .. " " ..
                        command:getData() .. command:getDataSize())
  )")});
  EXPECT_EQ(scripts.get("t:m:k:a", "\r\n"), "set a \r\n \r\n2");
  EXPECT_EQ(scripts.get("t:m:k:a"), "get a nil 0");
}

// ---- HashMap and CacheItem ----------------------------------------------------------------------

TEST(Original, AnItemShowsAllThatIsKnownOfIt) {
  Scripts scripts({method(R"(
    local map = getHashMap()
    local item = map:get(cacheKey)
    if item == nil then return writeStringAsValue(command, key, "none") end
    writeStringAsValue(command, key, table.concat({ item:getKey(), item:getKeySize(),
      item:getExpiryTime(), item:getFlags(), item:getDataSize(), item:getData() }, " "))
  )")});
  scripts.host.items["a"] = {
      .value = "x\ny", .client_flags = 9, .expiry_unix_seconds = 1'900'000'000};
  scripts.host.items["b"] = {.value = ""};
  EXPECT_EQ(scripts.value("t:m:a"), "a 1 1900000000 9 3 x\ny");
  EXPECT_EQ(scripts.value("t:m:b"), "b 1 4294967295 0 0 ");
  EXPECT_EQ(scripts.value("t:m:c"), "none");
  EXPECT_EQ(scripts.value("t:m:"), "none");
}

TEST(Original, ItemsArePutDeletedAndFoundByPrefix) {
  Scripts scripts({method(R"(
    local map = getHashMap()
    for _, name in ipairs({ "p:2", "p:1", "q" }) do
      command:setKey(name)
      command:setData("of " .. name)
      command:setFlags(5)
      map:put(command:newCacheItem())
    end
    map:delete("q")
    map:delete("")
    local keys = map:getPrefixMatchingKeys("p:")
    writeStringAsValue(command, key, table.concat(keys, " ") ..
      tostring(map:getPrefixMatchingKeys("z")))
  )")});
  scripts.host.keys_per_scan = 1;
  EXPECT_EQ(scripts.value("t:m:k"), "p:1 p:2nil");
  EXPECT_GT(scripts.waits, 0) << "a long walk lets others run";
  EXPECT_EQ(scripts.host.items["p:1"].value, "of p:1");
  EXPECT_EQ(scripts.host.items["p:1"].client_flags, 5u);
}

TEST(Original, AWalkInsideOfAPcallOrAComparatorGoesOnToTheEnd) {
  Scripts scripts({method(R"(
    local map = getHashMap()
    local good, keys = pcall(map.getPrefixMatchingKeys, map, "")
    local found
    table.sort({ 2, 1 }, function(a, b) found = map:getPrefixMatchingKeys("") return a < b end)
    writeStringAsValue(command, key, #keys .. " " .. #found)
  )")});
  scripts.host.keys_per_scan = 1;
  for (const char* name : {"a", "b", "c"}) scripts.host.items[name] = {.value = "x"};
  EXPECT_EQ(scripts.value("t:m:k"), "3 3");
}

TEST(Original, DeleteLruDropsUntilThereIsRoom) {
  Scripts scripts(
      {method("writeStringAsValue(command, key, getHashMap():deleteLRU(tonumber(...)))")});
  for (int i = 100; i < 900; ++i)
    scripts.host.items[std::to_string(i)] = {.value = "1234567"};  // 10 bytes each
  EXPECT_EQ(scripts.value("t:m:k:15"), "20");
  EXPECT_EQ(scripts.host.items.size(), 798u);
  EXPECT_EQ(scripts.value("t:m:k:0"), "0");
  EXPECT_EQ(scripts.value("t:m:k:68719476736"), "7980");
  EXPECT_GT(scripts.waits, 1);
  EXPECT_TRUE(scripts.host.items.empty());
}

TEST(Original, WhatIsUsedTooLateIsAnError) {
  Scripts scripts({method(R"(
    local what = ...
    local map = getHashMap()
    command:setKey("x")
    local item = command:newCacheItem()
    if what == "item" then item:delete() return item:getData() end
    if what == "put" then item:delete() return map:put(item) end
    if what == "twice" then item:delete() return item:delete() end
    if what == "keep" then keep.command, keep.item = command, item return end
    if what == "command" then return keep.command:getKey() end
    if what == "old" then return keep.item:getData() end
    if what == "write" then return command:writeCacheItem(keep.item) end
    if what == "wrong" then return map.get(item, "k") end
    if what == "colon" then return map.get("k") end
  )",
                          "keep = {}")});
  ASSERT_EQ(scripts.error, "");
  const auto fails = [&](const std::string& what, const std::string& text) {
    const std::string answer = scripts.get("t:m:k:" + what);
    EXPECT_TRUE(answer.starts_with("SERVER_ERROR script t.lua:")) << answer;
    EXPECT_NE(answer.find(text), std::string::npos) << answer;
  };
  fails("item", "this CacheItem was deleted");
  fails("put", "this CacheItem was deleted");
  fails("twice", "this CacheItem was deleted");
  EXPECT_EQ(scripts.get("t:m:k:keep"), "");
  fails("command", "this Command belongs to a call that has ended");
  fails("old", "this CacheItem belongs to a call that has ended");
  fails("write", "this CacheItem belongs to a call that has ended");
  fails("wrong", "HashMap expected, got CacheItem");
  fails("colon", "HashMap expected, got string");
}

TEST(Original, WhatDoesNotFitIsAnError) {
  Scripts scripts({method(R"(
    local what = ...
    if what == "key" then command:setKey(string.rep("k", 251)) end
    if what == "flags" then command:setFlags(-1) end
    command:setData("x")
    getHashMap():put(command:newCacheItem())
  )")});
  EXPECT_NE(scripts.get("t:m:k:key").find("1 to 250 bytes"), std::string::npos);
  EXPECT_NE(scripts.get("t:m:k:flags").find("flags have 32 bits"), std::string::npos);
  scripts.host.refuses_items = true;
  EXPECT_NE(scripts.get("t:m:k").find("no memory for the item"), std::string::npos);
}

TEST(Original, MethodsOfObjectsUseItemsWhereThatCannotDoHarm) {
  Scripts scripts("o.lua", R"(
    local o = object.type("o")
    function o.new() return { n = 1 } end
    function o.read.look(self) return getHashMap():get("plain"):getData() .. self.n end
    function o.read.drop(self) getHashMap():delete("plain") end
    function o.update.peek(self) return getHashMap():get("plain"):getData() end
    function o.async.remove(key) getHashMap():delete("plain") return "gone" end
    function o.async.write(key) writeStringAsValue(getHashMap(), "k", "v") end)");
  ASSERT_EQ(scripts.error, "");
  scripts.host.items["plain"] = {.value = "p"};
  EXPECT_EQ(scripts.get("o:new:k"), "value CREATED");
  EXPECT_EQ(scripts.get("o:look:k"), "value p1");
  EXPECT_NE(scripts.get("o:drop:k").find("handler or an async method"), std::string::npos);
  EXPECT_NE(scripts.get("o:peek:k").find("not allowed in an update"), std::string::npos);
  EXPECT_TRUE(scripts.host.items.contains("plain"));
  EXPECT_EQ(scripts.get("o:remove:k"), "value gone");
  EXPECT_FALSE(scripts.host.items.contains("plain"));
  EXPECT_NE(scripts.get("o:write:k").find("Command expected, got HashMap"), std::string::npos);
}

// ---- Commands that are taken over ---------------------------------------------------------------

constexpr const char* proxy = R"(
local function store(cmd)
  local item = cmd:newCacheItem()
  getHashMap():put(item)
  cmd:writeString("STORED\r\n")
  return 0
end

command.set = function(cmd)
  if cmd:getKey() == "forbidden" then
    cmd:writeString("CLIENT_ERROR forbidden\r\n")
    return 0
  end
  return store(cmd)
end

command.get = function(cmd)
  local hashMap = getHashMap()
  local keys = { cmd:getKey() }
  if cmd:hasMultipleKeys() > 0 then keys = cmd:getMultipleKeys() end
  for _, k in ipairs(keys) do
    local item = hashMap:get(k)
    if item ~= nil then
      cmd:writeCacheItem(item)
      item:delete()
    end
  end
  cmd:writeString("END\r\n")
end

command["delete"] = function(cmd) error("no deletes here") end

command.incr = function(cmd)
  cmd:writeString(cmd:getCommand() .. " " .. cmd:getDelta() .. " " .. cmd:getNoReply() .. "\r\n")
end
)";

TEST(Original, CommandsAreTakenOver) {
  Scripts scripts("proxy.lua", proxy);
  ASSERT_EQ(scripts.error, "");
  EXPECT_EQ(scripts.run({.verb = Verb::set, .key = "a", .flags = 3, .exptime = 60, .data = "x"}),
            "STORED\r\n");
  EXPECT_EQ(scripts.host.items["a"].expiry_unix_seconds, 1'700'000'060);
  EXPECT_EQ(scripts.run({.verb = Verb::set, .key = "forbidden", .data = "x"}),
            "CLIENT_ERROR forbidden\r\n");
  EXPECT_EQ(scripts.run({.verb = Verb::get, .key = "a"}), block("a", "x", 3) + "END\r\n");
  EXPECT_EQ(scripts.run({.verb = Verb::set, .key = "b", .data = ""}), "STORED\r\n");
  EXPECT_EQ(scripts.run({.verb = Verb::get, .keys = {"b", "none", "a"}}),
            block("b", "") + block("a", "x", 3) + "END\r\n");
  EXPECT_EQ(scripts.run({.verb = Verb::incr, .key = "a", .delta = 7}), "incr 7 0\r\n");
  EXPECT_EQ(scripts.run({.verb = Verb::add, .key = "a"}), "not taken over");
  const std::string error = scripts.run({.verb = Verb::remove, .key = "a"});
  EXPECT_TRUE(error.starts_with("SERVER_ERROR script proxy.lua:")) << error;
  EXPECT_EQ(scripts.get("command:set:a"), "an ordinary key");
}

TEST(Original, NoReplyIsAnEmptyAnswer) {
  Scripts scripts("proxy.lua", proxy);
  EXPECT_EQ(scripts.run({.verb = Verb::set, .key = "a", .data = "x", .noreply = true}), "");
  EXPECT_TRUE(scripts.host.items.contains("a"));
}

TEST(Original, WhatCannotBeTakenOverFailsToLoad) {
  const auto error = [](const std::vector<Script>& scripts) { return Scripts(scripts).error; };
  EXPECT_EQ(error({{.name = "p.lua", .source = "command.fly = function() end"}}),
            "p.lua: command.fly must be a function under the name of a command that can be taken "
            "over");
  EXPECT_EQ(error({{.name = "p.lua", .source = "command.set = 5"}}).substr(0, 18),
            "p.lua: command.set");
  EXPECT_EQ(error({{.name = "p.lua", .source = "command.set = function() end"},
                   {.name = "q.lua", .source = "command.set = function() end"}}),
            "q.lua: command.set is taken over already, by p.lua");
  EXPECT_EQ(error({{.name = "p.lua", .source = "getHashMap():get('a')"}}),
            "p.lua:1: HashMap:get works in a call only, not while loading");
}

TEST(Original, TheCommandOfACallCanBeChanged) {
  Scripts scripts("p.lua", R"(
    command.set = function(cmd)
      cmd:setKey("k2") cmd:setData("d2") cmd:setFlags(4) cmd:setDelta(6) cmd:setNoReply(1)
      cmd:setNoReply(0) cmd:setExpiryTime(5)
      for _, get in ipairs({ "getKey", "getKeySize", "getData", "getDataSize", "getFlags",
                             "getDelta", "getNoReply", "getExpiryTime" }) do
        cmd:writeString(tostring(cmd[get](cmd)) .. " ")
      end
    end)");
  ASSERT_EQ(scripts.error, "");
  EXPECT_EQ(scripts.run({.verb = Verb::set, .key = "k", .data = "d"}), "k2 2 d2 2 4 6 0 5 ");
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
