// Walks: the scans under way, so that the index puts nothing behind one that it still has to see.
//
//   lines of the index:  0 ......... next of walk 1 ....... next of walk 2 ......... last
//                                    |<-------- held: low to high -------->|
//
// A scan is known by the line that it goes on with; one that does not come back within `patience`
// is given up. At most `walks_max` at a time: one more takes the place of the one that has waited
// longest, which may then miss an item that moves.

#ifndef CACHEISMO_STORE_WALKS_H_
#define CACHEISMO_STORE_WALKS_H_

#include <algorithm>
#include <array>
#include <cstdint>

#include "cacheismo/store/index.h"
#include "cacheismo/store/store.h"

namespace cacheismo::store {

class Walks {
 public:
  static constexpr std::uint32_t patience_seconds = 60;
  static constexpr std::size_t walks_max = 8;

  /// The scan that was at line `from` goes on with line `next`; 0: it is done.
  void step(std::uint32_t from, std::uint32_t next, Seconds now, Index& index) {
    if (from == 0 && next == 0) return;
    Walk* walk = &walks_[0];
    for (Walk& known : walks_) {
      if (known.until > now && known.next == from && from != 0) {
        walk = &known;
        break;
      }
      if (known.until < walk->until) walk = &known;
    }
    *walk = {next, next == 0 ? Seconds{} : Seconds{now.value + patience_seconds}};
    hold(now, index);
  }

  /// Forgets those that were given up.
  void hold(Seconds now, Index& index) {
    std::uint32_t low = ~std::uint32_t{0};
    std::uint32_t high = 0;
    for (const Walk& walk : walks_) {
      if (walk.until <= now) continue;
      low = std::min(low, walk.next);
      high = std::max(high, walk.next);
    }
    index.hold(low, high);
  }

 private:
  struct Walk {
    std::uint32_t next = 0;
    Seconds until;
  };
  std::array<Walk, walks_max> walks_;
};

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_WALKS_H_
