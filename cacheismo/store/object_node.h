// Node: a packed run of an object's entries, in the order of their keys, and how to search it.
//
//   leaf    +------------+-----+--------------+-------+------------+-----+---
//           | key length | key | value length | value | key length | key | ...
//           +------------+-----+--------------+-------+------------+-----+---
//             1 or 2            1 or 2
//   inner   +------------+-----+-------+------------+-----+-------+---
//           | key length | key | child | key length | key | child | ...
//           +------------+-----+-------+------------+-----+-------+---
//             0 in the first      4
//
//  1. Keys ascend. A length below 128 is one byte, else its low seven bits with the top bit set,
//     and then the rest.
//  2. The child at key k holds the keys from k on, below the next entry's; the first entry of an
//     inner node has the empty key, which stands for everything below the second.
//
// Cost: a search looks at entry after entry, about 12 instructions each while 8 bytes decide.
// What it is not: it does not know where nodes lie or who changes them.

#ifndef CACHEISMO_STORE_OBJECT_NODE_H_
#define CACHEISMO_STORE_OBJECT_NODE_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/limits.h"

namespace cacheismo::store {

/// A view of one node's bytes.
struct Node {
  const char* data = nullptr;
  std::uint32_t bytes = 0;
  bool leaf = true;
  [[nodiscard]] const char* end() const { return data + bytes; }
};

inline constexpr std::size_t child_bytes = 4;

/// Longest length that the two bytes of a length can say.
inline constexpr std::size_t length_max = (1 << 15) - 1;
static_assert(limits::object_key_bytes_max <= length_max);
static_assert(limits::object_value_bytes_max <= length_max);

[[nodiscard]] constexpr std::size_t length_bytes(std::size_t length) {
  return length < 128 ? 1 : 2;
}
[[nodiscard]] inline const char* read_length(const char* at, std::uint32_t& length) {
  const auto low = static_cast<std::uint8_t>(*at);
  if (low < 128) [[likely]] {
    length = low;
    return at + 1;
  }
  length = (low & 127u) | std::uint32_t{static_cast<std::uint8_t>(at[1])} << 7;
  return at + 2;
}
inline char* write_length(char* at, std::size_t length) {
  if (length < 128) {
    *at = static_cast<char>(length);
    return at + 1;
  }
  at[0] = static_cast<char>(128 | (length & 127));
  at[1] = static_cast<char>(length >> 7);
  return at + 2;
}

[[nodiscard]] constexpr std::size_t leaf_entry_bytes(std::size_t key_bytes,
                                                     std::size_t value_bytes) {
  return length_bytes(key_bytes) + key_bytes + length_bytes(value_bytes) + value_bytes;
}
[[nodiscard]] constexpr std::size_t inner_entry_bytes(std::size_t key_bytes) {
  return length_bytes(key_bytes) + key_bytes + child_bytes;
}

/// An entry where it lies: its value, or the 4 bytes of its child.
struct EntryView {
  const char* begin;
  Bytes key;
  Bytes payload;
  [[nodiscard]] const char* end() const { return payload.data() + payload.size(); }
};

[[nodiscard]] inline EntryView read_entry(bool leaf, const char* at) {
  std::uint32_t key_bytes;
  const char* key = read_length(at, key_bytes);
  const char* payload = key + key_bytes;
  std::uint32_t payload_bytes = child_bytes;
  if (leaf) payload = read_length(payload, payload_bytes);
  return {at, Bytes(key, key_bytes), Bytes(payload, payload_bytes)};
}

[[nodiscard]] inline std::uint32_t child_of(const EntryView& entry) {
  std::uint32_t child;
  std::memcpy(&child, entry.payload.data(), sizeof child);
  return child;
}
[[nodiscard]] inline std::uint32_t child_at(const char* at) {
  return child_of(read_entry(false, at));
}

/// A key to search for. Borrowed.
class Probe {
 public:
  explicit Probe(Bytes key) : key_(key), head_(head_of(key)) {}

  enum class Order : std::uint8_t { below, equal, above };

