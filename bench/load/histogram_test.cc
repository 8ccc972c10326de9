// The histogram against the sorted list of what was recorded: no percentile is too low, none more
// than 1/128 too high.

#include "bench/load/histogram.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>
#include "cacheismo/base/prng.h"

namespace cacheismo::load {
namespace {

std::uint64_t exact_percentile(const std::vector<std::uint64_t>& sorted, double percent) {
  const auto rank = static_cast<std::size_t>(
      std::ceil(percent / 100 * static_cast<double>(sorted.size()) - 1e-9));
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

TEST(Histogram, NothingRecordedIsZeroEverywhere) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.min(), 0u);
  EXPECT_EQ(histogram.max(), 0u);
  EXPECT_EQ(histogram.mean(), 0.0);
  EXPECT_EQ(histogram.percentile(99), 0u);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 200; ++value) histogram.record(value);
  EXPECT_EQ(histogram.percentile(50), 100u);
  EXPECT_EQ(histogram.percentile(99), 198u);
  EXPECT_EQ(histogram.percentile(100), 200u);
  EXPECT_EQ(histogram.percentile(0.0001), 1u);
  EXPECT_DOUBLE_EQ(histogram.mean(), 100.5);
}

TEST(Histogram, OneSlowReplyAmongAThousandIsNotInThe999thButInTheMaximum) {
  Histogram histogram;
  for (int i = 0; i < 999; ++i) histogram.record(100);
  histogram.record(5'000'000'000);
  EXPECT_EQ(histogram.percentile(99.9), 100u);
  EXPECT_EQ(histogram.percentile(99.91), 5'000'000'000u);
  EXPECT_EQ(histogram.max(), 5'000'000'000u);
}

TEST(Histogram, EveryPowerOfTwoAndItsNeighboursLandWithinTheStatedError) {
  for (unsigned bit = 0; bit < 40; ++bit) {
    for (const std::int64_t offset : {-1, 0, 1}) {
      const std::uint64_t value = (std::uint64_t{1} << bit) + static_cast<std::uint64_t>(offset);
      if (value >= std::uint64_t{1} << 40) continue;
      Histogram histogram;
      histogram.record(value);
      histogram.record(std::uint64_t{1} << 41);  // keeps max() from hiding the edge
      EXPECT_GE(histogram.percentile(50), value) << value;
      EXPECT_LE(histogram.percentile(50), value + value / 128) << value;
    }
  }
}

TEST(Histogram, BeyondItsRangeTheMaximumStaysExact) {
  Histogram histogram;
  histogram.record(UINT64_MAX);
  EXPECT_EQ(histogram.percentile(50), UINT64_MAX);
  EXPECT_EQ(histogram.max(), UINT64_MAX);
}

TEST(Histogram, PercentilesOfAnySpreadAreNeverTooLowAndAtMostOnePartIn128TooHigh) {
  Prng prng(1);
  for (int round = 0; round < 20; ++round) {
    Histogram histogram;
    std::vector<std::uint64_t> values;
    const std::uint64_t count = prng.between(1, 5000);
    for (std::uint64_t i = 0; i < count; ++i) {
      values.push_back(prng.next() >> prng.between(25, 63));
      histogram.record(values.back());
    }
    std::sort(values.begin(), values.end());
    for (const double percent : {0.1, 10.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
      const std::uint64_t exact = exact_percentile(values, percent);
      EXPECT_GE(histogram.percentile(percent), exact) << percent;
      EXPECT_LE(histogram.percentile(percent), exact + exact / 128) << percent;
    }
  }
}

}  // namespace
}  // namespace cacheismo::load
