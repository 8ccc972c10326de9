// Goal: what a script replicates is at the other owners when it says so; what is not known is said
// to be unknown; the newest state wins wherever it was written. Method: three simulated nodes with
// a script that writes and replicates where it is asked; partitions by hand.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/units.h"
#include "cacheismo/lua/script.h"
#include "sim/wire.h"
#include "sim/world.h"

namespace cacheismo::node {
namespace {

using namespace std::chrono_literals;

/// `command.set` and its kin run where they arrive, so that each node can be made the writer.
constexpr const char* script = R"(
  local t = object.type("t")
  function t.default() return { n = 0 } end
  function t.update.add(self, by) self.n = self.n + by; return self.n end
  local function told(result)
    local text = ("%d %d %d"):format(result.acked, result.failed, result.unknown)
    for _, failure in ipairs(result.failures) do text = text .. " " .. failure.code end
    return text .. "\r\n"
  end
  -- `set KEY <ack> <copies> ...`: flags are the acknowledgements, the exptime the copies.
  command.set = function(cmd)
    store.set(cmd:getKey(), cmd:getData(), 0, 7)
    cmd:writeString(told(replicate(cmd:getKey(),
      { ack = cmd:getFlags(), copies = cmd:getExpiryTime(), timeout = 0.5 })))
  end
  command.add = function(cmd)
    sleep(0.3)
    store.set(cmd:getKey(), cmd:getData(), 0, 7)
    cmd:writeString(told(replicate(cmd:getKey(), { copies = 3, timeout = 0.5 })))
  end
  -- `incr KEY 1`: replicates what is stored under KEY.
  command.incr = function(cmd)
    cmd:writeString(told(replicate(cmd:getKey(), { copies = 3 })))
  end
  command.delete = function(cmd)
    store.delete(cmd:getKey())
    cmd:writeString(told(replicate(cmd:getKey(), { copies = 3 })))
  end
)";

class ReplicationTest : public testing::Test {
 protected:
  ReplicationTest()
      : wire_({.scripts = std::vector<lua::Script>{{.name = "t.lua", .source = script}},
               .nodes = 3}) {
    wire_.advance(10ms);
  }

  std::string ask(std::size_t node, const std::string& bytes, Duration after = Duration::zero()) {
    sim::RawConnection& client = wire_.connect(wire_.address(node));
    std::string reply = wire_.ask(client, bytes);
    if (after > Duration::zero()) {
      wire_.advance(after);
      reply += client.take();
    }
    client.close();
    return reply;
  }
  std::string set(std::size_t node, const std::string& value, int ack, int copies,
                  Duration after = Duration::zero()) {
    return ask(node,
               "set k " + std::to_string(ack) + " " + std::to_string(copies) + " " +
                   std::to_string(value.size()) + "\r\n" + value + "\r\n",
               after);
  }
  /// What the node itself has, whoever owns it.
  std::string at(std::size_t node, const std::string& key = "k") {
    return ask(node, "mg " + key + " v f P1.0.0.1000\r\n");
  }
  void cut_off(std::size_t node, Duration length) {
    const std::array group{static_cast<std::uint16_t>(node)};
    wire_.world().partition(group, false, length);
  }

  sim::Wire wire_;
};

TEST_F(ReplicationTest, EveryOwnerHasTheValueWhenTheScriptGoesOn) {
  EXPECT_EQ(set(0, "hello", 3, 3), "3 0 0\r\n");
  for (std::size_t node = 0; node < 3; ++node) EXPECT_EQ(at(node), "VA 5 f7\r\nhello\r\n");
}

TEST_F(ReplicationTest, CopiesAreAtTheFirstOwnersOnly) {
  ASSERT_EQ(ask(0, "get cluster:owner:k\r\n"), "VALUE cluster:owner:k 0 2\r\nn3\r\nEND\r\n");
  EXPECT_EQ(set(2, "x", 2, 2), "2 0 0\r\n");
  EXPECT_EQ((at(0) == "EN\r\n") + (at(1) == "EN\r\n"), 1);
  EXPECT_EQ(set(1, "y", 1, 1), "1 0 0\r\n") << "the writer's own does not count";
  EXPECT_EQ(at(2), "VA 1 f7\r\ny\r\n");
}

TEST_F(ReplicationTest, WhatIsNotWaitedForArrivesAllTheSame) {
  EXPECT_EQ(set(0, "x", 1, 3), "1 0 2 cancelled cancelled\r\n");
  EXPECT_EQ(at(1), "VA 1 f7\r\nx\r\n");
  EXPECT_EQ(at(2), "VA 1 f7\r\nx\r\n");
}

// On a host that is behind with its work both are due: a call that waits for nobody goes on, and
// what it has sent comes to its end.
TEST(Replication, AnEndThatNobodyWaitsForDoesNotResumeACallOnceMore) {
  std::ptrdiff_t answered = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    sim::Wire::Options options{
        .seed = seed,
        .scripts = std::vector<lua::Script>{{.name = "t.lua", .source = script}},
        .nodes = 3};
    options.plan.latency_ns = 20'000;
    options.plan.callback_ns = 2'000;
    options.plan.slow_factor_max = 50;
    options.plan.shuffle_ties = 1;
    options.plan.refuse_per_million = 500'000;
    options.plan.reset_every_ns = 2'000'000;
    options.plan.until_ns = 200'000'000;
    sim::Wire wire(options);
    wire.advance(10ms);
    for (int round = 0; round < 100; ++round) {
      for (std::size_t node = 0; node < 3; ++node) {
        sim::RawConnection& client = wire.connect(wire.address(node));
        for (int i = 0; i < 3; ++i) client.write("set k 1 3 1\r\nx\r\n");
        wire.advance(500us);
        answered += std::ranges::count(client.take(), '\n');
        client.close();
      }
      ASSERT_EQ(wire.audit(), std::nullopt) << seed;
    }
  }
  EXPECT_GT(answered, 1000);
}

