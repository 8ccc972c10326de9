// PFOO-L: how many hits no policy can exceed, even one that knows the future.
//
//   bytes |   .-----.        An interval lies between two uses of a key. Holding the item through
//         |   |  b  |        it gives one hit and costs size x length of cache space. The whole
//         |.--+--.--+--.     trace offers capacity x length of it. Taking the cheapest intervals
//         ||  a  |   c |     while their sum fits (whether or not they fit at each moment) gives
//         +------------------> requests      at least as many hits as any policy can have.
//
// Berger, Beckmann and Harchol-Balter, "Practical Bounds on Optimal Caching with Variable Object
// Sizes", 2018. For byte hits the intervals with the fewest cost per byte go first and the last
// one counts in part, which is the fractional knapsack's optimum.
//
//  1. The bound holds for every policy of a look-aside client, bypassing included.
//  2. Where the size of a key changes, an interval costs the smallest size the item may have there;
//     where a ttl is set, an interval counts while the longest expiry that the item may have lasts.
//
// What it is not: reachable. It is an upper bound on hits, so a lower bound on misses.

#ifndef CACHEISMO_BENCH_HITRATE_PFOO_H_
#define CACHEISMO_BENCH_HITRATE_PFOO_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bench/hitrate/replay.h"
#include "bench/hitrate/request.h"

namespace cacheismo::hitrate {

class PfooL {
 public:
  explicit PfooL(std::span<const Request> requests, std::uint32_t keys);

  /// The bound for the gets among the requests [from, to): what of the intervals lies before does
  /// not count against it.
  [[nodiscard]] Tally bound(std::uint64_t capacity_bytes, std::size_t from, std::size_t to) const;

  /// Both parts of a trace. Each is a bound by itself.
  [[nodiscard]] Tallies bound(std::uint64_t capacity_bytes, std::size_t warmup_requests) const {
    return {bound(capacity_bytes, 0, warmup_requests),
            bound(capacity_bytes, warmup_requests, requests_.size())};
  }

 private:
  /// The item is in the cache during the requests (begin, end], and the last of them hits.
  struct Interval {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::uint64_t stored_bytes = 0;
  };

  std::span<const Request> requests_;
  std::vector<Interval> intervals_;  ///< in the order of their ends
};

}  // namespace cacheismo::hitrate

#endif  // CACHEISMO_BENCH_HITRATE_PFOO_H_
