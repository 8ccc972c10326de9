// Goal: a dump of keys with a prefix misses none that is there throughout, and however little it
// finds, it holds nobody up and is not taken for an idle connection.
// Method: a node in virtual time whose callbacks cost a tenth of a millisecond each, so that what
// others wait for can be counted; others read, write and delete while it goes on.

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"
#include "cacheismo/node/config.h"
#include "sim/fault_plan.h"
#include "sim/raw_connection.h"
#include "sim/wire.h"

namespace cacheismo::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration callback = microseconds(100);

Wire::Options options() {
  Wire::Options options;
  options.config.memory_bytes = 16 * MiB;
  options.plan.callback_ns = static_cast<std::uint64_t>(Duration(callback).count());
  return options;
}

std::string set(const std::string& key) { return "set " + key + " 0 0 1 noreply\r\nx\r\n"; }

void store(Wire& wire, RawConnection& client, const std::string& prefix, int count) {
  std::string requests;
  for (int i = 0; i < count; ++i) requests += set(prefix + std::to_string(i));
  client.write(requests + "mn\r\n");
  while (client.arrived().empty() && !client.ended()) wire.advance(milliseconds(1));
  ASSERT_EQ(client.take(), "MN\r\n");
}

TEST(Dump, OthersAreServedBetweenItsSlicesThoughItFindsNothing) {
  Wire wire(options());
  RawConnection& other = wire.connect();
  RawConnection& dumper = wire.connect();
  constexpr int items = 40'000;
  store(wire, other, "key", items);
  dumper.write("lru_crawler mgdump all none:\r\n");
  const Duration begun = wire.world().now();
  Duration longest{};
  int answers = 0;
  while (dumper.arrived().empty()) {
    const Duration asked = wire.world().now();
    other.write("get key7\r\n");
    while (other.arrived().empty()) wire.advance(microseconds(10));
    longest = std::max(longest, Duration(wire.world().now() - asked));
    ASSERT_EQ(other.take(), "VALUE key7 0 1\r\nx\r\nEND\r\n");
    ++answers;
  }
  EXPECT_EQ(dumper.take(), "EN\r\n");
  const Duration lasted = wire.world().now() - begun;
  const auto slices = items / 10 / limits::scan_lines_per_turn;  // at ten items a line: at least
  EXPECT_GE(lasted, slices * callback);
  EXPECT_GE(answers, 10);
  // At most a slice that has begun, upkeep, the slice or the sending that came before, and its own.
  EXPECT_LE(longest, 5 * callback);
}

class Changes {
 public:
  explicit Changes(std::uint64_t seed) : prng_(seed) {
    for (int i = 0; i < 3'000; ++i) kept_.insert("a:" + std::to_string(i));
  }
  /// Sets and deletes that a client sends in one go.
  std::string some() {
    std::string requests;
    for (std::uint64_t i = prng_.below(40); i > 0; --i) {
      const std::string old =
          (prng_.below(2) == 0 ? "a:" : "b:") + std::to_string(prng_.below(3'000));
      switch (prng_.below(4)) {
        case 0: requests += set("a:new" + std::to_string(made_++)); break;
        case 1: requests += set("b:new" + std::to_string(made_++)); break;
        case 2: requests += set(old); break;
        default:
          if (prng_.below(4) > 0) break;
          requests += "delete " + old + " noreply\r\n";
          kept_.erase(old);
          break;
      }
    }
    return requests;
  }
  [[nodiscard]] const std::set<std::string>& kept() const { return kept_; }
  Prng& prng() { return prng_; }

 private:
  Prng prng_;
  std::set<std::string> kept_;
  int made_ = 0;
};

/// The keys of a metadump, each of which must start as asked for.
std::set<std::string> keys_of(const std::string& dump) {
  const std::string start = "key=a%3A";
  std::set<std::string> keys;
  std::size_t at = 0;
  while (dump.compare(at, start.size(), start) == 0) {
    at += start.size();
    keys.insert("a:" + dump.substr(at, dump.find(' ', at) - at));
    at = dump.find('\n', at) + 1;
  }
  EXPECT_EQ(dump.substr(at), "END\r\n");
  return keys;
}

TEST(Dump, KeysThatAreThereThroughoutAreToldWhileOthersComeAndGo) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    Wire wire(options());
    RawConnection& changer = wire.connect();
    RawConnection& dumper = wire.connect();
    store(wire, changer, "a:", 3'000);
    store(wire, changer, "b:", 3'000);
    Changes changes(seed);
    dumper.write("lru_crawler metadump all a%3a\r\n");
    while (!dumper.arrived().ends_with("END\r\n")) {
      dumper.set_reading(changes.prng().below(3) > 0);
      changer.write(changes.some());
      wire.advance(callback);
    }
    const std::set<std::string> told = keys_of(dumper.take());
    for (const std::string& key : changes.kept()) ASSERT_TRUE(told.contains(key)) << key;
    EXPECT_EQ(changer.take(), "");
  }
}

TEST(Dump, ConnectionWhoseDumpFindsNothingForLongIsNotIdle) {
  Wire::Options slow = options();
  slow.config.idle_timeout = seconds(2);
  slow.plan.callback_ns *= 500;
  Wire wire(slow);
  RawConnection& client = wire.connect();
  // Not so many at a time that the client itself is idle for long.
  for (int i = 0; i < 100; ++i) store(wire, client, "key" + std::to_string(i) + '-', 200);
  const Duration begun = wire.world().now();
  client.write("lru_crawler mgdump all none:\r\n");
  while (client.arrived().empty() && !client.ended()) wire.advance(milliseconds(10));
  EXPECT_EQ(client.take(), "EN\r\n");
  EXPECT_GT(wire.world().now() - begun, slow.config.idle_timeout);
}

}  // namespace
}  // namespace cacheismo::sim
