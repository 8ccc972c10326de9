// Item: the bytes of one item and of one piece of a long value, inside a chunk of alloc/.
//
//   item    0        12        +6 or 8     +4             +8                    key    value
//           +--------+---------+-----------+--------------+---------------------+------+---------+
//           | header | CAS     | client    | value bytes, | key                 | value          |
//           |        | if has  | flags, if | first piece, | key_bytes           | inline_bytes   |
//           |        | _cas    | has_flags | if split     |                     |                |
//           +--------+---------+-----------+--------------+---------------------+----------------+
//   piece   0                      10
//           +----------------------+----------------------------+
//           | previous, next, size | bytes of the value         |
//           +----------------------+----------------------------+
//   node    0                      10
//           +----------------------+----------------------------+
//           | parent, 0, size      | entries (object_node.h)    |
//           +----------------------+----------------------------+
//
// A value is inline while the whole item fits in inline_item_bytes_max, else it lies in pieces and
// no byte is inline. An object is a single leaf in the place of an inline value while that
// suffices, else a tree of nodes: split.bytes is then what they take in pages, split.first the
// root. An item therefore costs 12 bytes, 2 for its slot, about 8 in the index and about 5.3 in
// the access log; 6 more once somebody asks for its CAS value (8 for one that a client assigns), 4
// for client flags other than 0.
//
// Integers are in the machine's order and at even addresses only (packed).

#ifndef CACHEISMO_STORE_ITEM_H_
#define CACHEISMO_STORE_ITEM_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cacheismo/alloc/page.h"
#include "cacheismo/base/bytes.h"

namespace cacheismo::store {

using alloc::Handle;
using alloc::Kind;

struct __attribute__((packed, aligned(2))) ItemHeader {
  std::uint32_t place_low;  ///< in the access log; see Item::place
  std::uint32_t expiry : 31;
  std::uint32_t copied : 1;        ///< see Store::mark_copied
  std::uint16_t inline_code : 10;  ///< see Item::inline_bytes
  std::uint16_t place_high : 2;
  std::uint16_t second : 4;  ///< of the last access, its low bits
  std::uint8_t key_bytes;
  std::uint8_t bits;
};
static_assert(sizeof(ItemHeader) == 12);

struct __attribute__((packed, aligned(2))) SplitValue {
  std::uint32_t bytes;
  std::uint32_t first;
};
static_assert(sizeof(SplitValue) == 8);

struct __attribute__((packed, aligned(2))) PieceHeader {
  std::uint32_t previous;  ///< a piece, the item (its kind tells), or 0 in a draft or a new node
  std::uint32_t next;
  std::uint16_t bytes;  ///< and, above them, node_marks
};
static_assert(sizeof(PieceHeader) == 10);

namespace node_marks {
inline constexpr std::uint16_t node = 0x8000;    ///< else a piece of a value
inline constexpr std::uint16_t leaf = 0x4000;    ///< else an inner node
inline constexpr std::uint16_t buried = 0x2000;  ///< the root of a dropped tree
inline constexpr std::uint16_t size = 0x1FFF;
}  // namespace node_marks
static_assert(alloc::chunk_bytes_max <= node_marks::size);

namespace bits {
inline constexpr std::uint8_t fetched = 1;
inline constexpr std::uint8_t stale = 2;
inline constexpr std::uint8_t token_sent = 4;
inline constexpr std::uint8_t has_cas = 8;
inline constexpr std::uint8_t has_flags = 16;
inline constexpr std::uint8_t split = 32;
inline constexpr std::uint8_t pinned = 64;
inline constexpr std::uint8_t wide_cas = 128;
inline constexpr std::uint8_t layout = has_cas | wide_cas | has_flags | split;
}  // namespace bits

/// The node's own CAS values count writes and fit in 6 bytes; one that a client assigns may not.
inline constexpr std::size_t cas_bytes = 6;
inline constexpr std::size_t wide_cas_bytes = 8;

/// The part of a layout that a CAS value asks for; 0: none yet.
[[nodiscard]] constexpr std::uint8_t cas_layout(std::uint64_t cas) {
  if (cas == 0) return 0;
  return cas >> (8 * cas_bytes) == 0 ? bits::has_cas
                                     : static_cast<std::uint8_t>(bits::has_cas | bits::wide_cas);
}

/// Items up to this size, header and key included, stay in one chunk: small enough for them to fill
/// a page well (14 of them leave at most 6%), large enough that most values of a cache are read in
/// one go.
inline constexpr std::size_t inline_item_bytes_max = 576;

/// From here on, inline_code tells an object and how many bytes of its only node are inline.
inline constexpr std::size_t object_code = 600;
inline constexpr std::size_t inline_object_bytes_max = 1023 - object_code;
static_assert(inline_item_bytes_max < object_code, "inline_code has 10 bits");

/// A piece is not made smaller than this unless the value ends, so that its 12 bytes of header and
/// slot stay below 3%.
inline constexpr std::size_t piece_value_bytes_min = 512;

inline constexpr std::size_t piece_value_bytes_max = alloc::chunk_bytes_max - sizeof(PieceHeader);

[[nodiscard]] constexpr std::size_t cas_bytes_of(std::uint8_t layout) {
  return ((layout & bits::has_cas) != 0 ? cas_bytes : 0u) +
         ((layout & bits::wide_cas) != 0 ? wide_cas_bytes - cas_bytes : 0u);
}

/// Bytes of an item's chunk with these optional parts.
[[nodiscard]] constexpr std::size_t item_bytes(std::uint8_t layout, std::size_t key_bytes,
                                               std::size_t inline_bytes) {
  return sizeof(ItemHeader) + cas_bytes_of(layout) + ((layout & bits::has_flags) != 0 ? 4u : 0u) +
         ((layout & bits::split) != 0 ? sizeof(SplitValue) : 0u) + key_bytes + inline_bytes;
}

/// A view of one item's chunk; costs nothing to make, dies when the chunk moves.
class Item {
 public:
  explicit Item(char* chunk) : chunk_(chunk) {}

