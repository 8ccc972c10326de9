// Pauses: how much of the store's own upkeep lands on a single request, counted and timed.
//
//   growth     puts, while the index doubles again and again
//   shifting   puts of ever other sizes into a full cache: evictions, compaction
//   expiry     gets and upkeep, when every item expires in the same second
//   flush      flush_all, then puts and upkeep over what it left
//   shrinking  deletes of all items, then upkeep
//
// Counted work is exact and repeatable; time is the thread's processor time, so that what else the
// machine does is not counted. All memory is touched before: the kernel's zeroing is not measured.

#ifndef CACHEISMO_BENCH_PAUSES_PAUSES_H_
#define CACHEISMO_BENCH_PAUSES_PAUSES_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "cacheismo/store/store.h"

namespace cacheismo::pauses {

/// What one call did beside its own work, at most.
struct Work {
  std::uint64_t items = 0;  ///< evicted, expired or flushed ones whose memory came back
  std::uint64_t pages_moved = 0;
  std::uint64_t bytes_copied = 0;
  std::uint64_t index_steps = 0;
  std::uint64_t log_steps = 0;  ///< entries of the access log looked at
};

enum class Verb : std::uint8_t { get, put, remove, flush, maintain };
inline constexpr std::size_t verbs = 5;
inline constexpr std::array<const char*, verbs> verb_names{"get", "put", "delete", "flush_all",
                                                           "upkeep"};

/// All calls of one verb in one scenario.
struct Row {
  std::uint64_t calls = 0;
  Work max;
  std::vector<std::uint32_t> times_ns;  ///< empty when nothing is timed

  /// The time that all but this fraction of the calls stay below; sorts.
  [[nodiscard]] double above_us(double fraction);
};

struct Scenario {
  std::string name;
  std::array<Row, verbs> rows;
};

/// Plays all of them with `items` of 100 bytes. `timed`: reads the clock around each call.
[[nodiscard]] std::vector<Scenario> play(std::uint64_t items, bool timed);

}  // namespace cacheismo::pauses

#endif  // CACHEISMO_BENCH_PAUSES_PAUSES_H_
