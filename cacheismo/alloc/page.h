// Page: 8 KiB in which chunks may slide, because everybody holds slots and not addresses.
//
//   0                                     heap_end          8192 - 2 * slot_count       8192
//   +-------+------+-------+--------------+------- gap -------+-------------------------+
//   | chunk | hole | chunk | kept hole    |                   | slot n-1 | ... | slot 0 |
//   +-------+------+-------+--------------+-------------------+-------------------------+
//   header, elsewhere:  heap_end, free_bytes, slot_count, hole, links ...
//
// Headers lie together in a table of the arena, because at the start of every page they would all
// fall into the same few sets of the processor's caches.
//
//   slot (2 bytes)   used:  0 | piece | pin | offset (13 bits)      free:  1 | 7 bits | next free
//
//  1. heap_end + 2 * slot_count <= 8192; chunks lie in [0, heap_end) and do not overlap.
//  2. free_bytes = gap + holes.
//  3. Chunks start at even offsets; a chunk's size is known to its owner (SizeOf), not stored here.
//  4. The hole of the latest release is kept: `hole` is its offset, its size stands in its first 2
//     bytes. A chunk of the same size, which is what follows an eviction, goes there unslid.
//  5. The last slot is used, and the lowest free one is taken first (free slots are listed in
//     order): a page that held many short chunks does not keep the room for as many slots.
//  6. A pinned chunk stays where it is; `pins` counts them. The others slide between them:
//
//   | movable ... hole | pinned | movable ... hole | pinned | movable ... gap | slots |
//
// What it is not: it does not know what a chunk holds, nor which page fits (arena.h).

#ifndef CACHEISMO_ALLOC_PAGE_H_
#define CACHEISMO_ALLOC_PAGE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace cacheismo::alloc {

/// Large enough that 512-byte items leave no more than 6% of it unused, small enough that 255 slots
/// suffice for the shortest items and that sliding one is cheap.
inline constexpr std::size_t page_bytes = 8192;

/// Names a chunk: page number and slot. 0 names none (page 0 never holds chunks).
struct Handle {
  std::uint32_t value = 0;
  [[nodiscard]] std::uint32_t page() const { return value >> 8; }
  [[nodiscard]] std::uint32_t slot() const { return value & 0xFF; }
  explicit operator bool() const { return value != 0; }
  bool operator==(const Handle&) const = default;
};

/// The two kinds of chunk, told apart without looking inside: an item, or a piece of a long value.
enum class Kind : std::uint8_t { item, piece };

/// Chunks start and end at even offsets.
[[nodiscard]] constexpr std::size_t even(std::size_t bytes) {
  return (bytes + 1) & ~std::size_t{1};
}

/// A chunk's size from its own first bytes, in bytes.
using SizeOf = std::uint32_t (*)(Kind kind, const char* chunk);

struct PageHeader {
  std::uint16_t heap_end;
  std::uint16_t free_bytes;
  std::uint16_t hole;  ///< offset of a hole below heap_end, no_hole if none is known
  std::uint8_t slot_count;
  std::uint8_t free_slot;  ///< first of the free slots, no_slot if none
  std::uint16_t pins;      ///< pinned chunks
  std::uint16_t bin;       ///< which list of arena.h the page is in, no_bin if none
  std::uint32_t bin_previous;
  std::uint32_t bin_next;
  std::uint32_t earliest_expiry;  ///< the owner's: no chunk of the page expires before; 0: never
  std::uint32_t wheel_previous;   ///< the owner's
  std::uint32_t wheel_next;       ///< the owner's
};
static_assert(sizeof(PageHeader) == 32);

inline constexpr std::uint8_t no_slot = 0xFF;
inline constexpr std::uint16_t no_hole = 0xFFFF;
inline constexpr std::uint16_t no_bin = 0xFFFF;
inline constexpr std::size_t slots_max = 255;
inline constexpr std::size_t slot_bytes = 2;

/// Largest chunk: a page with nothing else in it.
inline constexpr std::size_t chunk_bytes_max = page_bytes - slot_bytes;

/// A view of one page and its header; costs nothing to make.
class Page {
 public:
  Page(char* base, PageHeader* header) : base_(base), header_(header) {}

