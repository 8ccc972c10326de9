// Arena: the pages of one region, and which of them has room for a chunk.
//
//   [headers] 0 floor                          low             high      limit
//   +------------+--- data pages (some empty) --+--- untouched --+---- data pages ----+
//   | the owner's|                                                                    |
//   +------------+--------------------------------------------------------------------+
//   The owner (the index of store/) keeps [0, floor) for itself and moves the floor up and down by
//   whole pages. Chunks are placed from the top down, so that the two meet only when all is full.
//
//   bins: pages with room, by free bytes in steps of 16; a bitmap finds the best fit in O(1)
//
//  1. A page is in exactly one bin, unless it is unbinned, claimed, below the floor, or untouched.
//     The page of the latest release may be in a bin below its own: what an eviction freed is
//     mostly taken again.
//  2. take() never moves a chunk to another page; it may slide chunks inside the page that it
//     picks.
//  3. Memory that was never needed is never touched: the region may be lazily backed.
//
// Cost: take and release are O(1) but for sliding (two copies of at most 8 KiB).
// What it is not: it does not evict and does not know what links point at a chunk; moving chunks
// between pages is the owner's work.

#ifndef CACHEISMO_ALLOC_ARENA_H_
#define CACHEISMO_ALLOC_ARENA_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "cacheismo/alloc/page.h"

namespace cacheismo::alloc {

struct ArenaStats {
  std::uint64_t free_bytes = 0;  ///< in pages that hold chunks or are empty; untouched excluded
  std::uint64_t untouched_pages = 0;
  std::uint64_t claimed_pages = 0;
  std::uint64_t slides = 0;  ///< pages that were slid together
};

class Arena {
 public:
  /// `region` outlives the arena, is aligned for a header, and a rest below a page is left unused.
  /// Its first bytes hold the headers (32 a page); at least 4 pages must be left, at most 2^24.
  Arena(std::span<char> region, std::uint32_t floor_pages, SizeOf size_of);
  /// Leaves the region as readable as it was: poison would outlive even its munmap.
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  [[nodiscard]] char* chunk(Handle handle) const {
    return page(handle.page()).chunk(handle.slot());
  }
  [[nodiscard]] Kind kind(Handle handle) const { return page(handle.page()).kind(handle.slot()); }
  [[nodiscard]] Page page(std::uint32_t number) const {
    return {base_ + static_cast<std::size_t>(number) * page_bytes, &headers_[number]};
  }
  /// Ask for what chunk() reads first, and then for the chunk; the slot should have come by then.
  void prefetch_slot(Handle handle) const {
    __builtin_prefetch(page(handle.page()).slot_address(handle.slot()));
  }
  void prefetch_header(std::uint32_t page) const { __builtin_prefetch(&headers_[page]); }
  void prefetch_chunk(Handle handle) const { __builtin_prefetch(chunk(handle)); }
  [[nodiscard]] char* floor_base() const { return base_; }
  [[nodiscard]] std::uint32_t floor_pages() const { return floor_; }
  [[nodiscard]] std::uint32_t page_count() const { return limit_; }

  /// Takes `bytes` (rounded up to even) in the page that they fit best. nullopt: no page has them.
  /// The chunk must tell its size before anything else is asked of the arena.
  [[nodiscard]] std::optional<Handle> take(Kind kind, std::size_t bytes);

  /// The same in this page, which must have the room (see Page::take) and may be out of every bin.
  [[nodiscard]] Handle take_in(std::uint32_t page, Kind kind, std::size_t bytes);

  void release(Handle handle);

  /// Gives the end of a chunk back, which has become shorter and was `before` bytes long.
  void shorten(Handle handle, std::size_t before);

  /// What a chunk in a page may have at most, slot included; 0 for a page that takes none.
  [[nodiscard]] std::size_t room(std::uint32_t page) const;

  /// A page with the most room, within a bin's step; an empty or untouched one if there is one.
  [[nodiscard]] std::optional<std::uint32_t> roomiest();

  /// A pinned chunk stays where it is and is not released; the others of its page are as before.
  /// Pins do not count: a chunk has one or none.
  void pin(Handle handle);
  void unpin(Handle handle);
  [[nodiscard]] bool pinned(Handle handle) const {
    return page(handle.page()).pinned(handle.slot());
  }
  /// Whether any of the page's chunks is.
  [[nodiscard]] bool pinned(std::uint32_t page) const { return this->page(page).header().pins > 0; }

  /// Takes a page out of its bin while the owner moves chunks out of it, and puts it back.
  void unbin(std::uint32_t page);
  void rebin(std::uint32_t page);
  /// Whether take() may pick the page: it holds chunks or is empty, and is not taken out.
  [[nodiscard]] bool binned(std::uint32_t page) const {
    return page >= floor_ && page >= low_ && this->page(page).header().bin < bin_count;
  }

  /// Takes a whole page for the owner's own records until it is given back; of its header only
  /// `bin` stays the arena's. claim() requires an empty page out of every bin; claim_empty() finds
  /// an empty or untouched one. What was in the page may still be there.
  void claim(std::uint32_t page);
  [[nodiscard]] std::optional<std::uint32_t> claim_empty();
  void give_back(std::uint32_t page);
  [[nodiscard]] bool claimed(std::uint32_t page) const {
    return page >= floor_ && page >= low_ && this->page(page).header().bin == claimed_bin;
  }

  /// Moves the floor up over the page that stands there, which must be empty and unbinned, or
  /// untouched; or down, which leaves an empty page behind.
  void raise_floor();
  void lower_floor();
  [[nodiscard]] bool untouched(std::uint32_t page) const { return page >= floor_ && page < low_; }

  [[nodiscard]] const ArenaStats& stats() const { return stats_; }

  /// Walks every touched page; the first broken invariant.
  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  static constexpr std::size_t bin_step = 16;
  /// 257 sizes, rounded up to whole words of the bitmap.
  static constexpr std::size_t bin_count = page_bytes / bin_step + 64;
  static constexpr std::uint16_t claimed_bin = 0xFFFE;

  [[nodiscard]] std::optional<std::uint32_t> find_page(std::size_t need) const;
  [[nodiscard]] std::optional<std::uint32_t> touch_page();
  /// Puts the page into the bin that its room asks for, if it is in another.
  void sort(std::uint32_t page) { sort(page, room(page)); }
  void sort(std::uint32_t page, std::size_t room);
  void bin(std::uint32_t page, std::size_t room);
  [[nodiscard]] static bool slots_left(const PageHeader& head) {
    return head.free_slot != no_slot || head.slot_count < slots_max;
  }
  [[nodiscard]] std::optional<std::string> audit_page(std::uint32_t number) const;

  PageHeader* headers_;  ///< of every page, at the start of the region
  char* base_;
  SizeOf size_of_;
  std::uint32_t limit_;
  std::uint32_t floor_;
  std::uint32_t low_;  ///< pages [floor_, low_) are untouched
  std::array<std::uint64_t, bin_count / 64> bitmap_{};
  std::array<std::uint32_t, bin_count> bins_{};
  std::uint32_t unsorted_ = 0;  ///< the page whose bin may be too low, 0 if none
  ArenaStats stats_;
};

}  // namespace cacheismo::alloc

#endif  // CACHEISMO_ALLOC_ARENA_H_
