// Histogram: latencies in nanoseconds, counted in buckets of constant relative width.
//
//   value      0 .. 255         one bucket for each nanosecond
//              2^k .. 2^(k+1)   128 buckets, k = 8 .. 39
//              from 2^40 (18 minutes)  the last bucket; max() stays exact
//
// A percentile is the upper edge of its bucket, so it is never too low, and too high by at most
// 1/128 (0.8 %). The idea is HdrHistogram's (Gil Tene).
//
// Cost: 35 KB; record() is a count of leading zeros and one increment.

#ifndef CACHEISMO_BENCH_LOAD_HISTOGRAM_H_
#define CACHEISMO_BENCH_LOAD_HISTOGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace cacheismo::load {

class Histogram {
 public:
  void record(std::uint64_t latency_ns);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// 0 when nothing was recorded, as for min(), mean() and percentile().
  [[nodiscard]] std::uint64_t max() const { return max_; }
  [[nodiscard]] std::uint64_t min() const { return count_ == 0 ? 0 : min_; }
  [[nodiscard]] double mean() const;

  /// The smallest bucket's upper edge that at least `percent` of the records do not exceed; never
  /// above max(). Requires 0 < percent <= 100.
  [[nodiscard]] std::uint64_t percentile(double percent) const;

 private:
  static constexpr unsigned exact_bits = 8;  ///< below 2^8 each value has its bucket
  static constexpr unsigned value_bits = 40;
  static constexpr std::size_t per_octave = std::size_t{1} << (exact_bits - 1);
  static constexpr std::size_t buckets =
      (std::size_t{1} << exact_bits) + (value_bits - exact_bits) * per_octave;

  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t upper_edge(std::size_t bucket);

  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t min_ = UINT64_MAX;
  std::uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace cacheismo::load

#endif  // CACHEISMO_BENCH_LOAD_HISTOGRAM_H_
