// Ledger: what the cache may answer for each key, and the phases that the load goes through.
//
//   value of (key, version, size) = text[offset(key, version), + size)     nothing is stored twice
//
// Every key belongs to one connection, whose requests are answered in order. So a get is a miss, or
// has exactly the bytes of the latest version; after a delete, or some seconds after its expiry, it
// is a miss. 12 bytes a key.

#ifndef CACHEISMO_BENCH_SOAK_LEDGER_H_
#define CACHEISMO_BENCH_SOAK_LEDGER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/prng.h"

namespace cacheismo::soak {

/// Largest value, bytes: below -I with its key.
inline constexpr std::uint32_t value_bytes_max = 1'000'000;

struct KeyState {
  std::uint32_t version = 0;  ///< 0: the cache has no value
  std::uint32_t bytes = 0;
  std::uint32_t gone_at_s = 0;  ///< 0: does not expire
};

/// What a stretch of the load stores.
struct Phase {
  const char* name;
  std::uint32_t bytes_min;
  std::uint32_t bytes_max;
  std::uint32_t expiring_percent;
  std::uint32_t ttl_s_max;
  bool ends_with_flush;
};

class Ledger {
 public:
  Ledger(std::uint64_t keys, std::uint64_t seed);

  [[nodiscard]] std::uint64_t keys() const { return states_.size(); }
  [[nodiscard]] KeyState& at(std::uint64_t key) { return states_[key]; }

  [[nodiscard]] Bytes value(std::uint64_t key, std::uint32_t version, std::uint32_t bytes) const;

  /// The phase of an operation, by how much of all has been done.
  [[nodiscard]] static const Phase& phase(std::uint64_t operation, std::uint64_t operations);
  /// Whether the operation is the last of a phase that ends with a flush.
  [[nodiscard]] static bool flushes(std::uint64_t operation, std::uint64_t operations);
  /// A value's size in this phase; one in some thousands is a big one.
  [[nodiscard]] static std::uint32_t draw_bytes(const Phase& phase, Prng& prng);

 private:
  std::vector<KeyState> states_;
  std::string text_;
};

}  // namespace cacheismo::soak

#endif  // CACHEISMO_BENCH_SOAK_LEDGER_H_