  [[nodiscard]] ItemHeader& header() const { return *reinterpret_cast<ItemHeader*>(chunk_); }
  [[nodiscard]] bool has(std::uint8_t bit) const { return (header().bits & bit) != 0; }
  void set(std::uint8_t bit) const { header().bits |= bit; }
  void clear(std::uint8_t bit) const {
    header().bits = static_cast<std::uint8_t>(header().bits & ~bit);
  }

  /// Where the item stands in the access log: a page and an entry in it, 34 bits.
  [[nodiscard]] std::uint64_t place() const {
    return std::uint64_t{header().place_high} << 32 | header().place_low;
  }
  void set_place(std::uint64_t place, std::uint32_t second) const {
    header().place_low = static_cast<std::uint32_t>(place);
    header().place_high = static_cast<std::uint16_t>(place >> 32) & 3;
    header().second = static_cast<std::uint16_t>(second) & 15;
  }

  [[nodiscard]] bool is_object() const { return header().inline_code >= object_code; }
  /// Of the value, or of an object's only node, that lie behind the key.
  [[nodiscard]] std::size_t inline_bytes() const {
    const std::size_t code = header().inline_code;
    return code < object_code ? code : code - object_code;
  }
  void set_inline(bool object, std::size_t bytes) const {
    header().inline_code = static_cast<std::uint16_t>(bytes + (object ? object_code : 0)) & 1023;
  }

  [[nodiscard]] std::size_t chunk_bytes() const {
    return item_bytes(header().bits, header().key_bytes, inline_bytes());
  }
  [[nodiscard]] Bytes key() const { return {chunk_ + key_offset(), header().key_bytes}; }
  [[nodiscard]] MutableBytes inline_value() const {
    return {chunk_ + key_offset() + header().key_bytes, inline_bytes()};
  }
  [[nodiscard]] std::uint64_t value_bytes() const {
    return has(bits::split) ? split().bytes : inline_bytes();
  }
  [[nodiscard]] SplitValue& split() const {
    return *reinterpret_cast<SplitValue*>(chunk_ + key_offset() - sizeof(SplitValue));
  }
  /// 0 while none was assigned.
  [[nodiscard]] std::uint64_t cas() const {
    std::uint64_t value = 0;
    const std::size_t bytes = cas_bytes_of(header().bits);
    for (std::size_t i = bytes; i-- > 0;)
      value = value << 8 | static_cast<std::uint8_t>(chunk_[sizeof(ItemHeader) + i]);
    return value;
  }
  /// Requires a layout that has room for it.
  void set_cas(std::uint64_t value) const {
    const std::size_t bytes = cas_bytes_of(header().bits);
    for (std::size_t i = 0; i < bytes; ++i, value >>= 8)
      chunk_[sizeof(ItemHeader) + i] = static_cast<char>(value & 0xFF);
  }
  [[nodiscard]] std::uint32_t client_flags() const {
    std::uint32_t value = 0;
    if (has(bits::has_flags)) std::memcpy(&value, chunk_ + flags_offset(), sizeof value);
    return value;
  }
  void set_client_flags(std::uint32_t value) const {
    if (has(bits::has_flags)) std::memcpy(chunk_ + flags_offset(), &value, sizeof value);
  }

 private:
  [[nodiscard]] std::size_t flags_offset() const {
    return sizeof(ItemHeader) + cas_bytes_of(header().bits);
  }
  [[nodiscard]] std::size_t key_offset() const { return item_bytes(header().bits, 0, 0); }

  char* chunk_;
};

/// A view of one piece's chunk.
class Piece {
 public:
  explicit Piece(char* chunk) : chunk_(chunk) {}
  [[nodiscard]] PieceHeader& header() const { return *reinterpret_cast<PieceHeader*>(chunk_); }
  [[nodiscard]] std::uint32_t value_bytes() const { return header().bytes & node_marks::size; }
  [[nodiscard]] MutableBytes value() const { return {chunk_ + sizeof(PieceHeader), value_bytes()}; }
  [[nodiscard]] bool is_node() const { return (header().bytes & node_marks::node) != 0; }
  [[nodiscard]] bool is_leaf() const { return (header().bytes & node_marks::leaf) != 0; }
  [[nodiscard]] bool is_buried() const { return (header().bytes & node_marks::buried) != 0; }

 private:
  char* chunk_;
};

/// alloc::SizeOf for both kinds.
[[nodiscard]] inline std::uint32_t chunk_bytes(Kind kind, const char* chunk) {
  char* bytes = const_cast<char*>(chunk);
  return static_cast<std::uint32_t>(kind == Kind::item
                                        ? Item(bytes).chunk_bytes()
                                        : sizeof(PieceHeader) + Piece(bytes).value_bytes());
}

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_ITEM_H_
