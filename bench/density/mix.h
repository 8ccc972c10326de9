// Mix: which sizes a run stores, and how much of the memory they must come to.
//
// An item's size is that of key and value together, as the density is counted. Every mix draws from
// the generator that it is given, so a run is a function of its seed.

#ifndef CACHEISMO_BENCH_DENSITY_MIX_H_
#define CACHEISMO_BENCH_DENSITY_MIX_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cacheismo/base/prng.h"

namespace cacheismo::density {

inline constexpr std::size_t key_bytes = 25;

struct Mix {
  std::string name;
  std::function<std::size_t(Prng&)> value_bytes;
  double density_min = 0;     ///< key and value bytes of live items / -m
  double overhead_max = 1e9;  ///< bytes an item beyond key and value, everything included
  bool cas = false;           ///< every item's CAS value is asked for
};

/// All items have `item_bytes`, key included.
[[nodiscard]] Mix fixed(std::size_t item_bytes);
/// Values of 1 to 4096 bytes, each as likely.
[[nodiscard]] Mix uniform();
/// Log-normal values, median 230 bytes, sigma 1.5, at most 100 KB: most are short, and most bytes
/// are in long ones.
[[nodiscard]] Mix heavy_tail();

/// Short items, where the overhead decides.
[[nodiscard]] std::vector<Mix> short_items();
/// Three of these, with every CAS value asked for.
[[nodiscard]] std::vector<Mix> with_cas();
/// 40 sizes from 1 KB to 900 KB, among them those that divide a page badly.
[[nodiscard]] std::vector<Mix> sweep();
[[nodiscard]] std::vector<Mix> mixtures();

}  // namespace cacheismo::density

#endif  // CACHEISMO_BENCH_DENSITY_MIX_H_
