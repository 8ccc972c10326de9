// Latency: how long a segment is under way: lognormal with a heavy tail, in integers only.
//
//   one 64-bit draw -> z, the sum of four 16-bit uniforms (close to normal)
//                   -> median * 2^(z * spread), and sometimes that times 2^1 .. 2^10
//
// libm's exp and log differ between compilers and machines in the last bit, which would be enough
// to change every run; nothing here is floating point.

#ifndef CACHEISMO_SIM_LATENCY_H_
#define CACHEISMO_SIM_LATENCY_H_

#include <cstdint>

#include "cacheismo/base/prng.h"

namespace cacheismo::sim {

struct LatencyModel {
  std::uint64_t median_ns = 0;         ///< 0: everything arrives in the same instant, nothing drawn
  std::uint64_t spread_permille = 0;   ///< one standard deviation, in thousandths of a doubling
  std::uint64_t tail_per_million = 0;  ///< how often a draw is multiplied by 2, 4, ... 1024
};

/// One latency, ns. Draws once, twice if the tail is on.
[[nodiscard]] std::int64_t draw_latency(const LatencyModel& model, Prng& chance);

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_LATENCY_H_
