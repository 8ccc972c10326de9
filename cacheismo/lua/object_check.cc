#include "cacheismo/lua/object_check.h"

#include <limits>
#include <optional>
#include <variant>

namespace cacheismo::lua {
namespace {

constexpr unsigned long_table_tag = 0xF0;

/// The number that an entry's key begins with; nullopt: it is not spelt as KeyBytes does.
std::optional<TableNumber> table_of(Bytes key) {
  if (key.empty()) return std::nullopt;
  const auto first = static_cast<unsigned char>(key.front());
  if (first < long_table_tag) return first;
  const std::size_t count = first - long_table_tag;
  if (count == 0 || count > 8 || key.size() <= count) return std::nullopt;
  TableNumber number = 0;
  for (std::size_t i = 1; i <= count; ++i)
    number = number << 8 | static_cast<unsigned char>(key[i]);
  if (KeyBytes(number).bytes() != key.substr(0, count + 1)) return std::nullopt;
  return number;
}

bool is_spelt_so(Bytes key, TableNumber table, const Scalar& field) {
  KeyBytes made(table);
  if (const auto* integer = std::get_if<std::int64_t>(&field)) {
    made.set_integer(*integer);
  } else if (const auto* real = std::get_if<double>(&field)) {
    if (*real != *real) return false;
    made.set_float(*real);
  } else if (const auto* text = std::get_if<Bytes>(&field)) {
    if (text->size() > key_string_bytes_max) return false;
    made.set_string(*text);
  } else if (const auto* flag = std::get_if<bool>(&field)) {
    made.set_boolean(*flag);
  } else {
    return false;
  }
  return made.bytes() == key;
}

bool is_spelt_so(Bytes bytes, const Value& value) {
  ValueBytes made;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    made.set_integer(*integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    made.set_float(*real);
  } else if (const auto* text = std::get_if<Bytes>(&value)) {
    return text->size() <= short_string_bytes_max;
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    made.set_boolean(*flag);
  } else if (const auto* table = std::get_if<TableValue>(&value)) {
    made.set_table(table->table);
  } else if (const auto* long_text = std::get_if<LongString>(&value)) {
    made.set_long_string(long_text->table, long_text->bytes);
  } else {
    return false;
  }
  return made.bytes() == bytes;
}

}  // namespace

/// Goes on to the table that `key` belongs to; `rest` becomes what follows its number.
bool ObjectCheck::enter(Bytes key, Bytes& rest) {
  const auto number = table_of(key);
  if (!number) return false;
  if (*number != number_) {
    if (*number < number_ || table_.text_bytes > 0) return false;
    if (*number == root_table) {
      table_ = {};
    } else {
      const auto named = named_.find(*number);
      if (named == named_.end()) return false;
      table_ = named->second;
      named_.erase(named);
    }
    number_ = *number;
  }
  rest = *key_within(key, number_);
  return true;
}

/// Scalars only; "n" is the next free number.
bool ObjectCheck::take_bookkeeping(const Scalar& field, const Value& value) {
  const auto* name = std::get_if<Bytes>(&field);
  const auto* number = std::get_if<std::int64_t>(&value);
  if (name == nullptr || number == nullptr || *number < 0) return false;
  if (*name != "n") return true;
  next_free_ = static_cast<TableNumber>(*number);
  // As far from the end as no object comes, so that counting on is safe.
  return next_free_ > root_table && *number < std::numeric_limits<std::int64_t>::max() / 2;
}

bool ObjectCheck::take_piece(const Scalar& field, const Value& value) {
  const auto* number = std::get_if<std::int64_t>(&field);
  const auto* piece = std::get_if<Bytes>(&value);
  if (number == nullptr || piece == nullptr || *number != table_.pieces + 1) return false;
  if (piece->empty() || piece->size() > table_.text_bytes) return false;
  table_.text_bytes -= piece->size();
  ++table_.pieces;
  return true;
}

bool ObjectCheck::refer(TableNumber table, const Table& what) {
  if (table <= number_ || table >= next_free_ || what.depth > checked_depth_max) return false;
  return named_.emplace(table, what).second;
}

bool ObjectCheck::take(Bytes key, Bytes value) {
  Bytes rest;
  if (!enter(key, rest)) return false;
  const Scalar field = decode_key(rest);
  const Value decoded = decode_value(value);
  if (!is_spelt_so(key, number_, field) || !is_spelt_so(value, decoded)) return false;
  if (number_ == bookkeeping_table) return take_bookkeeping(field, decoded);
  if (table_.text) return take_piece(field, decoded);
  if (const auto* table = std::get_if<TableValue>(&decoded))
    return refer(table->table, {.depth = table_.depth + 1});
  if (const auto* text = std::get_if<LongString>(&decoded)) {
    return text->bytes > short_string_bytes_max &&
           refer(text->table, {.depth = table_.depth + 1, .text_bytes = text->bytes, .text = true});
  }
  return true;
}

bool ObjectCheck::finish() const {
  if (table_.text_bytes > 0) return false;
  for (const auto& [number, table] : named_) {
    if (table.text) return false;
  }
  return true;
}

}  // namespace cacheismo::lua
