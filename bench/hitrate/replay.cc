#include "bench/hitrate/replay.h"

namespace cacheismo::hitrate {

Tallies replay(std::span<const Request> requests, std::size_t warmup_requests, Cache& cache,
               const std::function<void(double)>& progress) {
  constexpr std::size_t report_every = 16384;
  Tallies tallies;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const Request& request = requests[i];
    switch (request.op) {
      case Op::get: {
        const bool hit = cache.get(request);
        (i < warmup_requests ? tallies.warmup : tallies.measured).count(request, hit);
        if (!hit) cache.set(request);
        break;
      }
      case Op::set: cache.set(request); break;
      case Op::remove: cache.remove(request); break;
    }
    if (progress && i % report_every == 0) {
      progress(static_cast<double>(i) / static_cast<double>(requests.size()));
    }
  }
  return tallies;
}

}  // namespace cacheismo::hitrate
