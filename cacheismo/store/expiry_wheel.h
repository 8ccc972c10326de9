// ExpiryWheel: which pages hold items that expire soon. No bytes per item, 12 per page.
//
//   slot:  0   1   2  ...  4095            slot = second modulo 4096
//          |       |
//          page    page -> page            each page hangs at its earliest expiry
//
// A page whose turn is rounds away is passed over once a round (68 minutes), which counts as work:
// there may be many of them in one slot. earliest_expiry is a lower bound: removing an item does
// not move its page, the next visit does.

#ifndef CACHEISMO_STORE_EXPIRY_WHEEL_H_
#define CACHEISMO_STORE_EXPIRY_WHEEL_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "cacheismo/alloc/arena.h"
#include "cacheismo/store/store.h"

namespace cacheismo::store {

class ExpiryWheel {
 public:
  explicit ExpiryWheel(alloc::Arena& arena) : arena_(&arena) {}

  /// An item of this page expires at `expiry` (never is ignored).
  void note(std::uint32_t page, Seconds expiry);
  /// The page holds no item that expires any more.
  void forget(std::uint32_t page);

  /// The next page with something due at `now`, taken off the wheel; nullopt when there is none, or
  /// when `left` is used up. Each page that is looked at takes one from `left`.
  [[nodiscard]] std::optional<std::uint32_t> take_due(Seconds now, std::uint32_t& left);

  /// Whether the page will be looked at soon enough for an item of it that expires at `expiry`.
  [[nodiscard]] bool covers(std::uint32_t page, Seconds expiry) const {
    const std::uint32_t earliest = arena_->page(page).header().earliest_expiry;
    return expiry == never || (earliest != 0 && earliest <= std::max(expiry.value, time_));
  }
  /// Walks every list; the first broken link.
  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  static constexpr std::uint32_t slots = 4096;

  alloc::Arena* arena_;
  std::uint32_t time_ = 1;  ///< seconds before this one are done
  std::uint32_t hand_ = 0;  ///< in its slot: the page to go on with; 0: the slot was not begun
  std::array<std::uint32_t, slots> heads_{};
};

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_EXPIRY_WHEEL_H_
