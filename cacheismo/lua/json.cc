#include "cacheismo/lua/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include <fmt/format.h>
#include <lauxlib.h>

#include "cacheismo/lua/charge.h"
#include "cacheismo/lua/codec.h"
#include "cacheismo/lua/stored_table.h"

namespace cacheismo::lua {
namespace {

/// Floats below this are exact integers, and print as such.
constexpr double exact_integers_end = 9007199254740992.0;  // 2^53

void append_string(Bytes text, std::string& out) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

Bytes string_at(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* text = lua_tolstring(lua, index, &size);
  return {text, size};
}

/// One field's key: its bytes in the codec, which order it, and its text.
struct Field {
  std::string order;
  std::string text;
  bool is_string = false;
  bool is_index = false;  ///< an integer from 1 to the table's length
};

class Writer {
 public:
  Writer(lua_State* lua, std::size_t bytes_max, std::string& out)
      : lua_(lua), end_(out.size() + bytes_max), out_(out) {}

  void value(int index, int depth) {
    charge(lua_, 1);
    if (out_.size() > end_) luaL_error(lua_, "the result is too large");
    switch (lua_type(lua_, index)) {
      case LUA_TNIL: out_ += "null"; return;
      case LUA_TBOOLEAN: out_ += lua_toboolean(lua_, index) != 0 ? "true" : "false"; return;
      case LUA_TNUMBER:
        if (std::isfinite(lua_tonumber(lua_, index))) {
          append_number(lua_, index, out_);
        } else {
          out_ += "null";
        }
        return;
      case LUA_TSTRING: append_string(string_at(lua_, index), out_); return;
      case LUA_TTABLE: table(lua_absindex(lua_, index), depth); return;
      default: luaL_error(lua_, "a %s has no JSON form", luaL_typename(lua_, index));
    }
  }

 private:
  void table(int index, int depth) {
    if (depth > table_depth_max) luaL_error(lua_, "tables are nested too deeply for JSON");
    luaL_checkstack(lua_, 4, nullptr);
    const auto length = static_cast<lua_Integer>(lua_rawlen(lua_, index));
    std::vector<Field> fields = keys(index, length);
    if (length > 0 && fields.size() == static_cast<std::size_t>(length) &&
        std::all_of(fields.begin(), fields.end(), [](const Field& one) { return one.is_index; })) {
      out_ += '[';
      for (lua_Integer i = 1; i <= length; ++i) {
        if (i > 1) out_ += ',';
        lua_rawgeti(lua_, index, i);
        value(-1, depth + 1);
        lua_pop(lua_, 1);
      }
      out_ += ']';
      return;
    }
    std::sort(fields.begin(), fields.end(),
              [](const Field& a, const Field& b) { return a.order < b.order; });
    out_ += '{';
    bool first = true;
    for (const Field& field : fields) {
      if (!first) out_ += ',';
      first = false;
      append_string(field.text, out_);
      out_ += ':';
      push_key(field);
      lua_rawget(lua_, index);
      value(-1, depth + 1);
      lua_pop(lua_, 1);
    }
    out_ += '}';
  }

  std::vector<Field> keys(int index, lua_Integer length) {
    std::vector<Field> fields;
    lua_pushnil(lua_);
    while (lua_next(lua_, index) != 0) {
      charge(lua_, 1);
      lua_pop(lua_, 1);
      Field field;
      KeyBytes order(root_table);
      switch (lua_type(lua_, -1)) {
        case LUA_TSTRING:
          field.text = std::string(string_at(lua_, -1));
          field.is_string = true;
          order.set_string(Bytes(field.text).substr(0, key_string_bytes_max));
          break;
        case LUA_TNUMBER:
          if (lua_isinteger(lua_, -1)) {
            order.set_integer(lua_tointeger(lua_, -1));
            field.is_index = lua_tointeger(lua_, -1) >= 1 && lua_tointeger(lua_, -1) <= length;
          } else {
            order.set_float(lua_tonumber(lua_, -1));
          }
          append_number(lua_, -1, field.text);
          break;
        default: luaL_error(lua_, "a %s as a key has no JSON form", luaL_typename(lua_, -1));
      }
      field.order = std::string(order.bytes());
      if (field.text.size() > key_string_bytes_max) field.order += field.text;
      fields.push_back(std::move(field));
    }
    return fields;
  }

  void push_key(const Field& field) {
    if (field.is_string) {
      lua_pushlstring(lua_, field.text.data(), field.text.size());
      return;
    }
    const auto rest = key_within(field.order, root_table);
    const Scalar key = decode_key(*rest);
    if (const auto* integer = std::get_if<std::int64_t>(&key)) {
      lua_pushinteger(lua_, *integer);
    } else {
      lua_pushnumber(lua_, std::get<double>(key));
    }
  }

  lua_State* lua_;
  std::size_t end_;
  std::string& out_;
};

}  // namespace

void append_number(lua_State* lua, int index, std::string& out) {
  if (lua_isinteger(lua, index)) {
    char digits[20];
    const auto written = std::to_chars(digits, std::end(digits), lua_tointeger(lua, index));
    out.append(digits, written.ptr);
    return;
  }
  const double number = lua_tonumber(lua, index);
  if (std::isnan(number)) {
    out += "nan";
  } else if (number == std::floor(number) && std::fabs(number) < exact_integers_end) {
    fmt::format_to(std::back_inserter(out), "{}", static_cast<std::int64_t>(number));
  } else {
    fmt::format_to(std::back_inserter(out), "{:.14g}", number);
  }
}

void append_json(lua_State* lua, int index, std::size_t bytes_max, std::string& out) {
  Writer(lua, bytes_max, out).value(index, 0);
}

}  // namespace cacheismo::lua