  [[nodiscard]] PageHeader& header() const { return *header_; }
  [[nodiscard]] const char* base() const { return base_; }
  [[nodiscard]] std::size_t gap() const {
    return page_bytes - header().slot_count * slot_bytes - header().heap_end;
  }
  [[nodiscard]] bool empty() const {
    return header().free_bytes + header().slot_count * slot_bytes == page_bytes;
  }

  /// Makes an empty page of whatever was there.
  void format();

  [[nodiscard]] bool used(std::uint32_t slot) const {
    return slot < header().slot_count && (slot_word(slot) & free_mark) == 0;
  }
  [[nodiscard]] Kind kind(std::uint32_t slot) const {
    return (slot_word(slot) & piece_mark) != 0 ? Kind::piece : Kind::item;
  }
  [[nodiscard]] bool pinned(std::uint32_t slot) const { return (slot_word(slot) & pin_mark) != 0; }
  [[nodiscard]] const void* slot_address(std::uint32_t slot) const { return &slot_word(slot); }
  [[nodiscard]] char* chunk(std::uint32_t slot) const {
    return base_ + (slot_word(slot) & offset_mask);
  }

  /// How many slots the list of free ones has; above slots_max if it leads into a used one or
  /// nowhere, or does not ascend. For audits.
  [[nodiscard]] std::size_t free_slots() const;

  /// The kept hole's size, 0 if there is none.
  [[nodiscard]] std::size_t hole_bytes() const;
  /// Whether take() finds `bytes` in one run.
  [[nodiscard]] bool takes_unslid(std::size_t bytes) const;

  /// The longest run that sliding can make, a slot included. Without pins that is all that is free.
  /// The chunk in `fresh`, if any, has `fresh_bytes` and does not say so yet.
  [[nodiscard]] std::size_t room(SizeOf size_of, std::uint32_t fresh = no_slot,
                                 std::size_t fresh_bytes = 0) const;

  /// Takes a slot and `bytes` (even) for it, sliding chunks together if no run suffices. Requires
  /// bytes + slot_bytes <= room() and a free slot below slots_max.
  [[nodiscard]] std::uint32_t take(Kind kind, std::size_t bytes, SizeOf size_of);

  /// Gives a chunk of `bytes` back, which must not be pinned. Its slot may be used again at once.
  void release(std::uint32_t slot, std::size_t bytes);

  /// Gives the end of a chunk back: it had `before` bytes and keeps `after` (both even).
  void shorten(std::uint32_t slot, std::size_t before, std::size_t after);

  void pin(std::uint32_t slot);
  void unpin(std::uint32_t slot);

 private:
  static constexpr std::uint16_t free_mark = 0x8000;
  static constexpr std::uint16_t piece_mark = 0x4000;
  static constexpr std::uint16_t pin_mark = 0x2000;
  static constexpr std::uint16_t offset_mask = 0x1FFF;

  /// From a pinned chunk (or the page's start) to the next one (or the slots).
  struct Stretch {
    std::size_t begin;
    std::size_t end;
    std::size_t used;  ///< by movable chunks
    [[nodiscard]] std::size_t free() const { return end - begin - used; }
  };
  struct Stretches {
    std::array<Stretch, slots_max + 1> list;
    std::size_t count;
    [[nodiscard]] Stretch& around(std::size_t offset);
    [[nodiscard]] std::span<Stretch> all() { return {list.data(), count}; }
  };

  [[nodiscard]] std::uint16_t& slot_word(std::uint32_t slot) const {
    return *reinterpret_cast<std::uint16_t*>(base_ + page_bytes - slot_bytes * (slot + 1));
  }
  void keep_hole(std::size_t offset, std::size_t bytes);
  /// no_slot, which is above every slot, after the last one.
  [[nodiscard]] std::uint32_t next_free(std::uint32_t slot) const { return slot_word(slot) & 0xFF; }
  void list_free(std::uint32_t slot);
  /// Gives the space of the last slots back, which are free. One that is used must be left.
  void trim_slots();
  void slide(SizeOf size_of);
  /// With nothing used in them yet.
  void find_stretches(SizeOf size_of, Stretches& found) const;
  [[nodiscard]] std::size_t chunk_bytes(std::uint32_t slot, SizeOf size_of) const {
    return even(size_of(kind(slot), chunk(slot)));
  }

  char* base_;
  PageHeader* header_;
};

}  // namespace cacheismo::alloc

#endif  // CACHEISMO_ALLOC_PAGE_H_
