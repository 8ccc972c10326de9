// Goal: methods that wait, scripts that take commands over, handlers of the original interface and
// reloads do over the wire what scripts.h and virtual_keys.cc say. Method: one simulated node with
// a few lines of Lua; requests whole, cut at random and byte by byte.

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/lua/script.h"
#include "sim/wire.h"

namespace cacheismo::node {
namespace {

using namespace std::chrono_literals;

constexpr const char* waiter = R"(
  local w = object.type("w")
  function w.default() return { n = 0 } end
  function w.read.get(self) return self.n end
  function w.read.peek(self, key) return getHashMap():get(key):getData() .. self.n end
  function w.async.nap(key, s) sleep(tonumber(s)); return key .. " awake" end
  function w.async.keep(key, s, text)
    sleep(tonumber(s))
    store.set(key, text)
    return #text > 0
  end
  function w.async.step(key)
    sleep(1)
    return atomically(function(self) self.n = self.n + 1; return self.n end)
  end
)";

constexpr const char* original = R"(
  local function handleNEW(command, originalKey, cacheKey, value)
    executeNew(command, originalKey, "pair", cacheKey, function(v) return { v } end, value)
  end
  local function handleGET(command, originalKey, cacheKey)
    executeReadOnly(command, originalKey, "pair", cacheKey, function(o) return o[1] end)
  end
  pair = { new = handleNEW, get = handleGET }
  return pair
)";

constexpr const char* taker = R"(
  command.set = function(cmd)
    cmd:setData("<" .. cmd:getData() .. ">")
    getHashMap():put(cmd:newCacheItem())
    cmd:writeString("STORED\r\n")
  end
  command.delete = function(cmd) cmd:writeString("NOT_TODAY\r\n") end
)";

class ScriptsTest : public testing::TestWithParam<sim::Cuts> {
 protected:
  ScriptsTest()
      : wire_([] {
          sim::Wire::Options options;
          options.cuts = GetParam();
          options.scripts = std::vector<lua::Script>{{.name = "w.lua", .source = waiter},
                                                     {.name = "pair.lua", .source = original}};
          return options;
        }()) {}

  sim::Wire wire_;
};

