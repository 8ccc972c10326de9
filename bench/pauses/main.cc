// cacheismo-pauses [ITEMS]: the table of what growth, compaction, expiry, flush, shrinking and
// scanning cost single calls of the store, 10 million items unless told otherwise; and what the
// machine does to a call that costs nothing of all that.

#include <fmt/format.h>

#include <cstdlib>

#include "bench/pauses/pauses.h"

int main(int count, char** arguments) {
  using namespace cacheismo::pauses;
  const std::uint64_t items = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 10'000'000;
  if (items < 1000) {
    fmt::print(stderr, "cacheismo-pauses [ITEMS, at least 1000]\n");
    return 2;
  }
  fmt::print("{:10} {:10} {:>10} {:>9} {:>9} {:>9} {:>6} {:>6} {:>8} {:>6} {:>6} {:>6}\n", "what",
             "verb", "calls", "p50 us", "p99.99", "max", "items", "pages", "bytes", "index", "log",
             "lines");
  for (Scenario& scenario : play(items, true)) {
    for (std::size_t verb = 0; verb < verbs; ++verb) {
      Row& row = scenario.rows[verb];
      if (row.calls == 0) continue;
      fmt::print(
          "{:10} {:10} {:>10} {:>9.2f} {:>9.2f} {:>9.2f} {:>6} {:>6} {:>8} {:>6} {:>6} {:>6}\n",
          scenario.name, verb_names[verb], row.calls, row.above_us(0.5), row.above_us(0.0001),
          row.above_us(0), row.max.items, row.max.pages_moved, row.max.bytes_copied,
          row.max.index_steps, row.max.log_steps, row.max.lines);
    }
  }
  return 0;
}
