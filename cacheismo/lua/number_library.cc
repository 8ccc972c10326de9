// decimal(value) and integer(value), with which scripts read the numbers that clients send.
//
//   decimal("17") -> 17   decimal("1e3") -> 1000   decimal(2.5) -> 2.5
//   integer("17") -> 17   integer("1e3") -> 1000   integer(2.5) -> nil
//   decimal("0x11"), decimal(" 17"), decimal("inf"), decimal({}) -> nil
//
//  1. Text counts only if it is a number in decimal digits and nothing else: no blanks, no
//     hexadecimal, no infinity, no NaN, at most 40 bytes.
//  2. A number with an integer's value is returned as an integer, if 64 bits hold it.
//  3. integer() is decimal() where that is an integer, and nil otherwise.
//  4. No error: what a bad value means is for the script to say.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

#include "cacheismo/base/bytes.h"
#include "cacheismo/lua/library.h"

namespace cacheismo::lua {
namespace {

constexpr std::size_t text_bytes_max = 40;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void push_number(lua_State* lua, double number) {
  lua_Integer integer = 0;
  if (!std::isfinite(number)) {
    lua_pushnil(lua);
  } else if (lua_numbertointeger(number, &integer) && static_cast<double>(integer) == number) {
    lua_pushinteger(lua, integer);
  } else {
    lua_pushnumber(lua, number);
  }
}

void push_parsed(lua_State* lua, Bytes text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const char* const end = text.data() + text.size();
  lua_Integer integer = 0;
  const auto whole = std::from_chars(text.data(), end, integer);
  if (whole.ec == std::errc() && whole.ptr == end) {
    lua_pushinteger(lua, integer);
    return;
  }
  // What from_chars knows beyond digits are "inf" and "nan".
  double number = 0;
  const auto real = std::from_chars(text.data(), end, number);
  const bool known = std::any_of(text.begin(), text.end(), is_digit);
  if (known && real.ec == std::errc() && real.ptr == end) {
    push_number(lua, number);
  } else {
    lua_pushnil(lua);
  }
}

int decimal(lua_State* lua) {
  charge(lua, 1);
  switch (lua_type(lua, 1)) {
    case LUA_TNUMBER:
      if (lua_isinteger(lua, 1)) {
        lua_settop(lua, 1);
      } else {
        push_number(lua, lua_tonumber(lua, 1));
      }
      return 1;
    case LUA_TSTRING: {
      std::size_t size = 0;
      const char* text = lua_tolstring(lua, 1, &size);
      if (size <= text_bytes_max) {
        push_parsed(lua, {text, size});
        return 1;
      }
      break;
    }
    default: break;
  }
  lua_pushnil(lua);
  return 1;
}

int integer(lua_State* lua) {
  decimal(lua);
  if (lua_isinteger(lua, -1) == 0) lua_pushnil(lua);
  return 1;
}

}  // namespace

void open_numbers(lua_State* lua) {
  add_function(lua, "decimal", decimal);
  add_function(lua, "integer", integer);
}

}  // namespace cacheismo::lua
