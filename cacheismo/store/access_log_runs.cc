// How AccessLog puts neighbouring pages together: finds a run of them that fits in one page fewer,
// and moves its entries, some with every few accesses.
//
//   before the call   | moved ... | free | 60s | rest of the run ...        to <= from, always
//                              to ^        from ^
//
// What holds for the rest is said in the entry before it while the run waits: the second of entries
// that have moved is said anew where they went.

#include "cacheismo/store/access_log.h"

namespace cacheismo::store {

std::uint32_t AccessLog::end_of_run(std::uint32_t page, std::uint32_t count,
                                    bool forget_seconds) const {
  std::uint32_t needed = 0;
  for (std::uint32_t i = 0; i < count; ++i, page = next(page)) {
    if (page == newest_ || page == 0) return 0;
    const alloc::PageHeader& head = header(page);
    // A page's start may have to be said where it is none any more, but no second for nobody.
    const std::uint32_t seconds = std::min(head.hole + 1u, std::uint32_t{head.free_bytes});
    needed += head.free_bytes + (forget_seconds ? 0u : seconds);
  }
  return needed <= (count - 1) * entries_per_page ? page : 0;
}

void AccessLog::search() {
  for (std::uint32_t looks = (search_pace + pages_ / 1024) * batch; looks > 0; --looks) {
    if (hand_ == 0 || hand_ == newest_) {
      hand_ = oldest_;
      count_ = count_ < run_pages_max ? count_ + 1 : 2;
    }
    if (const std::uint32_t end = end_of_run(hand_, count_, false)) {
      begin_run(hand_, end, count_, false);
      return;
    }
    hand_ = next(hand_);
  }
}

bool AccessLog::search_all(bool forget_seconds) {
  for (std::uint32_t count = 2; count <= run_pages_max; ++count) {
    for (std::uint32_t page = oldest_; page != 0; page = next(page)) {
      const std::uint32_t end = end_of_run(page, count, forget_seconds);
      if (end == 0) continue;
      begin_run(page, end, count, forget_seconds);
      return true;
    }
  }
  return false;
}

void AccessLog::begin_run(std::uint32_t page, std::uint32_t end, std::uint32_t count,
                          bool forget_seconds) {
  run_ = Run{.begin = page,
             .end = end,
             .pace = 2 * count,
             .from = {page, 0},
             .to = {page, 0},
             .from_second = header(page).earliest_expiry,
             .to_second = 0,
             .forgets_seconds = forget_seconds};
  hand_ = end;
  for (; page != end; page = next(page)) header(page).slot_count = 1;
}

void AccessLog::prefetch(std::uint32_t end) const {
  const std::uint32_t* const entry = entries(run_.from.page);
  for (std::uint32_t index = run_.from.index; index < end; ++index)
    if (names_item(entry[index])) arena_->prefetch_slot(Handle{entry[index]});
  for (std::uint32_t index = run_.from.index; index < end; ++index)
    if (names_item(entry[index])) arena_->prefetch_chunk(Handle{entry[index]});
}

void AccessLog::compact(std::uint32_t count) {
  settle();
  // Its second was said to the rest of the page when the last call ended.
  if (run_.from.index > 0 && run_.from != run_.to) take_second();
  while (count > 0) {
    const std::uint32_t entries_here = header(run_.from.page).heap_end;
    const std::uint32_t end =
        std::min({run_.from.index + count, run_.from.index + overlapping, entries_here});
    if (end > run_.from.index) {
      count -= end - run_.from.index;
      compacted_ += end - run_.from.index;
      prefetch(end);
      compact_to(end);
      continue;
    }
    --count;
    run_.from = {next(run_.from.page), 0};
    if (run_.from.page == run_.end) return end_run();
    run_.from_second = header(run_.from.page).earliest_expiry;
  }
  if (run_.from.index > 0 && run_.from != run_.to) {
    entries(run_.from.page)[run_.from.index - 1] = second_mark | run_.from_second;
    ++header(run_.from.page).hole;
    ++seconds_;
  }
  // Entries have moved towards the oldest end.
  if (header(oldest_).slot_count != 0) cursor_ = {oldest_, 0};
}

void AccessLog::take_second() {
  std::uint32_t& entry = entries(run_.from.page)[run_.from.index - 1];
  run_.from_second = entry - second_mark;
  entry = 0;
  --header(run_.from.page).hole;
  --seconds_;
}

void AccessLog::leave_page() {
  header(run_.to.page).heap_end = static_cast<std::uint16_t>(run_.to.index);
  run_.to = {next(run_.to.page), 0};
}

void AccessLog::put(std::uint32_t entry, std::uint32_t second) {
  if (run_.to.index == entries_per_page) leave_page();
  alloc::PageHeader& head = header(run_.to.page);
  if (run_.to.index == 0) head.earliest_expiry = run_.to_second = second;
  if (entry >= second_mark) {
    ++head.hole;
    ++seconds_;
    run_.to_second = second;
  } else {
    ++head.free_bytes;
  }
  entries(run_.to.page)[run_.to.index++] = entry;
  head.heap_end = std::max(head.heap_end, static_cast<std::uint16_t>(run_.to.index));
}

void AccessLog::compact_to(std::uint32_t end) {
  std::uint32_t* const source = entries(run_.from.page);
  std::uint32_t moved = 0;
  while (run_.from.index < end) {
    // Most go straight behind the one before; what decides about that stays in registers.
    std::uint32_t* const target = entries(run_.to.page);
    const std::uint64_t target_place = place_of({run_.to.page, 0});
    const std::uint32_t from_second = run_.from_second;
    const std::uint32_t to_second = run_.to_second;
    const std::uint32_t room_from = run_.to.index == 0 ? entries_per_page : run_.to.index;
    std::uint32_t to = room_from;
    std::uint32_t from = run_.from.index;
    std::uint32_t value = 0;
    for (; from < end; ++from) {
      value = source[from];
      if (value == 0) continue;
      if (value >= second_mark || to == entries_per_page) break;
      const Item item(arena_->chunk(Handle{value}));
      if (second_of(item, from_second) - to_second >= seconds_span) break;
      source[from] = 0;
      target[to] = value;
      item.set_place(target_place + to++, item.header().second);
    }
    moved += to - room_from;
    note_moved(to - room_from);
    run_.from.index = from;
    if (from == end) break;
    ++run_.from.index;
    if (value >= second_mark) {
      take_second();
    } else {
      source[from] = 0;
      ++moved;
      move_entry(value);
    }
  }
  alloc::PageHeader& head = header(run_.from.page);
  head.free_bytes = static_cast<std::uint16_t>(head.free_bytes - moved);
}

void AccessLog::note_moved(std::uint32_t count) {
  if (count == 0) return;
  alloc::PageHeader& head = header(run_.to.page);
  run_.to.index += count;
  head.free_bytes = static_cast<std::uint16_t>(head.free_bytes + count);
  head.heap_end = std::max(head.heap_end, static_cast<std::uint16_t>(run_.to.index));
}

void AccessLog::move_entry(std::uint32_t entry) {
  const Item item(arena_->chunk(Handle{entry}));
  std::uint32_t second = second_of(item, run_.from_second);
  if (run_.to.index > 0 && second - run_.to_second >= seconds_span) {
    // What is forgotten becomes the latest that can be said, so that seconds still ascend.
    if (run_.forgets_seconds)
      second = run_.to_second + seconds_span - 1;
    else if (run_.to.index + 1 < entries_per_page)
      put(second_mark | second, second);
    else
      leave_page();
  }
  put(entry, second);
  item.set_place(place_of({run_.to.page, run_.to.index - 1}), second % seconds_span);
}

void AccessLog::end_run() {
  if (!running()) return;
  if (run_.from.page == run_.end) leave_page();
  const std::uint32_t end = run_.end;
  std::uint32_t page = run_.begin;
  run_ = {};
  cursor_ = {oldest_, 0};
  while (page != end) {
    const std::uint32_t behind = next(page);
    header(page).slot_count = 0;
    drop_if_empty(page);
    page = behind;
  }
}

}  // namespace cacheismo::store
