// Goal: a full cache of 64 MiB holds as much user data as it promises, whatever the sizes; no store
// is refused. Method: fill it and look at what is counted.

#include <vector>

#include <gtest/gtest.h>

#include "bench/density/filling.h"
#include "bench/density/mix.h"

namespace cacheismo::density {
namespace {

void expect_reached(const std::vector<Mix>& mixes) {
  for (const Mix& mix : mixes) {
    SCOPED_TRACE(mix.name);
    Filling filling(64 * MiB, 1);
    filling.fill(mix, 1.25);
    EXPECT_GE(filling.steady_density(mix), mix.density_min);
    EXPECT_LE(filling.overhead(), mix.overhead_max);
  }
}

TEST(Density, ShortItems) { expect_reached(short_items()); }

TEST(Density, ShortItemsWithCasValues) { expect_reached(with_cas()); }

TEST(Density, FortySizesFromOneKilobyteTo900) { expect_reached(sweep()); }

TEST(Density, SizesThatMix) { expect_reached(mixtures()); }

}  // namespace
}  // namespace cacheismo::density
