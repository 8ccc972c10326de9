#include "cacheismo/alloc/page.h"

#include <algorithm>
#include <cstring>

#include "cacheismo/alloc/poison.h"
#include "cacheismo/base/check.h"

namespace cacheismo::alloc {

void Page::format() {
  header() = PageHeader{.heap_end = 0,
                        .free_bytes = page_bytes,
                        .hole = no_hole,
                        .slot_count = 0,
                        .free_slot = no_slot,
                        .pins = 0,
                        .bin = no_bin,
                        .bin_previous = 0,
                        .bin_next = 0,
                        .earliest_expiry = 0,
                        .wheel_previous = 0,
                        .wheel_next = 0};
  poison(base_, page_bytes);
}

std::size_t Page::free_slots() const {
  std::size_t count = 0;
  for (std::uint32_t slot = header().free_slot; slot != no_slot; slot = next_free(slot)) {
    if (slot >= header().slot_count || used(slot) || next_free(slot) <= slot) return slots_max + 1;
    ++count;
  }
  return count;
}

std::size_t Page::hole_bytes() const {
  if (header().hole == no_hole) return 0;
  std::uint16_t bytes;
  std::memcpy(&bytes, base_ + header().hole, sizeof bytes);
  return bytes;
}

void Page::keep_hole(std::size_t offset, std::size_t bytes) {
  PageHeader& head = header();
  head.hole = no_hole;
  if (bytes == 0) return;
  head.hole = static_cast<std::uint16_t>(offset);
  const auto size = static_cast<std::uint16_t>(bytes);
  unpoison(base_ + offset, sizeof size);
  std::memcpy(base_ + offset, &size, sizeof size);
  poison(base_ + offset + sizeof size, bytes - sizeof size);
}

bool Page::takes_unslid(std::size_t bytes) const {
  const std::size_t for_slot = header().free_slot == no_slot ? slot_bytes : 0;
  return gap() >= bytes + for_slot || (gap() >= for_slot && hole_bytes() >= bytes);
}

std::uint32_t Page::take(Kind kind, std::size_t bytes, SizeOf size_of) {
  PageHeader& head = header();
  const bool new_slot = head.free_slot == no_slot;
  if (!takes_unslid(bytes)) {
    slide(size_of);
    CHECK(takes_unslid(bytes));
  }
  std::uint32_t slot = head.slot_count;
  if (new_slot) {
    CHECK_LT(head.slot_count, slots_max);
    unpoison(base_ + page_bytes - slot_bytes * (slot + 1), slot_bytes);
    ++head.slot_count;
    head.free_bytes = static_cast<std::uint16_t>(head.free_bytes - slot_bytes);
  } else {
    slot = head.free_slot;
    head.free_slot = static_cast<std::uint8_t>(next_free(slot));
  }
  std::uint16_t offset = head.heap_end;
  const std::size_t hole = hole_bytes();
  if (hole == bytes || gap() < bytes) {
    offset = head.hole;
    keep_hole(offset + bytes, hole - bytes);
  } else {
    head.heap_end = static_cast<std::uint16_t>(head.heap_end + bytes);
  }
  slot_word(slot) = static_cast<std::uint16_t>(offset | (kind == Kind::piece ? piece_mark : 0));
  unpoison(base_ + offset, bytes);
  head.free_bytes = static_cast<std::uint16_t>(head.free_bytes - bytes);
  return slot;
}

void Page::release(std::uint32_t slot, std::size_t bytes) {
  CHECK(used(slot));
  CHECK(!pinned(slot));
  PageHeader& head = header();
  std::size_t offset = slot_word(slot) & offset_mask;
  head.free_bytes = static_cast<std::uint16_t>(head.free_bytes + bytes);
  list_free(slot);
  if (head.free_bytes + head.slot_count * slot_bytes == page_bytes) {
    // Nothing is left: forget the slots and the holes at once.
    poison(base_, page_bytes);
    head.slot_count = 0;
    head.free_slot = no_slot;
    head.hole = no_hole;
    head.heap_end = 0;
    head.free_bytes = page_bytes;
    return;
  }
  poison(base_ + offset, bytes);
  if (slot + 1 == head.slot_count) trim_slots();
  const std::size_t kept = hole_bytes();
  if (kept > 0 && head.hole + kept == offset) {
    offset = head.hole;
    bytes += kept;
    head.hole = no_hole;
  } else if (kept > 0 && offset + bytes == head.hole) {
    bytes += kept;
    head.hole = no_hole;
  }
  if (offset + bytes == head.heap_end)
    head.heap_end = static_cast<std::uint16_t>(offset);
  else
    keep_hole(offset, bytes);
}

void Page::shorten(std::uint32_t slot, std::size_t before, std::size_t after) {
  CHECK(used(slot));
  CHECK_LE(after, before);
  PageHeader& head = header();
  const auto end = static_cast<std::size_t>(chunk(slot) - base_) + after;
  head.free_bytes = static_cast<std::uint16_t>(head.free_bytes + before - after);
  if (end + before - after == head.heap_end) head.heap_end = static_cast<std::uint16_t>(end);
  poison(base_ + end, before - after);
}

void Page::list_free(std::uint32_t slot) {
  PageHeader& head = header();
  if (slot < head.free_slot) {
    slot_word(slot) = static_cast<std::uint16_t>(free_mark | head.free_slot);
    head.free_slot = static_cast<std::uint8_t>(slot);
    return;
  }
  std::uint32_t before = head.free_slot;
  while (next_free(before) < slot) before = next_free(before);
  slot_word(slot) = slot_word(before);
  slot_word(before) = static_cast<std::uint16_t>(free_mark | slot);
}

void Page::trim_slots() {
  PageHeader& head = header();
  std::uint32_t count = head.slot_count;
  while (!used(count - 1)) --count;
  const std::size_t gone = (head.slot_count - count) * slot_bytes;
  head.slot_count = static_cast<std::uint8_t>(count);
  head.free_bytes = static_cast<std::uint16_t>(head.free_bytes + gone);
  if (head.free_slot >= count) {
    head.free_slot = no_slot;
  } else {
    std::uint32_t last = head.free_slot;
    while (next_free(last) < count) last = next_free(last);
    slot_word(last) = free_mark | no_slot;
  }
  poison(base_ + head.heap_end, gap());
}

void Page::pin(std::uint32_t slot) {
  CHECK(used(slot));
  CHECK(!pinned(slot));
  slot_word(slot) |= pin_mark;
  ++header().pins;
}

void Page::unpin(std::uint32_t slot) {
  CHECK(used(slot));
  CHECK(pinned(slot));
  slot_word(slot) = static_cast<std::uint16_t>(slot_word(slot) & ~pin_mark);
  --header().pins;
}

Page::Stretch& Page::Stretches::around(std::size_t offset) {
  const auto after = std::upper_bound(
      list.begin(), list.begin() + static_cast<std::ptrdiff_t>(count), offset,
      [](std::size_t wanted, const Stretch& stretch) { return wanted < stretch.begin; });
  return *std::prev(after);
}

void Page::find_stretches(SizeOf size_of, Stretches& found) const {
  const PageHeader& head = header();
  found.count = 0;
  // Each pinned chunk opens one; `end` is the chunk's start until they are in order.
  std::uint32_t left = head.pins;
  for (std::uint32_t slot = 0; left > 0; ++slot) {
    if (!used(slot) || !pinned(slot)) continue;
    const auto begin = static_cast<std::size_t>(chunk(slot) - base_);
    found.list[found.count++] = {begin + chunk_bytes(slot, size_of), begin, 0};
    --left;
  }
  std::sort(found.list.begin(), found.list.begin() + static_cast<std::ptrdiff_t>(found.count),
            [](const Stretch& a, const Stretch& b) { return a.begin < b.begin; });
  found.list[found.count++] = {0, page_bytes - head.slot_count * slot_bytes, 0};
  std::rotate(found.list.begin(), found.list.begin() + static_cast<std::ptrdiff_t>(found.count - 1),
              found.list.begin() + static_cast<std::ptrdiff_t>(found.count));
  const std::size_t limit = found.list[0].end;
  for (std::size_t i = 0; i + 1 < found.count; ++i) found.list[i].end = found.list[i + 1].end;
  found.list[found.count - 1].end = limit;
}

std::size_t Page::room(SizeOf size_of, std::uint32_t fresh, std::size_t fresh_bytes) const {
  const PageHeader& head = header();
  if (head.pins == 0) return head.free_bytes;
  Stretches stretches;
  find_stretches(size_of, stretches);
  for (std::uint32_t slot = 0; slot < head.slot_count; ++slot) {
    if (!used(slot) || pinned(slot)) continue;
    stretches.around(static_cast<std::size_t>(chunk(slot) - base_)).used +=
        slot == fresh ? fresh_bytes : chunk_bytes(slot, size_of);
  }
  const auto all = stretches.all();
  if (head.free_slot == no_slot && all.back().free() < slot_bytes) return 0;
  std::size_t most = 0;
  for (const Stretch& stretch : all) most = std::max(most, stretch.free());
  return most;
}

void Page::slide(SizeOf size_of) {
  // Out and back through a scratch page: two copies of at most 8 KiB, and no sorting of slots.
  char scratch[page_bytes];
  PageHeader& head = header();
  Stretches stretches;
  find_stretches(size_of, stretches);
  for (std::uint32_t slot = 0; slot < head.slot_count; ++slot) {
    if (!used(slot) || pinned(slot)) continue;
    Stretch& stretch = stretches.around(static_cast<std::size_t>(chunk(slot) - base_));
    const std::size_t bytes = chunk_bytes(slot, size_of);
    const std::size_t to = stretch.begin + stretch.used;
    std::memcpy(scratch + to, chunk(slot), bytes);
    slot_word(slot) = static_cast<std::uint16_t>((slot_word(slot) & ~offset_mask) | to);
    stretch.used += bytes;
  }
  head.hole = no_hole;
  const Stretch* roomiest = nullptr;
  for (const Stretch& stretch : stretches.all()) {
    unpoison(base_ + stretch.begin, stretch.used);
    std::memcpy(base_ + stretch.begin, scratch + stretch.begin, stretch.used);
    poison(base_ + stretch.begin + stretch.used, stretch.free());
    head.heap_end = static_cast<std::uint16_t>(stretch.begin + stretch.used);
    if (&stretch != &stretches.all().back() &&
        (roomiest == nullptr || stretch.free() > roomiest->free()))
      roomiest = &stretch;
  }
  if (roomiest != nullptr) keep_hole(roomiest->begin + roomiest->used, roomiest->free());
}

}  // namespace cacheismo::alloc
