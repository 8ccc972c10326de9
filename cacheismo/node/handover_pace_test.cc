// Goal: what leaves a node goes in the order of its use, and not faster than a network bears.
// Method: three simulated nodes of which the third leaves.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/cluster/ring.h"
#include "cacheismo/node/test_cluster.h"
#include "sim/wire.h"
#include "sim/world.h"

namespace cacheismo::node {
namespace {

using namespace std::chrono_literals;

constexpr int keys_count = 300;

class HandoverPaceTest : public testing::Test, protected TestCluster {
 protected:
  HandoverPaceTest() : TestCluster(sim::Cuts::whole) {}
};

TEST_F(HandoverPaceTest, WhatWasUsedLastIsGivenFirst) {
  sim::RawConnection& third = wire_.connect(wire_.address(2));
  std::vector<std::string> keys;
  for (int i = 0; i < keys_count; ++i) keys.push_back(key_of(2, i));
  std::vector<std::string> used;
  for (int i = 0; i < keys_count; i += 15) used.push_back(keys[static_cast<std::size_t>(i)]);
  for (const std::string& key : keys) ask(set(key, "x"));
  for (const std::string& key : used) ask(get(key));
  // Whether it lies at n3 itself; to ask is no use of it.
  const auto lies = [&](const std::string& key) {
    return wire_.ask(third, "mg " + key + " v P1.0.0.1000.i\r\n") != "EN\r\n";
  };
  change(cluster::MemberState::leaving);
  while (std::ranges::any_of(used, lies)) wire_.advance(1ms);
  EXPECT_GT(std::ranges::count_if(keys, lies), keys_count / 2);
}

TEST_F(HandoverPaceTest, WhatIsGivenInASecondIsBounded) {
  const std::string value(900'000, 'x');
  for (int i = 0; i < 20; ++i) ask(set(key_of(2, i), value));
  const std::uint64_t held = stat(2, "stats", "bytes");
  change(cluster::MemberState::leaving);
  while (stat(2, "stats", "curr_items") == 20) wire_.advance(50ms);
  const Duration begun = wire_.world().now();
  while (stat(2, "stats", "curr_items") > 0) wire_.advance(10ms);
  const auto least = static_cast<double>(held - 3 * limits::handover_bytes_at_once) /
                     static_cast<double>(limits::handover_bytes_per_second);
  EXPECT_GT(std::chrono::duration<double>(wire_.world().now() - begun).count(), least);
}

}  // namespace
}  // namespace cacheismo::node
