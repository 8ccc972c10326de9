// Goal: keys that are used much are told, with about as many uses as they have, whatever else is
// used and in whatever order. Method: the sketch by itself on made-up samples, the true counts
// beside it; then a store under patterns that a sample at fixed distances would not see.

#include "cacheismo/store/hot_keys.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"
#include "cacheismo/store/store.h"

namespace cacheismo::store {
namespace {

constexpr Seconds now{100};

std::string shown(const std::vector<HotKey>& list) {
  std::string text;
  for (const HotKey& hot : list) text += hot.key + " " + std::to_string(hot.uses) + ", ";
  return text;
}

void note(HotKeys& hot, const std::string& key, int times, Seconds at = now) {
  for (int i = 0; i < times; ++i) hot.note(key, at);
}

TEST(HotKeys, TheMostUsedComesFirstAndEqualOnesByName) {
  HotKeys hot;
  note(hot, "b", 5);
  note(hot, "a", 5);
  note(hot, "c", 9);
  EXPECT_EQ(shown(hot.list(10, now)), "c 9, a 5, b 5, ");
  EXPECT_EQ(shown(hot.list(1, now)), "c 9, ");
  EXPECT_EQ(hot.audit(), std::nullopt);
}

TEST(HotKeys, WhatWasSeenOnceIsNotTold) {
  HotKeys hot;
  note(hot, "a", 1);
  note(hot, "b", 2);
  EXPECT_EQ(shown(hot.list(10, now)), "b 2, ");
}

TEST(HotKeys, EveryMinuteHalfIsForgotten) {
  HotKeys hot;
  note(hot, "a", 100);
  EXPECT_EQ(shown(hot.list(10, Seconds{now.value + 59})), "a 100, ");
  EXPECT_EQ(shown(hot.list(10, Seconds{now.value + 60})), "a 50, ");
  EXPECT_EQ(shown(hot.list(10, Seconds{now.value + 180})), "a 12, ");
  note(hot, "b", 20, Seconds{now.value + 181});
  EXPECT_EQ(shown(hot.list(10, Seconds{now.value + 182})), "b 20, a 12, ");
  EXPECT_EQ(shown(hot.list(10, Seconds{now.value + 1'000'000})), "");
  EXPECT_EQ(hot.audit(), std::nullopt);
}

TEST(HotKeys, LongestAndOddKeysAreKeptWhole) {
  HotKeys hot;
  const std::string longest(limits::key_bytes_max, 'k');
  const std::string odd("\0 \xff", 3);
  note(hot, longest, 4);
  note(hot, odd, 3);
  const auto list = hot.list(10, now);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].key, longest);
  EXPECT_EQ(list[1].key, odd);
}

RC_GTEST_PROP(HotKeys, NoKeyIsSaidToBeUsedMoreThanItWasAndHeavyOnesAreThere, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  RC_LOG() << "seed " << seed << '\n';
  Prng prng(seed);
  HotKeys hot;
  std::map<std::string, std::uint64_t> truth;
  const std::uint64_t heavy = 1 + prng.below(5);
  constexpr std::uint64_t notes = 20'000;
  for (std::uint64_t i = 0; i < notes; ++i) {
    const bool is_heavy = prng.chance(1, 3);
    const std::string key =
        is_heavy ? "heavy" + std::to_string(prng.below(heavy)) : std::to_string(prng.below(50'000));
    hot.note(key, now);
    ++truth[key];
  }
  const auto list = hot.list(1000, now);
  for (const HotKey& told : list) RC_ASSERT(told.uses <= truth[told.key]);
  for (std::uint64_t i = 0; i < heavy; ++i) {
    const std::string key = "heavy" + std::to_string(i);
    bool found = false;
    for (std::size_t at = 0; at < std::min<std::size_t>(heavy, list.size()); ++at)
      found |= list[at].key == key && list[at].uses * 2 > truth[key];
    RC_ASSERT(found);
  }
  RC_ASSERT(hot.audit() == std::nullopt);
}

class HotKeysOfAStore : public testing::Test {
 protected:
  void put(const std::string& key) {
    const PutResult result = store_.put(store_.key(key), {}, "v", now);
    ASSERT_EQ(result.outcome, Outcome::stored);
  }
  void get(const std::string& key) { ASSERT_TRUE(store_.get(store_.key(key), now)); }

  std::vector<char> region_ = std::vector<char>(4 * MiB);
  Store store_{std::span<char>(region_),
               {.limit_bytes = region_.size(), .item_bytes_max = 1 * MiB, .hash_seed = 1}};
};

// As many keys in turn as the sample's rows are long: each would have a place of its own in them.
TEST_F(HotKeysOfAStore, UsesInTurnAreSeenEvenly) {
  for (int i = 0; i < 64; ++i) put("key" + std::to_string(i));
  constexpr int rounds = 10'000;
  for (int round = 0; round < rounds; ++round)
    for (int i = 0; i < 64; ++i) get("key" + std::to_string(i));
  const auto list = store_.hot_keys(1000, now);
  ASSERT_EQ(list.size(), 64u);
  for (const HotKey& hot : list) {
    EXPECT_GT(hot.uses, rounds / 2) << hot.key;
    EXPECT_LT(hot.uses, rounds * 3 / 2) << hot.key;
  }
}

TEST_F(HotKeysOfAStore, OneHotKeyAmongManyIsFound) {
  for (int i = 0; i < 20'000; ++i) put("key" + std::to_string(i));
  for (int i = 0; i < 200'000; ++i) get(i % 50 == 0 ? "key7" : "key" + std::to_string(i % 20'000));
  const auto list = store_.hot_keys(3, now);
  ASSERT_FALSE(list.empty());
  EXPECT_EQ(list[0].key, "key7");
  EXPECT_GT(list[0].uses, 2'000u);
  EXPECT_LT(list[0].uses, 8'000u);
  EXPECT_EQ(store_.audit(), std::nullopt);
}

TEST_F(HotKeysOfAStore, WritesAreUsesAndMissesAreNot) {
  for (int i = 0; i < 2'000; ++i) {
    put("written");
    EXPECT_FALSE(store_.get(store_.key("absent"), now));
  }
  const auto list = store_.hot_keys(10, now);
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].key, "written");
}

}  // namespace
}  // namespace cacheismo::store
