// Goal: a type says what its objects are placed by, as a function of the object's key and of
// nothing else; whoever asks where a key belongs hears the same; what a route does wrong is told.
// Method: scripts of a few lines over a map host, whose ring places a key by how long it is.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/lua/remote_case.h"

namespace cacheismo::lua {
namespace {

class RouteTest : public RemoteTest {
 protected:
  /// A type "t" whose route has this body, and a method that says who owns a key.
  void route(const std::string& body) {
    load("local t = object.type('t')\nfunction t.route(key)\n" + body + R"(
      end
      function t.default() return {} end
      function t.read.owner(self, key) return ring.owner(key) end
      function t.read.owners(self, key) return ring.owners(key, 2) end
      function t.async.first(key) return (replicate(key, { copies = 1 })).acked end
    )");
  }
  /// What the ring hashes for an item, or the error.
  std::string placed(const std::string& item_key) {
    std::string made;
    const auto placed = engine_->placed(item_key, made);
    EXPECT_EQ(engine_->audit(), std::nullopt);
    if (placed) return std::string(*placed);
    return "error: " + placed.error().substr(0, placed.error().rfind(" id="));
  }
};

TEST_F(RouteTest, AnObjectIsPlacedByWhatItsTypeSays) {
  route("return 'user:' .. key:match('^[^/]*')");
  EXPECT_EQ(placed("t$alice/cart"), "user:alice");
  EXPECT_EQ(placed("t$alice/mail"), "user:alice");
  EXPECT_EQ(placed("t$a$b"), "user:a$b");
  EXPECT_EQ(placed("t$"), "user:");
}

TEST_F(RouteTest, WhatHasNoRouteIsPlacedByItsKeyAndEntersNoScript) {
  route("error('entered')");
  for (const char* key : {"", "$", "t", "t:owner:a", "s$alice", "tt$alice", "$t$alice", "T$alice"})
    EXPECT_EQ(placed(key), key);
  method("return key", "read");
  EXPECT_EQ(placed("t$alice"), "t$alice");
}

TEST_F(RouteTest, WhatARouteReturnsIsNoKeyToBePlacedAgain) {
  route("return 't$' .. key");
  EXPECT_EQ(placed("t$alice"), "t$alice");
  route("return 't:owner:' .. key");
  EXPECT_EQ(placed("t$alice"), "t:owner:alice");
}

TEST_F(RouteTest, ARouteThatFailsIsToldAndCounted) {
  route("error('no such user')");
  EXPECT_EQ(placed("t$a"), "error: script t.lua:3: no such user");
  route("while true do end");
  EXPECT_EQ(placed("t$a"), "error: script t.lua:2: stopped after 1000000 steps");
  const Method& method = *engine_->types()->type("t")->route;
  EXPECT_EQ(method.name, "route");
  EXPECT_EQ(method.stats.calls, 1u);
  EXPECT_EQ(method.stats.kills, 1u);
  EXPECT_EQ(engine_->last_errors().front().method, "t:route");
}

TEST_F(RouteTest, WhatARouteReturnsIsAStringOfOneTo250Bytes) {
  route("return ('x'):rep(250)");
  EXPECT_EQ(placed("t$a"), std::string(250, 'x'));
  const std::string wanted = "error: script t.route returns a string of 1 to 250 bytes, not ";
  for (const auto& [result, told] : {std::pair("nil", "nil"),
                                     {"7", "a number"},
                                     {"{}", "a table"},
                                     {"''", "0 bytes"},
                                     {"('x'):rep(251)", "251 bytes"}}) {
    route("return " + std::string(result));
    EXPECT_EQ(placed("t$a"), wanted + told);
  }
}

TEST_F(RouteTest, ARouteSeesNothingButTheKey) {
  host.ring = {{.name = "a", .self = true}, {.name = "b"}};
  for (const char* call :
       {"now()", "os.time()", "os.clock()", "os.date('%H')", "math.random()", "ring.self",
        "ring.epoch", "ring.owner('a')", "ring.owner('t:owner:a')", "ring.owners('a', 1)",
        "ring.nodes()", "store.get('a')", "store.keys('')", "store.hotkeys()", "object.open('a')",
        "sleep(1)", "getFromServer('a', 'b')", "replicate('a')", "atomically(tostring)"}) {
    route("return tostring(" + std::string(call) + ")");
    const std::string alone = placed("t$a");
    EXPECT_TRUE(alone.starts_with("error: script t.lua:")) << call << ": " << alone;
    EXPECT_NE(alone.find("not "), std::string::npos) << call << ": " << alone;
    // No more of a method that asks about the object.
    const std::string asked = shown(this->call("t:owner:k:t$a"));
    EXPECT_EQ(asked, alone) << call;
  }
  route("return os.date('%Y', 0) .. os.time({ year = 1970, month = 1, day = 2 }) .. key");
  EXPECT_EQ(placed("t$a"), "1970129600a");
}

TEST_F(RouteTest, AMethodHearsOfTheSameOwner) {
  host.ring = {{.name = "a"}, {.name = "b", .self = true}, {.name = "c"}};
  route("return key:sub(1, 3)");  // three bytes: node a
  for (const char* key : {"t$alice", "t%3Aowner%3Aalice", "t%3Afirst%3Aalice%3Ab"}) {
    EXPECT_EQ(shown(call("t:owner:k:" + std::string(key))), "a") << key;
    EXPECT_EQ(shown(call("t:owners:k:" + std::string(key))), R"(["a","b"])") << key;
  }
  EXPECT_EQ(shown(call("t:owner:k:alice")), "c");             // an ordinary key, of five bytes
  EXPECT_EQ(shown(call("t:owner:k:t%3Anone%3Aalice")), "a");  // nor is this one virtual: 12 bytes
}

TEST_F(RouteTest, AMethodThatAsksForTheOwnerFailsWithTheRoute) {
  host.ring = {{.name = "a", .self = true}};
  route("return nil");
  EXPECT_EQ(shown(call("t:owner:k:t$alice")),
            "error: script t.lua:6: t.route returns a string of 1 to 250 bytes, not nil");
  EXPECT_EQ(shown(call("t:owner:k:alice")), "a");
}

TEST_F(RouteTest, AfterARouteAMethodMayDoWhatItMayDo) {
  host.ring = {{.name = "a", .self = true}};
  load(R"(
    local t = object.type('t')
    function t.route(key) if key == 'bad' then error('bad') end return key end
    function t.default() return {} end
    function t.read.m(self, key)
      pcall(ring.owner, key)
      return now() > 0 and math.random() < 1 and store.get('none') == nil and ring.self
    end
  )");
  EXPECT_EQ(shown(call("t:m:k:t$good")), "a");
  EXPECT_EQ(shown(call("t:m:k:t$bad")), "a");
}

TEST_F(RouteTest, ItsStepsAreThoseOfTheMethodThatAsks) {
  host.ring = {{.name = "a", .self = true}};
  load(R"(
    local t = object.type('t')
    function t.route(key) for i = 1, 100000 do end return key end
    function t.default() return {} end
    function t.read.m(self) for i = 1, 100 do ring.owner('t$a') end end
  )");
  EXPECT_NE(shown(call("t:m:k")).find("stopped after"), std::string::npos);
  EXPECT_EQ(placed("t$a"), "a");
}

TEST_F(RouteTest, OnlyAFunctionIsARouteAndNoMethodHasItsName) {
  const auto refused = [&](const std::string& source) {
    const std::vector<Script> scripts{
        {.name = "t.lua", .source = "local t = object.type('t') " + source}};
    const auto loaded = engine_->load(scripts);
    return loaded ? "" : loaded.error();
  };
  EXPECT_NE(refused("t.route = 'key'").find("t.lua: t.route"), std::string::npos);
  EXPECT_NE(refused("function t.route() end function t.read.route() end")
                .find("t.lua: t.route is declared twice"),
            std::string::npos);
  EXPECT_EQ(refused("function t.read.route() return 'me' end function t.default() return {} end"),
            "");
  EXPECT_EQ(shown(call("t:route:k")), "me");
  EXPECT_EQ(refused("function t.route(key) return key end"), "");
  Bytes rest;
  EXPECT_EQ(engine_->find("t:route:k", rest), nullptr);
}

TEST_F(RouteTest, AfterAReloadTheNewRouteHolds) {
  route("return 'old'");
  EXPECT_EQ(placed("t$a"), "old");
  route("return 'new'");
  EXPECT_EQ(placed("t$a"), "new");
}

}  // namespace
}  // namespace cacheismo::lua
