// Goal: where a type has a route, everything that asks where one of its objects belongs means the
// same node: commands of every kind, other nodes, scripts and handovers; and a route that fails is
// told. Method: three simulated nodes and a type whose objects lie beside their owner's key; whole,
// cut at random and byte by byte.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/cluster/ring.h"
#include "cacheismo/lua/script.h"
#include "cacheismo/node/config.h"
#include "cacheismo/node/test_cluster.h"
#include "sim/wire.h"

namespace cacheismo::node {
namespace {

using namespace std::chrono_literals;

/// "ann/3", the third cart of ann, lies where the key "user:ann" does.
constexpr const char* cart_script = R"(
local cart = object.type("cart")
function cart.route(key)
  local user = key:match("^(%w+)/")
  if not user then error("no user in " .. key, 0) end
  return "user:" .. user
end
function cart.default() return { n = 0 } end
function cart.update.add(self, by) self.n = self.n + tonumber(by or 1); return self.n end
function cart.read.count(self) return self.n end
function cart.read.owner(self, key)
  return ring.owner(key) .. " " .. table.concat(ring.owners(key, 3))
end
function cart.async.each(key)
  return json(mapreduce("cart:count:" .. key, {}, function(so_far, value, node)
    so_far = so_far or {}
    so_far[node] = value
    return so_far
  end))
end
function cart.async.slow(key, seconds)
  sleep(tonumber(seconds))
  return atomically(function(self) self.n = (self.n or 0) + 1; return self.n end)
end
function cart.async.copy(key) return json(replicate("cart$" .. key, { copies = 2 })) end
)";

class PlacementTest : public testing::TestWithParam<sim::Cuts>, protected TestCluster {
 protected:
  static sim::Wire::Options options() {
    sim::Wire::Options options;
    options.cuts = GetParam();
    options.nodes = 3;
    options.scripts = std::vector<lua::Script>{{.name = "cart.lua", .source = cart_script}};
    options.config.accept_copy = true;
    options.config.scripts.reload_enabled = true;
    return options;
  }

  PlacementTest() : TestCluster(options()) {}

