#include "cacheismo/lua/heap_pages.h"

#include <algorithm>

namespace cacheismo::lua::heap_pages {

// ---- Lists of pages -----------------------------------------------------------------------------

void Pages::push(PageNumber& head, PageNumber page) {
  table[page].previous = none;
  table[page].next = head;
  if (head != none) table[head].previous = page;
  head = page;
}

void Pages::unlink(PageNumber& head, PageNumber page) {
  Page& one = table[page];
  if (one.next != none) table[one.next].previous = one.previous;
  (one.previous != none ? table[one.previous].next : head) = one.next;
  one.previous = one.next = none;
}

// ---- Runs of pages ------------------------------------------------------------------------------

void Pages::insert_free(PageNumber first, std::uint32_t pages) {
  const std::size_t bin = bin_of(pages);
  table[first + pages - 1].run = first;
  table[first].kind = Kind::free;
  table[first].run = pages;
  push(free_runs[bin], first);
  bins_filled[bin / 64] |= std::uint64_t{1} << (bin % 64);
}

void Pages::remove_free(PageNumber first) {
  const std::size_t bin = bin_of(table[first].run);
  unlink(free_runs[bin], first);
  if (free_runs[bin] == none) bins_filled[bin / 64] &= ~(std::uint64_t{1} << (bin % 64));
}

/// A run of a bin above the one that `pages` belongs to is long enough; within that bin the first
/// that fits is taken. The rest of the run stays free.
PageNumber Pages::take_run(std::uint32_t pages) {
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

void Pages::give_run(PageNumber first, std::uint32_t pages) {
  poison(address(first), pages * page_bytes);
  const PageNumber after = first + pages;
  table[first].kind = Kind::inside;
  if (after < table.size() && table[after].kind == Kind::free) {
    remove_free(after);
    table[after].kind = Kind::inside;
    pages += table[after].run;
  }
  if (first > 0) {
    // What the page before says of a free run's beginning may be out of date; the run itself is
    // not.
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
bool Pages::resize_run(PageNumber first, std::uint32_t pages) {
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

void* Pages::take_small(std::size_t of) {
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

std::uint32_t Pages::index_in_page(PageNumber page, const void* block) const {
  const auto offset = static_cast<std::uint32_t>(static_cast<const char*>(block) - address(page));
  const std::size_t of = table[page].of;
  const std::uint32_t index = (offset * reciprocals[of]) >> 20;
  CHECK_EQ(index * class_bytes[of], offset);
  return index;
}

void Pages::give_small(PageNumber page, void* block) {
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

std::optional<std::string> Pages::audit_page(PageNumber page, std::size_t& used) const {
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

std::optional<std::string> Pages::audit_lists() const {
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

}  // namespace cacheismo::lua::heap_pages
