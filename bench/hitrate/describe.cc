#include "bench/hitrate/describe.h"

#include <algorithm>
#include <optional>

#include "bench/hitrate/ideal_lru.h"
#include "bench/hitrate/pfoo.h"
#include "bench/hitrate/store_cache.h"
#include "cacheismo/base/limits.h"

namespace cacheismo::hitrate {

Description describe(const Trace& trace, std::span<const std::uint64_t> capacities_bytes) {
  Description out;
  out.requests = trace.requests.size();
  out.keys = trace.keys;
  std::vector<std::uint64_t> largest(trace.keys);
  for (const Request& request : trace.requests) {
    largest[request.key_id] = std::max(largest[request.key_id], request.bytes());
    out.has_ttl = out.has_ttl || request.ttl_seconds > 0;
    out.last_time_seconds = request.time_seconds;
  }
  for (const std::uint64_t bytes : largest) {
    out.footprint_bytes += bytes;
    out.item_bytes_max = std::max(out.item_bytes_max, bytes);
  }
  if (capacities_bytes.empty()) return out;
  const PfooL pfoo(trace.requests, trace.keys);
  for (const std::uint64_t capacity : capacities_bytes) {
    const std::size_t warmup = warmup_requests(trace.requests, trace.keys, capacity);
    std::optional<Tallies> store;
    if (capacity >= limits::arena_bytes_min) {
      StoreCache cache({.limit_bytes = capacity,
                        .item_bytes_max = std::min(capacity / 2, limits::item_bytes_max)});
      store = replay(trace.requests, warmup, cache);
    }
    IdealLru lru(trace.keys, capacity);
    out.sizes.push_back({.capacity_bytes = capacity,
                         .warmup_requests = warmup,
                         .ideal_lru = replay(trace.requests, warmup, lru),
                         .pfoo_l = pfoo.bound(capacity, warmup),
                         .store = store});
  }
  return out;
}

}  // namespace cacheismo::hitrate
