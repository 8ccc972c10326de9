// Codec: fields of Lua tables <-> entries of an object, so that bytes sort as the fields do.
//
//   entry key:    table | tag | payload           table: 1 byte below 0xF0, else 0xF0 + n and n
//     bytes number      0x36..0x49, magnitude           integers in as few bytes as they need; a
//                                                 fraction follows its floor, 8 bytes
//     string      0x80, bytes
//     boolean     0xC0 false, 0xC1 true
//
//   entry value:  0x80 | n     an integer 0 to 127      0x01, 0x02   false, true
//                 0x10 + n     an integer of n bytes    0x20         a float, 8 bytes
//                 0x03         a string, up to the end of the entry
//                 0x04         a long string: its bytes lie in the table of this number
//                 0x05         a table: its number
//
//  1. Keys of one table compare bytewise as: numbers ascending, strings bytewise, false, true.
//  2. A number is one key whether it is an integer or a float of the same value.
//  3. Table 0 is the object's own bookkeeping (stored_table.h), table 1 its root.
//  4. Decoding never reads beyond its input and refuses what encoding cannot have made.
//
// What it is not: it knows no Lua state and no tree.

#ifndef CACHEISMO_LUA_CODEC_H_
#define CACHEISMO_LUA_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>

#include "cacheismo/base/bytes.h"
#include "cacheismo/lua/host.h"

namespace cacheismo::lua {

using TableNumber = std::uint64_t;
inline constexpr TableNumber bookkeeping_table = 0;
inline constexpr TableNumber root_table = 1;

/// A key or a value that needs no memory of its own; strings are borrowed.
using Scalar = std::variant<std::monostate, bool, std::int64_t, double, Bytes>;

/// Longest string that can be a key, bytes: with the longest table number it fills an entry's key.
inline constexpr std::size_t key_string_bytes_max = 500;

/// Longest string that lies in its own entry, bytes; longer ones are cut.
inline constexpr std::size_t short_string_bytes_max = entry_value_bytes_max - 1;

/// An entry's key under construction. Cheap to make: bytes are written once, by the functions
/// below.
class KeyBytes {
 public:
  /// The start of every key of `table`: sorts before all of them.
  explicit KeyBytes(TableNumber table);
  [[nodiscard]] Bytes bytes() const { return {bytes_, size_}; }

  /// Require that only the table was set so far, and a string within key_string_bytes_max.
  void set_integer(std::int64_t key);
  /// A float with an integer's value becomes that integer. Requires no NaN.
  void set_float(double key);
  void set_string(Bytes key);
  void set_boolean(bool key);
  /// A place behind every number of the table.
  void set_after_numbers();
  /// A place behind every key of the table.
  void set_end();

 private:
  void put(unsigned byte) { bytes_[size_++] = static_cast<char>(byte); }
  void put_big_endian(std::uint64_t value, unsigned count);

  char bytes_[entry_key_bytes_max];
  std::size_t size_ = 0;
};

/// Whether an entry's key belongs to `table`; then what follows the table's number.
[[nodiscard]] std::optional<Bytes> key_within(Bytes entry_key, TableNumber table);

/// The field that the rest of an entry's key stands for; monostate if it cannot have been encoded.
[[nodiscard]] Scalar decode_key(Bytes rest);

struct TableValue {
  TableNumber table = 0;
};
struct LongString {
  TableNumber table = 0;
  std::uint64_t bytes = 0;
};
/// monostate: not a value.
using Value =
    std::variant<std::monostate, bool, std::int64_t, double, Bytes, TableValue, LongString>;

[[nodiscard]] Value decode_value(Bytes value);

/// Whether a value is a table or a long string: there are other entries that belong to it.
[[nodiscard]] bool refers(Bytes value);

/// An entry's value under construction.
class ValueBytes {
 public:
  void set_boolean(bool value);
  void set_integer(std::int64_t value);
  void set_float(double value);
  /// Requires at most short_string_bytes_max bytes.
  void set_string(Bytes value);
  void set_table(TableNumber table);
  void set_long_string(TableNumber table, std::uint64_t bytes);
  [[nodiscard]] Bytes bytes() const { return {bytes_, size_}; }

 private:
  void put(unsigned byte) { bytes_[size_++] = static_cast<char>(byte); }
  void put_little_endian(std::uint64_t value, unsigned count);

  char bytes_[entry_value_bytes_max];
  std::size_t size_ = 0;
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_CODEC_H_
