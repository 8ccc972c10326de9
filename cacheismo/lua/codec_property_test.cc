// Goal: bytes sort as the fields do, and come back as they were. Method: RapidCheck, against the
// order that the head of codec.h promises.

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "cacheismo/lua/codec.h"

namespace cacheismo::lua {
namespace {

/// A key in a form that owns its bytes.
struct Field {
  int kind = 0;  // 0 number (integer), 1 number (float), 2 string, 3 boolean
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  bool flag = false;
};

std::string encode(TableNumber table, const Field& field) {
  KeyBytes key(table);
  switch (field.kind) {
    case 0: key.set_integer(field.integer); break;
    case 1: key.set_float(field.real); break;
    case 2: key.set_string(field.text); break;
    default: key.set_boolean(field.flag); break;
  }
  return std::string(key.bytes());
}

/// -1, 0, 1 of an integer against a float, exactly.
int compare(std::int64_t a, double b) {
  if (b >= 9223372036854775808.0) return -1;
  if (b < -9223372036854775808.0) return 1;
  const double floor = std::floor(b);
  const auto whole = static_cast<std::int64_t>(floor);
  if (a != whole) return a < whole ? -1 : 1;
  return b > floor ? -1 : 0;
}

int compare(const Field& a, const Field& b) {
  const auto rank = [](const Field& f) { return f.kind <= 1 ? 0 : f.kind - 1; };
  if (rank(a) != rank(b)) return rank(a) < rank(b) ? -1 : 1;
  if (a.kind == 2) return a.text.compare(b.text) < 0 ? -1 : a.text != b.text;
  if (a.kind == 3) return static_cast<int>(a.flag) - static_cast<int>(b.flag);
  if (a.kind == 0 && b.kind == 0) return a.integer < b.integer ? -1 : a.integer > b.integer;
  if (a.kind == 1 && b.kind == 1) return a.real < b.real ? -1 : a.real > b.real;
  return a.kind == 0 ? compare(a.integer, b.real) : -compare(b.integer, a.real);
}

std::int64_t any_integer() {
  const auto bits = *rc::gen::inRange(0, 64);
  const auto value = static_cast<std::int64_t>(*rc::gen::arbitrary<std::uint64_t>());
  return value >> bits;
}

double any_float() {
  switch (*rc::gen::inRange(0, 5)) {
    case 0: return static_cast<double>(any_integer());
    case 1: return static_cast<double>(any_integer()) + 0.5;
    case 2:
      return *rc::gen::element(0.0, -0.0, std::numeric_limits<double>::infinity(),
                               -std::numeric_limits<double>::infinity(), 9223372036854775808.0,
                               -9223372036854775808.0, 5e-324, -5e-324, 1e308);
    default: {
      const double value = *rc::gen::arbitrary<double>();
      return std::isnan(value) ? 1.0 : value;
    }
  }
}

Field any_field() {
  Field field;
  field.kind = *rc::gen::inRange(0, 4);
  field.integer = any_integer();
  field.real = any_float();
  field.text = *rc::gen::arbitrary<std::string>();
  field.flag = *rc::gen::arbitrary<bool>();
  return field;
}

int sign(int value) { return (value > 0) - (value < 0); }

RC_GTEST_PROP(Codec, KeysSortAsFieldsDo, ()) {
  const Field a = any_field();
  const Field b = any_field();
  const TableNumber table = *rc::gen::element<TableNumber>(1, 2, 0xEF, 0xF0, 70'000, 1ULL << 60);
  RC_ASSERT(sign(encode(table, a).compare(encode(table, b))) == sign(compare(a, b)));
}

RC_GTEST_PROP(Codec, TablesLieOneBehindTheOther, ()) {
  const auto any_table = [] {
    return *rc::gen::arbitrary<std::uint64_t>() >> *rc::gen::inRange(0, 64);
  };
  const TableNumber a = any_table();
  const TableNumber b = any_table();
  RC_PRE(a < b);
  KeyBytes end(a);
  end.set_end();
  RC_ASSERT(encode(a, any_field()) < std::string(end.bytes()));
  RC_ASSERT(std::string(end.bytes()) < std::string(KeyBytes(b).bytes()));
  RC_ASSERT(!key_within(encode(a, any_field()), b));
}

RC_GTEST_PROP(Codec, AKeyComesBackAsItWas, ()) {
  const Field field = any_field();
  const std::string bytes = encode(7, field);
  const auto rest = key_within(bytes, 7);
  RC_ASSERT(rest.has_value());
  const Scalar back = decode_key(*rest);
  switch (field.kind) {
    case 0: RC_ASSERT(std::get<std::int64_t>(back) == field.integer); break;
    case 1:
      if (std::holds_alternative<std::int64_t>(back)) {
        RC_ASSERT(static_cast<double>(std::get<std::int64_t>(back)) == field.real);
      } else {
        RC_ASSERT(std::get<double>(back) == field.real);
      }
      break;
    case 2: RC_ASSERT(std::get<Bytes>(back) == field.text); break;
    default: RC_ASSERT(std::get<bool>(back) == field.flag); break;
  }
}

RC_GTEST_PROP(Codec, AValueComesBackAsItWas, ()) {
  const std::int64_t integer = any_integer();
  ValueBytes a;
  a.set_integer(integer);
  RC_ASSERT(std::get<std::int64_t>(decode_value(a.bytes())) == integer);
  const double real = any_float();
  ValueBytes b;
  b.set_float(real);
  RC_ASSERT(std::get<double>(decode_value(b.bytes())) == real);
  const TableNumber table = (*rc::gen::arbitrary<std::uint64_t>() >> *rc::gen::inRange(0, 63)) | 1;
  ValueBytes c;
  c.set_table(table);
  RC_ASSERT(std::get<TableValue>(decode_value(c.bytes())).table == table);
  ValueBytes d;
  d.set_long_string(table, 123'456);
  RC_ASSERT(std::get<LongString>(decode_value(d.bytes())).table == table);
  RC_ASSERT(std::get<LongString>(decode_value(d.bytes())).bytes == 123'456u);
}

RC_GTEST_PROP(Codec, ForeignBytesAreRefusedOrRead, ()) {
  const auto bytes = *rc::gen::arbitrary<std::string>();
  static_cast<void>(decode_key(bytes));
  static_cast<void>(decode_value(bytes));
}

}  // namespace
}  // namespace cacheismo::lua
