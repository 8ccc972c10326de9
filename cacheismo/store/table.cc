#include "cacheismo/store/table.h"

#include <algorithm>
#include <cstring>

#include "cacheismo/base/check.h"

namespace cacheismo::store {

Table::Table(std::span<char> region, const StoreOptions& options)
    : arena_(region.first(static_cast<std::size_t>(options.limit_bytes)), 1, chunk_bytes),
      index_(arena_, options.hash_seed),
      live_(arena_, true, &hot_, options.hash_seed),
      dead_(arena_, false),
      wheel_(arena_),
      pieces_(arena_),
      nodes_(arena_),
      evict_(options.evict),
      limit_bytes_(options.limit_bytes),
      object_bytes_max_(std::min(options.object_bytes_max, options.limit_bytes / 4)) {}

// ---- Finding and changing
// ------------------------------------------------------------------------

bool Table::expired(const Item& item) const {
  return item.header().expiry != 0 && item.header().expiry <= now_.value;
}

void Table::count_reclaimed(const Item& item) {
  if (!item.has(bits::fetched)) ++counters_.expired_unfetched;
  ++counters_.reclaimed;
}

Handle Table::find(const Key& key) {
  const Handle handle = index_.find(key);
  if (!handle) return handle;
  const Item found = item(handle);
  if (!expired(found)) return handle;
  if (open_items_.include(handle)) return Handle{};
  count_reclaimed(found);
  ++counters_.expired_on_access;
  drop(handle);
  return Handle{};
}

void Table::touch_recency(Handle handle, Seconds now, bool fetched) {
  if (fetched) item(handle).set(bits::fetched);
  live_.bump(handle, now);
}

void Table::set_expiry(Handle handle, Seconds expiry) {
  put_expiry(handle, expiry);
  note(handle);
}

Handle Table::create(const Key& key, const ItemSpec& spec, std::size_t value_bytes, Seconds now) {
  const ItemShape shape{.layout = 0, .object = false, .inline_bytes = value_bytes, .split = {}};
  const Handle made = make(key, spec, shape, now);
  if (made) count_put();
  return made;
}

Handle Table::create_split(const Key& key, const ItemSpec& spec, Handle first,
                           std::uint64_t value_bytes, Seconds now) {
  const ItemShape shape{.layout = split_layout,
                        .object = false,
                        .inline_bytes = 0,
                        .split = {static_cast<std::uint32_t>(value_bytes), first.value}};
  const Handle made = make(key, spec, shape, now);
  if (!made) return made;
  pieces_.at(first).header().previous = made.value;
  count_put();
  return made;
}

Handle Table::make(const Key& key, const ItemSpec& spec, const ItemShape& shape, Seconds now) {
  const auto layout = static_cast<std::uint8_t>(shape.layout | layout_of(spec));
  // Before the item exists, so that making room for a page of the index cannot touch it.
  if (index_.wants_growth()) grow_index();
  if (!live_.has_room() && !grow_log()) return Handle{};
  const auto taken = take(Kind::item, item_bytes(layout, key.bytes.size(), shape.inline_bytes));
  if (!taken) return Handle{};
  const Item made = item(*taken);
  made.header() = ItemHeader{.place_low = 0,
                             .expiry = bounded(spec.expiry).value,
                             .copied = 0,
                             .inline_code = 0,
                             .place_high = 0,
                             .second = 0,
                             .key_bytes = static_cast<std::uint8_t>(key.bytes.size()),
                             .bits = static_cast<std::uint8_t>(layout | spec.state)};
  made.set_inline(shape.object, shape.inline_bytes);
  if (spec.cas != 0) made.set_cas(spec.cas);
  made.set_client_flags(spec.client_flags);
  if ((layout & bits::split) != 0) made.split() = shape.split;
  std::memcpy(const_cast<char*>(made.key().data()), key.bytes.data(), key.bytes.size());
  if (!insert(*taken, key.hash)) {
    arena_.release(*taken);
    return Handle{};
  }
  live_.append(*taken, now);
  wheel_.note(taken->page(), bounded(spec.expiry));
  live_bytes_ += footprint_of(*taken);
  user_bytes_ += key.bytes.size() + made.value_bytes();
  note(*taken);
  return *taken;
}

bool Table::rewrite(Handle handle, const ItemSpec& spec, std::size_t value_bytes, Seconds now) {
  const Item old = item(handle);
  if (old.has(bits::split | bits::pinned) || old.is_object()) return false;
  const std::uint8_t layout = layout_of(spec);
  if (layout != (old.header().bits & bits::layout)) return false;
  const std::size_t before = old.inline_bytes();
  const std::size_t fixed = item_bytes(layout, old.header().key_bytes, 0);
  if (alloc::even(fixed + value_bytes) != alloc::even(fixed + before)) return false;
  ItemHeader& header = old.header();
  old.set_inline(false, value_bytes);
  header.bits = static_cast<std::uint8_t>(layout | spec.state);
  header.copied = 0;
  if (spec.cas != 0) old.set_cas(spec.cas);
  old.set_client_flags(spec.client_flags);
  put_expiry(handle, spec.expiry);
  note(handle);
  touch_recency(handle, now, false);
  live_bytes_ += value_bytes - before;
  user_bytes_ += value_bytes - before;
  count_put();
  return true;
}

Handle Table::assign_cas(Handle handle, std::uint64_t cas) {
  const std::uint8_t before = item(handle).header().bits;
  const auto layout = static_cast<std::uint8_t>(before | cas_layout(cas));
  if (layout == before) {
    item(handle).set_cas(cas);
    return handle;
  }
  const std::size_t more = cas_bytes_of(layout) - cas_bytes_of(before);
  // The source must neither move nor be evicted while room is made for its larger copy. A pinned
  // item cannot move at all, so it has no copy; its readers hold its bytes, not its header.
  if (item(handle).has(bits::pinned)) return Handle{};
  pin(handle);
  const std::size_t bytes = item(handle).chunk_bytes() + more;
  const auto taken = take(Kind::item, bytes);
  if (!taken) {
    unpin(handle);
    return Handle{};
  }
  const Item from = item(handle);
  char* to = arena_.chunk(*taken);
  const std::size_t head = sizeof(ItemHeader) + cas_bytes_of(before);
  std::memcpy(to, &from.header(), sizeof(ItemHeader));
  std::memcpy(to + head + more, arena_.chunk(handle) + head, from.chunk_bytes() - head);
  item(*taken).set(layout & bits::layout);
  item(*taken).clear(bits::pinned);
  item(*taken).set_cas(cas);
  unpin(handle);
  live_bytes_ += more;
  move_item_links(handle, *taken);
  arena_.release(handle);
  return *taken;
}

void Table::unlink(Handle handle) {
  const Item gone = item(handle);
  if (changes_ != nullptr && !expired(gone)) [[unlikely]]
    tell_change(handle);
  const bool was_live = index_.remove(handle, index_.hash(gone.key()));
  CHECK(was_live);
  live_.remove(handle);
  open_items_.moved(handle, Handle{});
  live_bytes_ -= footprint_of(handle);
  work_.freed_bytes += footprint_of(handle);
  user_bytes_ -= gone.header().key_bytes + gone.value_bytes();
}

void Table::tell_change(Handle handle) const {
  const Bytes key = item(handle).key();
  changes_->note(key, index_.hash(key));
}

void Table::drop(Handle handle) {
  unlink(handle);
  if (!item(handle).has(bits::pinned)) return free_memory(handle);
  pins_[handle.value].orphan = true;
  orphan_bytes_ += footprint_of(handle);
}

void Table::succeed(Handle old, Handle successor) {
  drop(old);
  if (!index_.held()) return;
  const std::uint64_t hash = index_.hash(item(successor).key());
  const bool found = index_.remove(successor, hash);
  CHECK(found);
  const bool placed = index_.insert(successor, hash);
  CHECK(placed);
}

void Table::drop_dead(Handle handle) {
  dead_.remove(handle);
  ++counters_.flushed_reclaimed;
  if (!item(handle).has(bits::pinned)) return free_memory(handle);
  pins_[handle.value].orphan = true;
  orphan_bytes_ += footprint_of(handle);
}

void Table::free_memory(Handle handle) {
  const Item gone = item(handle);
  if (gone.has(bits::split)) {
    const Handle first{gone.split().first};
    if (gone.is_object())
      nodes_.bury(first);
    else
      pieces_.release(first);
  }
  arena_.release(handle);
}

std::uint64_t Table::footprint_of(Handle handle) const {
  const Item measured = item(handle);
  if (measured.is_object())
    return measured.chunk_bytes() + alloc::slot_bytes +
           (measured.has(bits::split) ? measured.split().bytes : 0);
  return footprint(measured.header().bits, measured.header().key_bytes, measured.value_bytes());
}

void Table::count_put() {
  ++counters_.total_items;
  evictions_per_put_.note(work_.evictions);
  surplus_per_put_.note(work_.surplus);
  work_ = PutWork{};
}

// ---- Pins
// ----------------------------------------------------------------------------------------

void Table::pin(Handle handle) {
  const Item held = item(handle);
  PinCount& pins = pins_[handle.value];
  if (pins.count++ > 0) return;
  held.set(bits::pinned);
  arena_.pin(handle);
  if (held.has(bits::split)) pieces_.pin(Handle{held.split().first});
}

void Table::unpin(Handle handle) {
  const auto found = pins_.find(handle.value);
  CHECK(found != pins_.end());
  if (--found->second.count > 0) return;
  const bool orphan = found->second.orphan;
  pins_.erase(found);
  const Item held = item(handle);
  held.clear(bits::pinned);
  arena_.unpin(handle);
  if (held.has(bits::split)) pieces_.unpin(Handle{held.split().first});
  if (!orphan) return;
  orphan_bytes_ -= footprint_of(handle);
  free_memory(handle);
}

// ---- Upkeep
// --------------------------------------------------------------------------------------

void Table::flush() {
  dead_.absorb(live_);
  index_.reset();
  live_bytes_ = 0;
  user_bytes_ = 0;
  if (changes_ != nullptr) changes_->note_flush();
}

void Table::reclaim_expired(std::uint32_t number, Seconds now, std::uint32_t& left) {
  const alloc::Page page = arena_.page(number);
  Seconds earliest = never;
  for (std::uint32_t slot = 0; slot < page.header().slot_count; ++slot) {
    if (!page.used(slot) || page.kind(slot) != Kind::item) continue;
    const Handle handle{number << 8 | slot};
    const Seconds expiry{item(handle).header().expiry};
    if (expiry == never) continue;
    if (left > 0 && expiry <= now) {
      if (!index_.contains(handle, index_.hash(item(handle).key())))
        continue;  // dead or an orphan: others reclaim it
      count_reclaimed(item(handle));
      left -= std::min(left, Budget::expired_item);
      drop(handle);
    } else if (earliest == never || expiry < earliest) {
      earliest = expiry;
    }
  }
  wheel_.note(number, earliest);
}

bool Table::maintain(Budget budget, Seconds now) {
  if (index_.held()) walks_.hold(now, index_);
  std::uint32_t left = budget.items;
  while (left > 0 && nodes_.dig()) --left;
  while (left > 0 && dead_.live() > 0) {
    drop_dead(dead_.oldest());
    --left;
  }
  while (left > 0) {
    const auto page = wheel_.take_due(now, left);
    if (!page) break;
    reclaim_expired(*page, now, left);
  }
  // A scan that is under way would miss what a merge moves behind it.
  while (left > 0 && !index_.held() && index_.wants_shrinking() && merge_one())
    left -= std::min(left, Budget::index_line);
  while (left > 0 && give_back_index_page()) --left;
  return left == 0;
}

// ---- Looking
// ---------------------------------------------------------------------------------------

ItemView Table::view(Handle handle) const {
  const Item seen = item(handle);
  ItemView view;
  view.key_ = seen.key();
  view.value_bytes_ = seen.inline_bytes();
  view.object_ = seen.is_object();
  view.value_ = Bytes(view.key_.data() + view.key_.size(), view.value_bytes_);
  if (seen.has(bits::layout)) [[unlikely]] {
    view.in_pieces_ = seen.has(bits::split);
    view.value_bytes_ = seen.value_bytes();
    view.cas_ = seen.cas();
    view.client_flags_ = seen.client_flags();
  }
  view.handle_ = handle.value;
  view.expiry_ = Seconds{seen.header().expiry};
  view.fetched_ = seen.has(bits::fetched);
  view.stale_ = seen.has(bits::stale);
  view.token_sent_ = seen.has(bits::token_sent);
  view.copied_ = seen.header().copied != 0;
  return view;
}

void Table::tell_last_access(ItemView& view) const {
  view.last_access_ = live_.last_access(Handle{view.handle_});
}

void Table::reset_counters() {
  const std::uint64_t total_items = counters_.total_items;
  counters_ = StoreStats{.total_items = total_items};
  evictions_per_put_ = surplus_per_put_ = EvictionTally{};
}

StoreStats Table::stats() const {
  StoreStats stats = counters_;
  stats.items = index_.items();
  stats.evictions_per_put_max = evictions_per_put_.max();
  stats.evictions_per_put_p999 = evictions_per_put_.p999();
  stats.surplus_evictions_per_put_max = surplus_per_put_.max();
  stats.surplus_evictions_per_put_p999 = surplus_per_put_.p999();
  stats.bytes = live_bytes_;
  stats.user_bytes = user_bytes_;
  stats.limit_bytes = limit_bytes_;
  stats.pinned_bytes = orphan_bytes_;
  stats.draft_bytes = draft_bytes_;
  stats.index_bytes = std::uint64_t{arena_.floor_pages()} * alloc::page_bytes;
  stats.log_bytes = std::uint64_t{live_.pages() + dead_.pages()} * alloc::page_bytes;
  stats.log_steps = live_.compacted();
  return stats;
}

}  // namespace cacheismo::store
