// Goal: when the sizes that a cache is written with change, memory comes back to what it holds in
// the long run within one cacheful of new writes, no store is refused, and none pays for the change
// with a burst of evictions. Method: the sizes of the values go from 100 bytes over 700, 3000 and
// 9000 to 60, with the least recently used items side by side as they were stored, and scattered.

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "bench/density/filling.h"
#include "bench/density/mix.h"
#include "cacheismo/alloc/poison.h"

namespace cacheismo::density {
namespace {

#if defined(CACHEISMO_ASAN)
constexpr std::uint64_t memory_bytes = 16 * MiB;  // ten times slower
#else
constexpr std::uint64_t memory_bytes = 64 * MiB;
#endif
constexpr std::uint64_t surplus_max = 8;

Mix values_of(std::size_t value_bytes) { return fixed(value_bytes + key_bytes); }

double steady_density(const Mix& mix) {
  Filling filling(memory_bytes, 2);
  filling.fill(mix, 1.25);
  return filling.steady_density(mix);
}

void shift(bool scattered) {
  Filling filling(memory_bytes, 1);
  filling.fill(values_of(100), 1.5);
  for (const std::size_t value_bytes : {700, 3000, 9000, 60, 700, 100}) {
    SCOPED_TRACE(value_bytes);
    const Mix mix = values_of(value_bytes);
    if (scattered) filling.shuffle();
    filling.cache().reset_stats();
    filling.fill(mix, 1);
    EXPECT_GE(filling.density(), 0.98 * steady_density(mix));
    const auto stats = filling.stats();
    EXPECT_LE(stats.surplus_evictions_per_put_p999, surplus_max);
    ::testing::Test::RecordProperty("max" + std::to_string(value_bytes),
                                    std::to_string(stats.surplus_evictions_per_put_max));
  }
}

TEST(ShiftingSizes, OldItemsSideBySide) { shift(false); }

TEST(ShiftingSizes, OldItemsScattered) { shift(true); }

/// The most that one value of 500 KB pushed out, in its own size.
double worst_of_large_stores(std::size_t small_value_bytes, bool scattered) {
  const Mix small = values_of(small_value_bytes);
  const Mix large = values_of(500'000);
  Filling filling(memory_bytes, 1);
  filling.fill(small, 1.5);
  if (scattered) filling.shuffle();
  double worst = 0;
  for (int i = 0; i < 20; ++i) {
    const Stored stored = filling.store(large);
    worst = std::max(
        worst, static_cast<double>(stored.evicted_bytes) / static_cast<double>(stored.item_bytes));
    if (i % 4 == 3) filling.fill(small, 0.05);
  }
  return worst;
}

TEST(ShiftingSizes, ALargeStoreEvictsHardlyMoreThanItself) {
  for (const std::size_t small_value_bytes : {50, 100, 400, 700}) {
    SCOPED_TRACE(small_value_bytes);
    EXPECT_LE(worst_of_large_stores(small_value_bytes, false), 1.1);
    EXPECT_LE(worst_of_large_stores(small_value_bytes, true), 1.1);
  }
}

}  // namespace
}  // namespace cacheismo::density
