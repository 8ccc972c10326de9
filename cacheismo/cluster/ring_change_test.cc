// Goal: a change of the ring says what it does, is refused with a reason, and does it once.
// Method: texts as operators write them, on a small ring.

#include "cacheismo/cluster/ring_change.h"

#include <limits>

#include <gtest/gtest.h>

namespace cacheismo::cluster {
namespace {

RingSpec two_nodes() {
  RingSpec spec;
  spec.epoch = 7;
  spec.members = {{.name = "a", .host = "10.0.0.1"}, {.name = "b", .host = "10.0.0.2"}};
  return spec;
}

RingSpec after(const char* text, const RingSpec& spec) {
  const auto change = parse_ring_change(text);
  EXPECT_TRUE(change.has_value()) << text << ": " << change.error();
  const auto next = apply(*change, spec);
  EXPECT_TRUE(next.has_value()) << text << ": " << next.error();
  return *next;
}

TEST(RingChange, JoiningAddsAnActiveNodeAndCountsTheEpochUp) {
  const RingSpec next = after("join:c:10.0.0.3%3A11212", two_nodes());
  EXPECT_EQ(next.epoch, 8u);
  ASSERT_EQ(next.members.size(), 3u);
  EXPECT_EQ(next.members[2], (Member{.name = "c", .host = "10.0.0.3", .port = 11212}));
}

TEST(RingChange, JoiningTwiceChangesNothing) {
  const RingSpec once = after("join:c:10.0.0.3%3A11212", two_nodes());
  EXPECT_EQ(after("join:c:10.0.0.3%3A11212", once), once);
}

TEST(RingChange, JoiningFromElsewhereMovesTheNodeAndKeepsItsState) {
  RingSpec spec = two_nodes();
  spec.members[1].state = MemberState::leaving;
  spec.members[1].weight = 3;
  const RingSpec next = after("join:b:[%3A%3A1]%3A11212", spec);
  EXPECT_EQ(
      next.members[1],
      (Member{
          .name = "b", .host = "::1", .port = 11212, .weight = 3, .state = MemberState::leaving}));
}

TEST(RingChange, LeavingTakesTheNodeOutAndIsDoneTwiceInPeace) {
  const RingSpec once = after("leave:a", two_nodes());
  EXPECT_EQ(once.epoch, 8u);
  ASSERT_EQ(once.members.size(), 1u);
  EXPECT_EQ(once.members[0].name, "b");
  EXPECT_EQ(after("leave:a", once), once);
}

TEST(RingChange, AStateIsSet) {
  const RingSpec next = after("state:a:leaving", two_nodes());
  EXPECT_EQ(next.members[0].state, MemberState::leaving);
  EXPECT_EQ(after("state:a:active", next).epoch, 9u);
}

TEST(RingChange, ImpossibleOnesSayWhy) {
  const struct {
    const char* text;
    const char* why;
  } cases[] = {
      {"state:c:active", "no node \"c\""},
      {"join:c:10.0.0.1%3A11211", "address"},
  };
  for (const auto& one : cases) {
    const auto next = apply(*parse_ring_change(one.text), two_nodes());
    ASSERT_FALSE(next.has_value()) << one.text;
    EXPECT_NE(next.error().find(one.why), std::string::npos) << next.error();
  }
}

TEST(RingChange, TheLastActiveNodeStays) {
  RingSpec spec = after("state:a:leaving", two_nodes());
  for (const char* text : {"leave:b", "state:b:leaving"}) {
    EXPECT_FALSE(apply(*parse_ring_change(text), spec).has_value()) << text;
  }
}

TEST(RingChange, AnEpochDoesNotWrap) {
  RingSpec spec = two_nodes();
  spec.epoch = std::numeric_limits<std::uint64_t>::max();
  EXPECT_FALSE(apply(*parse_ring_change("leave:a"), spec).has_value());
}

TEST(RingChange, TextsThatAreNoChangeAreRefused) {
  for (const char* text : {"",
                           "join",
                           "join:",
                           "join:c",
                           "join:c:",
                           "join:c:10.0.0.3:11212",
                           "join:c:10.0.0.3",
                           "join:c:10.0.0.3%3A0",
                           "join:c:a%20b%3A1",
                           "join:c%0Anode%20d:h%3A1",
                           "join:c:h%3A1%0A",
                           "join:c:h%3A1%20weight%202",
                           "join:c#:h%3A1",
                           "join:%zz:h%3A1",
                           "leave:",
                           "leave:a:b",
                           "leave:a:",
                           "leave:a b",
                           "state:a",
                           "state:a:gone",
                           "state:a:",
                           "move:a",
                           "move:a:active"}) {
    const auto change = parse_ring_change(text);
    ASSERT_FALSE(change.has_value()) << text;
    EXPECT_TRUE(change.error().starts_with("cluster: ")) << change.error();
  }
}

TEST(RingChange, PrintedItReadsAsTheSame) {
  for (const char* text :
       {"join:c:10.0.0.3%3A11212", "join:c:%5B%3A%3A1%5D%3A11212", "leave:a", "state:a:joining"}) {
    EXPECT_EQ(print_ring_change(*parse_ring_change(text)), text);
  }
}

}  // namespace
}  // namespace cacheismo::cluster
