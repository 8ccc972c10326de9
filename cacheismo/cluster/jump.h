// jump_ordinal: one of n ordinals for a hash, such that n + 1 ordinals move only what the new one
// gets (Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014).
//
// The one division and the one product are IEEE doubles with nothing added to them, so that no
// compiler can fuse them into something else.

#ifndef CACHEISMO_CLUSTER_JUMP_H_
#define CACHEISMO_CLUSTER_JUMP_H_

#include <cstdint>

#include "cacheismo/base/check.h"

namespace cacheismo::cluster {

/// In [0, count). Requires count > 0.
[[nodiscard]] constexpr std::uint32_t jump_ordinal(std::uint64_t hash, std::uint32_t count) {
  CHECK_GT(count, 0u);
  std::uint64_t ordinal = 0;
  std::uint64_t next = 0;
  while (next < count) {
    ordinal = next;
    hash = hash * 2862933555777941757u + 1;
    const double stretch = 0x1.0p31 / static_cast<double>((hash >> 33) + 1);
    next = static_cast<std::uint64_t>(static_cast<double>(ordinal + 1) * stretch);
  }
  return static_cast<std::uint32_t>(ordinal);
}

}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_JUMP_H_
