// Goal: while the ring changes, every key is found, nothing that was overwritten or deleted comes
// back, and what leaves is empty in the end. Method: three simulated nodes whose rings the test
// changes; a client of the first.

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/cluster/ring.h"
#include "cacheismo/node/test_cluster.h"
#include "sim/wire.h"

namespace cacheismo::node {
namespace {

using namespace std::chrono_literals;

constexpr int keys_count = 300;

/// Counts its calls, each after a nap of so many seconds.
constexpr const char* nap = R"(
local nap = object.type("nap")
function nap.default() return { n = 0 } end
function nap.async.add(key, seconds)
  sleep(tonumber(seconds))
  return atomically(function(self) self.n = (self.n or 0) + 1; return self.n end)
end
function nap.async.rest(key, seconds) sleep(tonumber(seconds)); return "rested" end
)";

class HandoverTest : public testing::Test, protected TestCluster {
 protected:
  HandoverTest() : TestCluster(sim::Cuts::whole, {{.name = "nap.lua", .source = nap}}) {}

  /// All nodes know of it, and have moved nothing yet but a few lines.
  void change_now(cluster::MemberState state) {
    change(state);
    wire_.advance(1100ms);
  }
  static std::string key(int i) { return "key" + std::to_string(i); }
  static std::string set(const std::string& key, const std::string& value,
                         const std::string& exptime = "0") {
    return "set " + key + " 7 " + exptime + " " + std::to_string(value.size()) + "\r\n" + value +
           "\r\n";
  }
  static std::string block(const std::string& key, const std::string& value) {
    return "VALUE " + key + " 7 " + std::to_string(value.size()) + "\r\n" + value + "\r\nEND\r\n";
  }
  void fill() {
    for (int i = 0; i < keys_count; ++i) ask(set(key(i), "v" + std::to_string(i)));
  }
  int found() {
    int found = 0;
    for (int i = 0; i < keys_count; ++i)
      found += ask("get " + key(i) + "\r\n") == block(key(i), "v" + std::to_string(i)) ? 1 : 0;
    return found;
  }
  /// A key of n3 while it is active.
  std::string key_of_third(int n = 0, const std::string& prefix = "k") {
    return key_of(2, n, wire_.ring(0).view(), prefix);
  }
  static std::string key_of(std::uint32_t owner, int n, const RingView& view,
                            const std::string& prefix = "k") {
    const cluster::Ring ring = *cluster::Ring::make(view.spec);
    for (int i = 0;; ++i) {
      std::string key = prefix + std::to_string(i);
      if (ring.owner(key) == owner && n-- == 0) return key;
    }
  }
  /// A key of n3 while it is active, and of `heir` (from 0) while it is leaving. n3 is active then.
  std::string key_between_third_and(std::uint32_t heir, const std::string& prefix = "k") {
    const RingView with_third = wire_.ring(0).view();
    change_now(cluster::MemberState::leaving);
    const cluster::Ring without = *cluster::Ring::make(wire_.ring(0).view().spec);
    change_now(cluster::MemberState::active);
    for (int n = 0;; ++n) {
      std::string key = key_of(2, n, with_third, prefix);
      if (without.owner(key) == heir) return key;
    }
  }
};

constexpr auto active = cluster::MemberState::active;
constexpr auto leaving = cluster::MemberState::leaving;

TEST_F(HandoverTest, EveryKeyIsFoundFromTheFirstMomentOn) {
  fill();
  change_now(leaving);
  EXPECT_EQ(found(), keys_count);
  change_now(active);
  EXPECT_EQ(found(), keys_count);
}

TEST_F(HandoverTest, WhatLeavesIsEmptyInTheEndAndMayBeStopped) {
  fill();
  EXPECT_GT(stat(2, "stats", "curr_items"), 0u);
  change(leaving);
  wire_.advance(5s);
  EXPECT_EQ(stat(2, "stats", "curr_items"), 0u);
  EXPECT_EQ(stat(2, "stats cluster", "handover_active"), 0u);
  wire_.node(2).stop(Stop::at_once);
  wire_.advance(1s);
  EXPECT_EQ(found(), keys_count);
}

TEST_F(HandoverTest, WhatWasDeletedOrOverwrittenDoesNotComeBack) {
  const std::string gone = key_of_third(0);
  const std::string newer = key_of_third(1);
  ask(set(gone, "old") + set(newer, "old"));
  change_now(leaving);
  EXPECT_EQ(ask("delete " + gone + "\r\n"), "DELETED\r\n");
  EXPECT_EQ(ask(set(newer, "new")), "STORED\r\n");
  EXPECT_EQ(ask("get " + gone + "\r\n"), "END\r\n");
  change_now(active);
  EXPECT_EQ(ask("get " + gone + "\r\n"), "END\r\n");
  EXPECT_EQ(ask("get " + newer + "\r\n"), block(newer, "new"));
  wire_.advance(200s);
  EXPECT_EQ(ask("get " + gone + "\r\n"), "END\r\n");
  EXPECT_EQ(ask("get " + newer + "\r\n"), block(newer, "new"));
}

TEST_F(HandoverTest, EveryCommandSeesTheOldState) {
  for (int i = 0; i < 6; ++i) ask(set(key_of_third(i), "5"));
  std::vector<std::string> keys;
  for (int i = 0; i < 6; ++i) keys.push_back(key_of_third(i));
  change_now(leaving);
  EXPECT_EQ(ask("add " + keys[0] + " 0 0 1\r\nx\r\n"), "NOT_STORED\r\n");
  EXPECT_EQ(ask("incr " + keys[1] + " 2\r\n"), "7\r\n");
  EXPECT_EQ(ask("append " + keys[2] + " 0 0 1\r\nx\r\n"), "STORED\r\n");
  EXPECT_EQ(ask("get " + keys[2] + "\r\n"), block(keys[2], "5x"));
  EXPECT_EQ(ask("touch " + keys[3] + " 0\r\n"), "TOUCHED\r\n");
  EXPECT_EQ(ask("mg " + keys[4] + " v f\r\n"), "VA 1 f7\r\n5\r\n");
  EXPECT_EQ(ask("get " + keys[5] + " " + keys[0] + "\r\n"),
            "VALUE " + keys[5] + " 7 1\r\n5\r\n" + block(keys[0], "5"));
}

TEST_F(HandoverTest, TimeToLiveAndObjectsMoveToo) {
  const std::string mortal = key_of_third();
  ask(set(mortal, "x", "100"));
  for (int i = 0; i < 20; ++i)
    for (int times = 0; times < 3; ++times) ask("get counter:incr:c" + std::to_string(i) + "\r\n");
  wire_.advance(10s);
  change_now(leaving);
  const std::string ttl = ask("mg " + mortal + " t\r\n");
  EXPECT_TRUE(ttl == "HD t89\r\n" || ttl == "HD t88\r\n") << ttl;
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(ask("mg counter:incr:c" + std::to_string(i) + " v\r\n"), "VA 1\r\n4\r\n");
}

TEST_F(HandoverTest, ALongKeyBeyondAsciiMoves) {
  std::string key;
  const cluster::Ring ring = *cluster::Ring::make(wire_.ring(0).view().spec);
  for (int i = 0; key.empty() || ring.owner(key) != 2; ++i) {
    key = std::to_string(i);
    while (key.size() < 200) key += "\xC3\xA4";
  }
  ask(set(key, "x"));
  change_now(leaving);
  EXPECT_EQ(ask("get " + key + "\r\n"), block(key, "x"));
}

TEST_F(HandoverTest, ManyWhoWaitForOneKeyAskOnce) {
  const std::string key = key_of_third();
  ask(set(key, "x"));
  change(leaving);
  wire_.node_io(2).pause(1500ms);  // nothing is given meanwhile, and the answer takes its time
  wire_.advance(1100ms);
  std::vector<sim::RawConnection*> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(&wire_.connect());
  for (auto* client : clients) client->write("get " + key + "\r\n");
  wire_.advance(1s);
  for (auto* client : clients) EXPECT_EQ(client->take(), block(key, "x"));
  EXPECT_EQ(stat(0, "stats cluster", "handover_taken") + stat(1, "stats cluster", "handover_taken"),
            1u);
}

TEST_F(HandoverTest, AnAnswerThatComesWhenTheKeyHasMovedOnGoesWithIt) {
  const std::string key = key_between_third_and(0);
  ask(set(key, "x"));
  change(leaving);
  const RingView next = wire_.ring(2).view();
  wire_.node_io(2).pause(2100ms);
  wire_.advance(1700ms);
  sim::RawConnection& client = wire_.connect();
  client.write("get " + key + "\r\n");  // n1 asks n3
  wire_.run();
  change(active);
  wire_.ring(2).set(next);  // so that n3 answers
  wire_.advance(300ms);
  EXPECT_EQ(stat(0, "stats cluster", "epoch"), epoch_);
  EXPECT_EQ(stat(0, "stats", "curr_items"), 0u);
  wire_.advance(500ms);
  EXPECT_EQ(stat(0, "stats cluster", "handover_taken"), 1u);
  EXPECT_EQ(client.take(), "SERVER_ERROR cluster: n3: wrong_owner\r\n");
  RingView last = next;
  last.spec.epoch = epoch_;
  last.spec.members[2].state = active;
  wire_.ring(2).set(last);
  wire_.advance(5s);
  EXPECT_EQ(stat(0, "stats", "curr_items"), 0u);
  EXPECT_EQ(ask_at(2, "get " + key + "\r\n"), block(key, "x"));
}

TEST_F(HandoverTest, AnOldOwnerThatIsGoneMeansMissesAndNoErrors) {
  const std::string key = key_of_third();
  ask(set(key, "x"));
  wire_.node(2).stop(Stop::at_once);
  wire_.advance(100ms);
  change_now(leaving);
  client_.write("get " + key + "\r\n");
  wire_.advance(1100ms);
  EXPECT_EQ(client_.take(), "END\r\n");
  EXPECT_EQ(ask(set(key, "y")), "STORED\r\n");
  EXPECT_EQ(ask("get " + key + "\r\n"), block(key, "y"));
}

TEST_F(HandoverTest, ACallThatWaitsWhileItsObjectMovesRunsOnceAndIsAnsweredItself) {
  const std::string key = key_between_third_and(0, "nap$").substr(4);
  change_now(leaving);
  const auto shown = [](const std::string& call, const std::string& text) {
    return "VALUE " + call + " 0 " + std::to_string(text.size()) + "\r\n" + text + "\r\n";
  };
  const std::string call = "nap:add:" + key + ":4";
  sim::RawConnection& classic = wire_.connect();
  sim::RawConnection& meta = wire_.connect();
  sim::RawConnection& peer = wire_.connect();
  classic.write("get " + call + " counter:incr:other\r\nget counter:incr:other\r\n");
  meta.write("mg " + call + " v\r\nmg counter:incr:more v\r\n");
  peer.write("mg " + call + " v P1.0." + std::to_string(epoch_) + ".9000\r\nmn\r\n");
  wire_.run();
  change_now(active);
  wire_.advance(10s);
  const std::string moved =
      "SERVER_ERROR script nap.lua:6: the object has moved to another node id=";
  const std::string others = classic.take();
  EXPECT_TRUE(others.starts_with(moved)) << others;
  EXPECT_TRUE(others.ends_with("\r\n" + shown("counter:incr:other", "1") + "END\r\n")) << others;
  const std::string more = meta.take();
  EXPECT_TRUE(more.starts_with(moved)) << more;
  EXPECT_TRUE(more.ends_with("\r\nVA 1\r\n1\r\n")) << more;
  const std::string last = peer.take();
  EXPECT_TRUE(last.starts_with(moved)) << last;
  EXPECT_TRUE(last.ends_with("\r\nMN\r\n")) << last;
  EXPECT_EQ(ask("mg nap:add:" + key + ":0 v\r\n"), "VA 1\r\n1\r\n") << "nor did it run at n3";
}

TEST_F(HandoverTest, ACallThatOnlyReadsIsAnsweredAlthoughItsObjectHasMoved) {
  const std::string key = key_of_third(0, "nap$");
  const std::string call = "nap:rest:" + key.substr(4) + ":4";
  sim::RawConnection& client = wire_.connect(wire_.address(2));
  client.write("get " + call + "\r\n");
  wire_.run();
  change_now(leaving);
  wire_.advance(10s);
  EXPECT_EQ(client.take(), "VALUE " + call + " 0 6\r\nrested\r\nEND\r\n");
}

TEST_F(HandoverTest, AnOldOwnerThatHasNotHeardYetHasNoMoreWhatTheNewOneWasAskedFor) {
  const std::string set_key = key_of_third(0);
  const std::string deleted = key_of_third(1);
  const std::string untouched = key_of_third(2);
  ask(set(set_key, "old") + set(deleted, "old") + set(untouched, "old"));
  change(leaving);
  const RingView next = wire_.ring(2).view();
  RingView before = next;
  before.spec.epoch = 1;
  before.spec.members[2].state = active;
  wire_.ring(2).set(before);
  wire_.advance(1100ms);
  EXPECT_EQ(ask(set(set_key, "new")), "STORED\r\n");
  EXPECT_EQ(ask("delete " + deleted + "\r\n"), "DELETED\r\n");
  sim::RawConnection& late = wire_.connect(wire_.address(2));
  const std::string refused = "SERVER_ERROR cluster: n3: wrong_owner\r\n";
  const auto expect_refused = [&](const std::string& key) {
    EXPECT_EQ(wire_.ask(late, "get " + key + "\r\n"), refused);
    EXPECT_EQ(wire_.ask(late, set(key, "lost")), refused);
    EXPECT_EQ(wire_.ask(late, set(key, std::string(200'000, 'x'))), refused);
    EXPECT_EQ(wire_.ask(late, "delete " + key + " noreply\r\nmg " + key + " v\r\n"), refused);
    EXPECT_EQ(wire_.ask(late, "get " + untouched + " " + key + "\r\n"),
              "VALUE " + untouched + " 7 3\r\nold\r\n" + refused);
  };
  expect_refused(set_key);
  expect_refused(deleted);
  wire_.ring(2).set(next);
  wire_.advance(5s);
  EXPECT_EQ(wire_.ask(late, "get " + set_key + "\r\n"), block(set_key, "new"));
  EXPECT_EQ(wire_.ask(late, "get " + deleted + "\r\n"), "END\r\n");
  EXPECT_EQ(wire_.ask(late, "get " + untouched + "\r\n"), block(untouched, "old"));
  EXPECT_EQ(stat(2, "stats", "curr_items"), 0u);
}

TEST_F(HandoverTest, AValueThatCameWhileItsKeyMovedHereIsRefusedAndNotHalfTaken) {
  const std::string key = key_between_third_and(0);
  ask(set(key, "old"));
  const std::string request = set(key, std::string(200'000, 'x'));
  client_.write(request.substr(0, 100'000));
  wire_.run();
  change(leaving);
  wire_.node_io(2).pause(1500ms);  // nothing is given meanwhile
  wire_.advance(1100ms);
  EXPECT_EQ(ask(request.substr(100'000)), "SERVER_ERROR cluster: n1: wrong_owner\r\n");
  wire_.advance(1s);
  EXPECT_EQ(ask("get " + key + "\r\n"), block(key, "old"));
  EXPECT_EQ(ask(request), "STORED\r\n");
  EXPECT_EQ(ask("get " + key + "\r\n"), block(key, std::string(200'000, 'x')));
}

TEST_F(HandoverTest, AValueOfAnotherNodeThatFindsNoMemoryWhenItsKeyHasMovedIsNotSentOn) {
  const std::string key = key_between_third_and(0);
  ask(set(key, "old"));
  const std::string value(1'000'000, 'x');
  sim::RawConnection& peer = wire_.connect(wire_.address(2));
  const std::string hop = " P1.0." + std::to_string(epoch_) + ".9000\r\n";
  peer.write("ms " + key + " 1000000" + hop + value.substr(0, 100'000));
  wire_.run();
  // Values that never end take what memory there is.
  std::vector<sim::RawConnection*> others;
  for (int i = 0; i < 100; ++i) {
    others.push_back(&wire_.connect(wire_.address(2)));
    others.back()->write("ms " + key_of_third(i) + " 1000000" + hop + value.substr(1));
    wire_.run();
  }
  change_now(leaving);
  peer.write(value.substr(100'000) + "\r\n");
  wire_.run();
  EXPECT_EQ(peer.take(), "SERVER_ERROR wrong-owner epoch=" + std::to_string(epoch_) + "\r\n");
  EXPECT_EQ(stat(2, "stats cluster", "forwarded"), 0u);
  EXPECT_EQ(ask("get " + key + "\r\n"), block(key, "old"));
}

TEST_F(HandoverTest, AFlushReachesWhatALeavingNodeHasNotGivenYet) {
  const std::string key = key_between_third_and(1);
  ask(set(key, "old"));
  const RingView before = wire_.ring(0).view();
  change(leaving);
  const RingView next = wire_.ring(0).view();
  wire_.ring(1).set(before);  // so that what is n2's now is not taken yet
  wire_.advance(1100ms);
  client_.write("flush_all\r\n");
  wire_.advance(100ms);
  EXPECT_EQ(client_.take(), "OK\r\n");
  EXPECT_EQ(stat(2, "stats", "curr_items"), 0u);
  wire_.ring(1).set(next);
  wire_.advance(5s);
  EXPECT_EQ(ask("get " + key + "\r\n"), "END\r\n");
}

TEST_F(HandoverTest, WhatANewOwnerDidNotTakeKeepsTheOldOneActive) {
  fill();
  const RingView before = wire_.ring(0).view();
  change(leaving);
  const RingView next = wire_.ring(0).view();
  wire_.ring(0).set(before);  // and so it refuses what it is given
  wire_.advance(1500ms);
  EXPECT_GT(stat(2, "stats", "curr_items"), 0u);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(stat(2, "stats cluster", "handover_active"), 1u);
    wire_.advance(100ms);
  }
  wire_.ring(0).set(next);
  wire_.advance(3s);
  EXPECT_EQ(stat(2, "stats cluster", "handover_active"), 0u);
  EXPECT_EQ(stat(2, "stats", "curr_items"), 0u);
}

TEST_F(HandoverTest, ThePastIsClosedInTheEnd) {
  fill();
  change(leaving);
  wire_.advance(100s);
  EXPECT_EQ(stat(0, "stats cluster", "handover_open"), 0u);
  EXPECT_EQ(stat(1, "stats cluster", "handover_open"), 0u);
  EXPECT_EQ(found(), keys_count);
}

}  // namespace
}  // namespace cacheismo::node
