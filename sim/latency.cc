#include "sim/latency.h"

#include <algorithm>
#include <bit>

namespace cacheismo::sim {
namespace {

/// 2^(x / 65536) as a fixed-point number with 16 fractional bits, for x in [0, 65536). A cubic with
/// an error below 2e-4, which is far below what a latency needs.
std::uint64_t exp2_fraction(std::uint64_t x) {
  constexpr std::uint64_t c1 = 45584;  // 0.695556856 * 65536
  constexpr std::uint64_t c2 = 14823;  // 0.226173572 * 65536
  constexpr std::uint64_t c3 = 5121;   // 0.078145574 * 65536
  const std::uint64_t inner = c2 + ((c3 * x) >> 16);
  const std::uint64_t outer = c1 + ((inner * x) >> 16);
  return 65536 + ((outer * x) >> 16);
}

/// Close to a standard normal, times 65536. The sum of four uniforms on [0, 65536) has mean 131070
/// and standard deviation 65536 / sqrt(3), hence the factor sqrt(3) = 113512 / 65536.
std::int64_t near_normal(std::uint64_t bits) {
  std::int64_t sum = 0;
  for (int part = 0; part < 4; part++) {
    sum += static_cast<std::int64_t>(bits & 0xFFFF);
    bits >>= 16;
  }
  return (sum - 131070) * 113512 / 65536;
}

}  // namespace

std::int64_t draw_latency(const LatencyModel& model, Prng& chance) {
  if (model.median_ns == 0) return 0;
  const std::int64_t z = near_normal(chance.next());
  std::int64_t exponent = z * static_cast<std::int64_t>(model.spread_permille) / 1000;
  exponent = std::clamp<std::int64_t>(exponent, -(std::int64_t{10} << 16), std::int64_t{10} << 16);
  if (model.tail_per_million > 0) {
    const std::uint64_t draw = chance.next();
    if ((draw >> 40) % 1'000'000 < model.tail_per_million) {
      const int doublings = 1 + std::min(std::countr_zero(draw | (std::uint64_t{1} << 39)), 9);
      exponent += static_cast<std::int64_t>(doublings) << 16;
    }
  }
  const std::int64_t whole = exponent >> 16;
  const std::uint64_t mantissa = exp2_fraction(static_cast<std::uint64_t>(exponent & 0xFFFF));
  const std::uint64_t scaled = (model.median_ns * mantissa) >> 16;
  const std::uint64_t result = whole >= 0 ? scaled << whole : scaled >> -whole;
  return static_cast<std::int64_t>(std::max<std::uint64_t>(result, 1));
}

}  // namespace cacheismo::sim
