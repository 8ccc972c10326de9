// Goal: the tally's maximum is exact and its percentile never below the true one and at most an
// eighth above. Method: random counts against a sorted list.

#include "cacheismo/store/put_work.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cacheismo/base/prng.h"

namespace cacheismo::store {
namespace {

RC_GTEST_PROP(EvictionTally, IsNeverBelowTheTruthAndHardlyAbove, (std::uint64_t seed)) {
  Prng prng(seed);
  EvictionTally tally;
  std::vector<std::uint64_t> noted;
  const std::uint64_t stores = prng.between(1, 5000);
  for (std::uint64_t i = 0; i < stores; ++i) {
    noted.push_back(prng.next() >> prng.between(44, 64 - 1));
    tally.note(noted.back());
  }
  std::sort(noted.rbegin(), noted.rend());
  RC_ASSERT(tally.max() == noted.front());
  const std::uint64_t truth = noted[static_cast<std::size_t>(stores / 1000)];
  RC_ASSERT(tally.p999() >= truth);
  RC_ASSERT(tally.p999() <= truth + truth / 8);
}

TEST(EvictionTally, OneStoreInAThousandMayBeWorse) {
  EvictionTally tally;
  EXPECT_EQ(tally.p999(), 0u);
  for (int i = 0; i < 999; ++i) tally.note(2);
  tally.note(70);
  EXPECT_EQ(tally.p999(), 2u);
  tally.note(70);
  EXPECT_EQ(tally.p999(), 70u);
  EXPECT_EQ(tally.max(), 70u);
}

TEST(EvictionTally, CountsBeyondItsBucketsKeepTheMaximum) {
  EvictionTally tally;
  tally.note(std::uint64_t{1} << 40);
  EXPECT_EQ(tally.p999(), std::uint64_t{1} << 40);
}

}  // namespace
}  // namespace cacheismo::store
