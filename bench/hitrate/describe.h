// Description: what a trace is, and what of it is missed at several sizes by ideal caches and by
// the store in this process. The trace's times are the only clock there, so expiries are exact.

#ifndef CACHEISMO_BENCH_HITRATE_DESCRIBE_H_
#define CACHEISMO_BENCH_HITRATE_DESCRIBE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bench/hitrate/replay.h"
#include "bench/hitrate/trace.h"

namespace cacheismo::hitrate {

struct Description {
  std::uint64_t requests = 0;
  std::uint64_t keys = 0;
  std::uint64_t footprint_bytes = 0;  ///< key and value of every key, at the largest it ever is
  std::uint64_t item_bytes_max = 0;   ///< key and value
  std::uint32_t last_time_seconds = 0;
  bool has_ttl = false;

  struct Size {
    std::uint64_t capacity_bytes = 0;
    std::uint64_t warmup_requests = 0;  ///< as replay.h says
    Tallies ideal_lru;
    Tallies pfoo_l;
    std::optional<Tallies> store;  ///< none where the store cannot be that small
  };
  std::vector<Size> sizes;
};

[[nodiscard]] Description describe(const Trace& trace,
                                   std::span<const std::uint64_t> capacities_bytes);

}  // namespace cacheismo::hitrate

#endif  // CACHEISMO_BENCH_HITRATE_DESCRIBE_H_
