// Units: sizes, and the two clocks that must never be mixed up.
//
//   MonotonicTime   only ever moves forward; deadlines and timers are of this type
//   WallTime        the calendar; may jump; only absolute expiry times and log lines use it
//
// Nothing here reads a clock: times are parameters, handed in by whoever owns the Io.

#ifndef CACHEISMO_BASE_UNITS_H_
#define CACHEISMO_BASE_UNITS_H_

#include <chrono>
#include <cstdint>

namespace cacheismo {

using Duration = std::chrono::nanoseconds;

/// A clock in name only: it keeps the two kinds of instant apart and cannot be asked for the time.
struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock, Duration>;
  static constexpr bool is_steady = true;
};

/// Nanoseconds since 1970-01-01 UTC, leap seconds ignored. A clock in name only.
struct WallClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<WallClock, Duration>;
  static constexpr bool is_steady = false;
};

using MonotonicTime = MonotonicClock::time_point;
using WallTime = WallClock::time_point;

inline constexpr std::uint64_t KiB = 1024;
inline constexpr std::uint64_t MiB = 1024 * KiB;
inline constexpr std::uint64_t GiB = 1024 * MiB;

}  // namespace cacheismo

#endif  // CACHEISMO_BASE_UNITS_H_
