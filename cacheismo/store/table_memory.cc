// Where Table gets memory from: best fit, then moving chunks together, then eviction; and the pages
// that the index grows into. See table.h, invariant 2.

#include <algorithm>
#include <cstring>

#include "cacheismo/base/check.h"
#include "cacheismo/store/table.h"

namespace cacheismo::store {

namespace {

/// Beside a piece's value: header, slot, and a byte to make its end even.
constexpr std::size_t piece_overhead = sizeof(PieceHeader) + alloc::slot_bytes + 1;

/// After so many evictions that freed enough in sum and still no run for a piece, shorter ones will
/// do: what lies scattered in packed pages is then used up first.
constexpr std::uint32_t patience = 3;
constexpr std::size_t short_piece_bytes = 64;

constexpr std::size_t half_page = alloc::page_bytes / 2;

}  // namespace

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
  const auto roomiest = arena_.roomiest();
  if (!roomiest) return std::nullopt;
  const std::size_t most = arena_.room(*roomiest);
  if (most >= need) return roomiest;
  if (gather(*roomiest, need, most)) return roomiest;
  // The roomiest pages are often those whose chunks are too long to go anywhere. Where an item has
  // just gone, others of its time and size are likely.
  for (std::uint32_t back = 1; back <= victims_.size(); ++back) {
    const std::uint32_t page = victims_[(victims_noted_ - back) % victims_.size()];
    if (!arena_.binned(page) || page == *roomiest) continue;
    if (gather(page, need, most)) return page;
  }
  return std::nullopt;
}

bool Table::gather(std::uint32_t number, std::size_t need, std::size_t most) {
  const alloc::Page page = arena_.page(number);
  const std::uint32_t slots = page.header().slot_count;
  // What fits nowhere stays. `most` is the most that any page has.
  std::size_t movable = arena_.room(number);
  for (std::uint32_t slot = 0; slot < slots && movable < need; ++slot) {
    if (!page.used(slot) || page.pinned(slot)) continue;
    const std::size_t bytes = alloc::even(chunk_bytes(page.kind(slot), page.chunk(slot)));
    if (bytes + alloc::slot_bytes <= most) movable += bytes;
  }
  if (movable < need) return false;
  arena_.unbin(number);
  bool moved = false;
  for (std::uint32_t slot = 0; slot < slots && arena_.room(number) < need; ++slot) {
    if (page.used(slot) && !page.pinned(slot)) moved |= move_chunk(Handle{number << 8 | slot});
  }
  if (moved) ++counters_.pages_moved;
  arena_.rebin(number);
  return arena_.room(number) >= need;
}

