// ItemForm: one item as bytes, on its way from node to node: a value, an object, or only what is
// said of one.
//
//   0         1      2      3       4       8         12        16          16+key      +payload
//   +---------+------+------+-------+-------+---------+---------+-----------+-----------+
//   | version | kind | key  | 0     | flags | seconds | payload | key bytes | payload   |
//   | 0xC1    |      | size |       |       | to live | size    |           |           |
//   +---------+------+------+-------+-------+---------+---------+-----------+-----------+
//
//   value     the bytes
//   object    entry, entry, ... in the order of keys, each: key size u16 | value size u16 | key |
//             value
//   gone      nothing: the key has no item
//   long_one  nothing: the item is too long for the place where its form would be
//   digest    8 bytes: digest_of(kind, flags, payload)
//   flush     nothing, and the key is "*": all items that there were are gone
//
// Numbers are little-endian. Forms follow each other without anything between them. Not in it: the
// CAS value, stale marks and when the item was used; they are about the node that has the item.
//
//  1. The same item gives the same bytes on every node, but for its seconds.
//  2. Reading accepts exactly what writing makes, and never looks beyond its input. Whether the
//     entries of an object could be a script's is for lua::ObjectCheck.
//
// What it is not: it knows no store (item_copy.h).

#ifndef CACHEISMO_NODE_ITEM_FORM_H_
#define CACHEISMO_NODE_ITEM_FORM_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "cacheismo/base/bytes.h"

namespace cacheismo::node {

struct ItemForm {
  enum class Kind : std::uint8_t {
    value = 1,
    object = 2,
    gone = 3,
    long_one = 4,
    digest = 5,
    flush = 6,
  };
  Kind kind = Kind::value;
  Bytes key;
  std::uint32_t client_flags = 0;                ///< of an object: 0
  std::optional<std::uint32_t> seconds_to_live;  ///< none: it never expires
  Bytes payload;
};

inline constexpr std::size_t item_form_header_bytes = 16;

/// Longest payload, bytes: values of four times the default -I max and the largest objects, which
/// are 16 MiB in memory unless --object-max says more. A node that has one under way holds it twice
/// beside its arena.
inline constexpr std::size_t item_payload_bytes_max = std::size_t{64} << 20;

/// Appends the form. Requires a key of 1 to 250 bytes, and a payload that its kind may have.
void append_item(const ItemForm& item, std::string& out);

/// For a payload that is written behind the header: appends the form without it, and returns where;
/// end_item() then says how long it became.
[[nodiscard]] std::size_t begin_item(const ItemForm& item, std::string& out);
void end_item(std::size_t begun_at, std::string& out);

/// One entry of an object's payload. Requires sizes within limits::object_*_bytes_max.
void append_entry(Bytes key, Bytes value, std::string& out);

/// Takes the form at the front of `rest`. nullopt: there is none that append_item() made, or it is
/// cut; `rest` is then as it was. Views point into `rest`.
[[nodiscard]] std::optional<ItemForm> take_item(Bytes& rest);

struct EntryForm {
  Bytes key;
  Bytes value;
};
/// Takes the entry at the front of an object's payload. nullopt: as above.
[[nodiscard]] std::optional<EntryForm> take_entry(Bytes& rest);

/// Equal for items whose kind, flags and payload are equal, and only for them but once in 2^64.
[[nodiscard]] std::uint64_t digest_of(ItemForm::Kind kind, std::uint32_t client_flags,
                                      Bytes payload);

/// A little-endian number, as forms hold them.
void append_number(std::uint64_t value, std::size_t bytes, std::string& out);
[[nodiscard]] std::uint64_t number_at(Bytes bytes);

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_ITEM_FORM_H_
