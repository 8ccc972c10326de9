#include "bench/density/mix.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "cacheismo/base/check.h"

namespace cacheismo::density {
namespace {

double normal(Prng& prng) {
  // Box and Muller, 1958. 1 - unit() is never 0.
  const double radius = std::sqrt(-2 * std::log(1 - prng.unit()));
  return radius * std::cos(2 * std::numbers::pi * prng.unit());
}

}  // namespace

Mix fixed(std::size_t item_bytes) {
  CHECK_GT(item_bytes, key_bytes);
  return {.name = std::to_string(item_bytes),
          .value_bytes = [item_bytes](Prng&) { return item_bytes - key_bytes; }};
}

Mix uniform() {
  return {.name = "uniform 1..4096",
          .value_bytes = [](Prng& prng) { return std::size_t{1} + prng.below(4096); },
          .density_min = 0.90};
}

Mix heavy_tail() {
  return {.name = "heavy tail",
          .value_bytes =
              [](Prng& prng) {
                const double bytes = 230 * std::exp(1.5 * normal(prng));
                return static_cast<std::size_t>(std::clamp(bytes, 1.0, 100e3));
              },
          .density_min = 0.93};
}

std::vector<Mix> short_items() {
  struct Floor {
    std::size_t item_bytes;
    double density;
  };
  std::vector<Mix> mixes;
  for (const Floor floor : {Floor{75, 0.70}, {100, 0.75}, {200, 0.84}, {375, 0.90}, {512, 0.91}}) {
    mixes.push_back(fixed(floor.item_bytes));
    mixes.back().density_min = floor.density;
    if (floor.item_bytes <= 200) mixes.back().overhead_max = 30;
  }
  return mixes;
}

std::vector<Mix> with_cas() {
  std::vector<Mix> mixes;
  for (const std::size_t item_bytes : {75, 100, 200}) {
    mixes.push_back(fixed(item_bytes));
    mixes.back().name += " with CAS";
    mixes.back().cas = true;
    mixes.back().overhead_max = 36;
  }
  return mixes;
}

std::vector<Mix> sweep() {
  std::vector<Mix> mixes;
  for (const std::size_t item_bytes :
       {1000,  1100,  1200,  1400,  1600,  1800,   2000,   2100,   2300,   2600,
        3000,  3400,  3800,  4096,  4200,  4600,   5000,   5500,   6000,   7000,
        8000,  8192,  8300,  9000,  10000, 12000,  14000,  16384,  17000,  20000,
        25000, 33000, 50000, 65536, 80000, 100000, 200000, 400000, 600000, 900000}) {
    mixes.push_back(fixed(item_bytes));
    mixes.back().density_min = 0.93;
  }
  return mixes;
}

std::vector<Mix> mixtures() { return {uniform(), heavy_tail()}; }

}  // namespace cacheismo::density
