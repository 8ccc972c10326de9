// Library: how the functions that scripts may call are put together; one file for each part.
//
//   open_*(): adds to a table on top of the stack, under the allow-listed names
//   add_function()   a function of ours
//   add_paid()       one of Lua's own, that pays for its work before it does it
//
//  1. Every function that a script can hold is a closure with at least one upvalue: such a one lies
//     in the Lua heap. Lua's light functions are addresses of code, by which a table would order
//     them differently in another process.
//  2. No function makes an address visible, or runs for long without spending steps.
//
// All functions here raise Lua's memory error.

#ifndef CACHEISMO_LUA_LIBRARY_H_
#define CACHEISMO_LUA_LIBRARY_H_

#include <cstdint>

#include <lua.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/lua/charge.h"

namespace cacheismo::lua {

/// assert error getmetatable ipairs next pairs rawequal rawget rawlen select setmetatable tonumber
/// tostring type
void open_base(lua_State* lua);
/// decimal integer
void open_numbers(lua_State* lua);
/// pcall xpcall
void open_protected_calls(lua_State* lua);
/// A library each, into its own table.
void open_coroutine(lua_State* lua);
void open_string(lua_State* lua);
void open_utf8(lua_State* lua);
void open_table(lua_State* lua);
void open_math(lua_State* lua);
void open_os(lua_State* lua);
void open_log(lua_State* lua);

/// Gives strings the methods of the table at `methods`, and nothing to change them with.
void set_string_methods(lua_State* lua, int methods);

/// Pushes what tostring() gives for the value at `index`: __tostring, __name, or the type's name.
void push_text(lua_State* lua, int index);

/// `function` into the table on top of the stack.
void add_function(lua_State* lua, const char* name, lua_CFunction function);

/// The bytes of the string (or number) at `index`, 0 if there is none.
[[nodiscard]] inline std::int64_t text_bytes(lua_State* lua, int index) {
  return lua_type(lua, index) == LUA_TSTRING ? static_cast<std::int64_t>(lua_rawlen(lua, index))
                                             : 0;
}

namespace library_internal {

template <void (*price)(lua_State*)>
int paid(lua_State* lua) {
  price(lua);
  return reinterpret_cast<lua_CFunction>(lua_touserdata(lua, lua_upvalueindex(1)))(lua);
}

void add_closure(lua_State* lua, int from, const char* name, lua_CFunction paid);

}  // namespace library_internal

/// The function `name` of the table at `from` into the one on top of the stack; each call runs
/// `price` first, which may change the arguments.
template <void (*price)(lua_State*)>
void add_paid(lua_State* lua, int from, const char* name) {
  library_internal::add_closure(lua, lua_absindex(lua, from), name, library_internal::paid<price>);
}

/// Opens one of Lua's own libraries onto the stack, as a table of unpaid functions.
void push_original(lua_State* lua, lua_CFunction opener);

inline void price_of_a_call(lua_State* lua) { charge(lua, 1); }
inline void price_of_arguments(lua_State* lua) { charge(lua, 1 + lua_gettop(lua) / 4); }

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_LIBRARY_H_
