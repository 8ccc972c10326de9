// Prng: the project's only source of chance, the same sequence on every machine for one seed.
//
// xoshiro256++ (Blackman and Vigna, 2019, public domain algorithm), seeded through splitmix64. Not
// cryptographic. The standard distributions are not used because their results differ between
// libraries; below() and chance() are defined here to the bit.
//
// A Prng is a value: copy it to fork a sequence, or derive() an independent stream, so that drawing
// more in one place never shifts what another place draws.

#ifndef CACHEISMO_BASE_PRNG_H_
#define CACHEISMO_BASE_PRNG_H_

#include <bit>
#include <cstdint>

#include "cacheismo/base/check.h"

namespace cacheismo {

class Prng {
 public:
  explicit constexpr Prng(std::uint64_t seed) {
    for (std::uint64_t& word : state_) word = splitmix64(seed);
  }

  /// 64 uniform bits.
  constexpr std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// Uniform in [0, bound). Requires bound > 0. Lemire's multiply, without the rejection step: the
  /// bias is below bound / 2^64.
  constexpr std::uint64_t below(std::uint64_t bound) {
    CHECK_GT(bound, 0u);
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }

  /// Uniform in [low, high]. Requires low <= high and high - low < 2^64 - 1.
  constexpr std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low + below(high - low + 1);
  }

  /// True `numerator` times in `denominator`. Requires denominator > 0.
  constexpr bool chance(std::uint64_t numerator, std::uint64_t denominator) {
    return below(denominator) < numerator;
  }

  /// Uniform in [0, 1), 53 bits.
  constexpr double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  /// An independent stream named by `label`; does not advance this one.
  [[nodiscard]] constexpr Prng derive(std::uint64_t label) const {
    std::uint64_t mix = state_[0] ^ std::rotl(state_[2], 29) ^ (label * 0x9E3779B97F4A7C15u);
    return Prng(splitmix64(mix));
  }

 private:
  static constexpr std::uint64_t splitmix64(std::uint64_t& x) {
    x += 0x9E3779B97F4A7C15u;
    std::uint64_t z = x;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

  std::uint64_t state_[4] = {};
};

}  // namespace cacheismo

#endif  // CACHEISMO_BASE_PRNG_H_