  /// Somebody whose carts node `owner` (from 0) owns.
  std::string user_of(std::uint32_t owner, int n = 0) {
    for (int i = 0;; ++i) {
      std::string user = "u" + std::to_string(i);
      if (ring_.owner("user:" + user) == owner && n-- == 0) return user;
    }
  }
  std::vector<std::uint64_t> items() {
    return {stat(0, "stats", "curr_items"), stat(1, "stats", "curr_items"),
            stat(2, "stats", "curr_items")};
  }
  static std::string value(const std::string& key, const std::string& text) {
    return block(key, text, 0);
  }
  static std::string got(const std::string& key, const std::string& text) {
    return found(key, text, 0);
  }
};

TEST_P(PlacementTest, TheObjectsOfOneUserLieAtOneNodeAndAnyNodeReachesThem) {
  const std::string user = user_of(1);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(ask("mg cart:add:" + user + "/" + std::to_string(i) + " v\r\n"), "VA 1\r\n1\r\n");
  EXPECT_EQ(items(), (std::vector<std::uint64_t>{0, 20, 0}));
  for (std::size_t node = 0; node < 3; ++node)
    EXPECT_EQ(ask_at(node, "get cart:count:" + user + "/7\r\n"),
              got("cart:count:" + user + "/7", "1"));
}

TEST_P(PlacementTest, CommandsOfEveryKindMeanTheSameNode) {
  const std::string a = user_of(1) + "/1";
  const std::string b = user_of(2) + "/1";
  const std::string add = "cart:add:";
  EXPECT_EQ(ask("set " + add + a + " 0 0 1\r\n5\r\n"), "STORED\r\n");
  EXPECT_EQ(ask("ms " + add + b + " 1\r\n6\r\n"), "HD\r\n");
  EXPECT_EQ(ask("get cart:count:" + a + " none cart:count:" + b + "\r\n"),
            value("cart:count:" + a, "5") + value("cart:count:" + b, "6") + "END\r\n");
  EXPECT_EQ(items(), (std::vector<std::uint64_t>{0, 1, 1}));
  for (const char* key : {"cart$", "cart:add:", "cart:count:"}) {
    EXPECT_EQ(ask("get cluster:owner:" + (key + a) + "\r\n"),
              got("cluster:owner:" + (key + a), "n2"));
  }
  // The item that the object is, by its own name.
  EXPECT_EQ(ask("touch cart$" + a + " 100\r\n"), "TOUCHED\r\n");
  EXPECT_EQ(ask("delete cart$" + a + "\r\n"), "DELETED\r\n");
  EXPECT_EQ(ask("set cart$" + a + " 0 0 1\r\nx\r\n"), "STORED\r\n");
  EXPECT_NE(ask("get cart:count:" + a + "\r\n").find("ordinary value"), std::string::npos);
  EXPECT_EQ(items(), (std::vector<std::uint64_t>{0, 1, 1}));
}

TEST_P(PlacementTest, AnotherNodeMayAskTheOwnerAlone) {
  const std::string key = "cart:add:" + user_of(0) + "/1";
  const std::string others = "cart:add:" + user_of(1) + "/1";
  EXPECT_EQ(ask("mg " + key + " v P1.0.1.500\r\n"), "VA 1\r\n1\r\n");
  EXPECT_EQ(ask("mg " + others + " v P1.0.1.500\r\n"), "SERVER_ERROR wrong-owner epoch=1\r\n");
  EXPECT_EQ(ask("mg " + others + " v P1.0.0.500\r\n"), "VA 1\r\n1\r\n") << "epoch 0: here";
}

TEST_P(PlacementTest, ScriptsHearOfTheSameNode) {
  const std::string cart = user_of(1) + "/1";
  const std::string ask_owner = "cart:owner:" + user_of(0) + "/1:";
  const std::string owners = ask("mg " + ask_owner + "user%3A" + user_of(1) + " v\r\n");
  EXPECT_EQ(owners.substr(0, 11), "VA 9\r\nn2 n2") << owners;
  EXPECT_EQ(ask("mg " + ask_owner + "cart$" + cart + " v\r\n"), owners);
  EXPECT_EQ(ask("mg " + ask_owner + "cart%3Aadd%3A" + cart + " v\r\n"), owners);
}

TEST_P(PlacementTest, AMethodThatWaitsChangesWhatStillIsItsNodes) {
  const std::string user = user_of(1);
  for (int i = 0; i < 5; ++i) {
    client_.write("mg cart:slow:" + user + "/" + std::to_string(i) + ":0.5 v\r\n");
    wire_.advance(600ms);
    EXPECT_EQ(client_.take(), "VA 1\r\n1\r\n");
  }
  EXPECT_EQ(items(), (std::vector<std::uint64_t>{0, 5, 0}));
}

TEST_P(PlacementTest, CopiesBeginAtTheOwner) {
  const std::string cart = user_of(1) + "/1";
  ask("get cart:add:" + cart + "\r\n");
  EXPECT_NE(ask("get cart:copy:" + cart + "\r\n").find(R"("acked":2)"), std::string::npos);
  const std::vector<std::uint64_t> there = items();
  EXPECT_EQ(there[1], 1u);
  EXPECT_EQ(there[0] + there[2], 1u);
}

TEST_P(PlacementTest, MapreduceAsksEveryNodeForWhatItHasItself) {
  const std::string cart = user_of(1) + "/1";
  ask("get cart:add:" + cart + "\r\n");
  EXPECT_NE(ask("get cart:each:" + cart + "\r\n").find(R"({"n1":"0","n2":"1","n3":"0"})"),
            std::string::npos);
}

TEST_P(PlacementTest, AHandoverMovesObjectsToWhereTheirTypeSays) {
  const std::string user = user_of(2);
  for (int i = 0; i < 40; ++i) ask("get cart:add:" + user + "/" + std::to_string(i) + ":3\r\n");
  EXPECT_EQ(items(), (std::vector<std::uint64_t>{0, 0, 40}));
  change(cluster::MemberState::leaving);
  wire_.advance(1100ms);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(ask("mg cart:add:" + user + "/" + std::to_string(i) + " v\r\n"), "VA 1\r\n4\r\n");
  EXPECT_EQ(ask("delete cart$" + user + "/20\r\n"), "DELETED\r\n");
  wire_.advance(5s);
  const std::vector<std::uint64_t> there = items();
  EXPECT_EQ(there[2], 0u);
  EXPECT_EQ(there[0] + there[1], 39u);
  EXPECT_TRUE(there[0] == 0 || there[1] == 0) << "all of them at one node";
  change(cluster::MemberState::active);
  wire_.advance(5s);
  EXPECT_EQ(items(), (std::vector<std::uint64_t>{0, 0, 39}));
  for (int i = 0; i < 40; ++i)
    EXPECT_EQ(ask("mg cart:count:" + user + "/" + std::to_string(i) + " v\r\n"),
              std::string("VA 1\r\n") +
                  (i < 20    ? '4'
                   : i == 20 ? '0'
                             : '3') +
                  "\r\n");
}

TEST_P(PlacementTest, ARouteThatFailsIsToldToWhoeverAsksAndNothingIsDone) {
  const std::string good = "cart:count:" + user_of(1) + "/1";
  const std::string error = "SERVER_ERROR script cart.lua: no user in lost";
  const auto told = [&](const std::string& request) {
    const std::string reply = ask(request);
    EXPECT_TRUE(reply.starts_with(error)) << request << reply;
    EXPECT_TRUE(reply.ends_with("\r\n")) << reply;
    EXPECT_EQ(reply.find("\r\n"), reply.size() - 2) << reply;
  };
  told("get cart:add:lost\r\n");
  told("mg cart:add:lost v\r\n");
  told("set cart:add:lost 0 0 1\r\n5\r\n");
  told("ms cart:add:lost 1\r\n5\r\n");
  told("set cart$lost 0 0 1\r\nx\r\n");
  told("set cart$lost 0 0 100000\r\n" + std::string(100000, 'x') + "\r\n");
  told("delete cart$lost\r\n");
  told("get cart$lost\r\n");
  told("mg cart:add:lost v P1.0.1.500\r\n");
  told("get cluster:owner:cart$lost\r\n");
  EXPECT_NE(ask("get cart:owner:" + user_of(0) + "/1:cart$lost\r\n").find("no user in lost"),
            std::string::npos);
  EXPECT_EQ(ask("delete cart$lost noreply\r\nmn\r\n"), "MN\r\n");
  const std::string both = ask("get " + good + " cart:add:lost " + good + "\r\nmn\r\n");
  EXPECT_TRUE(both.starts_with(value(good, "0") + error)) << both;
  EXPECT_TRUE(both.ends_with("\r\nMN\r\n")) << both;
  EXPECT_EQ(both.find("END\r\n"), std::string::npos) << both;
  EXPECT_EQ(items(), (std::vector<std::uint64_t>{0, 0, 0}));
  EXPECT_NE(ask("stats scripts\r\n").find("cart:route"), std::string::npos);
}

TEST_P(PlacementTest, WhatCannotBePlacedStaysUntilItCan) {
  const std::string user = user_of(2);
  for (int i = 0; i < 5; ++i) ask("get cart:add:" + user + "/" + std::to_string(i) + "\r\n");
  wire_.scripts(2)[0].source = std::string(cart_script) + "\nfunction cart.route() return nil end";
  ASSERT_EQ(ask_at(2, "get cacheismo:reload\r\n"), got("cacheismo:reload", "RELOADED"));
  change(cluster::MemberState::leaving);
  wire_.advance(20s);
  EXPECT_EQ(stat(2, "stats", "curr_items"), 5u);
  EXPECT_EQ(stat(2, "stats cluster", "handover_open"), 1u);
  wire_.scripts(2)[0].source = cart_script;
  ASSERT_EQ(ask_at(2, "get cacheismo:reload\r\n"), got("cacheismo:reload", "RELOADED"));
  wire_.advance(100s);
  EXPECT_EQ(items()[2], 0u);
  EXPECT_EQ(items()[0] + items()[1], 5u);
  EXPECT_EQ(stat(2, "stats cluster", "handover_open"), 0u);
}

INSTANTIATE_TEST_SUITE_P(Cuts, PlacementTest,
                         testing::Values(sim::Cuts::whole, sim::Cuts::random,
                                         sim::Cuts::byte_by_byte));

}  // namespace
}  // namespace cacheismo::node
