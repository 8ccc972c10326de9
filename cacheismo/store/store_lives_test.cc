// Goal: what a client remembers of a store that is gone means nothing to the one after it.
// Method: two stores, one after the other, in the same memory.

#include <cstdint>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/units.h"
#include "cacheismo/store/store.h"

namespace cacheismo::store {
namespace {

constexpr Seconds now{100};

/// Puts `value` and asks for its CAS value.
std::uint64_t cas_of(Store& store, Bytes value) {
  EXPECT_EQ(store.put(store.key("k"), {}, value, now).outcome, Outcome::stored);
  auto item = store.peek(store.key("k"), now);
  return item ? store.cas(*item) : 0;
}

TEST(StoreLives, CasOfAnEarlierLifeMatchesNothingInOneThatBeginsElsewhere) {
  std::vector<char> region(2 * MiB);
  StoreOptions options{.limit_bytes = region.size(), .item_bytes_max = 1 * MiB};
  std::uint64_t held = 0;
  {
    options.last_cas = 1'000'000;
    Store store(region, options);
    held = cas_of(store, "old");
    EXPECT_EQ(held, 1'000'001u);
  }
  options.last_cas = 5'000'000;
  Store store(region, options);
  const std::uint64_t fresh = cas_of(store, "new");
  EXPECT_EQ(fresh, 5'000'001u);
  const Key key = store.key("k");
  EXPECT_EQ(store.put(key, {.compare_cas = held}, "x", now).outcome, Outcome::exists);
  EXPECT_EQ(store.remove(key, {.compare_cas = held}, now), Outcome::exists);
  EXPECT_EQ(store.put(key, {.compare_cas = fresh}, "x", now).outcome, Outcome::stored);
}

}  // namespace
}  // namespace cacheismo::store
