// Draw: a member's number for a key in weighted rendezvous hashing, without floating point.
//
//   u     64 uniform bits out of the key's hash and the name's, as a fraction of 2^64
//   cost  -log2(u), in units of 2^-57: exponentially distributed
//
// The lowest cost / weight owns the key: of exponential variables divided by their weights each is
// the lowest as often as its weight says (Schindelhauer and Schomaker, 2005). Costs are integers
// and are compared by multiplying crosswise, so that every compiler and processor finds the same
// owner; a logarithm of libm may differ in its last bit.
//
// A cost is at most 2^-40 too high; the lowest one of 256 members is about 2^-7.

#ifndef CACHEISMO_CLUSTER_DRAW_H_
#define CACHEISMO_CLUSTER_DRAW_H_

#include <cstdint>

namespace cacheismo::cluster {

inline constexpr unsigned draw_fraction_bits = 57;

/// Without initial values: a look-up has room for as many as a ring may have, and uses few.
struct Draw {
  std::uint64_t cost;
  std::uint32_t weight;
  std::uint32_t member;
};

/// -log2(u / 2^64) in units of 2^-57; of 0 as of 1. At most 64 * 2^57.
[[nodiscard]] std::uint64_t draw_cost(std::uint64_t u);

/// 64 bits that look drawn anew for each pair of hashes (the finalizer of splitmix64).
[[nodiscard]] constexpr std::uint64_t drawn(std::uint64_t key_hash, std::uint64_t name_hash) {
  std::uint64_t x = key_hash ^ name_hash;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/// Whether `a` comes before `b`; of equals the member with the lower number does.
[[nodiscard]] constexpr bool comes_before(const Draw& a, const Draw& b) {
  const auto left = static_cast<unsigned __int128>(a.cost) * b.weight;
  const auto right = static_cast<unsigned __int128>(b.cost) * a.weight;
  return left != right ? left < right : a.member < b.member;
}

}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_DRAW_H_
