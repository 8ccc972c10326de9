// Goal: memory of what has expired or was flushed comes back by itself, within a second, and no
// request waits for more of it than one run of upkeep. Method: a node in virtual time, asked for
// nothing but its statistics.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/base/units.h"
#include "cacheismo/node/config.h"
#include "sim/raw_connection.h"
#include "sim/wire.h"

namespace cacheismo::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Upkeep : public testing::Test {
 protected:
  static constexpr int items = 40'000;

  void store(const std::string& expiry) {
    std::string requests;
    for (int i = 0; i < items; ++i)
      requests += "set key" + std::to_string(i) + " 0 " + expiry + " 100 noreply\r\n" +
                  std::string(100, 'v') + "\r\n";
    ASSERT_EQ(wire_.ask(client_, requests), "");
    ASSERT_EQ(stat("curr_items"), std::uint64_t{items});
  }
  std::uint64_t stat(const std::string& name) {
    const std::string text = wire_.ask(client_, "stats\r\n");
    const std::size_t at = text.find("STAT " + name + ' ');
    std::uint64_t value = 0;
    if (at == std::string::npos) {
      ADD_FAILURE() << name << " is missing";
      return value;
    }
    const char* const number = text.data() + at + 6 + name.size();
    std::from_chars(number, text.data() + text.size(), value);
    return value;
  }

  node::Config config() {
    node::Config config;
    config.memory_bytes = 16 * MiB;
    return config;
  }
  Wire wire_{{.config = config()}};
  RawConnection& client_ = wire_.connect();
};

TEST_F(Upkeep, ExpiredMemoryIsBackWithinASecond) {
  store("5");
  wire_.advance(milliseconds(4'900));
  EXPECT_EQ(stat("curr_items"), std::uint64_t{items});
  wire_.advance(milliseconds(1'100));
  EXPECT_EQ(stat("curr_items"), 0u);
  EXPECT_EQ(stat("bytes"), 0u);
  EXPECT_EQ(stat("reclaimed"), std::uint64_t{items});
  EXPECT_EQ(stat("evictions"), 0u);
}

TEST_F(Upkeep, FlushedMemoryIsBackWithinASecondAndTheFlushDoesNotWaitForIt) {
  store("0");
  EXPECT_EQ(wire_.ask(client_, "flush_all\r\n"), "OK\r\n");
  EXPECT_EQ(stat("curr_items"), 0u);
  EXPECT_EQ(stat("flushed_reclaimed"), 0u);
  wire_.advance(seconds(1));
  EXPECT_EQ(stat("flushed_reclaimed"), std::uint64_t{items});
}

TEST_F(Upkeep, ItComesInSlicesWithRequestsInBetween) {
  store("5");
  wire_.advance(milliseconds(4'900));
  std::uint64_t before = 0;
  std::uint64_t most = 0;
  for (int i = 0; i < 1'100; ++i) {
    wire_.advance(limits::busy_upkeep_interval);
    const std::uint64_t after = stat("reclaimed");
    most = std::max(most, after - before);
    before = after;
  }
  EXPECT_EQ(before, std::uint64_t{items});
  EXPECT_GT(most, 0u);
  EXPECT_LE(most, limits::upkeep_items);
}

}  // namespace
}  // namespace cacheismo::sim
