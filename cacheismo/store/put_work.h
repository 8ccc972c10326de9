// PutWork: what one store had to evict; EvictionTally: how that is distributed over all stores.
//
//   counts:  0  1  2 ... 31 | 32-35  36-39 ... 60-63 | 64-71 ... | ... | 2^20 and more
//            one bucket each| eight buckets for each doubling
//
// A percentile is the upper end of its bucket, so at most an eighth too high and never too low;
// the maximum is exact. Fixed memory, O(1) a store.

#ifndef CACHEISMO_STORE_PUT_WORK_H_
#define CACHEISMO_STORE_PUT_WORK_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace cacheismo::store {

struct PutWork {
  std::uint64_t needed_bytes =
      0;  ///< the new item's, headers and slots included; pages of index and log
  std::uint64_t freed_bytes = 0;  ///< the same of those that went for it
  std::uint32_t evictions = 0;
  std::uint32_t surplus = 0;  ///< of these, after needed_bytes were freed
};

class EvictionTally {
 public:
  void note(std::uint64_t evictions) {
    ++counts_[bucket_of(evictions)];
    ++stores_;
    max_ = std::max(max_, evictions);
  }

  [[nodiscard]] std::uint64_t max() const { return max_; }

  /// So many evictions, or fewer, in all but one of 1000 stores.
  [[nodiscard]] std::uint64_t p999() const {
    std::uint64_t above = 0;
    for (std::size_t bucket = counts_.size(); bucket-- > 0;) {
      above += counts_[bucket];
      if (above * 1000 > stores_) return std::min(max_, end_of(bucket));
    }
    return 0;
  }

 private:
  static constexpr std::size_t exact = 32;
  static constexpr std::size_t parts = 8;
  static constexpr std::size_t bits_max = 20;
  static constexpr std::size_t bits_min = 5;
  static_assert(exact == std::size_t{1} << bits_min);

  [[nodiscard]] static std::size_t bucket_of(std::uint64_t evictions) {
    if (evictions < exact) return static_cast<std::size_t>(evictions);
    const auto bits = static_cast<std::size_t>(std::bit_width(evictions)) - 1;
    if (bits >= bits_max) return exact + (bits_max - bits_min) * parts;
    const auto part = static_cast<std::size_t>(evictions >> (bits - 3)) - parts;
    return exact + (bits - bits_min) * parts + part;
  }
  /// The last count in the bucket.
  [[nodiscard]] static std::uint64_t end_of(std::size_t bucket) {
    if (bucket < exact) return bucket;
    const std::size_t bits = bits_min + (bucket - exact) / parts;
    if (bits >= bits_max) return ~std::uint64_t{0};
    return ((parts + (bucket - exact) % parts + 1) << (bits - 3)) - 1;
  }

  std::array<std::uint64_t, exact + (bits_max - bits_min) * parts + 1> counts_{};
  std::uint64_t stores_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_PUT_WORK_H_
