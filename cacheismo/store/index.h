// Index: key -> item, in lines of one cache line each over the arena's first pages; two choices.
//
//   pages [0, floor):  | line 0 | line 1 | ... | line lines-1 |            64 bytes a line
//
//   line   0          10          20                                     60        64
//          +----------+-----------+--------------------------------------+---------+
//          | 10 tags  | 10 hints  | 10 handles                           | unused  |
//          +----------+-----------+--------------------------------------+---------+
//   entry i: tags[i], hints[i], handles[i]; an empty one is all 0
//
//   hash   0                          32                        56       64
//          | first line ->            | second line ->    ...   | tag    |
//
//  1. Every live item is in one entry of one of its key's two lines. A dead item (flushed) is in
//     none: that is how the two are told apart.
//  2. A tag is 8 bits of the hash, never 0, so that a hit reads 1.03 items and a miss 0.07.
//  3. A hint says where in its page the item lay when it was last found, in steps of 32 bytes: the
//     item is fetched while its slot is read, which tells where it really lies. It may be stale.
//  4. While hold() is on no entry goes to a line that a walk has behind it: who walks the lines
//     upwards meets every key that is there all the time, though it be rewritten.
//  5. It grows and shrinks by a line at a time. An insert looks at no more than 240 items, a merge
//     at ten times as many; an insert that finds both lines full at 1.4 to 4 on average.
//
// Line n of `lines` = 2^level + grown: a half of the hash goes to its low level+1 bits, or to its
// low level bits if that line does not exist yet (Litwin, 1980). Two choices with moves fill lines
// of 10 to beyond 90% (Pagh and Rodler, 2001; Dietzfelbinger and Weidling, 2005).
//
// What it is not: it does not make room for its pages; Table vacates the page at the floor first.

#ifndef CACHEISMO_STORE_INDEX_H_
#define CACHEISMO_STORE_INDEX_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>

#include "cacheismo/alloc/arena.h"
#include "cacheismo/base/hash.h"
#include "cacheismo/store/item.h"
#include "cacheismo/store/store.h"

namespace cacheismo::store {

class Index {
 public:
  static constexpr std::uint32_t line_bytes = 64;
  static constexpr std::uint32_t line_entries = 10;
  static constexpr std::uint32_t lines_per_page = alloc::page_bytes / line_bytes;

  /// Uses the arena's floor pages, of which there must be one. Both choices of a key come in one
  /// miss each if the arena's base is aligned to line_bytes.
  Index(alloc::Arena& arena, std::uint64_t hash_seed);

  [[nodiscard]] std::uint64_t hash(Bytes key) const { return hash64(key, hash_seed_); }

  /// Both lines.
  void prefetch(std::uint64_t hash) const {
    __builtin_prefetch(&line(first_of(hash)));
    __builtin_prefetch(&line(second_of(hash)));
  }
  /// The lines of a batch, then slot and item behind the first entry that may be each key's.
  void prefetch(std::span<const Key> keys) const;

  /// The items of a line. Who goes through the lines upwards asks for one that is lines_ahead.
  void prefetch_items(std::uint32_t number) const { prefetch_items(line(number), line_entries); }
  static constexpr std::uint32_t lines_ahead = 2;

  /// The item that has this key, or none. Mends the entry's hint, hence not const.
  [[nodiscard]] Handle find(const Key& key);

  /// An entry for an item whose key is in no other. False, and nothing has changed: no entry can be
  /// had by moving at most two others. A rewritten item takes its old entry over by moved(), or
  /// must be removed first: hold() keeps its promise only then.
  [[nodiscard]] bool insert(Handle handle, std::uint64_t hash);
  /// False: the item is in no entry (it is dead). Neither this nor the next two read an item.
  bool remove(Handle handle, std::uint64_t hash);
  /// The item at `from` now lives at `to`, whose slot is set. False as above.
  bool moved(Handle from, Handle to, std::uint64_t hash);
  [[nodiscard]] bool contains(Handle handle, std::uint64_t hash) const {
    return locate(handle, hash).line != nullptr;
  }

  [[nodiscard]] std::uint64_t items() const { return items_; }
  [[nodiscard]] std::uint32_t lines() const { return lines_; }
  /// The two lines that a key with this hash can stand in.
  [[nodiscard]] std::array<std::uint32_t, 2> lines_of(std::uint64_t hash) const {
    return {first_of(hash), second_of(hash)};
  }
  /// visit(Handle) for every item of a line; it must not change the index.
  template <class Visit>
  void for_each(std::uint32_t number, Visit visit) const {
    for (const std::uint32_t handle : line(number).handles) {
      if (handle != 0) visit(Handle{handle});
    }
  }

