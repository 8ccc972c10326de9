// Description: its numbers on a trace that is small enough to count by hand.

#include "bench/hitrate/describe.h"

#include <gtest/gtest.h>

#include <vector>

namespace cacheismo::hitrate {
namespace {

/// Keys of 4 bytes: a of 10 then 20 bytes, b of 6, a again at 16, with an expiry on the last.
Trace three_requests() {
  Trace trace;
  trace.keys = 2;
  trace.requests = {
      {.time_seconds = 0, .key_id = 0, .value_bytes = 16, .key_bytes = 4},
      {.time_seconds = 1, .key_id = 1, .value_bytes = 6, .key_bytes = 4},
      {.time_seconds = 7, .key_id = 0, .value_bytes = 12, .ttl_seconds = 9, .key_bytes = 4},
  };
  return trace;
}

TEST(Description, CountsEachKeyAtItsLargest) {
  const Description about = describe(three_requests(), {});
  EXPECT_EQ(about.requests, 3u);
  EXPECT_EQ(about.keys, 2u);
  EXPECT_EQ(about.footprint_bytes, 30u);
  EXPECT_EQ(about.item_bytes_max, 20u);
  EXPECT_EQ(about.last_time_seconds, 7u);
  EXPECT_TRUE(about.has_ttl);
  EXPECT_TRUE(about.sizes.empty());
}

TEST(Description, HasTheLinesOfEverySizeAndTheirWarmUp) {
  const std::vector<std::uint64_t> capacities = {29, 30};
  const Description about = describe(three_requests(), capacities);
  ASSERT_EQ(about.sizes.size(), 2u);
  const auto& small = about.sizes[0];
  EXPECT_EQ(small.capacity_bytes, 29u);
  EXPECT_EQ(small.warmup_requests, 1u);  // the second request evicts; at most half of three
  EXPECT_EQ(small.ideal_lru.warmup.gets, 1u);
  EXPECT_EQ(small.ideal_lru.measured.gets, 2u);
  EXPECT_EQ(small.ideal_lru.measured.hits, 0u);
  const auto& large = about.sizes[1];
  EXPECT_EQ(large.ideal_lru.measured.hits, 1u);
  EXPECT_EQ(large.pfoo_l.measured.hits, 1u);
  EXPECT_FALSE(large.store);
}

TEST(Description, HasTheStoreWhereItCanBeSoSmall) {
  const std::vector<std::uint64_t> capacities = {1 << 20};
  const Description about = describe(three_requests(), capacities);
  ASSERT_TRUE(about.sizes[0].store);
  EXPECT_EQ(about.sizes[0].store->measured.hits, 1u);  // nothing evicts: half of three is warm-up
}

}  // namespace
}  // namespace cacheismo::hitrate
