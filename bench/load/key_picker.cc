#include "bench/load/key_picker.h"

#include <algorithm>
#include <cmath>

#include "cacheismo/base/check.h"

namespace cacheismo::load {
namespace {

// log(1 + x) / x and (exp(x) - 1) / x, with their limits at 0: the integrals below have a removable
// singularity at s = 1.
double log1p_ratio(double x) { return std::abs(x) > 1e-8 ? std::log1p(x) / x : 1 - x / 2; }
double expm1_ratio(double x) { return std::abs(x) > 1e-8 ? std::expm1(x) / x : 1 + x / 2; }

}  // namespace

KeyPicker::KeyPicker(std::uint64_t key_count, double zipf_exponent)
    : key_count_(key_count), exponent_(zipf_exponent) {
  CHECK_GT(key_count, 0u);
  CHECK_GE(zipf_exponent, 0.0);
  if (exponent_ == 0) return;
  integral_first_ = integral(1.5) - 1;
  integral_last_ = integral(static_cast<double>(key_count) + 0.5);
  squeeze_ = 2 - integral_inverse(integral(2.5) - weight(2));
}

// The integral of x^-s, shifted to be 0 at x = 1.
double KeyPicker::integral(double x) const {
  const double log_x = std::log(x);
  return expm1_ratio((1 - exponent_) * log_x) * log_x;
}

double KeyPicker::integral_inverse(double x) const {
  const double t = std::max(x * (1 - exponent_), -1.0);
  return std::exp(log1p_ratio(t) * x);
}

double KeyPicker::weight(double x) const { return std::exp(-exponent_ * std::log(x)); }

std::uint64_t KeyPicker::pick(Prng& prng) const {
  if (exponent_ == 0) return prng.below(key_count_);
  while (true) {
    const double u = integral_last_ + prng.unit() * (integral_first_ - integral_last_);
    const double x = integral_inverse(u);
    const double rank = std::clamp(std::floor(x + 0.5), 1.0, static_cast<double>(key_count_));
    if (rank - x <= squeeze_ || u >= integral(rank + 0.5) - weight(rank)) {
      return static_cast<std::uint64_t>(rank) - 1;
    }
  }
}

}  // namespace cacheismo::load
