#include "bench/load/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "cacheismo/base/check.h"

namespace cacheismo::load {

std::size_t Histogram::bucket_of(std::uint64_t value) {
  if (value >> exact_bits == 0) return value;
  const unsigned width = static_cast<unsigned>(std::bit_width(value));
  if (width > value_bits) return buckets - 1;
  const unsigned octave = width - exact_bits;  // 1 for [2^8, 2^9)
  return (std::size_t{1} << exact_bits) + (octave - 1) * per_octave + (value >> octave) -
         per_octave;
}

std::uint64_t Histogram::upper_edge(std::size_t bucket) {
  constexpr std::size_t exact = std::size_t{1} << exact_bits;
  if (bucket < exact) return bucket;
  const std::size_t octave = (bucket - exact) / per_octave + 1;
  const std::uint64_t within = (bucket - exact) % per_octave + per_octave;
  return ((within + 1) << octave) - 1;
}

void Histogram::record(std::uint64_t latency_ns) {
  ++counts_[bucket_of(latency_ns)];
  ++count_;
  sum_ += static_cast<double>(latency_ns);
  min_ = std::min(min_, latency_ns);
  max_ = std::max(max_, latency_ns);
}

double Histogram::mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

std::uint64_t Histogram::percentile(double percent) const {
  CHECK(percent > 0 && percent <= 100);
  if (count_ == 0) return 0;
  // The subtraction keeps 99.9 % of 1000 at 999 although 0.999 has no exact double.
  const double exact_rank = percent / 100 * static_cast<double>(count_);
  const auto rank = static_cast<std::uint64_t>(std::ceil(exact_rank - 1e-9 * exact_rank));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket + 1 < buckets; ++bucket) {
    seen += counts_[bucket];
    if (seen >= rank) return std::min(upper_edge(bucket), max_);
  }
  return max_;
}

}  // namespace cacheismo::load
