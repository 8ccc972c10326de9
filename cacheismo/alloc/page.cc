#include "cacheismo/alloc/page.h"

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
  for (std::uint32_t slot = header().free_slot; slot != no_slot; slot = slot_word(slot) & 0xFF) {
    if (slot >= header().slot_count || used(slot) || ++count > slots_max) return slots_max + 1;
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
  CHECK_LE(bytes + (new_slot ? slot_bytes : 0), head.free_bytes);
  if (!takes_unslid(bytes)) {
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
    head.free_slot = static_cast<std::uint8_t>(slot_word(slot) & 0xFF);
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
  PageHeader& head = header();
  std::size_t offset = slot_word(slot) & offset_mask;
  head.free_bytes = static_cast<std::uint16_t>(head.free_bytes + bytes);
  slot_word(slot) = static_cast<std::uint16_t>(free_mark | head.free_slot);
  head.free_slot = static_cast<std::uint8_t>(slot);
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

void Page::slide(SizeOf size_of) {
  // Out and back through a scratch page: two copies of at most 8 KiB, and no sorting of slots.
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
  head.hole = no_hole;
  CHECK_EQ(gap(), head.free_bytes);
  poison(base_ + end, gap());
}

}  // namespace cacheismo::alloc
