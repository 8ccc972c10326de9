// A node in the simulator, asked through the protocol, has exactly the hits of the store alone: on
// small values, on values that come in pieces, with ttls, sets, deletes and refusals.

#include "bench/hitrate/sim_cache.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "bench/hitrate/ideal_lru.h"
#include "bench/hitrate/made_trace.h"
#include "bench/hitrate/replay.h"
#include "bench/hitrate/store_cache.h"
#include "cacheismo/base/units.h"

namespace cacheismo::hitrate {
namespace {

struct Both {
  Tallies store;
  Tallies sim;
  std::uint64_t refused = 0;
};

Both replay_both(const MadeTraceOptions& options, std::uint64_t memory_bytes,
                 std::uint64_t item_bytes_max) {
  constexpr std::uint64_t seed = 7;
  const Trace trace = make_trace(options);
  const std::size_t warmup = warmup_requests(trace.requests, trace.keys, memory_bytes);
  StoreCache store({.limit_bytes = memory_bytes,
                    .item_bytes_max = item_bytes_max,
                    .hash_seed = SimCache::hash_seed(seed)});
  SimCache sim(memory_bytes, item_bytes_max, seed);
  const Both both{replay(trace.requests, warmup, store), replay(trace.requests, warmup, sim),
                  store.refused()};
  EXPECT_EQ(sim.refused(), store.refused());
  EXPECT_EQ(store.store().audit(), std::nullopt);
  // The replay must have something to say: evictions, hits, and misses behind the warm-up.
  EXPECT_GT(store.store().stats().evictions, 100u);
  EXPECT_GT(both.store.measured.hits, 1'000u);
  EXPECT_GT(both.store.measured.gets - both.store.measured.hits, 500u);
  return both;
}

TEST(SimCache, SmallValuesHitAsInTheStoreAlone) {
  const Both both =
      replay_both({.requests = 60'000, .keys = 15'000, .value_bytes_max = 600}, 1 * MiB, 512 * KiB);
  EXPECT_EQ(both.sim, both.store);
  EXPECT_EQ(both.refused, 0u);
}

TEST(SimCache, TtlsSetsAndDeletesHitAsInTheStoreAlone) {
  const Both both = replay_both({.requests = 60'000,
                                 .keys = 20'000,
                                 .ttl_percent = 60,
                                 .set_percent = 20,
                                 .delete_percent = 5,
                                 .resize_percent = 50},
                                1 * MiB, 512 * KiB);
  EXPECT_EQ(both.sim, both.store);
}

TEST(SimCache, TtlsOfMonthsAreAbsoluteTimesOnTheWire) {
  const Both both = replay_both({.requests = 40'000,
                                 .keys = 10'000,
                                 .value_bytes_max = 1'000,
                                 .ttl_percent = 100,
                                 .ttl_seconds_max = 60 * 60 * 24 * 60,
                                 .seconds = 50'000},
                                1 * MiB, 512 * KiB);
  EXPECT_EQ(both.sim, both.store);
}

TEST(SimCache, ValuesInPiecesHitAsInTheStoreAlone) {
  const Both both = replay_both({.requests = 20'000,
                                 .keys = 4'000,
                                 .value_bytes_min = 200,
                                 .value_bytes_max = 300'000,
                                 .ttl_percent = 20,
                                 .set_percent = 10,
                                 .resize_percent = 50},
                                8 * MiB, 256 * KiB);
  EXPECT_EQ(both.sim, both.store);
  EXPECT_GT(both.refused, 10u);
}

TEST(MadeTrace, IsTheSameEachTimeAndReadsBackAsItWasWritten) {
  const MadeTraceOptions options{.requests = 5'000,
                                 .ttl_percent = 50,
                                 .set_percent = 10,
                                 .delete_percent = 10,
                                 .resize_percent = 50};
  const Trace made = make_trace(options);
  EXPECT_EQ(made.requests, make_trace(options).requests);
  const std::string path = testing::TempDir() + "made.csv";
  std::FILE* out = std::fopen(path.c_str(), "wb");
  ASSERT_NE(out, nullptr);
  ASSERT_TRUE(write_trace(made, out));
  std::fclose(out);
  const auto read = load_trace(path);
  ASSERT_TRUE(read.has_value()) << read.error();
  EXPECT_EQ(read->requests, made.requests);
  EXPECT_EQ(read->keys, made.keys);
}

}  // namespace
}  // namespace cacheismo::hitrate
