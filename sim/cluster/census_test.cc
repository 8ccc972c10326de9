// Goal: an answer of mapreduce.lua is read exactly if it can be so. Method: one that can, and some
// that are one step away.

#include "sim/cluster/census.h"

#include <string>

#include <gtest/gtest.h>

namespace cacheismo::sim {
namespace {

const std::string counts = "user 30\r\npage 20\r\n";

bool reads(const std::string& text) { return parse_census(text, 3).has_value(); }

TEST(Census, SaysHowManyKeysAndNodes) {
  const auto census = parse_census(counts + "counted 51 keys on 2 of 3 nodes, not on n2\r\n", 3);
  ASSERT_TRUE(census.has_value());
  EXPECT_EQ(census->keys, 51u);
  EXPECT_EQ(census->answered, 2u);
  EXPECT_EQ(census->asked, 3u);
}

TEST(Census, ThereMayBeNoKeyAndNoAnswer) {
  EXPECT_TRUE(reads("counted 0 keys on 3 of 3 nodes\r\n"));
  EXPECT_TRUE(reads("counted 0 keys on 0 of 2 nodes, not on n1, not on n2\r\n"));
}

TEST(Census, NodesAreAsManyAsAnsweredOrNot) {
  EXPECT_FALSE(reads(counts + "counted 51 keys on 2 of 3 nodes\r\n"));
  EXPECT_FALSE(reads(counts + "counted 51 keys on 3 of 3 nodes, not on n2\r\n"));
  EXPECT_FALSE(reads(counts + "counted 51 keys on 1 of 3 nodes, not on n2, not on n2\r\n"));
  EXPECT_FALSE(reads(counts + "counted 51 keys on 4 of 4 nodes\r\n"));
  EXPECT_FALSE(reads("counted 0 keys on 0 of 0 nodes\r\n"));
}

TEST(Census, CountsAddUpAndTheLargestIsFirst) {
  EXPECT_TRUE(reads(counts + "counted 50 keys on 3 of 3 nodes\r\n"));
  EXPECT_FALSE(reads(counts + "counted 49 keys on 3 of 3 nodes\r\n"));
  EXPECT_FALSE(reads("page 20\r\nuser 30\r\ncounted 50 keys on 3 of 3 nodes\r\n"));
}

TEST(Census, OtherTextIsNone) {
  for (const char* text : {"", "\r\n", "user 30\r\n", "user\r\ncounted 0 keys on 3 of 3 nodes\r\n",
                           "counted 0 keys on 3 of 3 nodes", "counted x keys on 3 of 3 nodes\r\n",
                           "counted 0 keys on 2 of 3 nodes n2\r\n"})
    EXPECT_FALSE(reads(text)) << text;
}

}  // namespace
}  // namespace cacheismo::sim
