#include "bench/soak/ledger.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace cacheismo::soak {
namespace {

/// Values of different versions start at different places of the text, but for one in a million.
constexpr std::uint64_t offsets = 1'000'000;

constexpr std::uint32_t big_values_one_in = 4000;

/// Each for 1 / phases.size() of the operations. bytes_max 0: heavy-tailed, as measured in caches.
constexpr std::array phases{
    Phase{"100 bytes", 90, 110, 10, 30, false}, Phase{"700 bytes", 690, 710, 10, 30, false},
    Phase{"3 KB", 3000, 3100, 10, 30, false},   Phase{"9 KB", 9000, 9100, 10, 30, false},
    Phase{"60 bytes", 50, 70, 10, 30, false},   Phase{"all expire", 100, 1000, 100, 5, false},
    Phase{"heavy tail", 0, 0, 10, 30, true},    Phase{"1 to 4096 bytes", 1, 4096, 10, 30, false},
    Phase{"tiny", 0, 8, 50, 3, true},           Phase{"heavy tail again", 0, 0, 30, 10, false},
};

}  // namespace

Ledger::Ledger(std::uint64_t keys, std::uint64_t seed) : states_(keys) {
  Prng prng(seed);
  text_.resize(offsets + 2 * value_bytes_max);
  for (char& c : text_) c = static_cast<char>(prng.next());
}

Bytes Ledger::value(std::uint64_t key, std::uint32_t version, std::uint32_t bytes) const {
  const std::uint64_t mixed = (key * 0x9E3779B97F4A7C15u + version) * 0xBF58476D1CE4E5B9u >> 20;
  return Bytes(text_).substr(static_cast<std::size_t>(mixed % offsets), bytes);
}

const Phase& Ledger::phase(std::uint64_t operation, std::uint64_t operations) {
  return phases[std::min<std::uint64_t>(operation * phases.size() / operations, phases.size() - 1)];
}

bool Ledger::flushes(std::uint64_t operation, std::uint64_t operations) {
  const Phase& now = phase(operation, operations);
  return now.ends_with_flush && &phase(operation + 1, operations) != &now;
}

std::uint32_t Ledger::draw_bytes(const Phase& phase, Prng& prng) {
  if (prng.chance(1, big_values_one_in))
    return static_cast<std::uint32_t>(prng.between(50'000, 900'000));
  if (phase.bytes_max > 0)
    return static_cast<std::uint32_t>(prng.between(phase.bytes_min, phase.bytes_max));
  // Log-normal: median 230 bytes, sigma 1.5.
  const double normal = std::sqrt(-2 * std::log(1 - prng.unit())) *
                        std::cos(2 * 3.14159265358979323846 * prng.unit());
  return static_cast<std::uint32_t>(std::min(230 * std::exp(1.5 * normal), 100'000.0));
}

}  // namespace cacheismo::soak
