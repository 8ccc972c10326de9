// Goal: what was replicated outlives its owner when the ring changes, copies stay where they are as
// long as they can be believed, and what is older never comes back. Method: states of keys by hand,
// as scripts ship them, to three nodes whose rings the test changes.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/cluster/ring.h"
#include "cacheismo/node/item_form.h"
#include "cacheismo/node/test_cluster.h"
#include "sim/ring_list.h"
#include "sim/wire.h"
#include "sim/world.h"

namespace cacheismo::node {
namespace {

using namespace std::chrono_literals;

class CopiesHandoverTest : public testing::Test, protected TestCluster {
 protected:
  CopiesHandoverTest() : TestCluster(sim::Cuts::whole) { wire_.advance(1s); }

  using States = std::array<cluster::MemberState, 3>;
  static constexpr auto active = cluster::MemberState::active;
  static constexpr auto joining = cluster::MemberState::joining;
  static constexpr auto leaving = cluster::MemberState::leaving;
  static constexpr States all{active, active, active};
  static constexpr States without_third{active, active, leaving};

  static RingView ring_with(const States& states, std::uint64_t epoch) {
    RingView view = sim::ring_of(3, cluster::Hashing::ketama, epoch);
    for (std::size_t i = 0; i < 3; ++i) view.spec.members[i].state = states[i];
    return view;
  }
  /// n3 is not even named.
  static RingView ring_of_two(std::uint64_t epoch) {
    return sim::ring_of(2, cluster::Hashing::ketama, epoch);
  }
  /// All nodes know of it, and have moved what there is to move.
  void change_to(const RingView& view) {
    for (std::size_t node = 0; node < 3; ++node) wire_.ring(node).set(view);
    epoch_ = view.spec.epoch;
    wire_.advance(3s);
  }
  static std::vector<std::uint32_t> holders(const RingView& view, const std::string& key) {
    std::array<std::uint32_t, 3> out{};
    const std::size_t count = cluster::Ring::make(view.spec)->owners(key, out);
    return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count)};
  }
  /// The n-th key with these first holders under these rings, the owner first.
  static std::string key_held(const RingView& then, const std::vector<std::uint32_t>& by_then,
                              const RingView& now, const std::vector<std::uint32_t>& by_now,
                              int n = 0) {
    const auto begins = [](const std::vector<std::uint32_t>& all,
                           const std::vector<std::uint32_t>& first) {
      return std::ranges::equal(std::span(all).first(first.size()), first);
    };
    for (int i = 0;; ++i) {
      std::string key = "k" + std::to_string(i);
      if (begins(holders(then, key), by_then) && begins(holders(now, key), by_now) && n-- == 0)
        return key;
    }
  }
  /// As a writer who knows the latest ring, to several nodes.
  void replicate(const std::vector<std::size_t>& nodes, const ItemForm& item) {
    const auto now = wire_.node_io(0).now().wall.time_since_epoch();
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    std::string block = std::to_string(epoch_) + '.' + std::to_string(us) + ".9\n";
    append_item(item, block);
    const std::string request =
        "ms cluster:replica " + std::to_string(block.size()) + " P1.0.0.1000\r\n" + block + "\r\n";
    for (const std::size_t node : nodes) ASSERT_EQ(ask_at(node, request), "HD\r\n");
  }
  /// What lies at one node.
  std::string at(std::size_t node, const std::string& key) {
    return ask_at(node, "mg " + key + " v P1.0.0.1000\r\n");
  }
};

