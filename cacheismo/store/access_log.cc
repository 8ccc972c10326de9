#include "cacheismo/store/access_log.h"

#include <cstring>

#include "cacheismo/base/check.h"

namespace cacheismo::store {

// ---- The order
// -----------------------------------------------------------------------------------

Handle AccessLog::oldest() {
  settle();
  if (live_ == 0) return Handle{};
  if (cursor_.page == 0) cursor_ = {oldest_, 0};
  while (true) {
    const std::uint32_t* const entry = entries(cursor_.page);
    const std::uint32_t count = header(cursor_.page).heap_end;
    for (; cursor_.index < count; ++cursor_.index) {
      if (!names_item(entry[cursor_.index])) continue;
      // Who evicts one will evict the next.
      if (cursor_.index + 8 < count && names_item(entry[cursor_.index + 8])) {
        const Handle later{entry[cursor_.index + 8]};
        arena_->prefetch_slot(later);
        arena_->prefetch_header(later.page());
      }
      if (cursor_.index + 4 < count && names_item(entry[cursor_.index + 4]))
        arena_->prefetch_chunk(Handle{entry[cursor_.index + 4]});
      return Handle{entry[cursor_.index]};
    }
    CHECK_NE(cursor_.page, newest_);
    cursor_ = {next(cursor_.page), 0};
  }
}

Handle AccessLog::after(Handle handle) {
  settle();
  const std::uint64_t place = Item(arena_->chunk(handle)).place();
  Spot spot{page_of(place), index_of(place) + 1};
  for (; spot.page != 0; spot = {next(spot.page), 0}) {
    for (; spot.index < header(spot.page).heap_end; ++spot.index) {
      if (const std::uint32_t entry = entries(spot.page)[spot.index]; names_item(entry))
        return Handle{entry};
    }
  }
  return Handle{};
}

Handle AccessLog::descend(std::uint32_t& entries_left) {
  settle();
  while (descending() && entries_left > 0) {
    const std::uint32_t* const entry = entries(descent_.page);
    const std::uint32_t count = header(descent_.page).heap_end;
    descent_.index = std::min(descent_.index, count);  // entries may have been moved away
    while (descent_.index > 0 && entries_left > 0) {
      --entries_left;
      if (names_item(entry[--descent_.index])) return Handle{entry[descent_.index]};
    }
    if (descent_.index == 0) descent_ = {header(descent_.page).wheel_previous, entries_per_page};
  }
  return Handle{};
}

Seconds AccessLog::last_access(Handle handle) const {
  const Item item(arena_->chunk(handle));
  const std::uint32_t page = page_of(item.place());
  std::uint32_t second = header(page).earliest_expiry;
  if (header(page).hole > 0) {
    for (std::uint32_t index = index_of(item.place()); index-- > 0;) {
      const std::uint32_t entry = entries(page)[index];
      if (entry < second_mark) continue;
      second = entry - second_mark;
      break;
    }
  }
  return Seconds{second_of(item, second)};
}

void AccessLog::say_second(Seconds now) {
  *next_entry_++ = second_mark | now.value;
  ++next_place_;
  --room_;
  ++newest_header_->heap_end;
  ++newest_header_->hole;
  ++seconds_;
  second_ = now.value;
}

void AccessLog::do_due(const Item& item, Seconds now) {
  until_work_ -= due_after_;
  until_sample_ -= due_after_;
  if (until_sample_ == 0) {
    if (hot_ != nullptr) hot_->note(item.key(), now);
    const auto place = static_cast<std::uint32_t>(1 + chance_.below(uses_per_sample));
    until_sample_ = behind_sample_ + place;
    behind_sample_ = uses_per_sample - place;
  }
  if (until_work_ == 0) {
    until_work_ = batch;
    work();
  }
  due_after_ = until_due_ = std::min(until_work_, until_sample_);
}

void AccessLog::work() {
  if (running())
    compact(run_.pace * batch);
  else if (spares_ == 0 || pages_ > wanted_pages(live_) + slack_pages)
    search();
}

// ---- Pages
// ---------------------------------------------------------------------------------------

void AccessLog::add_page(std::uint32_t page) {
  header(page).wheel_next = spare_;
  header(page).free_slot = 1;
  spare_ = page;
  ++spares_;
  ++pages_;
}

void AccessLog::start_page(Seconds now) {
  if (spares_ == 0) make_spare();
  const std::uint32_t full = newest_;
  newest_ = spare_;
  spare_ = next(newest_);
  --spares_;
  alloc::PageHeader& head = header(newest_);
  head.heap_end = head.free_bytes = head.hole = 0;
  head.slot_count = head.free_slot = 0;
  head.earliest_expiry = second_ = now.value;
  head.wheel_previous = full;
  head.wheel_next = 0;
  go_on_in_newest();
  if (full == 0) {
    oldest_ = newest_;
    return;
  }
  header(full).wheel_next = newest_;
  drop_if_empty(full);
}

void AccessLog::go_on_in_newest() {
  newest_header_ = newest_ != 0 ? &header(newest_) : nullptr;
  const std::uint32_t index = newest_ != 0 ? newest_header_->heap_end : entries_per_page;
  next_entry_ = newest_ != 0 ? entries(newest_) + index : nullptr;
  next_place_ = place_of({newest_, index});
  room_ = entries_per_page - index;
}

void AccessLog::make_spare() {
  while (spares_ == 0) {
    if (running())
      compact(run_pages_max * entries_per_page);
    else
      CHECK(search_all(false) || search_all(true));
  }
}

void AccessLog::drop_if_empty(std::uint32_t page) {
  if (page == newest_ && appends_) return;
  const alloc::PageHeader& head = header(page);
  if (head.free_bytes != 0 || head.slot_count != 0) return;
  unlink(page);
  free_page(page);
}

void AccessLog::unlink(std::uint32_t page) {
  const alloc::PageHeader& head = header(page);
  if (head.wheel_previous != 0)
    header(head.wheel_previous).wheel_next = head.wheel_next;
  else
    oldest_ = head.wheel_next;
  if (head.wheel_next != 0)
    header(head.wheel_next).wheel_previous = head.wheel_previous;
  else
    newest_ = head.wheel_previous;
  if (cursor_.page == page) cursor_ = {head.wheel_next, 0};
  if (descent_.page == page) descent_ = {head.wheel_previous, entries_per_page};
  if (hand_ == page) hand_ = head.wheel_next;
  if (run_.end == page) run_.end = head.wheel_next;
  seconds_ -= head.hole;
}

void AccessLog::free_page(std::uint32_t page) {
  --pages_;
  if (!appends_ || (spares_ > 0 && pages_ > wanted_pages(live_)))
    arena_->give_back(page);
  else
    add_page(page);
}

void AccessLog::absorb(AccessLog& other) {
  settle();
  other.settle();
  end_run();
  other.end_run();
  if (other.live_ == 0) return;
  const std::uint32_t full = newest_;
  if (full == 0) {
    oldest_ = other.oldest_;
  } else {
    header(full).wheel_next = other.oldest_;
    header(other.oldest_).wheel_previous = full;
  }
  newest_ = other.newest_;
  second_ = other.second_;
  live_ += other.live_;
  seconds_ += other.seconds_;
  pages_ += other.pages_ - other.spares_;
  other.pages_ = other.spares_;
  other.oldest_ = other.newest_ = other.hand_ = 0;
  other.cursor_ = other.descent_ = {};
  other.live_ = other.seconds_ = 0;
  other.go_on_in_newest();
  if (newest_ != 0) drop_if_empty(newest_);
}

void AccessLog::replace(std::uint32_t page, std::uint32_t fresh) {
  for (std::uint32_t* named :
       {&oldest_, &newest_, &spare_, &hand_, &cursor_.page, &descent_.page, &run_.end})
    if (*named == page) *named = fresh;
  if (appends_ && newest_ == fresh) go_on_in_newest();
  if (header(fresh).free_slot == 0) return;
  for (std::uint32_t spare = spare_; spare != 0; spare = next(spare))
    if (next(spare) == page) header(spare).wheel_next = fresh;
}

void AccessLog::relocate(std::uint32_t page, std::uint32_t fresh, AccessLog& live,
                         AccessLog& dead) {
  live.settle();
  if (live.header(page).slot_count != 0) live.end_run();
  // The run may have emptied it and given it back.
  if (!live.arena_->claimed(page)) return live.arena_->give_back(fresh);
  const alloc::PageHeader head = live.header(page);
  alloc::PageHeader& copy = live.header(fresh);
  const std::uint16_t bin = copy.bin;
  copy = head;
  copy.bin = bin;
  if (head.free_slot == 0) {
    std::memcpy(live.entries(fresh), live.entries(page), alloc::page_bytes);
    for (std::uint32_t index = 0; index < head.heap_end; ++index) {
      const std::uint32_t entry = live.entries(fresh)[index];
      if (!names_item(entry)) continue;
      const Item moved(live.arena_->chunk(Handle{entry}));
      moved.set_place(place_of({fresh, index}), moved.header().second);
    }
    if (head.wheel_previous != 0) live.header(head.wheel_previous).wheel_next = fresh;
    if (head.wheel_next != 0) live.header(head.wheel_next).wheel_previous = fresh;
  }
  live.replace(page, fresh);
  dead.replace(page, fresh);
  live.arena_->give_back(page);
}

// ---- Audit
// ---------------------------------------------------------------------------------------

std::optional<std::string> AccessLog::audit() {
  settle();
  const auto broken = [](const char* what, std::uint32_t page) {
    return "access log, page " + std::to_string(page) + ": " + what;
  };
  std::uint64_t live = 0;
  std::uint64_t seconds = 0;
  std::uint32_t pages = 0;
  std::uint32_t previous = 0;
  for (std::uint32_t page = oldest_; page != 0; previous = page, page = next(page)) {
    const alloc::PageHeader& head = header(page);
    if (!arena_->claimed(page)) return broken("is not claimed", page);
    if (head.wheel_previous != previous) return broken("has a wrong back link", page);
    if (++pages > arena_->page_count()) return broken("the chain does not end", page);
    if (head.heap_end > entries_per_page) return broken("has too many entries", page);
    std::uint32_t live_here = 0;
    std::uint32_t seconds_here = 0;
    for (std::uint32_t index = 0; index < head.heap_end; ++index) {
      const std::uint32_t entry = entries(page)[index];
      if (entry >= second_mark) ++seconds_here;
      if (!names_item(entry)) continue;
      ++live_here;
      const Handle handle{entry};
      if (!arena_->page(handle.page()).used(handle.slot()) ||
          arena_->kind(handle) != alloc::Kind::item)
        return broken("names what is no item", page);
      if (Item(arena_->chunk(handle)).place() != place_of({page, index}))
        return broken("names an item that stands elsewhere", page);
    }
    if (live_here != head.free_bytes) return broken("counts other items than it names", page);
    if (seconds_here != head.hole) return broken("counts other seconds than it holds", page);
    if (live_here == 0 && head.slot_count == 0 && !(page == newest_ && appends_))
      return broken("is empty and still in the chain", page);
    live += live_here;
    seconds += seconds_here;
  }
  if (previous != newest_) return broken("the chain does not end here", newest_);
  std::uint32_t spares = 0;
  for (std::uint32_t page = spare_; page != 0 && spares <= pages_; page = next(page)) ++spares;
  if (spares != spares_ || pages + spares != pages_) return broken("pages do not add up", spare_);
  if (live != live_) return broken("items do not add up", oldest_);
  if (seconds != seconds_) return broken("seconds do not add up", oldest_);
  return std::nullopt;
}

}  // namespace cacheismo::store
