// Clock: the store's seconds, and what a client's exptime means in them.
//
//   store seconds   0 = never   1 = always past   2 = the second in which the node started, 3, ...
//
//  1. Store seconds count the monotonic clock only: a jump of the wall clock neither kills an item
//     nor makes it immortal.
//  2. An absolute exptime is measured against the wall time at the node's start, as memcached's
//     process_started (memcached.c, realtime()).
//
// Cost: one division by a constant per event, not per request.

#ifndef CACHEISMO_NODE_CLOCK_H_
#define CACHEISMO_NODE_CLOCK_H_

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "cacheismo/base/limits.h"
#include "cacheismo/base/units.h"
#include "cacheismo/io/io.h"
#include "cacheismo/store/store.h"

namespace cacheismo::node {

class Clock {
 public:
  explicit Clock(io::Now start)
      : start_(start.monotonic),
        start_unix_s_(
            std::chrono::floor<std::chrono::seconds>(start.wall.time_since_epoch()).count()) {}

  [[nodiscard]] store::Seconds seconds(MonotonicTime now) const {
    const std::int64_t whole = (now - start_).count() / 1'000'000'000;
    return {static_cast<std::uint32_t>(std::min<std::int64_t>(whole + kFirst, kLast))};
  }

  /// Whole seconds since the start: `stats uptime`.
  [[nodiscard]] static std::uint32_t uptime(store::Seconds now) { return now.value - kFirst; }

  /// What a client's exptime means, seen at `now`: 0 never, negative always past, up to 30 days
  /// relative, above that an absolute Unix time.
  [[nodiscard]] store::Seconds expiry(std::int64_t exptime, store::Seconds now) const {
    if (exptime == 0) return store::never;
    if (exptime < 0) return {kPast};
    if (exptime <= limits::relative_expiry_seconds_max)
      return bounded(exptime + static_cast<std::int64_t>(now.value));
    if (exptime <= start_unix_s_) return {kPast};
    return bounded(exptime - start_unix_s_ + kFirst);
  }

  /// The store second of a Unix time.
  [[nodiscard]] store::Seconds expiry_at(std::int64_t unix_seconds) const {
    if (unix_seconds <= start_unix_s_) return {kPast};
    return bounded(unix_seconds - start_unix_s_ + kFirst);
  }

  /// The Unix time of a store second, for dumps and the log of a watcher.
  [[nodiscard]] std::int64_t unix_seconds(store::Seconds at) const {
    return start_unix_s_ + static_cast<std::int64_t>(at.value) - kFirst;
  }

  /// Seconds that an item has left: -1 if it never expires.
  [[nodiscard]] static std::int64_t ttl(store::Seconds expiry, store::Seconds now) {
    if (expiry == store::never) return -1;
    return std::max<std::int64_t>(0, static_cast<std::int64_t>(expiry.value) - now.value);
  }

 private:
  static constexpr std::uint32_t kPast = 1;
  static constexpr std::uint32_t kFirst = 2;
  static constexpr std::int64_t kLast = store::last_second.value;

  static store::Seconds bounded(std::int64_t seconds) {
    return {static_cast<std::uint32_t>(std::min(seconds, kLast))};
  }

  MonotonicTime start_;
  std::int64_t start_unix_s_;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_CLOCK_H_