TEST_F(CopiesHandoverTest, AnHeirAnswersWithItsCopyWhenTheOwnerIsTakenOut) {
  const std::string touched = key_held(ring_with(all, 1), {2, 0}, ring_of_two(2), {0});
  const std::string later = key_held(ring_with(all, 1), {2, 0}, ring_of_two(2), {0}, 1);
  replicate({2, 0}, {.key = touched, .client_flags = 5, .payload = "x"});
  replicate({2, 0}, {.key = later, .client_flags = 5, .payload = "y"});
  wire_.node(2).stop(Stop::at_once);
  for (std::size_t node = 0; node < 3; ++node) wire_.ring(node).set(ring_of_two(2));
  wire_.ring(0).set(ring_of_two(2));
  // Read at once, because of a newer ring.
  EXPECT_EQ(ask_at(0, "mg " + touched + " v P1.0.2.1000\r\n"), "VA 1\r\nx\r\n");
  wire_.advance(100s);
  EXPECT_EQ(ask_at(1, get(later)), found(later, "y"));
  EXPECT_EQ(stat(0, "stats cluster", "handover_inherited"), 2u);
}

TEST_F(CopiesHandoverTest, AnHeirAnswersWithItsCopyWhenTheOwnerDoesNot) {
  const RingView next = ring_with(without_third, 2);
  const std::string key = key_held(ring_with(all, 1), {2, 0}, next, {0});
  replicate({2, 0}, {.key = key, .client_flags = 5, .payload = "x"});
  wire_.node(2).stop(Stop::at_once);
  change_to(next);
  EXPECT_EQ(ask(get(key)), found(key, "x"));
}

TEST_F(CopiesHandoverTest, WhatTheOwnerHasIsTakenThough) {
  const RingView next = ring_with(without_third, 2);
  const std::string key = key_held(ring_with(all, 1), {2, 0}, next, {0});
  replicate({2, 0}, {.key = key, .client_flags = 5, .payload = "x"});
  replicate({2}, {.key = key, .client_flags = 5, .payload = "newer"});
  change_to(next);
  EXPECT_EQ(ask(get(key)), found(key, "newer"));
}

TEST_F(CopiesHandoverTest, ADeletedKeyHasNoCopyToInherit) {
  const std::string key = key_held(ring_with(all, 1), {2, 0}, ring_of_two(2), {0});
  replicate({2, 0}, {.key = key, .client_flags = 5, .payload = "x"});
  replicate({2, 0}, {.kind = ItemForm::Kind::gone, .key = key});
  wire_.node(2).stop(Stop::at_once);
  change_to(ring_of_two(2));
  EXPECT_EQ(ask(get(key)), "END\r\n");
}

TEST_F(CopiesHandoverTest, AnOrdinaryItemOfAnotherOwnerIsNotInherited) {
  const std::string key = key_held(ring_with(all, 1), {2, 0}, ring_of_two(2), {0});
  ASSERT_EQ(ask_at(0, "ms " + key + " 1 P1.0.0.1000\r\nx\r\n"), "HD\r\n");
  wire_.node(2).stop(Stop::at_once);
  change_to(ring_of_two(2));
  EXPECT_EQ(ask(get(key)), "END\r\n");
}

TEST_F(CopiesHandoverTest, ACopyStaysWhileItsNodeIsAsCloseToTheOwner) {
  const RingView next = ring_with(without_third, 2);
  const std::string key = key_held(ring_with(all, 1), {0, 1}, next, {0, 1});
  replicate({0, 1}, {.key = key, .payload = "x"});
  change_to(next);
  wire_.advance(100s);
  EXPECT_EQ(at(1, key), "VA 1\r\nx\r\n");
}

TEST_F(CopiesHandoverTest, ACopyGoesWhereAnotherNodeComesBetween) {
  change_to(ring_with(without_third, 2));
  wire_.advance(100s);
  const RingView next = ring_with(all, 3);
  const std::string key = key_held(ring_with(without_third, 2), {0, 1}, next, {0, 2});
  replicate({0, 1}, {.key = key, .payload = "x"});
  change_to(next);
  EXPECT_EQ(at(1, key), "EN\r\n");
  EXPECT_EQ(at(0, key), "VA 1\r\nx\r\n");
}

