// Goal: a watcher gets the lines it asked for, or is told how many it missed; nobody waits for it.
// Method: values. (node_limits_test.cc watches a node.)

#include "cacheismo/node/watchers.h"

#include <chrono>
#include <span>
#include <string>

#include <gtest/gtest.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/base/units.h"
#include "cacheismo/node/counters.h"
#include "cacheismo/node/output_buffer.h"
#include "cacheismo/store/store.h"

namespace cacheismo::node {
namespace {

constexpr WallTime noon{std::chrono::seconds(1'700'000'000) + std::chrono::microseconds(42)};

class WatchersTest : public testing::Test {
 protected:
  WatchersTest()
      : arena_(2 * MiB, '\0'),
        store_(std::span(arena_), {.limit_bytes = 2 * MiB, .item_bytes_max = 1 * KiB}) {
    out_.lease(pool_);
    start_ = out_.cursor();
  }
  ~WatchersTest() override { out_.clear(pool_, store_); }

  /// What was gathered since the last call; the buffer is as if it had been sent.
  std::string take() {
    std::string text(start_, static_cast<std::size_t>(out_.cursor() - start_));
    out_.taken(text.size(), store_);
    out_.reset();
    return text;
  }

  std::string arena_;
  store::Store store_;
  OutputPool pool_;
  OutputBuffer out_;
  const char* start_ = nullptr;
  Watchers watchers_;
  Counters counters_;
};

TEST_F(WatchersTest, LinesAreMemcachedsAndOnlyOfTheTopicsAskedFor) {
  ASSERT_TRUE(watchers_.add(3, Watchers::fetchers | Watchers::deletions, &out_));
  watchers_.item_get(noon, "a b", true, 9, 5, counters_);
  watchers_.item_store(noon, "k", "stored", "set", 0, 9, 5, counters_);
  watchers_.item_delete(noon, "k", "md", 9, counters_);
  watchers_.connection_event(noon, "conn_new", "127.0.0.1:5", {}, 9, counters_);
  EXPECT_EQ(take(),
            "ts=1700000000.42 gid=1 type=item_get key=a%20b status=found clsid=1 cfd=9 size=5\n"
            "ts=1700000000.42 gid=3 type=deleted key=k cmd=md clsid=1 cfd=9\n");
  EXPECT_EQ(counters_.watch_lines_written, 2u);
}

TEST_F(WatchersTest, FullBufferDropsLinesAndTellsHowMany) {
  ASSERT_TRUE(watchers_.add(3, Watchers::mutations, &out_));
  const std::string key(limits::key_bytes_max, '\xff');  // takes three bytes each
  for (int i = 0; i < 100; ++i)
    watchers_.item_store(noon, key, "stored", "set", -1, 9, 5, counters_);
  EXPECT_EQ(counters_.watch_lines_written + counters_.watch_lines_dropped, 100u);
  const std::uint64_t dropped = counters_.watch_lines_dropped;
  EXPECT_GT(dropped, 50u);
  EXPECT_EQ(take().find("skipped"), std::string::npos);
  watchers_.item_store(noon, "k", "stored", "set", -1, 9, 5, counters_);
  EXPECT_TRUE(take().starts_with("skipped=" + std::to_string(dropped) + "\nts="));
  watchers_.item_store(noon, "k", "stored", "set", -1, 9, 5, counters_);
  EXPECT_TRUE(take().starts_with("ts="));
}

TEST_F(WatchersTest, AreLimitedAndForgottenWhenTheyLeave) {
  for (std::uint32_t slot = 0; slot < limits::watchers_max; ++slot)
    EXPECT_TRUE(watchers_.add(slot, Watchers::fetchers, &out_));
  EXPECT_FALSE(watchers_.add(99, Watchers::fetchers, &out_));
  for (std::uint32_t slot = 0; slot < limits::watchers_max; ++slot) watchers_.remove(slot);
  EXPECT_FALSE(watchers_.any());
  EXPECT_FALSE(watchers_.any(Watchers::fetchers));
}

TEST(WatchTopics, AreNamedByWords) {
  EXPECT_EQ(Watchers::parse_topics(""), Watchers::fetchers);
  EXPECT_EQ(Watchers::parse_topics(" mutations  connevents"),
            Watchers::mutations | Watchers::connection_events);
  EXPECT_EQ(Watchers::parse_topics("fetchers nonsense"), std::nullopt);
}

}  // namespace
}  // namespace cacheismo::node
