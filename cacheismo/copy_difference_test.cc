// Goal: what differs is called so, and what the clocks of two nodes make of one item is not.

#include "cacheismo/copy_difference.h"

#include <gtest/gtest.h>

namespace cacheismo {
namespace {

using node::ItemForm;

ItemForm item(Bytes payload, std::optional<std::uint32_t> seconds, std::uint32_t flags = 0) {
  return {.kind = ItemForm::Kind::digest,
          .key = "k",
          .client_flags = flags,
          .seconds_to_live = seconds,
          .payload = payload};
}

TEST(CopyDifference, TheSameIsTheSameWithinTwoSeconds) {
  EXPECT_EQ(difference(item("a", std::nullopt), item("a", std::nullopt)), nullptr);
  EXPECT_EQ(difference(item("a", 10), item("a", 12)), nullptr);
  EXPECT_EQ(difference(item("a", 12), item("a", 10)), nullptr);
  EXPECT_STREQ(difference(item("a", 10), item("a", 13)), "another time to live");
  EXPECT_STREQ(difference(item("a", 13), item("a", 10)), "another time to live");
  EXPECT_STREQ(difference(item("a", 1), item("a", std::nullopt)), "another time to live");
  EXPECT_STREQ(difference(item("a", std::nullopt), item("a", 1)), "another time to live");
}

TEST(CopyDifference, BytesAndFlagsAreCompared) {
  EXPECT_STREQ(difference(item("a", 10), item("b", 10)), "another value");
  EXPECT_STREQ(difference(item("a", 10, 1), item("a", 10, 2)), "another value");
}

TEST(CopyDifference, WhatIsAboutToExpireMayBeGoneAlready) {
  EXPECT_STREQ(difference(item("a", std::nullopt), std::nullopt), "missing");
  EXPECT_STREQ(difference(item("a", 3), std::nullopt), "missing");
  EXPECT_EQ(difference(item("a", 2), std::nullopt), nullptr);
  EXPECT_TRUE(is_about_to_expire(item("a", 0)));
  EXPECT_FALSE(is_about_to_expire(item("a", 3)));
  EXPECT_FALSE(is_about_to_expire(item("a", std::nullopt)));
}

}  // namespace
}  // namespace cacheismo
