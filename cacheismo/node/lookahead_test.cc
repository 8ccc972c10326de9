// Goal: the guess covers exactly the requests that a parser would find, and never reads outside the
// bytes it is given. Method: values, each in memory of its own size so that ASan sees every step.

#include "cacheismo/node/lookahead.h"

#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/store/store.h"

namespace cacheismo::node {
namespace {

class LookaheadTest : public testing::Test {
 protected:
  LookaheadTest()
      : arena_(2 * MiB, '\0'),
        store_(std::span(arena_), {.limit_bytes = 2 * MiB, .item_bytes_max = 1 * KiB}) {}

  std::size_t covered(const std::string& text) {
    const std::vector<char> exact(text.begin(), text.end());
    return look_ahead(store_, Bytes(exact.data(), exact.size()));
  }

  std::string arena_;
  store::Store store_;
};

TEST_F(LookaheadTest, StepsOverDataBlocks) {
  const std::string text =
      "set a 0 0 12\r\nget b\r\nget c\r\nmg d v\r\nms e 4 T0\r\nxx\r\n\r\n"
      "cas f 0 0 3 7 noreply\r\nabc\r\nincr g 1\r\n";
  EXPECT_EQ(covered(text), text.size());
}

TEST_F(LookaheadTest, StopsAtAPartialLine) {
  EXPECT_EQ(covered("get a\r\nget b\r\nget c"), 14u);
  EXPECT_EQ(covered("get a"), 0u);
  EXPECT_EQ(covered(""), 0u);
}

TEST_F(LookaheadTest, StopsAfterABatch) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "get key\r\n";
  EXPECT_EQ(covered(text), keys_ahead * 9);
}

TEST_F(LookaheadTest, EveryPrefixOfOddBytesIsSafe) {
  const std::string text =
      "set a 0 0 99999999999999999999999\r\n\n\n\r\n m s  \r\nset\r\nset \r\nms\r\n"
      "ms k\r\nms k \r\nset a b c \r\n\x80\xff\r\nget " +
      std::string(300, 'k') + "\r\nget  a\r\n";
  for (std::size_t size = 0; size <= text.size(); ++size)
    EXPECT_LE(covered(text.substr(0, size)), size);
}

}  // namespace
}  // namespace cacheismo::node
