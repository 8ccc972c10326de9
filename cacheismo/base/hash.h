// hash64: the one hash of the project, seeded, the same on every machine.
//
// XXH3 (xxHash 0.8.1) with a seed. Not for adversaries who may observe it; the seed keeps strangers
// from choosing colliding keys blindly. About 2 ns for a 25-byte key.

#ifndef CACHEISMO_BASE_HASH_H_
#define CACHEISMO_BASE_HASH_H_

#include <cstdint>

#include <xxh3.h>

#include "cacheismo/base/bytes.h"

namespace cacheismo {

[[nodiscard]] inline std::uint64_t hash64(Bytes bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace cacheismo

#endif  // CACHEISMO_BASE_HASH_H_
