// HotKeys: which keys are used most, by a sample of the uses, in bounded memory.
//
//   hash of a key -> | key uses missed | key uses missed | ... 8 |   32 such sets
//
//  1. The kept keys are a sketch as Metwally, Agrawal and El Abbadi's Space-Saving (2005), by sets:
//     a key that is not kept takes the place of the least used one of its set, whose uses it
//     inherits as what may be missed: uses - missed is never more than the key was seen.
//  2. A key that is more than an eighth of what its set sees is kept, whatever the others are.
//  3. All counts are halved every half_life_seconds, so that what was hot is forgotten.
//
// Cost: 66 KiB; a note looks at 8 hashes and mostly at one key. The caller draws the sample
// (access_log.h).
// What it is not: a count. A key that is seen once says nothing, and is not told.

#ifndef CACHEISMO_STORE_HOT_KEYS_H_
#define CACHEISMO_STORE_HOT_KEYS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/base/units.h"
#include "cacheismo/store/store.h"

namespace cacheismo::store {

/// A key that is used much.
struct HotKey {
  std::string key;
  std::uint64_t uses = 0;  ///< about; what is longer ago counts less
};

class HotKeys {
 public:
  static constexpr std::uint32_t half_life_seconds = 60;

  /// A key of the sample was used. Requires at most key_bytes_max bytes.
  void note(Bytes key, Seconds now);

  /// The most used ones, at most `limit`, with how often the sample has seen them, faded; of equal
  /// ones the first by name.
  [[nodiscard]] std::vector<HotKey> list(std::size_t limit, Seconds now);

  /// Walks everything; the first broken invariant.
  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  static constexpr std::size_t ways = 8;
  static constexpr std::size_t sets = limits::hot_keys_max / ways;

  struct Kept {
    std::uint32_t uses = 0;  ///< 0: nobody
    std::uint32_t missed = 0;
    std::uint8_t key_bytes = 0;
    std::array<char, limits::key_bytes_max> key;
    [[nodiscard]] Bytes name() const { return {key.data(), key_bytes}; }
  };
  struct Set {
    std::array<std::uint32_t, ways> hashes{};
    std::array<Kept, ways> kept;
  };

  static_assert(sizeof(Set) * sets <= 66 * KiB);

  void fade(Seconds now);

  std::vector<Set> sets_ = std::vector<Set>(sets);
  Seconds faded_;
};

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_HOT_KEYS_H_
