#include "cacheismo/lua/heap.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
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

namespace cacheismo::lua {
namespace {

void poison([[maybe_unused]] void* begin, [[maybe_unused]] std::size_t bytes) {
#if defined(CACHEISMO_LUA_HEAP_POISONS)
  ASAN_POISON_MEMORY_REGION(begin, bytes);
#endif
}

void unpoison([[maybe_unused]] void* begin, [[maybe_unused]] std::size_t bytes) {
#if defined(CACHEISMO_LUA_HEAP_POISONS)
  ASAN_UNPOISON_MEMORY_REGION(begin, bytes);
#endif
}

using PageNumber = std::uint32_t;
constexpr PageNumber none = ~PageNumber{0};

constexpr std::array<std::uint16_t, 26> class_bytes = {
    16,  32,  48,  64,  80,  96,  112, 128, 144, 160, 176,  192,  208,
    224, 240, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280, 2048};
constexpr std::size_t classes = class_bytes.size();
constexpr std::size_t small_bytes_max = class_bytes.back();
static_assert(Heap::page_bytes / class_bytes.front() == 256);

/// By sixteenths of a byte count: the smallest class that is large enough.
constexpr auto class_of_granules = [] {
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
constexpr auto reciprocals = [] {
  std::array<std::uint32_t, classes> table{};
  for (std::size_t i = 0; i < classes; ++i) table[i] = (1u << 20) / class_bytes[i] + 1;
  return table;
}();

constexpr std::uint32_t blocks_in(std::size_t of) {
  return static_cast<std::uint32_t>(Heap::page_bytes / class_bytes[of]);
}

/// Free runs stand in bins: four to each doubling of their length.
constexpr std::size_t bins = 4 * 24;

constexpr std::size_t bin_of(std::uint32_t pages) {
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

}  // namespace

struct Heap::Pages {
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

// ---- Lists of pages -----------------------------------------------------------------------------

void Heap::Pages::push(PageNumber& head, PageNumber page) {
  table[page].previous = none;
  table[page].next = head;
  if (head != none) table[head].previous = page;
  head = page;
}

void Heap::Pages::unlink(PageNumber& head, PageNumber page) {
  Page& one = table[page];
  if (one.next != none) table[one.next].previous = one.previous;
  (one.previous != none ? table[one.previous].next : head) = one.next;
  one.previous = one.next = none;
}

// ---- Runs of pages ------------------------------------------------------------------------------

void Heap::Pages::insert_free(PageNumber first, std::uint32_t pages) {
  const std::size_t bin = bin_of(pages);
  table[first + pages - 1].run = first;
  table[first].kind = Kind::free;
  table[first].run = pages;
  push(free_runs[bin], first);
  bins_filled[bin / 64] |= std::uint64_t{1} << (bin % 64);
}

void Heap::Pages::remove_free(PageNumber first) {
  const std::size_t bin = bin_of(table[first].run);
  unlink(free_runs[bin], first);
  if (free_runs[bin] == none) bins_filled[bin / 64] &= ~(std::uint64_t{1} << (bin % 64));
}

/// A run of a bin above the one that `pages` belongs to is long enough; within that bin the first
/// that fits is taken. The rest of the run stays free.
PageNumber Heap::Pages::take_run(std::uint32_t pages) {
  const std::size_t own = bin_of(pages);
  PageNumber first = free_runs[own];
  while (first != none && table[first].run < pages) first = table[first].next;
  for (std::size_t bin = own + 1; first == none && bin < bins;) {
    const std::uint64_t rest = bins_filled[bin / 64] >> (bin % 64);
    if (rest == 0) {
      bin = (bin / 64 + 1) * 64;
      continue;
    }
    bin += static_cast<std::size_t>(std::countr_zero(rest));
    first = free_runs[bin];
  }
  if (first == none) return none;
  const std::uint32_t length = table[first].run;
  remove_free(first);
  if (length > pages) insert_free(first + pages, length - pages);
  return first;
}

void Heap::Pages::give_run(PageNumber first, std::uint32_t pages) {
  poison(address(first), pages * page_bytes);
  const PageNumber after = first + pages;
  table[first].kind = Kind::inside;
  if (after < table.size() && table[after].kind == Kind::free) {
    remove_free(after);
    table[after].kind = Kind::inside;
    pages += table[after].run;
  }
  if (first > 0) {
    // What the page before says of a free run's beginning may be out of date; the run itself is not.
    const Page& before = table[first - 1];
    const PageNumber head = before.kind == Kind::free ? first - 1 : before.run;
    if (head < first && table[head].kind == Kind::free && head + table[head].run == first) {
      remove_free(head);
      pages += table[head].run;
      first = head;
    }
  }
  insert_free(first, pages);
}

/// False: the pages behind the run are not free.
bool Heap::Pages::resize_run(PageNumber first, std::uint32_t pages) {
  const std::uint32_t before = table[first].run;
  if (pages > before) {
    const PageNumber after = first + before;
    if (after >= table.size() || table[after].kind != Kind::free) return false;
    const std::uint32_t length = table[after].run;
    if (before + length < pages) return false;
    remove_free(after);
    table[after].kind = Kind::inside;
    if (before + length > pages) insert_free(first + pages, before + length - pages);
    table[first].run = pages;
  } else if (pages < before) {
    table[first].run = pages;
    give_run(first + pages, before - pages);
  }
  used_bytes += (static_cast<std::size_t>(pages) - before) * page_bytes;
  return true;
}

// ---- Small blocks -------------------------------------------------------------------------------

void* Heap::Pages::take_small(std::size_t of) {
  PageNumber page = with_room[of];
  if (page == none) {
    page = take_run(1);
    if (page == none) return nullptr;
    Page& fresh = table[page];
    fresh.kind = Kind::small;
    fresh.of = static_cast<std::uint8_t>(of);
    fresh.used = 0;
    std::fill(std::begin(fresh.taken), std::end(fresh.taken), 0);
    push(with_room[of], page);
  }
  Page& one = table[page];
  std::uint32_t index = 0;
  for (std::uint64_t& word : one.taken) {
    if (~word != 0) {
      index += static_cast<std::uint32_t>(std::countr_one(word));
      word |= word + 1;
      break;
    }
    index += 64;
  }
  if (++one.used == blocks_in(of)) unlink(with_room[of], page);
  used_bytes += class_bytes[of];
  return address(page) + index * class_bytes[of];
}

std::uint32_t Heap::Pages::index_in_page(PageNumber page, const void* block) const {
  const auto offset = static_cast<std::uint32_t>(static_cast<const char*>(block) - address(page));
  const std::size_t of = table[page].of;
  const std::uint32_t index = (offset * reciprocals[of]) >> 20;
  CHECK_EQ(index * class_bytes[of], offset);
  return index;
}

void Heap::Pages::give_small(PageNumber page, void* block) {
  Page& one = table[page];
  const std::uint32_t index = index_in_page(page, block);
  const std::uint64_t bit = std::uint64_t{1} << (index % 64);
  CHECK((one.taken[index / 64] & bit) != 0);
  one.taken[index / 64] &= ~bit;
  poison(block, class_bytes[one.of]);
  used_bytes -= class_bytes[one.of];
  const bool was_full = one.used == blocks_in(one.of);
  if (--one.used == 0) {
    if (!was_full) unlink(with_room[one.of], page);
    give_run(page, 1);
  } else if (was_full) {
    push(with_room[one.of], page);
  }
}

// ---- Audit --------------------------------------------------------------------------------------

std::optional<std::string> Heap::Pages::audit_page(PageNumber page, std::size_t& used) const {
  const Page& one = table[page];
  const std::string name = "page " + std::to_string(page);
  switch (one.kind) {
    case Kind::inside: return name + " belongs to no run";
    case Kind::free:
      if (one.run > 1 && table[page + one.run - 1].run != page)
        return name + " begins a free run whose last page does not know it";
      if (page + one.run < table.size() && table[page + one.run].kind == Kind::free)
        return name + " begins a free run that did not join the next one";
      break;
    case Kind::large: used += one.run * page_bytes; break;
    case Kind::small: {
      std::size_t bits = 0;
      for (const std::uint64_t word : one.taken)
        bits += static_cast<std::size_t>(std::popcount(word));
      if (bits != one.used) return name + " has another number of blocks than it counts";
      if (bits == 0) return name + " holds no block and is not free";
      if (bits > blocks_in(one.of)) return name + " holds more blocks than fit";
      used += bits * class_bytes[one.of];
    }
  }
  return std::nullopt;
}

std::optional<std::string> Heap::Pages::audit_lists() const {
  std::size_t listed_free = 0;
  std::size_t listed_small = 0;
  for (std::size_t bin = 0; bin < bins; ++bin) {
    const bool filled = (bins_filled[bin / 64] >> (bin % 64) & 1) != 0;
    if (filled != (free_runs[bin] != none)) return "a bin's bit is wrong";
    for (PageNumber page = free_runs[bin]; page != none; page = table[page].next) {
      if (table[page].kind != Kind::free || bin_of(table[page].run) != bin)
        return "a bin lists page " + std::to_string(page) + ", which is not its own";
      if (++listed_free > table.size()) return "a bin's list is a ring";
    }
  }
  for (std::size_t of = 0; of < classes; ++of) {
    for (PageNumber page = with_room[of]; page != none; page = table[page].next) {
      const Page& one = table[page];
      if (one.kind != Kind::small || one.of != of || one.used >= blocks_in(of))
        return "a class lists page " + std::to_string(page) + ", which has no room for it";
      if (++listed_small > table.size()) return "a class's list is a ring";
    }
  }
  for (const Page& one : table) {
    if (one.kind == Kind::free) --listed_free;
    if (one.kind == Kind::small && one.used < blocks_in(one.of)) --listed_small;
  }
  if (listed_free != 0) return "a free run is in no bin";
  if (listed_small != 0) return "a page with room is in no list";
  return std::nullopt;
}

// ---- The heap -----------------------------------------------------------------------------------

Heap::Heap(std::span<char> region) : pages_(std::make_unique<Pages>(region)) {
  CHECK_GE(region.size(), std::size_t{1} << 20);
  CHECK_LE(region.size(), std::size_t{16} << 30);
  CHECK_EQ(reinterpret_cast<std::uintptr_t>(region.data()) % page_bytes, 0u);
  pages_->give_run(0, static_cast<std::uint32_t>(pages_->table.size()));
}

Heap::~Heap() { unpoison(pages_->base, region_bytes()); }

void* Heap::allocate(std::size_t bytes) {
  CHECK_GT(bytes, 0u);
  void* block = nullptr;
  if (bytes <= small_bytes_max) {
    block = pages_->take_small(class_for(bytes));
  } else if (bytes <= region_bytes()) {
    const auto count = static_cast<std::uint32_t>((bytes + page_bytes - 1) / page_bytes);
    const PageNumber first = pages_->take_run(count);
    if (first == none) return nullptr;
    pages_->table[first].kind = Kind::large;
    pages_->table[first].run = count;
    pages_->used_bytes += count * page_bytes;
    block = pages_->address(first);
  }
  if (block != nullptr) unpoison(block, bytes);
  return block;
}

void Heap::release(void* block, std::size_t bytes) {
  const PageNumber page = pages_->number(block);
  Page& one = pages_->table[page];
  if (one.kind == Kind::small) {
    CHECK_LE(bytes, class_bytes[one.of]);
    pages_->give_small(page, block);
    return;
  }
  CHECK(one.kind == Kind::large);
  CHECK(block == pages_->address(page));
  CHECK_LE(bytes, one.run * page_bytes);
  pages_->used_bytes -= one.run * page_bytes;
  pages_->give_run(page, one.run);
}

void* Heap::resize(void* block, std::size_t from_bytes, std::size_t to_bytes) {
  CHECK_GT(to_bytes, 0u);
  const PageNumber page = pages_->number(block);
  const Page& one = pages_->table[page];
  CHECK(one.kind == Kind::small || one.kind == Kind::large);
  bool stays = false;
  if (one.kind == Kind::small) {
    stays = to_bytes <= small_bytes_max && class_for(to_bytes) == one.of;
  } else if (to_bytes > small_bytes_max && to_bytes <= region_bytes()) {
    const auto count = static_cast<std::uint32_t>((to_bytes + page_bytes - 1) / page_bytes);
    stays = pages_->resize_run(page, count);
  }
  if (!stays) {
    void* moved = allocate(to_bytes);
    if (moved != nullptr) {
      std::memcpy(moved, block, std::min(from_bytes, to_bytes));
      release(block, from_bytes);
      return moved;
    }
    if (to_bytes > from_bytes) return nullptr;
    // Nothing smaller is free: the block stays where it is, at most cut to a page.
    if (one.kind == Kind::large) stays = pages_->resize_run(page, 1);
  }
  const std::size_t room = one.kind == Kind::small ? class_bytes[one.of] : one.run * page_bytes;
  poison(block, room);
  unpoison(block, to_bytes);
  return block;
}

std::size_t Heap::used_bytes() const { return pages_->used_bytes; }

std::size_t Heap::region_bytes() const { return pages_->table.size() * page_bytes; }

std::optional<std::string> Heap::audit() const {
  std::size_t used = 0;
  for (PageNumber page = 0; page < pages_->table.size();) {
    if (auto broken = pages_->audit_page(page, used)) return broken;
    const Page& one = pages_->table[page];
    const std::uint32_t length = one.kind == Kind::small ? 1 : one.run;
    for (PageNumber inside = page + 1; inside < page + length; ++inside) {
      if (inside >= pages_->table.size() || pages_->table[inside].kind != Kind::inside)
        return "page " + std::to_string(inside) + " is not inside the run it should be in";
    }
    page += length;
  }
  if (used != pages_->used_bytes) return "used_bytes is not the sum of the blocks in use";
  return pages_->audit_lists();
}

}  // namespace cacheismo::lua
