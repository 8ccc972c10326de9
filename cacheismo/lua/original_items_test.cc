// Goal: the HashMap, its items and the commands that are taken over do what the original's did, and
// what a script does wrong with them is an error and no crash. Method: small handlers on a MapHost.

#include "cacheismo/lua/original_case.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cacheismo::lua {
namespace {

using Scripts = OriginalScripts;

std::string block(const std::string& key, const std::string& value, int flags = 0) {
  return "VALUE " + key + " " + std::to_string(flags) + " " + std::to_string(value.size()) +
         "\r\n" + value + "\r\n";
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

TEST(Original, AReadOfAnObjectThatIsMadeForItUsesItemsToo) {
  Scripts scripts("o.lua", R"(
    local o = object.type("o")
    function o.default() return { n = 1 } end
    function o.read.look(self) return getHashMap():get("plain"):getData() .. self.n end
    function o.read.list(self) return getHashMap():getPrefixMatchingKeys("pl")[1] end
    function o.read.drop(self) getHashMap():delete("plain") end
    function o.update.peek(self) return getHashMap():get("plain"):getData() end)");
  ASSERT_EQ(scripts.error, "");
  scripts.host.items["plain"] = {.value = "p"};
  EXPECT_EQ(scripts.get("o:look:k"), "value p1");
  EXPECT_EQ(scripts.get("o:list:k"), "value plain");
  EXPECT_NE(scripts.get("o:drop:k").find("handler or an async method"), std::string::npos);
  EXPECT_NE(scripts.get("o:peek:k").find("not allowed in an update"), std::string::npos);
  EXPECT_TRUE(scripts.host.items.contains("plain"));
  EXPECT_TRUE(scripts.host.objects.empty());
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

TEST(Original, NoReplyIsASilentAnswer) {
  Scripts scripts("proxy.lua", proxy);
  EXPECT_EQ(scripts.run({.verb = Verb::set, .key = "a", .data = "x", .noreply = true}),
            "silent STORED\r\n");
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
            "p.lua:1: HashMap:get works in a call only, not while loading or in a route");
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
}  // namespace
}  // namespace cacheismo::lua
