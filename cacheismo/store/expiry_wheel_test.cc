// Goal: every page is handed out in its second, whatever is noted and forgotten meanwhile, and the
// pages of later rounds cost no call more than it may spend.

#include "cacheismo/store/expiry_wheel.h"

#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/prng.h"

namespace cacheismo::store {
namespace {

std::uint32_t no_chunks(alloc::Kind, const char*) { return 0; }

class ExpiryWheelTest : public testing::Test {
 protected:
  static constexpr std::uint32_t pages = 600;

  ExpiryWheelTest()
      : region_((pages + 4) * alloc::page_bytes),
        arena_({region_.data(), region_.size()}, 1, no_chunks),
        wheel_(arena_) {
    for (std::uint32_t page = 1; page < pages; ++page) arena_.page(page).format();
  }
  std::optional<std::uint32_t> take(std::uint32_t now, std::uint32_t left = 1'000'000) {
    return wheel_.take_due(Seconds{now}, left);
  }
  void expect_sound() { EXPECT_EQ(wheel_.audit().value_or(""), ""); }

  std::vector<char> region_;
  alloc::Arena arena_;
  ExpiryWheel wheel_;
};

TEST_F(ExpiryWheelTest, APageComesInItsSecondAndNotBefore) {
  wheel_.note(7, Seconds{100});
  wheel_.note(8, Seconds{100 + 4096});
  EXPECT_EQ(take(99), std::nullopt);
  EXPECT_EQ(take(100), 7u);
  EXPECT_EQ(take(100), std::nullopt);
  EXPECT_EQ(take(100 + 4095), std::nullopt);
  EXPECT_EQ(take(100 + 4096), 8u);
  expect_sound();
}

TEST_F(ExpiryWheelTest, WhatIsPastWhenItIsNotedComesWithTheNextSecond) {
  EXPECT_EQ(take(5'000), std::nullopt);
  wheel_.note(3, Seconds{10});
  EXPECT_EQ(take(5'001), 3u);
}

TEST_F(ExpiryWheelTest, PagesOfLaterRoundsAreCountedAndNotPassedTwice) {
  for (std::uint32_t page = 1; page < pages; ++page) wheel_.note(page, Seconds{50 + 3 * 4096});
  wheel_.note(1, Seconds{50});  // noted last, yet hung first
  std::uint32_t left = 100;
  EXPECT_EQ(wheel_.take_due(Seconds{50}, left), 1u);
  std::uint32_t looked_at = 100 - left;
  for (int calls = 0; calls < 100; ++calls) {
    left = 100;
    EXPECT_EQ(wheel_.take_due(Seconds{50}, left), std::nullopt);
    looked_at += 100 - left;
    if (left > 0) break;
  }
  EXPECT_EQ(looked_at, pages - 1);
  expect_sound();
}

TEST_F(ExpiryWheelTest, EqualsAMapWhateverIsNotedAndForgottenOnTheWay) {
  Prng prng(1);
  std::map<std::uint32_t, std::uint32_t> due;
  std::uint32_t now = 2;
  for (int step = 0; step < 20'000; ++step) {
    const auto page = static_cast<std::uint32_t>(prng.between(1, pages - 1));
    const auto expiry =
        now + 1 +
        static_cast<std::uint32_t>(prng.chance(1, 2) ? prng.below(40) : 4096 * prng.below(3));
    if (prng.chance(1, 10)) {
      wheel_.forget(page);
      due.erase(page);
    } else {
      wheel_.note(page, Seconds{expiry});
      const auto [at, fresh] = due.try_emplace(page, expiry);
      if (!fresh) at->second = std::min(at->second, expiry);
    }
    // Few looks, so that most calls end in the middle of a slot.
    if (const auto taken = take(now, static_cast<std::uint32_t>(prng.below(5)))) {
      ASSERT_TRUE(due.contains(*taken));
      ASSERT_LE(due.at(*taken), now);
      due.erase(*taken);
    }
    if (prng.chance(1, 50)) {
      while (const auto taken = take(now)) {
        ASSERT_LE(due.at(*taken), now);
        due.erase(*taken);
      }
      for (const auto& [left, second] : due) ASSERT_GT(second, now) << left;
      expect_sound();
      now += static_cast<std::uint32_t>(prng.chance(1, 20) ? prng.below(9'000) : prng.below(5));
    }
  }
}

}  // namespace
}  // namespace cacheismo::store
