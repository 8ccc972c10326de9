// Replay: a trace against any cache, as a look-aside client plays it, and what is counted.
//
//   get --hit--> counted
//       --miss-> counted, and the client stores the value: set with the same sizes and ttl
//   set, delete     done, not counted as hit or miss
//
// Warm-up is counted apart. It is the requests before the first one at which the ideal LRU of the
// same size has to evict, and at most half of the trace. So it is a property of trace and size
// alone, the same for every cache that is compared; and no cache is still filling up when the
// measured part begins, because none holds more than the ideal one.

#ifndef CACHEISMO_BENCH_HITRATE_REPLAY_H_
#define CACHEISMO_BENCH_HITRATE_REPLAY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "bench/hitrate/request.h"

namespace cacheismo::hitrate {

/// Hits and misses of gets; bytes are key and value of the request.
struct Tally {
  std::uint64_t gets = 0;
  std::uint64_t hits = 0;
  std::uint64_t get_bytes = 0;
  std::uint64_t hit_bytes = 0;

  void count(const Request& request, bool hit) {
    ++gets;
    get_bytes += request.bytes();
    if (!hit) return;
    ++hits;
    hit_bytes += request.bytes();
  }
  /// 0 to 1; 0 without any get.
  [[nodiscard]] double object_miss_ratio() const { return share(gets - hits, gets); }
  [[nodiscard]] double byte_miss_ratio() const { return share(get_bytes - hit_bytes, get_bytes); }

  bool operator==(const Tally&) const = default;

 private:
  [[nodiscard]] static double share(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
  }
};

struct Tallies {
  Tally warmup;
  Tally measured;
  bool operator==(const Tallies&) const = default;
};

/// A cache as a client sees it. The requests' times are the only clock, and never go back.
class Cache {
 public:
  virtual ~Cache() = default;
  /// True: a hit, and an access.
  [[nodiscard]] virtual bool get(const Request& request) = 0;
  virtual void set(const Request& request) = 0;
  virtual void remove(const Request& request) = 0;
};

/// `progress` is called now and then with 0 to 1; may be empty.
[[nodiscard]] Tallies replay(std::span<const Request> requests, std::size_t warmup_requests,
                             Cache& cache, const std::function<void(double)>& progress = {});

}  // namespace cacheismo::hitrate

#endif  // CACHEISMO_BENCH_HITRATE_REPLAY_H_