TEST_F(CopiesHandoverTest, AnOldOwnerThatComesNextKeepsWhatItHasGiven) {
  change_to(ring_with(without_third, 2));
  const RingView next = ring_with(all, 3);
  const std::string key = key_held(ring_with(without_third, 2), {0, 1}, next, {2, 0});
  replicate({0, 1}, {.key = key, .client_flags = 5, .payload = "x"});
  change_to(next);
  EXPECT_EQ(ask(get(key)), found(key, "x"));
  EXPECT_EQ(at(0, key), "VA 1\r\nx\r\n");
  wire_.node(2).stop(Stop::at_once);
  change_to(ring_of_two(4));
  EXPECT_EQ(ask(get(key)), found(key, "x"));
}

TEST_F(CopiesHandoverTest, ACopyThatComesWhileTheOldStateIsGivenStays) {
  const RingView next = ring_with(without_third, 2);
  const std::string key = key_held(ring_with(all, 1), {2}, next, {0});
  ask(set(key, "old"));
  wire_.ring(0).set(next);
  wire_.advance(1100ms);
  wire_.ring(2).set(next);
  wire_.node_io(0).pause(300ms);
  // Read at once, because of a newer ring; what is given is not answered yet.
  EXPECT_EQ(ask_at(2, "mg cluster:epoch v P1.0.2.1000\r\n"), "VA 1\r\n2\r\n");
  wire_.advance(100ms);
  epoch_ = 2;
  replicate({2}, {.key = key, .payload = "new"});
  wire_.advance(1s);
  EXPECT_EQ(stat(2, "stats cluster", "handover_given"), 1u);
  EXPECT_EQ(at(2, key), "VA 3\r\nnew\r\n");
}

TEST_F(CopiesHandoverTest, ANewNodeIsGivenTheCopiesOfAnOwnerThatIsGone) {
  const RingView first = ring_with({active, joining, active}, 2);
  change_to(first);
  wire_.advance(100s);
  RingView next = sim::ring_of(3, cluster::Hashing::ketama, 3);
  next.spec.members.pop_back();
  next.addresses.pop_back();
  const std::string key = key_held(first, {2, 0}, next, {1, 0});
  replicate({2, 0}, {.key = key, .client_flags = 5, .payload = "x"});
  wire_.node(2).stop(Stop::at_once);
  change_to(next);
  EXPECT_EQ(ask(get(key)), found(key, "x"));
  EXPECT_EQ(at(0, key), "VA 1\r\nx\r\n");
}

TEST_F(CopiesHandoverTest, ACopyIsNotBelievedWhereARingMayHaveBeenBetween) {
  const std::string key = key_held(ring_with(all, 1), {2, 0}, ring_of_two(3), {0});
  replicate({2, 0}, {.key = key, .client_flags = 5, .payload = "x"});
  wire_.node(2).stop(Stop::at_once);
  change_to(ring_of_two(3));
  EXPECT_EQ(ask(get(key)), "END\r\n");
}

TEST_F(CopiesHandoverTest, ACopyIsNotBelievedWhereChangesComeOnTopOfEachOther) {
  const RingView second = sim::ring_of(3, cluster::Hashing::rendezvous, 2);
  std::string key;
  for (int n = 0; key.empty() || holders(second, key)[0] != 2; ++n)
    key = key_held(ring_with(all, 1), {2, 0}, ring_of_two(3), {0}, n);
  // What cannot be given keeps the first change under way.
  const std::string stuck = key_held(ring_with(all, 1), {0}, second, {2});
  replicate({2, 0}, {.key = key, .client_flags = 5, .payload = "x"});
  ask(set(stuck, "x"));
  wire_.node(2).stop(Stop::at_once);
  change_to(second);
  EXPECT_EQ(stat(0, "stats cluster", "handover_active"), 1u);
  change_to(ring_of_two(3));
  EXPECT_EQ(ask(get(key)), "END\r\n");
}

}  // namespace
}  // namespace cacheismo::node
