// Goal: when the ring changes, what old owners hand over never takes the place of a state that came
// under a version. Method: states of a key by hand, as scripts ship them, to three nodes of which
// the third leaves or joins while nobody reaches it.

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "cacheismo/cluster/ring.h"
#include "cacheismo/node/item_form.h"
#include "cacheismo/node/test_cluster.h"
#include "sim/wire.h"
#include "sim/world.h"

namespace cacheismo::node {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t third = 2;

class ReplicasHandoverTest : public testing::Test, protected TestCluster {
 protected:
  ReplicasHandoverTest() : TestCluster(sim::Cuts::whole) { wire_.advance(1s); }

  /// All nodes know of it.
  void change_now(cluster::MemberState state) {
    change(state);
    wire_.advance(1100ms);
  }
  void cut_off_third() {
    const std::array group{static_cast<std::uint16_t>(third)};
    wire_.world().partition(group, false, 3s);
  }
  /// As a writer who knows the latest ring.
  std::string replicate(std::size_t node, const ItemForm& item) {
    const auto now = wire_.node_io(0).now().wall.time_since_epoch();
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    std::string block = std::to_string(epoch_) + '.' + std::to_string(us) + ".9\n";
    append_item(item, block);
    return ask_at(node, "ms cluster:replica " + std::to_string(block.size()) + " P1.0.0.1000\r\n" +
                            block + "\r\n");
  }
  /// What a script at another node is told.
  std::string at(std::size_t node, const std::string& key) {
    return ask_at(node, "mg " + key + " v P1.0.0.1000\r\n");
  }
  /// A key of n3, and of n1 while n3 is leaving.
  std::string key_between_third_and_first() {
    RingView view = wire_.ring(0).view();
    view.spec.members[third].state = cluster::MemberState::leaving;
    const cluster::Ring without = *cluster::Ring::make(view.spec);
    for (int n = 0;; ++n) {
      std::string key = key_of(third, n);
      if (without.owner(key) == 0) return key;
    }
  }
};

constexpr auto active = cluster::MemberState::active;
constexpr auto leaving = cluster::MemberState::leaving;

TEST_F(ReplicasHandoverTest, AStateUnderTheNewRingStaysWhenTheOldOwnerGivesItsOwn) {
  const std::string key = key_between_third_and_first();
  ASSERT_EQ(replicate(third, {.key = key, .payload = "old"}), "HD\r\n");
  cut_off_third();
  change_now(leaving);
  ASSERT_EQ(replicate(0, {.key = key, .payload = "new"}), "HD\r\n");
  wire_.advance(6s);
  EXPECT_EQ(at(0, key), "VA 3\r\nnew\r\n");
}

TEST_F(ReplicasHandoverTest, NobodyAsksTheOldOwnerForWhatHasCome) {
  const std::string key = key_between_third_and_first();
  ASSERT_EQ(replicate(third, {.key = key, .payload = "old"}), "HD\r\n");
  cut_off_third();
  change_now(leaving);
  ASSERT_EQ(replicate(0, {.key = key, .payload = "new"}), "HD\r\n");
  EXPECT_EQ(at(0, key), "VA 3\r\nnew\r\n") << "it waits for a node that cannot be reached";
}

TEST_F(ReplicasHandoverTest, ADeleteUnderTheNewRingIsNotUndoneByTheOldOwner) {
  const std::string key = key_between_third_and_first();
  ASSERT_EQ(replicate(third, {.key = key, .payload = "old"}), "HD\r\n");
  cut_off_third();
  change_now(leaving);
  ASSERT_EQ(replicate(0, {.kind = ItemForm::Kind::gone, .key = key}), "HD\r\n");
  wire_.advance(6s);
  EXPECT_EQ(at(0, key), "EN\r\n");
}

// While something cannot be given, a node looks at all that it has again and again.
TEST_F(ReplicasHandoverTest, ACopyUnderTheNewRingStaysWhereItIs) {
  const std::string given = key_between_third_and_first();
  change_now(leaving);
  ask(set(given, "x"));
  cut_off_third();
  change_now(active);
  const std::string key = key_of(1);
  ASSERT_EQ(replicate(0, {.key = key, .payload = "copy"}), "HD\r\n");
  wire_.advance(6s);
  EXPECT_EQ(at(0, key), "VA 4\r\ncopy\r\n");
  EXPECT_EQ(at(0, given), "EN\r\n") << "nothing was given";
}

}  // namespace
}  // namespace cacheismo::node
