// Goal: a client of one node of three cannot tell that the others have two thirds of its keys; and
// where it must be told, because a node is gone or the nodes disagree, it is told plainly.
// Method: three simulated nodes, a client of the first; whole, cut at random and byte by byte.

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "cacheismo/cluster/ring.h"
#include "cacheismo/node/config.h"
#include "cacheismo/node/test_cluster.h"
#include "sim/ring_list.h"
#include "sim/wire.h"

namespace cacheismo::node {
namespace {

using namespace std::chrono_literals;

class RoutingTest : public testing::TestWithParam<sim::Cuts>, protected TestCluster {
 protected:
  RoutingTest() : TestCluster(GetParam()) {}
};

TEST_P(RoutingTest, AValueLiesAtItsOwnerAndAnyNodeAnswersForIt) {
  const std::string key = key_of(1);
  EXPECT_EQ(ask(set(key, "hello")), "STORED\r\n");
  for (std::size_t node = 0; node < 3; ++node) {
    EXPECT_EQ(ask_at(node, get(key)), found(key, "hello"));
    EXPECT_EQ(stat(node, "stats", "curr_items"), node == 1 ? 1u : 0u);
  }
}

TEST_P(RoutingTest, EveryCommandThatNamesAKeyIsTheOwners) {
  const std::string k = key_of(2);
  const std::string base64 = "aGk=";
  EXPECT_EQ(ask(get(k)), "END\r\n");
  EXPECT_EQ(ask("replace " + k + " 0 0 1\r\nx\r\n"), "NOT_STORED\r\n");
  EXPECT_EQ(ask("add " + k + " 7 0 1\r\n5\r\n"), "STORED\r\n");
  EXPECT_EQ(ask("append " + k + " 0 0 1\r\n0\r\n"), "STORED\r\n");
  EXPECT_EQ(ask("prepend " + k + " 0 0 1\r\n1\r\n"), "STORED\r\n");
  EXPECT_EQ(ask(get(k)), found(k, "150", 7));
  EXPECT_EQ(ask("incr " + k + " 3\r\n"), "153\r\n");
  EXPECT_EQ(ask("decr " + k + " 10\r\n"), "143\r\n");
  EXPECT_EQ(ask("touch " + k + " 100\r\n"), "TOUCHED\r\n");
  EXPECT_EQ(ask("gat 100 " + k + "\r\n"), found(k, "143", 7));
  EXPECT_EQ(ask("mg " + k + " t f v Oq k\r\n"), "VA 3 t100 f7 Oq k" + k + "\r\n143\r\n");
  EXPECT_EQ(ask("ms " + k + " 2 c T0 Oq C1\r\nab\r\n").substr(0, 2), "EX");
  EXPECT_EQ(ask("ms " + k + " 2 q\r\n10\r\nma " + k + " v\r\n"), "VA 2\r\n11\r\n");
  EXPECT_EQ(ask("me " + k + "\r\n").substr(0, 4 + k.size()), "ME " + k + " ");
  EXPECT_EQ(ask("md " + k + " q\r\nmn\r\n"), "MN\r\n");
  EXPECT_EQ(ask("delete " + k + "\r\n"), "NOT_FOUND\r\n");
  EXPECT_EQ(ask("touch " + k + " 100\r\n"), "NOT_FOUND\r\n");
  EXPECT_EQ(ask("incr " + k + " 1\r\n"), "NOT_FOUND\r\n");
  EXPECT_EQ(ask("ms " + base64 + " 1 b\r\nx\r\nmg " + base64 + " b k v\r\n"),
            "HD\r\nVA 1 kaGk= b\r\nx\r\n");
  EXPECT_EQ(ask("set " + k + " 0 0 1 noreply\r\nx\r\nincr " + k + " 1\r\n"),
            "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
}

TEST_P(RoutingTest, CasGoesByTheOwnersNumbers) {
  const std::string k = key_of(1);
  ask(set(k, "a"));
  const std::string gets = ask("gets " + k + "\r\n");
  const std::size_t at = std::string("VALUE " + k + " 5 1 ").size();
  const std::string number = gets.substr(at, gets.find("\r\n") - at);
  EXPECT_EQ(ask("cas " + k + " 0 0 1 " + number + "\r\nb\r\n"), "STORED\r\n");
  EXPECT_EQ(ask("cas " + k + " 0 0 1 " + number + "\r\nc\r\n"), "EXISTS\r\n");
  EXPECT_EQ(ask("delete " + k + "\r\ncas " + k + " 0 0 1 1\r\nc\r\n"), "DELETED\r\nNOT_FOUND\r\n");
}

TEST_P(RoutingTest, PipelinedRepliesComeInTheOrderOfTheRequests) {
  std::string requests;
  std::string replies;
  for (int i = 0; i < 60; ++i) {
    const std::string key = "key" + std::to_string(i);
    const std::string value(static_cast<std::size_t>(i * i), 'a');
    requests += set(key, value) + get(key + " nothing") + "mn\r\n";
    replies += "STORED\r\n" + found(key, value) + "MN\r\n";
  }
  EXPECT_EQ(ask(requests), replies);
}

TEST_P(RoutingTest, AMultiGetIsSplitAndGatheredInOrder) {
  std::string line = "get";
  std::string blocks;
  for (int i = 0; i < 700; ++i) {
    const std::string key = "key" + std::to_string(i);
    line += " " + key;
    if (i % 3 == 0) continue;
    const std::string value(i == 7 ? 100'000 : 10, 'x');
    ask(set(key, value));
    blocks += block(key, value);
  }
  EXPECT_EQ(ask(line + "\r\nget key1\r\n"), blocks + "END\r\n" + found("key1", "xxxxxxxxxx"));
}

TEST_P(RoutingTest, ValuesOfEverySizeReachTheirOwner) {
  for (const std::size_t size : {0u, 1u, 4096u, 5000u, 70'000u, 900'000u}) {
    const std::string key = key_of(1, static_cast<int>(size % 7));
    const std::string value(size, 'v');
    EXPECT_EQ(ask(set(key, value)), "STORED\r\n") << size;
    EXPECT_EQ(ask(get(key)), found(key, value)) << size;
  }
  EXPECT_EQ(ask(set(key_of(1), std::string(2'000'000, 'v'))),
            "SERVER_ERROR object too large for cache\r\n");
}

TEST_P(RoutingTest, AnObjectLivesAtTheOwnerOfItsKey) {
  for (int i = 0; i < 10; ++i) {
    const std::string key = "counter:incr:c" + std::to_string(i);
    EXPECT_EQ(ask(get(key)), found(key, "1", 0));
    EXPECT_EQ(ask_at(1, "mg " + key + " v\r\n"), "VA 1\r\n2\r\n");
    const std::string owner = "cluster:owner:" + key;
    const std::string name = "n" + std::to_string(ring_.owner("counter$c" + std::to_string(i)) + 1);
    EXPECT_EQ(ask(get(owner)), found(owner, name, 0));
  }
  EXPECT_EQ(ask("get map:new:m\r\nset map:put:m:a 0 0 1\r\nx\r\nget map:get:m:a\r\n"),
            found("map:new:m", "CREATED", 0) + "STORED\r\n" + found("map:get:m:a", "a : x", 0));
}

TEST_P(RoutingTest, FlushAllIsEveryNodes) {
  for (int i = 0; i < 30; ++i) ask(set("key" + std::to_string(i), "x"));
  EXPECT_EQ(ask("flush_all\r\nget key0 key1 key2 key3\r\n"), "OK\r\nEND\r\n");
  EXPECT_EQ(ask("flush_all noreply\r\nmn\r\n"), "MN\r\n");
}

TEST_P(RoutingTest, AClientThatEndsItsSideHearsWhatIsOwed) {
  client_.write(set(key_of(1), "x") + get(key_of(1)));
  client_.shutdown();
  wire_.run();
  EXPECT_EQ(client_.take(), "STORED\r\n" + found(key_of(1), "x"));
  EXPECT_EQ(client_.ended(), io::Error::eof);
  EXPECT_EQ(wire_.ask(wire_.connect(), get(key_of(1)) + "quit\r\nget a\r\n"),
            found(key_of(1), "x"));
}

TEST_P(RoutingTest, AClientThatEndsItsSideWhileAnOwnerIsSilentHearsOfTheTimeout) {
  ask(get(key_of(1)));  // connects
  wire_.node_io(1).pause(5s);
  client_.write(get(key_of(1)));
  wire_.run();
  client_.shutdown();
  wire_.run();
  EXPECT_EQ(wire_.audit(), std::nullopt);
  wire_.advance(1100ms);
  EXPECT_EQ(client_.take(), "SERVER_ERROR cluster: n2: timeout\r\n");
  EXPECT_EQ(client_.ended(), io::Error::eof);
}

TEST_P(RoutingTest, ANodeThatIsGoneIsNamedInTime) {
  wire_.node(1).stop(Stop::at_once);
  wire_.run();
  client_.write(get(key_of(1)) + get(key_of(0)) + "set " + key_of(1) + " 0 0 1 noreply\r\nx\r\n");
  wire_.advance(1s);
  EXPECT_EQ(client_.take(), "SERVER_ERROR cluster: n2: refused\r\nEND\r\n");
  EXPECT_EQ(ask("mn\r\n"), "MN\r\n");
}

TEST_P(RoutingTest, AnErrorEndsAMultiGetAndNothingElse) {
  wire_.node(1).stop(Stop::at_once);
  wire_.run();
  ask(set(key_of(0), "x") + set(key_of(2), "y"));
  client_.write(get(key_of(0) + " " + key_of(1) + " " + key_of(2)) + get(key_of(2)));
  wire_.advance(1s);
  EXPECT_EQ(client_.take(), block(key_of(0), "x") + "SERVER_ERROR cluster: n2: refused\r\n" +
                                found(key_of(2), "y"));
}

TEST_P(RoutingTest, AnOwnerThatSaysNothingIsATimeout) {
  ask(set(key_of(1), "x"));  // connects
  wire_.node_io(1).pause(5s);
  client_.write(get(key_of(1)) + set(key_of(1), "y"));
  wire_.advance(1100ms);
  EXPECT_EQ(client_.take(),
            "SERVER_ERROR cluster: n2: timeout\r\n"
            "SERVER_ERROR cluster: n2: timeout, the outcome is unknown\r\n");
  wire_.advance(5s);
  EXPECT_EQ(ask(get(key_of(1))), found(key_of(1), "y"));
}

TEST_P(RoutingTest, AForwardedRequestIsNeverForwardedAgain) {
  const std::string hop = " P1.0.1.500\r\n";
  EXPECT_EQ(ask("mg " + key_of(1) + " v" + hop), "SERVER_ERROR wrong-owner epoch=1\r\n");
  EXPECT_EQ(ask("ms " + key_of(1) + " 1" + hop + "x\r\nmd " + key_of(1) + hop),
            "SERVER_ERROR wrong-owner epoch=1\r\nSERVER_ERROR wrong-owner epoch=1\r\n");
  EXPECT_EQ(ask("mg " + key_of(0) + " v" + hop), "EN\r\n");
  EXPECT_EQ(ask("ms " + key_of(1) + " 1 P1.0.0.500\r\nx\r\n"), "HD\r\n") << "epoch 0: here";
  EXPECT_EQ(stat(0, "stats", "curr_items"), 1u);
}

TEST_P(RoutingTest, NodesThatDisagreeRefreshAndAskOnceMore) {
  // A key that moves from n1 to n2 when n3 leaves, or stays: only the owner's opinion counts.
  RingView two = sim::ring_of(2, cluster::Hashing::ketama, 2);
  const cluster::Ring after = *cluster::Ring::make(two.spec);
  std::string moved;
  for (int i = 0; moved.empty(); ++i) {
    const std::string key = "m" + std::to_string(i);
    if (ring_.owner(key) == 2 && after.owner(key) == 1) moved = key;
  }
  // The others know; this node learns it from the refusal.
  wire_.ring(1).set(two);
  wire_.ring(2).set(two);
  wire_.advance(2s);
  wire_.ring(0).set(two);
  EXPECT_EQ(ask(set(moved, "x")), "STORED\r\n");
  EXPECT_EQ(ask_at(1, get(moved)), found(moved, "x"));
  EXPECT_EQ(ask("get cluster:epoch\r\n"), found("cluster:epoch", "2", 0));
}

TEST_P(RoutingTest, AnOlderRingIsRefused) {
  wire_.ring(0).set(sim::ring_of(2, cluster::Hashing::ketama, 0));
  wire_.advance(2s);
  EXPECT_EQ(ask("get cluster:epoch\r\n"), found("cluster:epoch", "1", 0));
  EXPECT_NE(wire_.log().lines().back().find("ring_refused"), std::string::npos);
}

TEST_P(RoutingTest, AMemberWithoutAnAddressIsRefusedUntilItHasOne) {
  const RingView whole = wire_.ring(0).view();
  RingView lost = whole;
  lost.addresses[1].host.clear();
  wire_.ring(0).set(lost);
  wire_.advance(2s);
  EXPECT_EQ(wire_.log().lines().back().substr(wire_.log().lines().back().find("addresses")),
            "addresses_unknown nodes=n2");
  EXPECT_EQ(ask(set(key_of(1), "x")), "SERVER_ERROR cluster: n2: refused\r\n");
  EXPECT_EQ(ask(set(key_of(2), "x")), "STORED\r\n");
  wire_.ring(0).set(whole);
  wire_.advance(2s);
  EXPECT_NE(wire_.log().lines().back().find("addresses_changed nodes=n2"), std::string::npos);
  EXPECT_EQ(ask(set(key_of(1), "x")), "STORED\r\n");
  EXPECT_EQ(stat(1, "stats", "curr_items"), 1u);
  EXPECT_EQ(ask("get cluster:epoch\r\n"), found("cluster:epoch", "1", 0));
}

TEST_P(RoutingTest, TheRingCanBeRead) {
  const std::string nodes =
      "epoch 1 hashing ketama self n1\n"
      "n1 10.0.0.1:11211 active weight 1\n"
      "n2 10.0.0.2:11211 active weight 1\n"
      "n3 10.0.0.3:11211 active weight 1";
  EXPECT_EQ(ask("mg cluster:nodes v\r\n"),
            "VA " + std::to_string(nodes.size()) + "\r\n" + nodes + "\r\n");
  EXPECT_EQ(ask("get cluster:nonsense\r\n").substr(0, 13), "SERVER_ERROR ");
}

TEST_P(RoutingTest, StatsTellWhatWasForwardedAndToWhom) {
  ask(get(key_of(1) + " " + key_of(1, 1) + " " + key_of(0)));
  const std::string stats = ask("stats cluster\r\n");
  for (const char* line :
       {"STAT epoch 1\r\n", "STAT self n1\r\n", "STAT members 3\r\n", "STAT forwarded 2\r\n",
        "STAT answered 2\r\n", "STAT failed 0\r\n", "STAT 10.0.0.2:11211:circuit closed\r\n",
        "STAT 10.0.0.2:11211:replies 2\r\n"})
    EXPECT_NE(stats.find(line), std::string::npos) << line << stats;
  EXPECT_TRUE(stats.ends_with("END\r\n"));
}

TEST_P(RoutingTest, WhatGoesOnForLongComesBehindWhatIsOwed) {
  const std::string both = ask(get(key_of(1)) + "stats settings\r\nmn\r\n");
  EXPECT_TRUE(both.starts_with("END\r\nSTAT ")) << both.substr(0, 40);
  EXPECT_TRUE(both.ends_with("END\r\nMN\r\n"));
}

INSTANTIATE_TEST_SUITE_P(Cuts, RoutingTest,
                         testing::Values(sim::Cuts::whole, sim::Cuts::random,
                                         sim::Cuts::byte_by_byte));

}  // namespace
}  // namespace cacheismo::node
