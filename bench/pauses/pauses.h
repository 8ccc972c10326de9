// Pauses: how much of the store's own upkeep lands on a single request, counted and timed.
//
//   growth     puts, while the index doubles again and again
//   shifting   puts of ever other sizes into a full cache: evictions, compaction
//   expiry     gets and upkeep, when every item expires in the same second
//   flush      flush_all, then puts and upkeep over what it left
//   shrinking  deletes of all items, then upkeep
//   scan       the keys of one prefix looked for among all, in slices, with gets in between
//   machine    no store: a fixed piece of work of about a microsecond that touches no memory, as
//              often as the most frequent call above
//
// Counted work is exact and repeatable. Time is the thread's processor time, to which what else
// runs on the machine should not add; in part it does (interrupts, a hypervisor that takes the
// processor away), and `machine` shows how much: a maximum well above its own is the store's.
// The cache's memory is touched before, so that the kernel's zeroing of pages is not measured.

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
  std::uint64_t lines = 0;      ///< of the index, looked at by a scan
};

enum class Verb : std::uint8_t { get, put, remove, flush, maintain, scan, control };
inline constexpr std::size_t verbs = 7;
inline constexpr std::array<const char*, verbs> verb_names{"get",    "put",  "delete", "flush_all",
                                                           "upkeep", "scan", "control"};

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
