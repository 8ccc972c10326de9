// Orders: the fuzzer's input as a sequence of small numbers, one decision each.
//
// A byte a decision, two for a size: an input stays short, and a change of one byte changes one
// decision. Behind the end every number is 0.

#ifndef CACHEISMO_FUZZ_ORDERS_H_
#define CACHEISMO_FUZZ_ORDERS_H_

#include <cstdint>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/check.h"

namespace cacheismo::fuzz {

class Orders {
 public:
  explicit Orders(Bytes input) : rest_(input) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }

  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  /// In [0, bound). Requires 0 < bound <= 256.
  std::uint32_t below(std::uint32_t bound) {
    CHECK_GT(bound, 0u);
    return byte() % bound;
  }
  /// In [0, 65536).
  std::uint32_t wide() {
    const std::uint32_t high = byte();
    return high << 8 | byte();
  }

 private:
  Bytes rest_;
};

}  // namespace cacheismo::fuzz

#endif  // CACHEISMO_FUZZ_ORDERS_H_
