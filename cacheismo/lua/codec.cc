#include "cacheismo/lua/codec.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "cacheismo/base/check.h"

namespace cacheismo::lua {
namespace {

// Tags of keys. An integer's tag says how many bytes of magnitude follow: more is farther from 0.
constexpr unsigned zero_tag = 0x40;       // 0 and up: 0x40 + bytes
constexpr unsigned minus_one_tag = 0x3F;  // -1 and down: 0x3F - bytes
constexpr unsigned huge_tag = 0x49;       // floats of 2^63 and more
constexpr unsigned minus_huge_tag = 0x36;
constexpr unsigned after_numbers_tag = 0x7F;
constexpr unsigned string_tag = 0x80;
constexpr unsigned false_tag = 0xC0;
constexpr unsigned true_tag = 0xC1;
constexpr unsigned end_tag = 0xFF;

constexpr unsigned long_table_tag = 0xF0;

// Tags of values.
constexpr unsigned value_false = 0x01;
constexpr unsigned value_true = 0x02;
constexpr unsigned value_string = 0x03;
constexpr unsigned value_long_string = 0x04;
constexpr unsigned value_table = 0x05;
constexpr unsigned value_integer = 0x10;  // + bytes
constexpr unsigned value_float = 0x20;
constexpr unsigned value_small = 0x80;

constexpr double two_to_63 = 9223372036854775808.0;

unsigned significant_bytes(std::uint64_t value) {
  return static_cast<unsigned>(71 - std::countl_zero(value)) / 8;
}

/// Bits of a float that compare, as unsigned numbers, as the floats do.
std::uint64_t ordered_bits(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  return (bits >> 63) != 0 ? ~bits : bits | (std::uint64_t{1} << 63);
}

double from_ordered_bits(std::uint64_t ordered) {
  return std::bit_cast<double>((ordered >> 63) != 0 ? ordered & ~(std::uint64_t{1} << 63)
                                                    : ~ordered);
}

std::uint64_t big_endian(Bytes bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

std::uint64_t little_endian(Bytes bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

unsigned first(Bytes bytes) { return static_cast<unsigned char>(bytes.front()); }

std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}

std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

}  // namespace

// ---- Keys ---------------------------------------------------------------------------------------

KeyBytes::KeyBytes(TableNumber table) {
  if (table < long_table_tag) {
    put(static_cast<unsigned>(table));
    return;
  }
  const unsigned count = significant_bytes(table);
  put(long_table_tag + count);
  put_big_endian(table, count);
}

void KeyBytes::put_big_endian(std::uint64_t value, unsigned count) {
  while (count-- > 0) put(static_cast<unsigned>(value >> (8 * count)) & 0xFF);
}

void KeyBytes::set_integer(std::int64_t key) {
  if (key >= 0) {
    const auto magnitude = static_cast<std::uint64_t>(key);
    const unsigned count = significant_bytes(magnitude);
    put(zero_tag + count);
    put_big_endian(magnitude, count);
  } else {
    const unsigned count = significant_bytes(~static_cast<std::uint64_t>(key));
    put(minus_one_tag - count);
    put_big_endian(static_cast<std::uint64_t>(key), count);
  }
}

void KeyBytes::set_float(double key) {
  CHECK(!std::isnan(key));
  if (key >= two_to_63 || key < -two_to_63) {
    put(key > 0 ? huge_tag : minus_huge_tag);
    put_big_endian(ordered_bits(key), 8);
    return;
  }
  const double floor = std::floor(key);
  set_integer(static_cast<std::int64_t>(floor));
  if (key != floor) put_big_endian(ordered_bits(key), 8);
}

void KeyBytes::set_string(Bytes key) {
  CHECK_LE(key.size(), key_string_bytes_max);
  put(string_tag);
  std::memcpy(bytes_ + size_, key.data(), key.size());
  size_ += key.size();
}

void KeyBytes::set_boolean(bool key) { put(key ? true_tag : false_tag); }

void KeyBytes::set_after_numbers() { put(after_numbers_tag); }

void KeyBytes::set_end() { put(end_tag); }

std::optional<Bytes> key_within(Bytes entry_key, TableNumber table) {
  if (table < long_table_tag) {
    if (entry_key.empty() || first(entry_key) != table) return std::nullopt;
    return entry_key.substr(1);
  }
  const KeyBytes prefix(table);
  if (!entry_key.starts_with(prefix.bytes())) return std::nullopt;
  return entry_key.substr(prefix.bytes().size());
}

Scalar decode_key(Bytes rest) {
  if (rest.empty()) return {};
  const unsigned tag = first(rest);
  rest.remove_prefix(1);
  switch (tag) {
    case string_tag: return rest;
    case false_tag: return rest.empty() ? Scalar(false) : Scalar();
    case true_tag: return rest.empty() ? Scalar(true) : Scalar();
    case huge_tag:
    case minus_huge_tag:
      return rest.size() == 8 ? Scalar(from_ordered_bits(big_endian(rest))) : Scalar();
    default: break;
  }
  if (tag <= minus_huge_tag || tag >= huge_tag) return {};
  const bool negative = tag <= minus_one_tag;
  const unsigned count = negative ? minus_one_tag - tag : tag - zero_tag;
  if (rest.size() == count + 8) return from_ordered_bits(big_endian(rest.substr(count)));
  if (rest.size() != count) return {};
  std::uint64_t value = big_endian(rest);
  if (negative && count < 8) value |= ~std::uint64_t{0} << (8 * count);
  return static_cast<std::int64_t>(value);
}

// ---- Values -------------------------------------------------------------------------------------

void ValueBytes::put_little_endian(std::uint64_t value, unsigned count) {
  for (; count > 0; --count, value >>= 8) put(static_cast<unsigned>(value & 0xFF));
}

void ValueBytes::set_boolean(bool value) { put(value ? value_true : value_false); }

void ValueBytes::set_integer(std::int64_t value) {
  if (value >= 0 && value < 128) {
    put(value_small | static_cast<unsigned>(value));
    return;
  }
  const std::uint64_t coded = zigzag(value);
  const unsigned count = significant_bytes(coded);
  put(value_integer + count);
  put_little_endian(coded, count);
}

void ValueBytes::set_float(double value) {
  put(value_float);
  put_little_endian(std::bit_cast<std::uint64_t>(value), 8);
}

void ValueBytes::set_string(Bytes value) {
  CHECK_LE(value.size(), short_string_bytes_max);
  put(value_string);
  if (!value.empty()) std::memcpy(bytes_ + size_, value.data(), value.size());
  size_ += value.size();
}

void ValueBytes::set_table(TableNumber table) {
  put(value_table);
  put_little_endian(table, significant_bytes(table));
}

void ValueBytes::set_long_string(TableNumber table, std::uint64_t bytes) {
  put(value_long_string);
  put_little_endian(bytes, 8);
  put_little_endian(table, significant_bytes(table));
}

bool refers(Bytes value) {
  const unsigned tag = value.empty() ? 0 : first(value);
  return tag == value_table || tag == value_long_string;
}

Value decode_value(Bytes value) {
  if (value.empty()) return {};
  const unsigned tag = first(value);
  const Bytes rest = value.substr(1);
  if (tag >= value_small) {
    return rest.empty() ? Value(static_cast<std::int64_t>(tag & ~value_small)) : Value();
  }
  switch (tag) {
    case value_false: return rest.empty() ? Value(false) : Value();
    case value_true: return rest.empty() ? Value(true) : Value();
    case value_string: return rest;
    case value_float:
      return rest.size() == 8 ? Value(std::bit_cast<double>(little_endian(rest))) : Value();
    case value_table:
      return rest.empty() || rest.size() > 8 ? Value() : Value(TableValue{little_endian(rest)});
    case value_long_string:
      if (rest.size() < 9 || rest.size() > 16) return {};
      return LongString{.table = little_endian(rest.substr(8)),
                        .bytes = little_endian(rest.substr(0, 8))};
    default: break;
  }
  const unsigned count = tag - value_integer;
  if (tag <= value_integer || count > 8 || rest.size() != count) return {};
  return unzigzag(little_endian(rest));
}

}  // namespace cacheismo::lua
