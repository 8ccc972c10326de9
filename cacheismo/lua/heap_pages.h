// Pages: the page table of a heap, its free runs and its pages of small blocks.
//
//   table:      | small, class 3 | large, 2 pages | inside | free, 5 pages | inside ... its last |
//   with_room:  a list for each class of the pages that have a block free
//   free_runs:  a list for each bin of lengths; bins_filled has a bit for each that is not empty
//
//  1. Every page is the first of a run or inside exactly one; two free runs never touch.
//  2. A small page is in its class's list if and only if it has room; one without a block is free.
//  3. Which block and which run is taken depends only on the calls before.
//
// What it is not: for use outside of heap.cc.

#ifndef CACHEISMO_LUA_HEAP_PAGES_H_
#define CACHEISMO_LUA_HEAP_PAGES_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cacheismo/base/check.h"

#if defined(__SANITIZE_ADDRESS__)
#define CACHEISMO_LUA_HEAP_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CACHEISMO_LUA_HEAP_POISONS 1
#endif
#endif
#if defined(CACHEISMO_LUA_HEAP_POISONS)
#include <sanitizer/asan_interface.h>
#endif
namespace cacheismo::lua::heap_pages {

inline void poison([[maybe_unused]] void* begin, [[maybe_unused]] std::size_t bytes) {
#if defined(CACHEISMO_LUA_HEAP_POISONS)
  ASAN_POISON_MEMORY_REGION(begin, bytes);
#endif
}

inline void unpoison([[maybe_unused]] void* begin, [[maybe_unused]] std::size_t bytes) {
#if defined(CACHEISMO_LUA_HEAP_POISONS)
  ASAN_UNPOISON_MEMORY_REGION(begin, bytes);
#endif
}

inline constexpr std::size_t page_bytes = 4096;

using PageNumber = std::uint32_t;
inline constexpr PageNumber none = ~PageNumber{0};

inline constexpr std::array<std::uint16_t, 26> class_bytes = {
    16,  32,  48,  64,  80,  96,  112, 128, 144, 160, 176,  192,  208,
    224, 240, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280, 2048};
inline constexpr std::size_t classes = class_bytes.size();
inline constexpr std::size_t small_bytes_max = class_bytes.back();
static_assert(page_bytes / class_bytes.front() == 256);

/// By sixteenths of a byte count: the smallest class that is large enough.
inline constexpr auto class_of_granules = [] {
  std::array<std::uint8_t, small_bytes_max / 16 + 1> table{};
  std::size_t of = 0;
  for (std::size_t granules = 0; granules < table.size(); ++granules) {
    while (class_bytes[of] < granules * 16) ++of;
    table[granules] = static_cast<std::uint8_t>(of);
  }
  return table;
}();

constexpr std::size_t class_for(std::size_t bytes) { return class_of_granules[(bytes + 15) / 16]; }

/// offset * reciprocal >> 20 is offset / class_bytes for offsets of blocks in a page.
inline constexpr auto reciprocals = [] {
  std::array<std::uint32_t, classes> table{};
  for (std::size_t i = 0; i < classes; ++i) table[i] = (1u << 20) / class_bytes[i] + 1;
  return table;
}();

constexpr std::uint32_t blocks_in(std::size_t of) {
  return static_cast<std::uint32_t>(page_bytes / class_bytes[of]);
}

/// Free runs stand in bins: four to each doubling of their length.
inline constexpr std::size_t bins = 4 * 24;

constexpr std::size_t bin_of(std::uint32_t pages) {
  CHECK(pages > 0);
  const auto log = static_cast<std::size_t>(std::bit_width(pages)) - 1;
  const std::size_t quarter = log < 2 ? (pages << (2 - log)) & 3 : (pages >> (log - 2)) & 3;
  return 4 * log + quarter;
}

enum class Kind : std::uint8_t {
  inside,  ///< of a run, not its first page; of a free run the last one says where it begins
  free,
  small,
  large,
};

struct Page {
  Kind kind = Kind::inside;
  std::uint8_t of = 0;         ///< small: the size class
  std::uint16_t used = 0;      ///< small: blocks in use
  std::uint32_t run = 0;       ///< free, large: pages; last page of a free run: its first page
  PageNumber previous = none;  ///< in the list of its class (not full) or of its bin
  PageNumber next = none;
  std::uint64_t taken[4] = {};  ///< small: a bit for each block
};
static_assert(sizeof(Page) == 48);

struct Pages {
  explicit Pages(std::span<char> region) : base(region.data()), table(region.size() / page_bytes) {
    with_room.fill(none);
    free_runs.fill(none);
  }

  [[nodiscard]] char* address(PageNumber page) const { return base + page * page_bytes; }
  [[nodiscard]] PageNumber number(const void* block) const {
    const auto at = static_cast<std::size_t>(static_cast<const char*>(block) - base) / page_bytes;
    CHECK_LT(at, table.size());
    return static_cast<PageNumber>(at);
  }
  [[nodiscard]] std::uint32_t index_in_page(PageNumber page, const void* block) const;

  void push(PageNumber& head, PageNumber page);
  void unlink(PageNumber& head, PageNumber page);

  [[nodiscard]] PageNumber take_run(std::uint32_t pages);
  void give_run(PageNumber first, std::uint32_t pages);
  void insert_free(PageNumber first, std::uint32_t pages);
  void remove_free(PageNumber first);

  [[nodiscard]] void* take_small(std::size_t of);
  void give_small(PageNumber page, void* block);
  [[nodiscard]] bool resize_run(PageNumber first, std::uint32_t pages);

  [[nodiscard]] std::optional<std::string> audit_page(PageNumber page, std::size_t& used) const;
  [[nodiscard]] std::optional<std::string> audit_lists() const;

  char* base;
  std::vector<Page> table;
  std::size_t used_bytes = 0;
  std::array<PageNumber, classes> with_room;
  std::array<PageNumber, bins> free_runs;
  std::array<std::uint64_t, 2> bins_filled{};
};

}  // namespace cacheismo::lua::heap_pages

#endif  // CACHEISMO_LUA_HEAP_PAGES_H_
