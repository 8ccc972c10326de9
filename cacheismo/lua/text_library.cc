// string and utf8. Work that grows with a string is paid by its length before it is done; matching
// pays as it goes (third_party/lua.BUILD).

#include <algorithm>
#include <cstring>

#include <lauxlib.h>
#include <lualib.h>

#include "cacheismo/lua/library.h"

namespace cacheismo::lua {
namespace {

/// Matching looks at a set of a pattern again for each character, paying a step for 16 bytes of it.
constexpr std::int64_t pattern_bytes_max = 1024;

/// So many bytes are copied, mapped or read in the time of a step.
constexpr std::int64_t text_bytes_per_step = 16;

/// Above what any run has, below what overflows.
constexpr std::int64_t too_many_steps = std::int64_t{1} << 60;

void price_of_texts(lua_State* lua) {
  const int arguments = lua_gettop(lua);
  std::int64_t bytes = 0;
  for (int i = 1; i <= arguments; ++i) bytes += text_bytes(lua, i);
  charge(lua, 1 + arguments + bytes / text_bytes_per_step);
}

void price_of_first_text(lua_State* lua) {
  charge(lua, 1 + text_bytes(lua, 1) / text_bytes_per_step);
}

/// byte(s, i, j) has as many results as it reads bytes.
void price_of_byte(lua_State* lua) {
  const lua_Integer bytes = text_bytes(lua, 1);
  lua_Integer first = luaL_optinteger(lua, 2, 1);
  lua_Integer last = luaL_optinteger(lua, 3, first);
  if (first < 0) first = std::max<lua_Integer>(bytes + first + 1, 1);
  if (last < 0) last = bytes + last + 1;
  last = std::min(last, bytes);
  charge(lua, 1 + (last > first ? (last - first) / 4 : 0));
}

void price_of_pattern(lua_State* lua) {
  charge(lua, 1);
  if (text_bytes(lua, 2) > pattern_bytes_max)
    luaL_error(lua, "a pattern may have at most %d bytes", static_cast<int>(pattern_bytes_max));
}

void price_of_rep(lua_State* lua) {
  const auto times = static_cast<double>(luaL_checkinteger(lua, 2));
  const auto bytes = static_cast<double>(text_bytes(lua, 1) + text_bytes(lua, 3));
  const double steps = times / 8 + times * bytes / 64;
  charge(lua, steps < 0                                     ? 1
              : steps < static_cast<double>(too_many_steps) ? 1 + static_cast<std::int64_t>(steps)
                                                            : too_many_steps);
}

/// %s of a table would show its address, and %p anything's.
void price_of_format(lua_State* lua) {
  std::size_t size = 0;
  const char* format = luaL_checklstring(lua, 1, &size);
  int argument = 1;
  for (std::size_t i = 0; i < size; ++i) {
    if (format[i] != '%') continue;
    if (++i < size && format[i] == '%') continue;
    ++argument;
    while (i < size && std::strchr("-+ #0123456789.", format[i]) != nullptr && format[i] != 0) ++i;
    if (i == size) break;
    if (format[i] == 'p') luaL_error(lua, "invalid conversion '%%p' to 'format'");
    if (format[i] != 's' || lua_isnone(lua, argument)) continue;
    push_text(lua, argument);
    lua_replace(lua, argument);
  }
  price_of_texts(lua);
}

bool has_specials(Bytes pattern) { return pattern.find_first_of("^$*+?.([%-") != Bytes::npos; }

/// find() without a pattern, in linear time; Lua's own takes the product of both lengths. Upvalue:
/// Lua's own.
int find(lua_State* lua) {
  std::size_t size = 0;
  std::size_t wanted_size = 0;
  const char* text = luaL_checklstring(lua, 1, &size);
  const char* wanted = luaL_checklstring(lua, 2, &wanted_size);
  if (lua_toboolean(lua, 4) == 0 && has_specials({wanted, wanted_size})) {
    price_of_pattern(lua);
    return reinterpret_cast<lua_CFunction>(lua_touserdata(lua, lua_upvalueindex(1)))(lua);
  }
  const lua_Integer from = luaL_optinteger(lua, 3, 1);
  std::size_t start = 0;
  if (from > 0) {
    start = static_cast<std::size_t>(from) - 1;
  } else if (from < 0 && static_cast<std::size_t>(-(from + 1)) < size) {
    start = size - static_cast<std::size_t>(-(from + 1)) - 1;
  }
  const void* at = nullptr;
  if (start <= size) {
    charge(lua, 1 + static_cast<std::int64_t>(size - start + wanted_size) / text_bytes_per_step);
    at = memmem(text + start, size - start, wanted, wanted_size);
  }
  if (at == nullptr) {
    lua_pushnil(lua);
    return 1;
  }
  const auto first = static_cast<lua_Integer>(static_cast<const char*>(at) - text) + 1;
  lua_pushinteger(lua, first);
  lua_pushinteger(lua, first + static_cast<lua_Integer>(wanted_size) - 1);
  return 2;
}

/// Upvalue: Lua's own. Its iterator is a function without upvalues; it becomes one of ours.
int codes(lua_State* lua) {
  charge(lua, 1);
  reinterpret_cast<lua_CFunction>(lua_touserdata(lua, lua_upvalueindex(1)))(lua);
  lua_pushlightuserdata(lua, reinterpret_cast<void*>(lua_tocfunction(lua, -3)));
  lua_pushcclosure(lua, library_internal::paid<price_of_a_call>, 1);
  lua_replace(lua, -4);
  return 3;
}

/// The operators of strings that are read as numbers.
void price_of_operands(lua_State* lua) {
  charge(lua, 1 + (text_bytes(lua, 1) + text_bytes(lua, 2)) / text_bytes_per_step);
}

}  // namespace

void open_string(lua_State* lua) {
  push_original(lua, luaopen_string);
  const int original = lua_gettop(lua);
  lua_pushvalue(lua, -2);
  add_paid<price_of_byte>(lua, original, "byte");
  add_paid<price_of_arguments>(lua, original, "char");
  library_internal::add_closure(lua, original, "find", find);
  add_paid<price_of_format>(lua, original, "format");
  add_paid<price_of_pattern>(lua, original, "gmatch");
  add_paid<price_of_pattern>(lua, original, "gsub");
  add_paid<price_of_a_call>(lua, original, "len");
  add_paid<price_of_first_text>(lua, original, "lower");
  add_paid<price_of_pattern>(lua, original, "match");
  add_paid<price_of_texts>(lua, original, "pack");
  add_paid<price_of_texts>(lua, original, "packsize");
  add_paid<price_of_rep>(lua, original, "rep");
  add_paid<price_of_first_text>(lua, original, "reverse");
  add_paid<price_of_a_call>(lua, original, "sub");
  add_paid<price_of_texts>(lua, original, "unpack");
  add_paid<price_of_first_text>(lua, original, "upper");
  lua_pop(lua, 2);
}

void set_string_methods(lua_State* lua, int methods) {
  methods = lua_absindex(lua, methods);
  lua_pushstring(lua, "");
  lua_getmetatable(lua, -1);
  const int original = lua_gettop(lua);
  lua_newtable(lua);
  for (const char* name : {"__add", "__sub", "__mul", "__mod", "__pow", "__div", "__idiv", "__unm"})
    add_paid<price_of_operands>(lua, original, name);
  lua_pushvalue(lua, methods);
  lua_setfield(lua, -2, "__index");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_setmetatable(lua, -3);
  lua_pop(lua, 2);
}

void open_utf8(lua_State* lua) {
  push_original(lua, luaopen_utf8);
  const int original = lua_gettop(lua);
  lua_pushvalue(lua, -2);
  add_paid<price_of_arguments>(lua, original, "char");
  library_internal::add_closure(lua, original, "codes", codes);
  add_paid<price_of_a_call>(lua, original, "codepoint");
  add_paid<price_of_a_call>(lua, original, "len");
  add_paid<price_of_a_call>(lua, original, "offset");
  lua_getfield(lua, original, "charpattern");
  lua_setfield(lua, -2, "charpattern");
  lua_pop(lua, 2);
}

}  // namespace cacheismo::lua
