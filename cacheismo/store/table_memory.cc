// Where Table gets memory from: best fit, then moving chunks together, then eviction; and the pages
// that the index grows into. See table.h, invariant 2.

#include <algorithm>
#include <cstring>

#include "cacheismo/base/check.h"
#include "cacheismo/store/table.h"

namespace cacheismo::store {

std::optional<Handle> Table::take(Kind kind, std::size_t bytes) {
  if (const auto taken = arena_.take(kind, bytes)) return taken;
  const std::size_t need = alloc::even(bytes) + alloc::slot_bytes;
  const std::uint64_t free_before = arena_.stats().free_bytes;
  // Items of one size leave a rest in every page that no moving can use. So after moves that won
  // nothing, it needs a page's worth of new rests, or evictions in vain, to try again.
  compact_above_ = std::min(compact_above_, free_before + alloc::page_bytes);
  bool compact = free_before >= compact_above_;
  while (true) {
    const std::uint64_t free = arena_.stats().free_bytes;
    if (compact && free >= need) {
      if (const auto page = make_room(need)) {
        compact_above_ = 0;
        return arena_.take_in(*page, kind, bytes);
      }
      compact_above_ = free + alloc::page_bytes;
    }
    if (evict_one()) {
      if (const auto taken = arena_.take(kind, bytes)) return taken;
      compact = arena_.stats().free_bytes >= free_before + need;
    } else if (compact) {
      return std::nullopt;
    } else {
      compact = true;
    }
  }
}

std::optional<std::uint32_t> Table::make_room(std::size_t need) {
  const auto page = arena_.roomiest();
  if (!page) return std::nullopt;
  if (arena_.room(*page) >= need) return page;
  arena_.unbin(*page);
  bool moved = false;
  const std::uint32_t slots = arena_.page(*page).header().slot_count;
  for (std::uint32_t slot = 0; slot < slots && arena_.room(*page) < need; ++slot) {
    const Handle handle{*page << 8 | slot};
    if (arena_.page(*page).used(slot) && !arena_.pinned(handle)) moved |= move_chunk(handle);
  }
  if (moved) ++counters_.pages_moved;
  arena_.rebin(*page);
  return arena_.room(*page) >= need ? page : std::nullopt;
}

bool Table::move_chunk(Handle from) {
  const Kind kind = arena_.kind(from);
  const std::size_t bytes = chunk_bytes(kind, arena_.chunk(from));
  if (kind == Kind::item) {
    const Bytes key = item(from).key();
    if (index_.find(Key{key, index_.hash(key)}) != from) {
      drop_dead(from);
      return true;
    }
  }
  const auto to = arena_.take(kind, bytes);
  if (!to) return false;
  live_.settle();
  std::memcpy(arena_.chunk(*to), arena_.chunk(from), bytes);
  counters_.bytes_copied += bytes;
  if (kind == Kind::item) {
    move_item_links(from, *to);
  } else {
    const PieceHeader& header = pieces_.at(*to).header();
    if (header.next != 0) pieces_.at(Handle{header.next}).header().previous = to->value;
    const Handle previous{header.previous};
    CHECK(previous);
    if (arena_.kind(previous) == Kind::piece)
      pieces_.at(previous).header().next = to->value;
    else
      item(previous).split().first = to->value;
  }
  arena_.release(from);
  return true;
}

void Table::move_item_links(Handle from, Handle to) {
  const Item moved = item(to);
  const bool indexed = index_.moved(from, to, index_.hash(moved.key()));
  CHECK(indexed);
  live_.moved(from, to);
  wheel_.note(to.page(), Seconds{moved.header().expiry});
  if (moved.has(bits::split)) pieces_.at(Handle{moved.split().first}).header().previous = to.value;
}

bool Table::evict_one() {
  if (give_back_index_page()) return true;
  if (dead_.tail()) {
    drop_dead(dead_.tail());
    return true;
  }
  if (!evict_) return false;
  Handle victim = live_.tail();
  // Readers hold what they have just asked for, so pinned items are rarely near the tail.
  while (victim && item(victim).has(bits::pinned))
    victim = Handle{item(victim).header().lru_previous};
  if (!victim) return false;
  if (expired(item(victim))) {
    count_reclaimed(item(victim));
  } else {
    ++counters_.evictions;
    counters_.evicted_bytes += footprint_of(victim);
    ++work_.evictions;
    if (work_.freed_bytes >= work_.needed_bytes) ++work_.surplus;
    if (!item(victim).has(bits::fetched)) ++counters_.evicted_unfetched;
  }
  drop(victim);
  return true;
}

Handle Table::add_piece(Handle previous, std::uint64_t wanted) {
  // An overdraft of drafts must not push out the whole cache.
  if (draft_bytes_ >= limit_bytes_ / 2) return Handle{};
  const auto whole =
      static_cast<std::size_t>(std::min<std::uint64_t>(wanted, piece_value_bytes_max));
  const std::size_t overhead = sizeof(PieceHeader) + alloc::slot_bytes + 1;
  // What is left of the roomiest page is good enough where it is worth a piece; so what evictions
  // free is used at once, in whatever pages it lies.
  std::optional<Handle> taken;
  std::size_t value_bytes = 0;
  while (!taken) {
    const auto page = arena_.roomiest();
    const std::size_t room = page ? arena_.room(*page) : 0;
    if (room >= std::min(whole, piece_value_bytes_min) + overhead) {
      value_bytes = std::min(whole, room - overhead);
      taken = arena_.take(Kind::piece, sizeof(PieceHeader) + value_bytes);
      CHECK(taken.has_value());
    } else if (arena_.stats().free_bytes > whole &&
               make_room(std::min(whole, alloc::page_bytes / 2) + overhead)) {
      continue;
    } else if (!evict_one()) {
      return Handle{};
    }
  }
  pieces_.at(*taken).header() = PieceHeader{
      .previous = previous.value, .next = 0, .bytes = static_cast<std::uint16_t>(value_bytes)};
  if (previous) pieces_.at(previous).header().next = taken->value;
  arena_.pin(*taken);
  note_draft_bytes(static_cast<std::int64_t>(value_bytes));
  return *taken;
}

// ---- The index's pages
// ---------------------------------------------------------------------------

bool Table::vacate(std::uint32_t number) {
  if (arena_.untouched(number)) return true;
  if (arena_.pinned(number)) return false;
  arena_.unbin(number);
  const alloc::Page page = arena_.page(number);
  for (std::uint32_t slot = 0; slot < page.header().slot_count; ++slot) {
    while (page.used(slot) && !move_chunk(Handle{number << 8 | slot})) {
      if (evict_one()) continue;
      arena_.rebin(number);
      return false;
    }
    if (page.header().slot_count == 0) break;
  }
  wheel_.forget(number);
  return true;
}

void Table::grow_index() {
  // Two at most, so that an index that had to wait for a pinned page catches up.
  for (int i = 0; i < 2 && index_.wants_growth(); ++i) {
    if (index_.needs_page()) {
      if (arena_.floor_pages() + 2 >= arena_.page_count()) return;
      if (!vacate(arena_.floor_pages())) return;
      arena_.raise_floor();
    }
    index_.split_one();
  }
}

bool Table::give_back_index_page() {
  const std::uint64_t without = std::uint64_t{arena_.floor_pages() - 1} * Index::buckets_per_page;
  if (without < index_.buckets()) return false;
  arena_.lower_floor();
  return true;
}

}  // namespace cacheismo::store