TEST_P(ScriptsTest, AMethodThatWaitsKeepsADataBlockOfAnySize) {
  const std::string value(150'000, 'v');
  const std::string order = "set w:keep:k:1 0 0 150000\r\n" + value + "\r\n";
  sim::RawConnection& client = wire_.connect();
  EXPECT_EQ(wire_.ask(client, order + "get k\r\n"), "");
  EXPECT_EQ(wire_.audit(), std::nullopt);
  EXPECT_EQ(wire_.ask(client, "set b 0 0 20000\r\n" + std::string(20'000, 'b') + "\r\n"), "");
  wire_.advance(1100ms);
  EXPECT_EQ(wire_.ask(client, ""),
            "STORED\r\nVALUE k 0 150000\r\n" + value + "\r\nEND\r\nSTORED\r\n");
  EXPECT_EQ(wire_.ask(client, "ms w:keep:k:1 20000 s\r\n" + value.substr(0, 20'000) + "\r\n"), "");
  wire_.advance(1100ms);
  EXPECT_EQ(wire_.ask(client, ""), "HD s20000\r\n");
}

TEST_P(ScriptsTest, AClientThatLeavesEndsACallWithALargeDataBlock) {
  sim::RawConnection& client = wire_.connect();
  client.write("set w:keep:k:1 0 0 20000\r\n" + std::string(20'000, 'v') + "\r\n");
  wire_.run();
  client.close();
  wire_.advance(1100ms);
  EXPECT_EQ(wire_.ask(wire_.connect(), "get k\r\n"), "END\r\n");
}

TEST_P(ScriptsTest, AMethodThatWaitsDelaysItsConnectionAndNoOther) {
  sim::RawConnection& slow = wire_.connect();
  sim::RawConnection& other = wire_.connect();
  EXPECT_EQ(wire_.ask(slow, "get w:nap:k:2 w:get:k\r\nget w:get:k\r\n"), "");
  EXPECT_EQ(wire_.audit(), std::nullopt);
  EXPECT_EQ(wire_.ask(other, "get w:get:k\r\n"), "VALUE w:get:k 0 1\r\n0\r\nEND\r\n");
  wire_.advance(1900ms);
  EXPECT_EQ(wire_.ask(slow, ""), "");
  wire_.advance(200ms);
  EXPECT_EQ(wire_.ask(slow, ""),
            "VALUE w:nap:k:2 0 7\r\nk awake\r\nVALUE w:get:k 0 1\r\n0\r\nEND\r\n"
            "VALUE w:get:k 0 1\r\n0\r\nEND\r\n");
}

TEST_P(ScriptsTest, WhatArrivesMeanwhileIsAnsweredBehindIt) {
  sim::RawConnection& slow = wire_.connect();
  EXPECT_EQ(wire_.ask(slow, "mg w:nap:k:1 v\r\n"), "");
  EXPECT_EQ(wire_.ask(slow, "set a 0 0 1\r\nx\r\nget a\r\n"), "");
  wire_.advance(1100ms);
  EXPECT_EQ(wire_.ask(slow, ""), "VA 7\r\nk awake\r\nSTORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
}

// What was received while a method waited may be the middle of a value that is too long to be kept.
TEST_P(ScriptsTest, ALongValueThatArrivesAroundTheEndOfACallIsStoredWhole) {
  sim::RawConnection& client = wire_.connect();
  std::string value;
  for (int i = 0; i < 20'000; ++i) value += std::to_string(i);
  const std::string line = "set long 0 0 " + std::to_string(value.size()) + "\r\n";
  const std::string stored =
      "STORED\r\nVALUE long 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\nEND\r\n";
  for (const std::size_t before : {std::size_t{0}, std::size_t{1}, std::size_t{9'000}}) {
    EXPECT_EQ(wire_.ask(client, "get w:nap:k:1\r\n" + line + value.substr(0, before)), "");
    wire_.advance(1100ms);
    EXPECT_EQ(wire_.ask(client, ""), "VALUE w:nap:k:1 0 7\r\nk awake\r\nEND\r\n");
    EXPECT_EQ(wire_.audit(), std::nullopt);
    EXPECT_EQ(wire_.ask(client, value.substr(before) + "\r\nget long\r\n"), stored) << before;
  }
}

TEST(ScriptsOnASlowNode, TheRestOfARequestThatArrivesWhileTheCallsReplyIsSentIsNotForgotten) {
  sim::Wire::Options options;
  options.cuts = sim::Cuts::byte_by_byte;
  options.plan.callback_ns = 100'000;
  options.scripts = std::vector<lua::Script>{{.name = "w.lua", .source = waiter}};
  sim::Wire wire(options);
  sim::RawConnection& client = wire.connect();
  client.write("get w:nap:k:1\r\nset a 0 0 1\r\nx\r");
  while (client.arrived().size() < 3) wire.advance(1ms);
  client.write("\n");  // the receive that was begun meanwhile brings one byte
  wire.advance(1s);
  EXPECT_EQ(client.take(), "VALUE w:nap:k:1 0 7\r\nk awake\r\nEND\r\nSTORED\r\n");
}

TEST_P(ScriptsTest, AClientThatLeavesCancelsItsCall) {
  sim::RawConnection& slow = wire_.connect();
  EXPECT_EQ(wire_.ask(slow, "get w:step:k\r\n"), "");
  slow.close();
  wire_.run();
  EXPECT_EQ(wire_.audit(), std::nullopt);
  wire_.advance(2s);
  EXPECT_EQ(wire_.ask(wire_.connect(), "get w:get:k\r\n"), "VALUE w:get:k 0 1\r\n0\r\nEND\r\n");
}

TEST_P(ScriptsTest, AHandlerOfTheOriginalInterfaceAnswersEveryKindOfGet) {
  sim::RawConnection& client = wire_.connect();
  EXPECT_EQ(wire_.ask(client, "get pair:get:k\r\n"),
            "VALUE pair:get:k 0 16\r\nERROR_CACHE_MISS\r\nEND\r\n");
  EXPECT_EQ(wire_.ask(client, "set a 0 0 1\r\nx\r\nget a pair:new:k:v a\r\n"),
            "STORED\r\nVALUE a 0 1\r\nx\r\nVALUE pair:new:k:v 0 7\r\nCREATED\r\n"
            "VALUE a 0 1\r\nx\r\nEND\r\n");
  EXPECT_EQ(wire_.ask(client, "get pair:get:k\r\nmg pair:get:k v\r\n"),
            "VALUE pair:get:k 0 1\r\nv\r\nEND\r\nVA 1\r\nv\r\n");
}

TEST_P(ScriptsTest, ACommandThatWasTakenOverIsTheScripts) {
  sim::RawConnection& client = wire_.connect();
  EXPECT_EQ(wire_.ask(client, "set a 0 0 1\r\nx\r\nget a\r\n"),
            "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n");
  wire_.scripts().push_back({.name = "taker.lua", .source = taker});
  ASSERT_TRUE(wire_.node().reload_scripts().has_value());
  EXPECT_EQ(wire_.ask(client, "set a 0 0 1\r\ny\r\nget a\r\ndelete a\r\nget a\r\n"),
            "STORED\r\nVALUE a 0 3\r\n<y>\r\nEND\r\nNOT_TODAY\r\nVALUE a 0 3\r\n<y>\r\nEND\r\n");
  const std::string big(20'000, 'z');
  EXPECT_EQ(wire_.ask(client, "set a 0 0 20000\r\n" + big + "\r\nget a\r\n"),
            "STORED\r\nVALUE a 0 20002\r\n<" + big + ">\r\nEND\r\n");
  wire_.scripts().pop_back();
  ASSERT_TRUE(wire_.node().reload_scripts().has_value());
  EXPECT_EQ(wire_.ask(client, "delete a\r\n"), "DELETED\r\n");
}

TEST_P(ScriptsTest, AReloadThatFailsChangesNothing) {
  sim::RawConnection& client = wire_.connect();
  wire_.scripts().push_back({.name = "broken.lua", .source = "local x =\n= 1"});
  const auto reloaded = wire_.node().reload_scripts();
  ASSERT_FALSE(reloaded.has_value());
  EXPECT_EQ(reloaded.error(), "broken.lua:2: unexpected symbol near '='");
  EXPECT_EQ(wire_.ask(client, "get w:get:k\r\n"), "VALUE w:get:k 0 1\r\n0\r\nEND\r\n");
}

TEST_P(ScriptsTest, AReadOfAnObjectThatIsMadeForItLooksAtItems) {
  sim::RawConnection& client = wire_.connect();
  EXPECT_EQ(wire_.ask(client, "set a 0 0 1\r\nx\r\nget w:peek:k:a\r\n"),
            "STORED\r\nVALUE w:peek:k:a 0 2\r\nx0\r\nEND\r\n");
  EXPECT_EQ(wire_.audit(), std::nullopt);
}

// ---- What `stats` counts ------------------------------------------------------------------------

/// Answers as a server would that has the key "there" only, and errs for "broken".
constexpr const char* counted = R"(
  local function answer(cmd, yes, no)
    if cmd:getKey() == "slow" then sleep(1) end
    if cmd:getKey() == "broken" then error("broken") end
    cmd:writeString((cmd:getKey() == "there" and yes or no) .. "\r\n")
  end
  command.get = function(cmd)
    local keys = cmd:hasMultipleKeys() > 0 and cmd:getMultipleKeys() or { cmd:getKey() }
    for i = #keys, 1, -1 do
      if keys[i] == "broken" then error("broken") end
      if keys[i] == "slow" then sleep(1) end
      if keys[i] == "there" then writeStringAsValue(cmd, "there", "VALUE other 0 1") end
    end
    cmd:writeString("END\r\n")
  end
  command.gets = function(cmd) cmd:writeString("VALUE there 0 1 7\r\nx\r\nVALUE odd 0 1\r\n") end
  for _, name in ipairs({ "set", "add", "replace", "append", "prepend" }) do
    command[name] = function(cmd) answer(cmd, "STORED", "NOT_STORED") end
  end
  command.cas = function(cmd)
    if cmd:getKey() == "other" then return cmd:writeString("EXISTS\r\n") end
    answer(cmd, "STORED", "NOT_FOUND")
  end
  command.delete = function(cmd) answer(cmd, "DELETED", "NOT_FOUND") end
  command.touch = function(cmd) answer(cmd, "TOUCHED", "NOT_FOUND") end
  command.incr = function(cmd) answer(cmd, "17", "NOT_FOUND") end
  command.decr = function(cmd) answer(cmd, "3", "NOT_FOUND") end
)";

class CountedTest : public ScriptsTest {
 protected:
  CountedTest() {
    wire_.scripts().push_back({.name = "counted.lua", .source = counted});
    EXPECT_TRUE(wire_.node().reload_scripts().has_value());
  }

  /// The counters among `names` that are not 0.
  std::string counters(const std::vector<std::string>& names) {
    const std::string stats = wire_.ask(wire_.connect(), "stats\r\n");
    EXPECT_EQ(wire_.audit(), std::nullopt);
    std::string found;
    for (const std::string& name : names) {
      const std::string head = "STAT " + name + " ";
      const std::size_t at = stats.find(head);
      EXPECT_NE(at, std::string::npos) << name;
      const std::string number =
          stats.substr(at + head.size(), stats.find('\r', at) - at - head.size());
      if (number != "0") found.append(name).append("=").append(number).append(" ");
    }
    return found;
  }
};

TEST_P(CountedTest, KeysOfAGetAreHitsWhereTheScriptWroteTheirBlock) {
  sim::RawConnection& client = wire_.connect();
  const std::vector<std::string> names{"cmd_get", "get_hits", "get_misses"};
  const std::string block = "VALUE there 0 15\r\nVALUE other 0 1\r\n";
  EXPECT_EQ(wire_.ask(client, "get there other\r\nget none\r\n"), block + "END\r\nEND\r\n");
  EXPECT_EQ(counters(names), "cmd_get=3 get_hits=1 get_misses=2 ");
  EXPECT_EQ(wire_.ask(client, "get there x there\r\n"), block + block + "END\r\n");
  EXPECT_EQ(counters(names), "cmd_get=6 get_hits=3 get_misses=3 ");
  EXPECT_TRUE(wire_.ask(client, "get there broken\r\n").starts_with("SERVER_ERROR"));
  EXPECT_EQ(counters(names), "cmd_get=8 get_hits=3 get_misses=5 ");
  static_cast<void>(wire_.ask(client, "gets there odd\r\n"));
  EXPECT_EQ(counters(names), "cmd_get=10 get_hits=4 get_misses=6 ") << "odd's block has no data";
}

TEST_P(CountedTest, ACommandThatWaitsIsCountedWhenItEnds) {
  sim::RawConnection& client = wire_.connect();
  const std::vector<std::string> names{"cmd_get", "get_hits", "get_misses", "cmd_set"};
  EXPECT_EQ(wire_.ask(client, "get slow there\r\nset slow 0 0 1\r\nx\r\n"), "");
  EXPECT_EQ(counters(names), "");
  wire_.advance(2100ms);
  EXPECT_TRUE(wire_.ask(client, "").ends_with("END\r\nNOT_STORED\r\n"));
  EXPECT_EQ(counters(names), "cmd_get=2 get_hits=1 get_misses=1 cmd_set=1 ");
  const std::string big = "set slow 0 0 200000\r\n" + std::string(200'000, 'z') + "\r\n";
  EXPECT_EQ(wire_.ask(client, big), "");
  EXPECT_EQ(counters({"cmd_set"}), "cmd_set=1 ");
  wire_.advance(2100ms);
  EXPECT_EQ(wire_.ask(client, ""), "NOT_STORED\r\n");
  EXPECT_EQ(counters({"cmd_set"}), "cmd_set=2 ");
}

TEST_P(CountedTest, OtherCommandsAreCountedByTheLineThatTheScriptWrote) {
  sim::RawConnection& client = wire_.connect();
  const auto each = [&](const std::string& before, const std::string& after) {
    for (const char* key : {"there", "none", "broken"})
      static_cast<void>(wire_.ask(client, std::string(before).append(key).append(after)));
  };
  for (const char* verb : {"set ", "add ", "replace ", "append ", "prepend "})
    each(verb, " 0 0 1\r\nx\r\n");
  each("cas ", " 0 0 1 5\r\nx\r\n");
  EXPECT_EQ(wire_.ask(client, "cas other 0 0 1 5\r\nx\r\n"), "EXISTS\r\n");
  EXPECT_EQ(counters({"cmd_set", "cas_hits", "cas_misses", "cas_badval", "cmd_get"}),
            "cmd_set=19 cas_hits=1 cas_misses=1 cas_badval=1 ");
  each("delete ", "\r\n");
  each("incr ", " 5\r\n");
  each("decr ", " 5\r\n");
  each("touch ", " 0\r\n");
  const std::vector<std::string> names{"delete_hits", "delete_misses", "incr_hits",
                                       "incr_misses", "decr_hits",     "decr_misses",
                                       "cmd_touch",   "touch_hits",    "touch_misses"};
  EXPECT_EQ(counters(names),
            "delete_hits=1 delete_misses=1 incr_hits=1 incr_misses=1 decr_hits=1 decr_misses=1 "
            "cmd_touch=3 touch_hits=1 touch_misses=2 ");
  EXPECT_EQ(wire_.ask(client,
                      "delete there noreply\r\ntouch there 0 noreply\r\n"
                      "incr none 1 noreply\r\nset there 0 0 1 noreply\r\nx\r\n"),
            "");
  EXPECT_EQ(counters(names),
            "delete_hits=2 delete_misses=1 incr_hits=1 incr_misses=2 decr_hits=1 decr_misses=1 "
            "cmd_touch=4 touch_hits=2 touch_misses=2 ");
}

INSTANTIATE_TEST_SUITE_P(Cuts, CountedTest,
                         testing::Values(sim::Cuts::whole, sim::Cuts::byte_by_byte));

INSTANTIATE_TEST_SUITE_P(Cuts, ScriptsTest,
                         testing::Values(sim::Cuts::whole, sim::Cuts::random,
                                         sim::Cuts::byte_by_byte));

}  // namespace
}  // namespace cacheismo::node
