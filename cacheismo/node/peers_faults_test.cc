// Goal: in a world that loses, delays and resets, each call still completes once. Method: the
// fixture of peers_test.cc under fault plans.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/node/test_peers.h"
#include "sim/fault_plan.h"

namespace cacheismo::node {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

class PeersOfABlackHole : public PeersTest {
 protected:
  PeersOfABlackHole() : PeersTest({.black_hole_per_million = 1'000'000}) {}
};

TEST_F(PeersOfABlackHole, AConnectTimesOutBeforeTheCallDoes) {
  get("a");
  get("b");
  run(limits::peer_connect_timeout - 1ms);
  EXPECT_EQ(lines(), Lines{});
  run(2ms);
  EXPECT_EQ(lines(), (Lines{"timeout", "timeout"}));
  run();
  EXPECT_EQ(stats().connections, 0u);
}

TEST_F(PeersOfABlackHole, StoppingWhileItConnects) {
  get("a");
  run();
  peers_.stop();
  EXPECT_EQ(lines(), Lines{"cancelled"});
  run();
  EXPECT_TRUE(peers_.stopped());
}

class PeersInPieces : public PeersTest {
 protected:
  PeersInPieces() : PeersTest({}, sim::Cuts::byte_by_byte) {}
};

TEST_F(PeersInPieces, ByteByByteItIsTheSame) {
  const std::string value = pattern(2000);
  set("a", value);
  get("a");
  get("b");
  run(1s);
  EXPECT_EQ(lines(), (Lines{"HD", value, "EN"}));
}

class PeersInTrouble : public PeersTest, public testing::WithParamInterface<std::uint64_t> {
 protected:
  PeersInTrouble()
      : PeersTest({.latency_ns = 100'000,
                   .latency_spread_permille = 500,
                   .cuts = static_cast<std::uint64_t>(sim::Cuts::random),
                   .clog_every_ns = 2'000'000'000,
                   .clog_ns_max = 3'000'000'000,
                   .reset_every_ns = 400'000'000,
                   .refuse_per_million = 100'000,
                   .black_hole_per_million = 100'000,
                   .accept_reset_per_million = 100'000,
                   .pause_every_ns = 2'000'000'000,
                   .pause_ns_max = 3'000'000'000,
                   .until_ns = 18'000'000'000},
                  sim::Cuts::random, GetParam()) {}
};

TEST_P(PeersInTrouble, EachCallCompletesOnce) {
  int submitted = 0;
  for (int round = 0; round < 600; ++round) {
    for (int i = 0; i < 5; ++i)
      submitted += get("k" + std::to_string(i), round % 7 == 0).has_value() ? 0 : 1;
    if (round % 11 == 0 && !set("k0", pattern(100'000))) ++submitted;
    run(30ms);
  }
  run(4s);  // a pause that was cut short delays completions to its end
  const Lines all = lines();
  EXPECT_EQ(all.size(), static_cast<std::size_t>(submitted));
  const auto said = [&](const std::string& what) {
    return std::count(all.begin(), all.end(), what);
  };
  EXPECT_GT(said("EN") + said("HD"), 200);
  EXPECT_GT(said("reset sent"), 0);
  EXPECT_GT(said("timeout sent"), 0);
  EXPECT_EQ(said("protocol sent") + said("protocol"), 0);
  EXPECT_EQ(stats().in_flight, 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, PeersInTrouble, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace cacheismo::node
