// Goal: a token is read as the number memcached reads, or refused.
// Method: the ends of both ranges, and everything that almost is a number.

#include "cacheismo/proto/decimal.h"

#include <limits>
#include <optional>

#include <gtest/gtest.h>

#include "cacheismo/base/bytes.h"

namespace cacheismo::proto {
namespace {

TEST(Decimal, ReadsBothEndsOfTheRanges) {
  EXPECT_EQ(parse_unsigned("0"), 0u);
  EXPECT_EQ(parse_unsigned("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(parse_unsigned("18446744073709551616"), std::nullopt);
  EXPECT_EQ(parse_signed("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parse_signed("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(parse_signed("9223372036854775808"), std::nullopt);
}

TEST(Decimal, AcceptsOneSignAndLeadingZeros) {
  EXPECT_EQ(parse_unsigned("+5"), 5u);
  EXPECT_EQ(parse_unsigned("0005"), 5u);
  EXPECT_EQ(parse_signed("+5"), 5);
  EXPECT_EQ(parse_signed("-5"), -5);
}

TEST(Decimal, RefusesWhatOnlyLooksLikeANumber) {
  for (const Bytes bad :
       {"", "+", "-", "+-5", "++5", "5x", "x5", " 5", "5 ", "0x10", "1e3", "1.5"}) {
    EXPECT_EQ(parse_unsigned(bad), std::nullopt) << bad;
    EXPECT_EQ(parse_signed(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(parse_unsigned("-5"), std::nullopt);
}

}  // namespace
}  // namespace cacheismo::proto
