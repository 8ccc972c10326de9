#include "cacheismo/alloc/page.h"

#include <cstring>

#include "cacheismo/alloc/poison.h"
#include "cacheismo/base/check.h"

namespace cacheismo::alloc {

void Page::format() {
  header() = PageHeader{.heap_end = 0,
                        .free_bytes = page_bytes,
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

std::uint32_t Page::take(Kind kind, std::size_t bytes, SizeOf size_of) {
  PageHeader& head = header();
  const bool new_slot = head.free_slot == no_slot;
  const std::size_t need = bytes + (new_slot ? slot_bytes : 0);
  CHECK_LE(need, head.free_bytes);
  if (need > gap()) {
    CHECK_EQ(head.pins, 0);
    slide(size_of);
  }
  std::uint32_t slot = head.slot_count;
  if (new_slot) {
    CHECK_LT(head.slot_count, slots_max);
    unpoison(base_ + page_bytes - slot_bytes * (slot + 1), slot_bytes);
    ++head.slot_count;
    head.free_bytes = static_cast<std::uint16_t>(head.free_bytes - slot_bytes);
  } else {
    slot = head.free_slot;
    const std::uint16_t next = slot_word(slot) & 0xFF;
    head.free_slot = next == slots_max ? no_slot : next;
  }
  slot_word(slot) =
      static_cast<std::uint16_t>(head.heap_end | (kind == Kind::piece ? piece_mark : 0));
  unpoison(base_ + head.heap_end, bytes);
  head.heap_end = static_cast<std::uint16_t>(head.heap_end + bytes);
  head.free_bytes = static_cast<std::uint16_t>(head.free_bytes - bytes);
  return slot;
}

void Page::release(std::uint32_t slot, std::size_t bytes) {
  CHECK(used(slot));
  PageHeader& head = header();
  const std::uint16_t offset = slot_word(slot) & offset_mask;
  if (offset + bytes == head.heap_end) head.heap_end = offset;
  poison(base_ + offset, bytes);
  head.free_bytes = static_cast<std::uint16_t>(head.free_bytes + bytes);
  const std::uint16_t next =
      head.free_slot == no_slot ? static_cast<std::uint16_t>(slots_max) : head.free_slot;
  slot_word(slot) = static_cast<std::uint16_t>(free_mark | next);
  head.free_slot = static_cast<std::uint16_t>(slot);
  if (head.free_bytes + head.slot_count * slot_bytes == page_bytes) {
    // Nothing is left: forget the slots and the holes at once.
    poison(base_ + page_bytes - head.slot_count * slot_bytes, head.slot_count * slot_bytes);
    head.slot_count = 0;
    head.free_slot = no_slot;
    head.heap_end = 0;
    head.free_bytes = page_bytes;
  }
}

void Page::shrink(std::uint32_t slot, std::size_t before, std::size_t after) {
  CHECK(used(slot));
  CHECK_LE(after, before);
  PageHeader& head = header();
  const std::size_t offset = slot_word(slot) & offset_mask;
  if (offset + before == head.heap_end) head.heap_end = static_cast<std::uint16_t>(offset + after);
  poison(base_ + offset + after, before - after);
  head.free_bytes = static_cast<std::uint16_t>(head.free_bytes + (before - after));
}

void Page::slide(SizeOf size_of) {
  // Out and back through a scratch page: two copies of at most 4 KiB, and no sorting of slots.
  char scratch[page_bytes];
  PageHeader& head = header();
  std::size_t end = 0;
  for (std::uint32_t slot = 0; slot < head.slot_count; ++slot) {
    if (!used(slot)) continue;
    const std::size_t bytes = even(size_of(kind(slot), chunk(slot)));
    std::memcpy(scratch + end, chunk(slot), bytes);
    slot_word(slot) = static_cast<std::uint16_t>((slot_word(slot) & ~offset_mask) | end);
    end += bytes;
  }
  unpoison(base_, end);
  std::memcpy(base_, scratch, end);
  head.heap_end = static_cast<std::uint16_t>(end);
  CHECK_EQ(gap(), head.free_bytes);
  poison(base_ + end, gap());
}

}  // namespace cacheismo::alloc