  [[nodiscard]] bool wants_growth() const { return items_ * 100 > lines_ * grow_above_percent; }
  [[nodiscard]] bool wants_shrinking() const {
    return lines_ > lines_per_page && items_ * 100 < lines_ * shrink_below_percent;
  }
  /// The next line needs a page that the arena still has to give.
  [[nodiscard]] bool needs_page() const { return lines_ == arena_->floor_pages() * lines_per_page; }
  /// One more line. Requires !needs_page().
  void split_one();
  /// One line fewer. False, and nothing has changed: the last line's items found no other places.
  /// Requires more than lines_per_page lines, and that hold() is off.
  bool merge_one();

  /// Walks are under way whose next lines are within [low, high]: no entry goes from one of those
  /// or above to a lower line that one of the walks may have behind it. With low = high, the next
  /// line of the only walk, less than one insert in 1000 into a full index fails. low > high: there
  /// are none.
  void hold(std::uint32_t low, std::uint32_t high) {
    held_low_ = low;
    held_high_ = high;
  }

  [[nodiscard]] bool held() const { return held_low_ <= held_high_; }

  /// Forgets every item in O(1): one page of lines is left. The pages above it are the caller's to
  /// give back.
  void reset();

  /// Walks every line; the first broken invariant.
  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  static constexpr std::uint32_t no_line = 0xFFFFFFFF;
  /// Items per 100 lines. At 850 none of 100 million inserts failed, without walks
  /// (bench/index_fill).
  static constexpr std::uint64_t grow_above_percent = 800;
  /// Far enough below that a few items more or less do not make it grow and shrink in turns.
  static constexpr std::uint64_t shrink_below_percent = 690;

  struct Line {
    std::array<std::uint8_t, line_entries> tags;
    std::array<std::uint8_t, line_entries> hints;
    std::array<std::uint32_t, line_entries> handles;
    std::uint32_t unused;
  };
  static_assert(sizeof(Line) == line_bytes);
  static_assert(offsetof(Line, hints) == 10 && offsetof(Line, handles) == 20);

  static constexpr std::uint32_t hint_shift = std::bit_width(alloc::page_bytes - 1) - 8;
  static_assert((alloc::page_bytes - 1) >> hint_shift == 0xFF);
  static_assert(std::has_single_bit(alloc::page_bytes));

  /// One entry; no line if there is none.
  struct Place {
    Line* line = nullptr;
    std::uint32_t entry = 0;
  };
  /// The numbers of a key's two lines, which may be one.
  struct Choices {
    std::uint32_t first;
    std::uint32_t second;
    [[nodiscard]] bool include(std::uint32_t number) const {
      return first == number || second == number;
    }
    [[nodiscard]] std::uint32_t beside(std::uint32_t number) const {
      return first == number ? second : first;
    }
  };
  /// Entries that went from place to place, so that they can go back.
  struct Moves;

  /// Entries of two lines, one bit each: of the first line entries 0 to 7 are bits 0, 8, ... 56,
  /// entries 8 and 9 are bits 1 and 9; those of the second stand 2 bits higher.
  struct Candidates {
    Line* first;
    Line* second;
    std::uint64_t bits;
    [[nodiscard]] bool none() const { return bits == 0; }
    void next() { bits &= bits - 1; }
    [[nodiscard]] Place place() const {
      const auto bit = static_cast<std::uint32_t>(std::countr_zero(bits));
      return {(bit & 2) != 0 ? second : first, entry_of(bit)};
    }
  };
  [[nodiscard]] static std::uint32_t entry_of(std::uint32_t bit) { return bit / 8 + (bit & 1) * 8; }

  /// Bit 7 of every byte that is 0 (exactly: no carry goes from one byte to the next).
  [[nodiscard]] static std::uint64_t zero_bytes(std::uint64_t word) {
    constexpr std::uint64_t low_bits = 0x7F7F7F7F7F7F7F7F;
    return ~(((word & low_bits) + low_bits) | word | low_bits);
  }
  /// The entries of a line with this tag, as Candidates has those of its first line.
  [[nodiscard]] static std::uint64_t with_tag(const Line& line, std::uint8_t tag) {
    std::uint64_t eight;
    std::uint16_t two;
    std::memcpy(&eight, line.tags.data(), sizeof eight);
    std::memcpy(&two, line.tags.data() + sizeof eight, sizeof two);
    if constexpr (std::endian::native == std::endian::big) {
      eight = __builtin_bswap64(eight);
      two = __builtin_bswap16(two);
    }
    const std::uint64_t tags = tag * 0x0101010101010101u;
    return zero_bytes(eight ^ tags) >> 7 | (zero_bytes(two ^ tags) & 0x8080) >> 6;
  }
  [[nodiscard]] static std::uint64_t empty_entries(const Line& line) { return with_tag(line, 0); }

