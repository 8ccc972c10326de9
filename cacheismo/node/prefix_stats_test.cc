// Goal: counts by prefix, bounded, listed in order across full buffers. Method: values.

#include "cacheismo/node/prefix_stats.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

#include <gtest/gtest.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/node/output_buffer.h"
#include "cacheismo/store/store.h"

namespace cacheismo::node {
namespace {

/// The whole dump, through as many output blocks as it takes.
std::string dump(const PrefixStats& stats, int* blocks = nullptr) {
  std::string arena(2 * MiB, '\0');
  store::Store store(std::span<char>(arena), {.limit_bytes = 2 * MiB, .item_bytes_max = 1 * KiB});
  OutputPool pool;
  std::string text;
  std::uint64_t cursor = 0;
  for (bool ended = false; !ended;) {
    OutputBuffer out;
    out.lease(pool);
    const char* start = out.cursor();
    ended = stats.dump(cursor, out);
    text += Bytes(start, static_cast<std::size_t>(out.cursor() - start));
    out.clear(pool, store);
    if (blocks != nullptr) ++*blocks;
  }
  return text;
}

TEST(PrefixStats, CountsByPrefixInOrder) {
  PrefixStats stats(':', true);
  stats.record_get("user:1", true);
  stats.record_get("user:2", false);
  stats.record_set("page:1");
  stats.record_delete("user:1");
  stats.record_set(":empty prefix");
  EXPECT_EQ(dump(stats),
            "PREFIX  get 0 hit 0 set 1 del 0\r\n"
            "PREFIX page get 0 hit 0 set 1 del 0\r\n"
            "PREFIX user get 2 hit 1 set 0 del 1\r\n");
}

TEST(PrefixStats, CountsNothingWhileOffAndNoKeysWithoutDelimiter) {
  PrefixStats stats('/', false);
  stats.record_set("a/b");
  EXPECT_EQ(dump(stats), "");
  stats.enable(true);
  stats.record_set("a:b");
  EXPECT_EQ(dump(stats), "");
  stats.record_set("a/b");
  stats.enable(false);
  stats.record_set("a/b");
  EXPECT_EQ(dump(stats), "PREFIX a get 0 hit 0 set 1 del 0\r\n");
  stats.clear();
  EXPECT_EQ(dump(stats), "");
}

TEST(PrefixStats, KnowsABoundedNumberOfPrefixesAndListsThemAll) {
  PrefixStats stats(':', true);
  for (std::size_t i = 0; i < 2 * limits::prefixes_max; ++i)
    stats.record_set("prefix-" + std::to_string(i) + ":x");
  int blocks = 0;
  const std::string all = dump(stats, &blocks);
  EXPECT_EQ(static_cast<std::size_t>(std::count(all.begin(), all.end(), '\n')),
            limits::prefixes_max);
  EXPECT_GT(blocks, 5);
}

}  // namespace
}  // namespace cacheismo::node
