// Goal: a node holds its name and its right to write exactly as long as its lease, knows the ring,
// and changes it without undoing others' changes. Method: members and a played etcd, time by hand.

#include "cacheismo/cluster/etcd_member.h"

#include <algorithm>
#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "cacheismo/cluster/played_etcd.h"

namespace cacheismo::cluster {
namespace {

using namespace std::chrono_literals;

class EtcdMemberTest : public testing::Test {
 protected:
  /// Lets happen what can without time passing.
  void run(TestMember& member) {
    for (int steps = 0; steps < 1000; ++steps) {
      etcd_.expire(now_);
      bool any = false;
      for (const auto lane : EtcdMember::lanes) any |= member.step(lane, now_);
      if (!any) return;
    }
    FAIL() << "it never rests";
  }
  void run_for(TestMember& member, Duration time, Duration stride = 100ms) {
    for (const MonotonicTime end = now_ + time; now_ < end; now_ += stride) run(member);
    run(member);
  }
  std::string ring() { return etcd_.keys["/c/ring"].value; }
  static std::size_t count(const TestMember& member, const std::string& event) {
    return static_cast<std::size_t>(std::count(member.events.begin(), member.events.end(), event));
  }
  static RingChange change(const char* text) { return *parse_ring_change(text); }

  PlayedEtcd etcd_;
  MonotonicTime now_{1h};
};

TEST_F(EtcdMemberTest, TheFirstNodeFoundsTheRing) {
  TestMember a(etcd_, member_options("a", "10.0.0.1"));
  EXPECT_FALSE(a->may_write(now_));
  EXPECT_EQ(a->why_no_ring(), "etcd has not answered yet");
  run(a);
  EXPECT_TRUE(a->may_write(now_));
  EXPECT_EQ(ring(), "epoch 1\nhashing ketama\nnode a 10.0.0.1:11211\n");
  EXPECT_EQ(etcd_.keys["/c/members/a"].value, "10.0.0.1:11211");
  EXPECT_NE(etcd_.keys["/c/members/a"].lease, 0u);
  EXPECT_EQ(a->ring()->epoch, 1u);
}

TEST_F(EtcdMemberTest, ANodeThatDoesNotJoinOnlyKnowsTheRing) {
  EtcdOptions options = member_options("a", "10.0.0.1");
  options.joins = false;
  TestMember a(etcd_, options);
  run(a);
  EXPECT_FALSE(a->ring().has_value());
  EXPECT_EQ(a->why_no_ring(), "etcd has no key \"/c/ring\"");
  etcd_.put("/c/ring", "epoch 4\nnode z h:1\n");
  run(a);
  EXPECT_EQ(a->ring()->epoch, 4u);
}

TEST_F(EtcdMemberTest, WhoLosesTheRaceJoinsTheRingOfTheWinner) {
  TestMember a(etcd_, member_options("a", "10.0.0.1"));
  TestMember b(etcd_, member_options("b", "10.0.0.2"));
  for (int steps = 0; steps < 100; ++steps) {
    for (const auto lane : EtcdMember::lanes) {
      (void)a.step(lane, now_);
      (void)b.step(lane, now_);
    }
  }
  EXPECT_NE(ring().find("epoch 2\n"), std::string::npos) << ring();
  EXPECT_EQ(a->ring()->members.size(), 2u);
  EXPECT_EQ(*a->ring(), *b->ring());
}

TEST_F(EtcdMemberTest, AThirdOfTheLeaseIsTheTimeOfTheNextKeepalive) {
  TestMember a(etcd_, member_options("a", "10.0.0.1"));
  run(a);
  etcd_.asked.clear();
  now_ += 999ms;
  run(a);
  EXPECT_TRUE(etcd_.asked.empty());
  now_ += 1ms;
  run(a);
  EXPECT_EQ(etcd_.asked, std::vector<std::string>{"/v3/lease/keepalive"});
  run_for(a, 30s);
  EXPECT_EQ(count(a, "lease_lost"), 0u);
}

TEST_F(EtcdMemberTest, TheLeaseCountsFromBeforeItsRequest) {
  TestMember a(etcd_, member_options("a", "10.0.0.1"));
  run(a);
  const MonotonicTime granted = now_;
  etcd_.up = false;
  run_for(a, 2900ms);
  EXPECT_TRUE(a->may_write(granted + 2999ms));
  EXPECT_FALSE(a->may_write(granted + 3s));
  now_ = granted + 3s;
  run(a);
  EXPECT_EQ(count(a, "lease_lost"), 1u);
  EXPECT_EQ(a->ring()->epoch, 1u);  // it stays in use
}

TEST_F(EtcdMemberTest, AReplyThatIsLateDoesNotProlongTheLease) {
  TestMember a(etcd_, member_options("a", "10.0.0.1"));
  run(a);
  now_ += 1s;
  while (etcd_.asked.back() != "/v3/lease/keepalive") (void)a.step(EtcdMember::Lane::calls, now_);
  const MonotonicTime asked = now_;
  now_ += 900ms;
  run(a);
  EXPECT_TRUE(a->may_write(asked + 2999ms));
  EXPECT_FALSE(a->may_write(asked + 3s));
}

TEST_F(EtcdMemberTest, WithinTwoSecondsOfItsReturnEverythingGoesOn) {
  TestMember a(etcd_, member_options("a", "10.0.0.1"));
  run(a);
  etcd_.up = false;
  run_for(a, 60s);
  EXPECT_FALSE(a->may_write(now_));
  EXPECT_EQ(count(a, "etcd_lost"), 1u);  // said once, however often it is tried
  etcd_.up = true;
  run_for(a, 2s);
  EXPECT_TRUE(a->may_write(now_));
  EXPECT_EQ(count(a, "etcd_reached"), 1u);
  EXPECT_EQ(count(a, "lease_held"), 2u);
}

TEST_F(EtcdMemberTest, ANameIsHeldByOneAddress) {
  TestMember first(etcd_, member_options("a", "10.0.0.1"));
  TestMember second(etcd_, member_options("a", "10.0.0.2"), 2);
  run(first);
  run_for(second, 5s);  // the first is not heard of for so long: the second has its name
  EXPECT_EQ(count(second, "name_taken"), 1u);
  EXPECT_TRUE(second->may_write(now_));
  EXPECT_FALSE(first->may_write(now_));
  EXPECT_NE(ring().find("node a 10.0.0.2:11211"), std::string::npos);
  run(first);
  EXPECT_FALSE(first->may_write(now_));
}

TEST_F(EtcdMemberTest, AfterARestartItsOwnNameIsTakenOver) {
  {
    TestMember before(etcd_, member_options("a", "10.0.0.1"));
    run(before);
  }
  TestMember after(etcd_, member_options("a", "10.0.0.1"), 2);
  run(after);
  EXPECT_TRUE(after->may_write(now_));
  run_for(after, 10s);  // the end of the old lease takes nothing away
  EXPECT_TRUE(after->may_write(now_));
  EXPECT_EQ(etcd_.keys["/c/members/a"].value, "10.0.0.1:11211");
}

TEST_F(EtcdMemberTest, WhoWasTakenOutStaysOut) {
  TestMember a(etcd_, member_options("a", "10.0.0.1"));
  run(a);
  etcd_.put("/c/ring", "epoch 2\nnode z h:1\n");
  run_for(a, 10s);
  EXPECT_EQ(ring(), "epoch 2\nnode z h:1\n");
  EXPECT_EQ(a->ring()->epoch, 2u);
}

TEST_F(EtcdMemberTest, AChangeIsMadeOnceAndReported) {
  TestMember a(etcd_, member_options("a", "10.0.0.1"));
  run(a);
  EXPECT_EQ(a->change_report(), "none");
  ASSERT_TRUE(a->change(change("join:b:h%3A1"), now_).has_value());
  EXPECT_EQ(a->change_report(), "waiting: join:b:h%3A1");
  EXPECT_FALSE(a->change(change("leave:a"), now_).has_value());
  etcd_.put("/c/ring", ring() + "node c h:2\n");  // somebody else is faster
  run(a);
  EXPECT_EQ(a->change_report(), "done: join:b:h%3A1 epoch 2");
  EXPECT_NE(ring().find("node c h:2\nnode b h:1\n"), std::string::npos) << ring();
  EXPECT_FALSE(a->change(change("state:x:active"), now_).has_value());
}

TEST_F(EtcdMemberTest, AChangeIsGivenUpWhenEtcdIsAway) {
  TestMember a(etcd_, member_options("a", "10.0.0.1"));
  run(a);
  etcd_.up = false;
  ASSERT_TRUE(a->change(change("join:b:h%3A1"), now_).has_value());
  run_for(a, etcd_change_time);
  EXPECT_EQ(a->change_report(),
            "failed: join:b:h%3A1: etcd has not answered; the outcome is unknown");
}

TEST_F(EtcdMemberTest, ARingThatCannotBeReadIsKeptOutAndNotOverwritten) {
  TestMember a(etcd_, member_options("a", "10.0.0.1"));
  run(a);
  etcd_.put("/c/ring", "epoch x\n");
  run(a);
  EXPECT_EQ(a->ring()->epoch, 1u);
  EXPECT_EQ(a->change(change("join:b:h%3A1"), now_).error(),
            "cluster: what etcd has as \"/c/ring\" is no ring");
  TestMember b(etcd_, member_options("b", "10.0.0.2"), 2);
  run_for(b, 5s);
  EXPECT_EQ(ring(), "epoch x\n");
  EXPECT_EQ(count(b, "ring_not_joined"), 1u);
}

TEST_F(EtcdMemberTest, WhatAWatchHasMissedIsReadWithinALease) {
  TestMember a(etcd_, member_options("a", "10.0.0.1"));
  run(a);
  etcd_.put("/c/ring", "epoch 2\nnode z h:1\n");
  for (const MonotonicTime end = now_ + 3s; now_ <= end; now_ += 100ms) {
    for (int steps = 0; steps < 10; ++steps) (void)a.step(EtcdMember::Lane::calls, now_);
  }
  EXPECT_EQ(a->ring()->epoch, 2u);
}

TEST_F(EtcdMemberTest, LeavingTakesItOutAndGivesTheNameBack) {
  TestMember a(etcd_, member_options("a", "10.0.0.1"));
  TestMember b(etcd_, member_options("b", "10.0.0.2"), 2);
  run(a);
  run(b);
  b->leave(now_);
  run(b);
  EXPECT_TRUE(b->finished());
  EXPECT_EQ(ring(), "epoch 3\nhashing ketama\nnode a 10.0.0.1:11211\n");
  EXPECT_FALSE(etcd_.keys.contains("/c/members/b"));
  EXPECT_FALSE(b->may_write(now_));
  a->leave(now_);  // the last one stays in the ring, and ends
  run(a);
  EXPECT_TRUE(a->finished());
  EXPECT_EQ(count(a, "ring_not_left"), 1u);
}

TEST_F(EtcdMemberTest, LeavingEndsWithoutEtcdToo) {
  TestMember a(etcd_, member_options("a", "10.0.0.1"));
  run(a);
  etcd_.up = false;
  run(a);
  a->leave(now_);
  run_for(a, etcd_leave_time);
  EXPECT_TRUE(a->finished());
}

}  // namespace
}  // namespace cacheismo::cluster