  [[nodiscard]] static std::uint8_t tag_of(std::uint64_t hash) {
    const auto top = static_cast<std::uint8_t>(hash >> 56);
    return top != 0 ? top : 1;
  }
  [[nodiscard]] std::uint32_t number_of(std::uint32_t half) const {
    const std::uint32_t wide = half & (2 * low_lines_ - 1);
    return wide < lines_ ? wide : wide - low_lines_;
  }
  [[nodiscard]] std::uint32_t first_of(std::uint64_t hash) const {
    return number_of(static_cast<std::uint32_t>(hash));
  }
  [[nodiscard]] std::uint32_t second_of(std::uint64_t hash) const {
    return number_of(static_cast<std::uint32_t>(hash >> 32));
  }
  [[nodiscard]] Choices choices(std::uint64_t hash) const {
    return {first_of(hash), second_of(hash)};
  }
  [[nodiscard]] Line& line(std::uint32_t number) const {
    return reinterpret_cast<Line*>(arena_->floor_base())[number];
  }
  [[nodiscard]] Candidates candidates(std::uint64_t hash) const {
    Line* first = &line(first_of(hash));
    Line* second = &line(second_of(hash));
    const std::uint8_t tag = tag_of(hash);
    return {first, second, with_tag(*first, tag) | with_tag(*second, tag) << 2};
  }
  [[nodiscard]] Place locate(Handle handle, std::uint64_t hash) const {
    for (Candidates found = candidates(hash); !found.none(); found.next()) {
      const Place place = found.place();
      if (place.line->handles[place.entry] == handle.value) return place;
    }
    return {};
  }

  [[nodiscard]] std::uint8_t hint_of(const char* chunk) const {
    const auto offset = static_cast<std::size_t>(chunk - arena_->floor_base());
    return static_cast<std::uint8_t>(offset % alloc::page_bytes >> hint_shift);
  }
  /// Three lines from the hinted position on: header, key and a short value.
  void prefetch_item(const Line& line, std::uint32_t entry) const {
    const std::size_t page = Handle{line.handles[entry]}.page();
    const char* hinted = arena_->floor_base() + page * alloc::page_bytes +
                         (std::size_t{line.hints[entry]} << hint_shift);
    __builtin_prefetch(hinted);
    __builtin_prefetch(hinted + 64);
    __builtin_prefetch(hinted + 128);
  }
  /// The first `entries` of a line, slots included.
  void prefetch_items(const Line& line, std::uint32_t entries) const;

  void set(Place place, Handle handle, std::uint64_t hash) const;
  [[nodiscard]] std::uint64_t hash_of(Handle handle) const {
    return hash(Item(arena_->chunk(handle)).key());
  }
  /// Moves an entry and leaves an empty one.
  static void move(Place from, Place to);
  /// An empty entry of a line, if it has one.
  [[nodiscard]] Place room(std::uint32_t number) const;
  [[nodiscard]] Place room(Choices lines) const;
  /// Makes an empty entry in one of two full lines by moving others.
  [[nodiscard]] Place make_room(Choices lines, Moves& done) const;
  [[nodiscard]] Place make_room(std::uint32_t number, bool twice, Moves& done) const;
  [[nodiscard]] bool may_move(std::uint32_t from, std::uint32_t to) const {
    return to > from || (to < from && (from < held_low_ || to >= held_high_));
  }
  [[nodiscard]] std::optional<std::string> audit_entry(std::uint32_t number,
                                                       std::uint32_t entry) const;

  alloc::Arena* arena_;
  std::uint64_t hash_seed_;
  std::uint64_t items_ = 0;
  std::uint32_t low_lines_ = lines_per_page;  ///< 2^level
  std::uint32_t lines_ = lines_per_page;
  std::uint32_t held_low_ = no_line;  ///< above held_high_: not held
  std::uint32_t held_high_ = 0;
};

inline Handle Index::find(const Key& key) {
  for (Candidates found = candidates(key.hash); !found.none(); found.next()) {
    const auto [line, entry] = found.place();
    prefetch_item(*line, entry);
    const Handle handle{line->handles[entry]};
    const char* chunk = arena_->chunk(handle);
    const Item item(const_cast<char*>(chunk));
    if (item.header().key_bytes != key.bytes.size() || item.key() != key.bytes) continue;
    const std::uint8_t hint = hint_of(chunk);
    if (line->hints[entry] != hint) line->hints[entry] = hint;
    return handle;
  }
  return Handle{};
}

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_INDEX_H_
