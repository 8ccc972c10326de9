// KeyPicker: which key the next request is about.
//
//   uniform   every id alike
//   zipf(s)   id 0 most often; the id of rank r with weight 1 / r^s
//
// Zipf is drawn by rejection-inversion (Hörmann and Derflinger 1996): no table, constant memory,
// about 1.1 draws for each key, any s > 0, s = 1 included.

#ifndef CACHEISMO_BENCH_LOAD_KEY_PICKER_H_
#define CACHEISMO_BENCH_LOAD_KEY_PICKER_H_

#include <cstdint>

#include "cacheismo/base/prng.h"

namespace cacheismo::load {

class KeyPicker {
 public:
  /// zipf_exponent 0 is uniform. Requires key_count > 0 and zipf_exponent >= 0.
  KeyPicker(std::uint64_t key_count, double zipf_exponent);

  /// An id below key_count.
  [[nodiscard]] std::uint64_t pick(Prng& prng) const;

 private:
  [[nodiscard]] double integral(double x) const;
  [[nodiscard]] double integral_inverse(double x) const;
  [[nodiscard]] double weight(double x) const;

  std::uint64_t key_count_;
  double exponent_;
  double integral_first_ = 0;
  double integral_last_ = 0;
  double squeeze_ = 0;
};

}  // namespace cacheismo::load

#endif  // CACHEISMO_BENCH_LOAD_KEY_PICKER_H_
