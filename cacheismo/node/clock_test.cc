// Goal: rules 24 to 28 of exptime, and that the calendar's jumps do not matter. Method: values.

#include "cacheismo/node/clock.h"

#include <chrono>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/base/units.h"
#include "cacheismo/io/io.h"
#include "cacheismo/store/store.h"

namespace cacheismo::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr MonotonicTime start{seconds(5000)};
constexpr std::int64_t unix_start = 1'700'000'000;
const Clock clock_under_test({start, WallTime(seconds(unix_start) + milliseconds(700))});

store::Seconds expiry(std::int64_t exptime, std::uint32_t now) {
  return clock_under_test.expiry(exptime, {now});
}

TEST(Clock, StartsAtTwoAndCountsWholeSeconds) {
  EXPECT_EQ(clock_under_test.seconds(start).value, 2u);
  EXPECT_EQ(clock_under_test.seconds(start + milliseconds(999)).value, 2u);
  EXPECT_EQ(clock_under_test.seconds(start + seconds(1)).value, 3u);
  EXPECT_EQ(Clock::uptime({2}), 0u);
  EXPECT_EQ(Clock::uptime({62}), 60u);
}

TEST(Clock, ZeroIsNeverAndNegativeIsPast) {
  EXPECT_EQ(expiry(0, 10), store::never);
  EXPECT_EQ(expiry(-1, 10).value, 1u);
  EXPECT_EQ(expiry(-1'000'000'000'000, 10).value, 1u);
}

TEST(Clock, UpToThirtyDaysIsRelative) {
  EXPECT_EQ(expiry(1, 10).value, 11u);
  EXPECT_EQ(expiry(2'592'000, 10).value, 2'592'010u);
}

TEST(Clock, AboveIsAbsoluteAndHenceUsuallyPast) {
  EXPECT_EQ(expiry(2'592'001, 10).value, 1u);
  EXPECT_EQ(expiry(unix_start, 10).value, 1u);
  EXPECT_EQ(expiry(unix_start + 100, 10).value, 102u);
}

TEST(Clock, FarFutureIsNotNever) {
  EXPECT_EQ(expiry(std::int64_t{1} << 62, 10), store::last_second);
  EXPECT_EQ(expiry(2'592'000, 0x7FFFFFF0u), store::last_second);
}

TEST(Clock, UnixSecondsAreThoseOfTheStart) {
  EXPECT_EQ(clock_under_test.unix_seconds({2}), unix_start);
  EXPECT_EQ(clock_under_test.unix_seconds({102}), unix_start + 100);
}

TEST(Clock, TimeToLiveIsNeverNegative) {
  EXPECT_EQ(Clock::ttl(store::never, {10}), -1);
  EXPECT_EQ(Clock::ttl({15}, {10}), 5);
  EXPECT_EQ(Clock::ttl({1}, {10}), 0);
}

}  // namespace
}  // namespace cacheismo::node
