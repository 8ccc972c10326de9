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

INSTANTIATE_TEST_SUITE_P(Cuts, ScriptsTest,
                         testing::Values(sim::Cuts::whole, sim::Cuts::random,
                                         sim::Cuts::byte_by_byte));

}  // namespace
}  // namespace cacheismo::node