bool Table::move_chunk(Handle from) {
  const Kind kind = arena_.kind(from);
  const std::size_t bytes = chunk_bytes(kind, arena_.chunk(from));
  if (kind == Kind::item) {
    if (!index_.contains(from, index_.hash(item(from).key()))) {
      drop_dead(from);
      return true;
    }
  }
  const auto to = arena_.take(kind, bytes);
  if (!to) return false;
  std::memcpy(arena_.chunk(*to), arena_.chunk(from), bytes);
  counters_.bytes_copied += bytes;
  if (kind == Kind::item) {
    move_item_links(from, *to);
  } else if (pieces_.at(*to).is_node()) {
    node_moved(from, *to);
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
  live_.moved(to);
  open_items_.moved(from, to);
  wheel_.note(to.page(), Seconds{moved.header().expiry});
  if (moved.has(bits::split)) pieces_.at(Handle{moved.split().first}).header().previous = to.value;
}

bool Table::evict_one() {
  // As an insert may add a line, an eviction takes one away where there are too many: when larger
  // items take the place of small ones the index shrinks as they come.
  if (!index_.held() && index_.wants_shrinking()) static_cast<void>(merge_one());
  if (give_back_index_page() || nodes_.dig()) return true;
  if (dead_.live() > 0) {
    drop_dead(dead_.oldest());
    return true;
  }
  if (!evict_) return false;
  const Handle victim = oldest();
  if (!victim) return false;
  // Who evicts one will evict the next: its item has been asked for, its lines can be now.
  if (const Handle next = live_.after(victim)) index_.prefetch(index_.hash(item(next).key()));
  victims_[victims_noted_++ % victims_.size()] = victim.page();
  count_evicted(victim);
  drop(victim);
  return true;
}

Handle Table::oldest() {
  Handle victim = live_.oldest();
  // Readers hold what they have just asked for, so pinned items are rarely among the oldest.
  while (victim && !may_go(victim)) victim = live_.after(victim);
  return victim;
}

std::uint64_t Table::drop_oldest() {
  const Handle victim = oldest();
  if (!victim) return 0;
  const std::uint64_t bytes = footprint_of(victim);
  drop(victim);
  return bytes;
}

void Table::count_evicted(Handle handle) {
  if (expired(item(handle))) return count_reclaimed(item(handle));
  ++counters_.evictions;
  counters_.evicted_bytes += footprint_of(handle);
  ++work_.evictions;
  if (work_.freed_bytes >= work_.needed_bytes) ++work_.surplus;
  if (!item(handle).has(bits::fetched)) ++counters_.evicted_unfetched;
}

Handle Table::add_piece(Handle previous, std::uint64_t wanted) {
  // An overdraft of drafts must not push out the whole cache.
  if (draft_bytes_ >= limit_bytes_ / 2) return Handle{};
  const auto whole =
      static_cast<std::size_t>(std::min<std::uint64_t>(wanted, piece_value_bytes_max));
  // What is left of the roomiest page is good enough where it is worth a piece. But once items must
  // go, as many go first as come to the whole: neighbours often do, and leave it one run.
  std::optional<Handle> taken;
  std::size_t value_bytes = 0;
  const std::uint64_t free_before = arena_.stats().free_bytes;
  bool evicting = false;
  while (!taken) {
    const auto page = arena_.roomiest();
    const std::size_t room = page ? arena_.room(*page) : 0;
    const bool due = evicting && arena_.stats().free_bytes < free_before + whole + piece_overhead;
    const std::size_t worth = work_.surplus < patience ? piece_value_bytes_min : short_piece_bytes;
    if (room >= (due ? whole : std::min(whole, worth)) + piece_overhead) {
      value_bytes = std::min(whole, room - piece_overhead);
      taken = arena_.take(Kind::piece, sizeof(PieceHeader) + value_bytes);
      CHECK(taken.has_value());
    } else if (!due && arena_.stats().free_bytes > whole &&
               (make_room(std::min(whole, half_page) + piece_overhead) ||
                (whole > half_page && make_room(piece_value_bytes_min + piece_overhead)))) {
      continue;
    } else if (evict_one()) {
      evicting = true;
    } else if (due) {
      evicting = false;  // nothing else can go
    } else {
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

bool Table::split_off(Handle from) {
  if (arena_.kind(from) != Kind::piece || pieces_.at(from).is_node()) return false;
  const std::size_t bytes = pieces_.at(from).header().bytes;
  if (bytes < 2 * piece_value_bytes_min) return false;
  const auto page = arena_.roomiest();
  const std::size_t room = page ? arena_.room(*page) : 0;
  if (room < piece_value_bytes_min + piece_overhead) return false;
  const std::size_t part = std::min(room - piece_overhead, bytes - piece_value_bytes_min);
  const auto taken = arena_.take(Kind::piece, sizeof(PieceHeader) + part);
  CHECK(taken.has_value());
  const Piece rest = pieces_.at(from);
  const Handle next{rest.header().next};
  pieces_.at(*taken).header() = PieceHeader{
      .previous = from.value, .next = next.value, .bytes = static_cast<std::uint16_t>(part)};
  const std::size_t kept = bytes - part;
  std::memcpy(pieces_.at(*taken).value().data(), rest.value().data() + kept, part);
  counters_.bytes_copied += part;
  if (next) pieces_.at(next).header().previous = taken->value;
  rest.header().next = taken->value;
  rest.header().bytes = static_cast<std::uint16_t>(kept);
  arena_.shorten(from, sizeof(PieceHeader) + bytes);
  return true;
}

bool Table::make_room_for(Handle from) {
  const std::size_t need =
      alloc::even(chunk_bytes(arena_.kind(from), arena_.chunk(from))) + alloc::slot_bytes;
  return arena_.stats().free_bytes >= 2 * need && make_room(need).has_value();
}

bool Table::vacate(std::uint32_t number) {
  if (arena_.untouched(number)) return true;
  if (arena_.claimed(number) && !vacate_log_page(number)) return false;
  if (arena_.pinned(number)) return false;
  arena_.unbin(number);
  const alloc::Page page = arena_.page(number);
  for (std::uint32_t slot = 0; slot < page.header().slot_count; ++slot) {
    const Handle from{number << 8 | slot};
    while (page.used(slot) && !move_chunk(from)) {
      if (split_off(from) || make_room_for(from) || evict_one()) continue;
      arena_.rebin(number);
      return false;
    }
    if (page.header().slot_count == 0) break;
  }
  wheel_.forget(number);
  return true;
}

std::optional<std::uint32_t> Table::empty_page() {
  if (const auto page = arena_.claim_empty()) {
    wheel_.forget(*page);
    return page;
  }
  const auto roomiest = arena_.roomiest();
  for (const std::uint32_t page : {roomiest.value_or(0), live_.oldest().page()}) {
    if (page == 0 || !arena_.binned(page) || !vacate(page)) continue;
    arena_.claim(page);
    return page;
  }
  return std::nullopt;
}

bool Table::vacate_log_page(std::uint32_t number) {
  auto fresh = empty_page();
  while (!fresh) {
    if (!evict_one()) return false;
    fresh = empty_page();
  }
  // It may have been given back for what went meanwhile.
  if (arena_.claimed(number))
    AccessLog::relocate(number, *fresh, live_, dead_);
  else
    arena_.give_back(*fresh);
  return true;
}

bool Table::grow_log() {
  while (!live_.has_room()) {
    if (const auto page = empty_page()) {
      live_.add_page(*page);
      work_.needed_bytes += alloc::page_bytes;
    } else if (!evict_one()) {
      return false;
    }
  }
  return true;
}

bool Table::insert(Handle handle, std::uint64_t hash) {
  // One insert in a thousand at most finds no place while a scan is under way, and none without:
  // then one that stands in the way goes.
  while (!index_.insert(handle, hash)) {
    Handle victim;
    for (const std::uint32_t line : index_.lines_of(hash)) {
      index_.for_each(line, [&](Handle other) {
        if (may_go(other)) victim = other;
      });
    }
    if (!evict_ || !victim) return false;
    count_evicted(victim);
    drop(victim);
  }
  return true;
}

void Table::grow_index() {
  // Two at most, so that an index that had to wait for a pinned page catches up.
  for (int i = 0; i < 2 && index_.wants_growth(); ++i) {
    if (index_.needs_page()) {
      if (arena_.floor_pages() + 2 >= arena_.page_count()) return;
      work_.needed_bytes += alloc::page_bytes;
      if (!vacate(arena_.floor_pages())) return;
      arena_.raise_floor();
    }
    index_.split_one();
    ++counters_.index_steps;
  }
}

bool Table::merge_one() {
  if (!index_.merge_one()) return false;
  ++counters_.index_steps;
  return true;
}

bool Table::give_back_index_page() {
  const std::uint64_t without = std::uint64_t{arena_.floor_pages() - 1} * Index::lines_per_page;
  if (without < index_.lines()) return false;
  arena_.lower_floor();
  return true;
}

}  // namespace cacheismo::store