TEST_F(ReplicationTest, AClientThatGoesAwayDoesNotEndIt) {
  set(0, "w", 3, 3);  // connections stand
  sim::RawConnection& client = wire_.connect(wire_.address(0));
  wire_.run();
  cut_off(1, 200ms);
  client.write("set k 3 3 1\r\nx\r\n");
  wire_.run();
  client.close();
  wire_.advance(400ms);
  EXPECT_EQ(at(1), "VA 1 f7\r\nx\r\n");
}

TEST_F(ReplicationTest, ADeleteReachesTheCopies) {
  set(0, "x", 3, 3);
  EXPECT_EQ(ask(1, "delete k\r\n"), "3 0 0\r\n");
  for (std::size_t node = 0; node < 3; ++node) EXPECT_EQ(at(node), "EN\r\n");
}

TEST_F(ReplicationTest, ANodeThatIsNotThereFailsAndWhatIsOnItsWayIsUnknown) {
  set(0, "x", 3, 3);  // connections stand
  cut_off(1, 2s);
  EXPECT_EQ(set(0, "y", 3, 3, 600ms), "2 0 1 timeout\r\n");
  wire_.advance(2s);
  EXPECT_EQ(at(1), "VA 1 f7\r\ny\r\n") << "it was executed later, as unknown says that it may be";
  wire_.node(2).stop(Stop::at_once);
  wire_.advance(10ms);
  EXPECT_EQ(set(0, "z", 3, 3, 600ms), "2 1 0 refused\r\n");
}

TEST_F(ReplicationTest, OfTwoSidesOfAPartitionTheNewerStateIsLeftEverywhere) {
  set(0, "x", 3, 3);
  set(1, "x", 3, 3);  // connections stand both ways
  sim::RawConnection& other_side = wire_.connect(wire_.address(1));
  other_side.write("add k 3 3 6\r\nsecond\r\n");
  wire_.run();
  cut_off(1, 2s);
  EXPECT_EQ(set(0, "first", 3, 3, 600ms), "2 0 1 timeout\r\n");
  wire_.advance(3s);
  EXPECT_EQ(other_side.take(), "1 0 2 timeout timeout\r\n");
  for (std::size_t node = 0; node < 3; ++node) EXPECT_EQ(at(node), "VA 6 f7\r\nsecond\r\n") << node;
}

TEST_F(ReplicationTest, AWriterWhoseClockIsBehindIsHeardAtItsSecondTry) {
  wire_.node_io(1).jump_wall(30s);
  EXPECT_EQ(set(1, "ahead", 3, 3), "3 0 0\r\n");
  EXPECT_EQ(ask(2, "delete k\r\n"), "3 0 0\r\n") << "it has seen the version";
  wire_.node_io(1).jump_wall(30s);
  EXPECT_EQ(set(1, "ahead", 1, 1), "1 0 0\r\n");  // only at the owner, which is node 0
  EXPECT_EQ(set(2, "behind", 3, 3), "3 0 0\r\n");
  for (std::size_t node = 0; node < 3; ++node) EXPECT_EQ(at(node), "VA 6 f7\r\nbehind\r\n") << node;
}

TEST_F(ReplicationTest, StatsTellWhatWasSentAndTaken) {
  set(0, "x", 3, 3);
  ask(1, "delete k\r\n");
  const std::string stats = ask(0, "stats cluster\r\n");
  for (const char* line :
       {"STAT replicas_sent 1\r\n", "STAT replicas_taken 1\r\n", "STAT replicas_older 0\r\n",
        "STAT replicas_refused 0\r\n", "STAT replica_versions 1\r\n"})
    EXPECT_NE(stats.find(line), std::string::npos) << line << stats;
}

TEST_F(ReplicationTest, ObjectsAreCopiedWholeWhereTheyAreAccepted) {
  sim::Wire::Options options{
      .scripts = std::vector<lua::Script>{{.name = "t.lua", .source = script}}, .nodes = 2};
  for (const bool accept : {true, false}) {
    options.config.accept_copy = accept;
    sim::Wire wire(options);
    wire.advance(10ms);
    sim::RawConnection& one = wire.connect(wire.address(0));
    sim::RawConnection& two = wire.connect(wire.address(1));
    const std::string call = "mg t:add:k:5 v P1.0.0.1000\r\n";  // here, whoever owns it
    EXPECT_EQ(wire.ask(one, call), "VA 1\r\n5\r\n");
    EXPECT_EQ(wire.ask(one, "touch t$k 100\r\nincr t$k 1\r\n"),
              accept ? "TOUCHED\r\n2 0 0\r\n" : "TOUCHED\r\n1 1 0 remote\r\n");
    EXPECT_EQ(wire.ask(two, call), accept ? "VA 2\r\n10\r\n" : "VA 1\r\n5\r\n");
  }
}

TEST_F(ReplicationTest, LargeValuesAreSentWhole) {
  const std::string value(300 * KiB, 'v');
  EXPECT_EQ(set(0, value, 3, 3), "3 0 0\r\n");
  EXPECT_EQ(at(2), "VA " + std::to_string(value.size()) + " f7\r\n" + value + "\r\n");
}

}  // namespace
}  // namespace cacheismo::node
