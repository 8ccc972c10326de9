// Goal: whoever waits for a key's old state waits for its old owner alone, and hears in time that
// it does not answer. Method: three simulated nodes whose ring changes just before the requests.

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/cluster/ring.h"
#include "cacheismo/node/test_cluster.h"
#include "sim/ring_list.h"
#include "sim/wire.h"

namespace cacheismo::node {
namespace {

using namespace std::chrono_literals;

class HandoverWaitTest : public testing::Test, protected TestCluster {
 protected:
  HandoverWaitTest() : TestCluster(sim::Cuts::whole) {}

  /// The n-th key of `from` (from 0) that is `to`'s by the ring `next`.
  std::string key_between(std::uint32_t from, std::uint32_t to, const RingView& next, int n = 0) {
    const cluster::Ring after = *cluster::Ring::make(next.spec);
    for (int i = 0;; ++i) {
      std::string key = key_of(from, i);
      if (after.owner(key) == to && n-- == 0) return key;
    }
  }
};

TEST_F(HandoverWaitTest, NodesThatTakeFromEachOtherWhatTheyAskEachOtherForAllAnswer) {
  const RingView next = sim::ring_of(3, cluster::Hashing::rendezvous, epoch_ + 1);
  const std::string to_first[] = {key_between(1, 0, next), key_between(1, 0, next, 1)};
  const std::string to_second[] = {key_between(0, 1, next), key_between(0, 1, next, 1)};
  for (int i = 0; i < 2; ++i) ask(set(to_first[i], "x") + set(to_second[i], "x"));
  for (std::size_t node = 0; node < 3; ++node) wire_.ring(node).set(next);
  // Whoever is asked by a newer ring reads it at once: nothing has been given yet.
  const std::string newer =
      "mg cluster:epoch P1.0." + std::to_string(next.spec.epoch) + ".9000\r\n";
  sim::RawConnection& first = wire_.connect();
  sim::RawConnection& second = wire_.connect(wire_.address(1));
  // Of each, one key through the other node, which takes it from here; then one that this node
  // takes from there.
  first.write(newer + get(to_second[0]) + get(to_first[0]));
  second.write(newer + get(to_first[1]) + get(to_second[1]));
  wire_.run();
  EXPECT_EQ(first.take(), "HD\r\n" + found(to_second[0], "x") + found(to_first[0], "x"));
  EXPECT_EQ(second.take(), "HD\r\n" + found(to_first[1], "x") + found(to_second[1], "x"));
  for (std::size_t node = 0; node < 2; ++node)
    EXPECT_EQ(stat(node, "stats cluster", "handover_taken"), 2u);
}

TEST_F(HandoverWaitTest, WhoAsksThroughAnotherNodeHearsOfAMissWhereTheOldOwnerDoesNotAnswer) {
  change(cluster::MemberState::leaving);
  const std::string key = key_between(2, 0, wire_.ring(0).view());
  wire_.advance(1100ms);
  wire_.node_io(2).pause(5s);
  sim::RawConnection& client = wire_.connect(wire_.address(1));
  client.write(get(key));
  wire_.advance(1s);
  EXPECT_EQ(client.take(), "END\r\n");
}

}  // namespace
}  // namespace cacheismo::node