  /// How a stored key stands to this one. Bytes up to `end` may be read.
  [[nodiscard]] Order order_of(const char* stored, std::uint32_t bytes, const char* end) const {
    if (end - stored >= 8) [[likely]] {
      std::uint64_t head = load(stored);
      if (bytes < 8) head &= ~(~std::uint64_t{0} >> (8 * bytes));
      if (head < head_) return Order::below;
      if (head > head_) return Order::above;
      if (bytes <= 8 && key_.size() <= 8) return order(bytes, key_.size());
    }
    return whole_order(stored, bytes);
  }

 private:
  [[nodiscard]] static std::uint64_t load(const char* from) {
    std::uint64_t word;
    std::memcpy(&word, from, sizeof word);
    if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap64(word);
    return word;
  }
  [[nodiscard]] static std::uint64_t load_half(const char* from) {
    std::uint32_t word;
    std::memcpy(&word, from, sizeof word);
    if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap32(word);
    return word;
  }
  template <class Number>
  [[nodiscard]] static Order order(Number a, std::size_t b) {
    return a == b ? Order::equal : (a < b ? Order::below : Order::above);
  }
  [[nodiscard]] __attribute__((noinline)) Order whole_order(const char* stored,
                                                            std::uint32_t bytes) const {
    const int sign = Bytes(stored, bytes).compare(key_);
    return sign == 0 ? Order::equal : (sign < 0 ? Order::below : Order::above);
  }
  /// The first 8 bytes as a number that orders as they do; missing ones are 0.
  [[nodiscard]] static std::uint64_t head_of(Bytes key) {
    if (key.size() >= 8) return load(key.data());
    // Two halves that overlap where they are the same.
    if (key.size() >= 4)
      return load_half(key.data()) << 32 | load_half(key.data() + key.size() - 4)
                                               << (64 - 8 * key.size());
    std::uint64_t word = 0;
    std::uint32_t shift = 56;
    for (const char byte : key) {
      word |= std::uint64_t{static_cast<std::uint8_t>(byte)} << shift;
      shift -= 8;
    }
    return word;
  }

  Bytes key_;
  std::uint64_t head_;
};

/// Where a key is in a leaf, or would go.
struct LeafPlace {
  const char* at;  ///< the first entry whose key is not below; the end if there is none
  bool equal;
};

[[nodiscard]] inline LeafPlace search_leaf(const Node& node, const Probe& probe) {
  const char* const end = node.end();
  for (const char* at = node.data; at != end;) {
    std::uint32_t key_bytes;
    const char* key = read_length(at, key_bytes);
    const Probe::Order order = probe.order_of(key, key_bytes, end);
    if (order != Probe::Order::below) return {at, order == Probe::Order::equal};
    std::uint32_t value_bytes;
    at = read_length(key + key_bytes, value_bytes) + value_bytes;
  }
  return {end, false};
}

/// The entry of an inner node that leads to a key, and those beside it.
struct InnerPlace {
  const char* at;
  const char* before;  ///< null: `at` is the first
  const char* after;   ///< the end: `at` is the last
};

[[nodiscard]] inline InnerPlace search_inner(const Node& node, const Probe& probe) {
  const char* const end = node.end();
  InnerPlace place{node.data, nullptr, node.data + 1 + child_bytes};
  while (place.after != end) {
    std::uint32_t key_bytes;
    const char* key = read_length(place.after, key_bytes);
    if (probe.order_of(key, key_bytes, end) == Probe::Order::above) break;
    place = {place.after, place.at, key + key_bytes + child_bytes};
  }
  return place;
}

/// The last entry; null in an empty node.
[[nodiscard]] inline const char* last_entry(const Node& node) {
  const char* last = nullptr;
  for (const char* at = node.data; at != node.end(); at = read_entry(node.leaf, at).end())
    last = at;
  return last;
}

template <class Visit>
void for_each_child(const Node& inner, Visit visit) {
  for (const char* at = inner.data; at != inner.end();) {
    const EntryView entry = read_entry(false, at);
    visit(child_of(entry));
    at = entry.end();
  }
}

/// How many bytes of `above` it takes to be above `below`: the shortest key that parts the two.
[[nodiscard]] inline std::size_t parting_bytes(Bytes below, Bytes above) {
  const std::size_t both = std::min(below.size(), above.size());
  std::size_t same = 0;
  while (same < both && below[same] == above[same]) ++same;
  return same + 1;
}

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_OBJECT_NODE_H_
