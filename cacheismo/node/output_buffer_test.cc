// Goal: what goes out is what was appended, in order, whatever the sends take; pins are given back.
// Method: a real store for the pinned values, sends of every size.

#include "cacheismo/node/output_buffer.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/store/store.h"

namespace cacheismo::node {
namespace {

class OutputBufferTest : public testing::Test {
 protected:
  static constexpr store::Seconds now{2};

  OutputBufferTest()
      : arena_(4 * MiB, '\0'),
        store_(std::span(arena_), {.limit_bytes = 4 * MiB, .item_bytes_max = 1 * MiB}) {
    out_.lease(pool_);
  }

  /// Stores a value, pins it behind what was appended, and deletes it.
  void append_value(std::size_t size, char fill) {
    const store::Key key = store_.key("k");
    const std::string value(size, fill);
    ASSERT_EQ(store_.put(key, {}, value, now).outcome, store::Outcome::stored);
    const auto item = store_.get(key, now);
    ASSERT_TRUE(item);
    out_.append_pinned(store_.pin(*item), size);
    ASSERT_EQ(store_.remove(key, {}, now), store::Outcome::stored);
    expected_ += value;
  }
  void append(Bytes text) {
    out_.append(text);
    expected_ += text;
  }
  /// Sends at most `step` bytes at a time, as a slow client would take them.
  std::string send_all(std::size_t step) {
    std::string sent;
    while (!out_.empty()) {
      std::array<Bytes, limits::send_views_max> views;
      const std::size_t count = out_.views(store_, views);
      EXPECT_GT(count, 0u);
      std::string offered;
      for (std::size_t i = 0; i < count; ++i) offered += views[i];
      const std::size_t taken = std::min(step, offered.size());
      sent += offered.substr(0, taken);
      out_.taken(taken, store_);
    }
    return sent;
  }

  std::string arena_;
  store::Store store_;
  OutputPool pool_;
  OutputBuffer out_;
  std::string expected_;
};

TEST_F(OutputBufferTest, BytesAndPinnedValuesGoOutInOrderWhateverASendTakes) {
  for (const std::size_t step : {1u, 7u, 1000u, 4096u, 1u << 20}) {
    expected_.clear();
    append_value(5000, 'a');
    append("between");
    append_value(100'000, 'b');
    append_value(4096, 'c');
    append("end\r\n");
    EXPECT_GT(store_.stats().pinned_bytes, 100'000u);
    EXPECT_EQ(send_all(step), expected_);
    EXPECT_EQ(store_.stats().pinned_bytes, 0u);
    EXPECT_EQ(store_.audit(), std::nullopt);
    out_.reset();
  }
  out_.clear(pool_, store_);
  EXPECT_EQ(pool_.leased(), 0u);
}

TEST_F(OutputBufferTest, ClearGivesPinsBackThatWereNotSent) {
  append("head");
  append_value(9000, 'a');
  append_value(9000, 'b');
  out_.taken(4 + 100, store_);
  EXPECT_TRUE(out_.holds_pins());
  out_.clear(pool_, store_);
  EXPECT_EQ(store_.stats().pinned_bytes, 0u);
  EXPECT_EQ(store_.audit(), std::nullopt);
}

TEST_F(OutputBufferTest, MoreMayBeAppendedBehindWhatIsBeingSent) {
  append("first ");
  std::array<Bytes, limits::send_views_max> views;
  ASSERT_EQ(out_.views(store_, views), 1u);
  append("second");
  EXPECT_EQ(views[0], "first ");
  out_.taken(6, store_);
  EXPECT_FALSE(out_.empty());
  EXPECT_EQ(send_all(100), "second");
  out_.clear(pool_, store_);
}

TEST_F(OutputBufferTest, RoomForAReplyEndsBeforeTheBlockDoes) {
  while (out_.reply_room()) append(std::string(1000, 'x'));
  EXPECT_GE(out_.room() + 1000, limits::reply_bytes_max);
  EXPECT_EQ(send_all(1 << 20), expected_);
  out_.reset();
  for (std::size_t i = 0; i < limits::output_cuts_max; ++i) {
    EXPECT_TRUE(out_.reply_room());
    append_value(4096, 'v');
  }
  EXPECT_FALSE(out_.reply_room());
  out_.clear(pool_, store_);
}

TEST_F(OutputBufferTest, OneReaderPinsABoundedPartOfTheCache) {
  std::uint64_t pinned = 0;
  for (; out_.reply_room(); pinned += 100'000) append_value(100'000, 'v');
  EXPECT_LE(pinned, limits::output_pinned_bytes_max + 100'000);
  EXPECT_EQ(send_all(50'000), expected_);
  out_.reset();
  EXPECT_TRUE(out_.reply_room());
  out_.clear(pool_, store_);
}

TEST_F(OutputBufferTest, FreeBlocksAreKeptUpToABound) {
  out_.clear(pool_, store_);
  std::array<OutputBuffer, 200> many;
  for (OutputBuffer& one : many) one.lease(pool_);
  EXPECT_EQ(pool_.leased(), many.size());
  for (OutputBuffer& one : many) one.clear(pool_, store_);
  EXPECT_EQ(pool_.leased(), 0u);
  EXPECT_EQ(pool_.free(), limits::free_block_bytes_max / limits::output_bytes);
}

}  // namespace
}  // namespace cacheismo::node
