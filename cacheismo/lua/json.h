// JSON text of Lua values, for tables that methods return.
//
//   {1, 2, 3} -> [1,2,3]     {a = 1, [2] = "x"} -> {"2":"x","a":1}     {} -> {}
//
// Fields come in the order of codec.h, numbers as keys become text. Bytes from 0x80 up are taken
// for UTF-8 as they are. What JSON has no form for (NaN, infinities) is null.

#ifndef CACHEISMO_LUA_JSON_H_
#define CACHEISMO_LUA_JSON_H_

#include <cstddef>
#include <string>

#include <lua.h>

namespace cacheismo::lua {

/// Appends the value at `index`, in which no proxy occurs (StoredTables::push_copy). Raises an
/// error for functions, for tables nested deeper than table_depth_max, and above `bytes_max`.
void append_json(lua_State* lua, int index, std::size_t bytes_max, std::string& out);

/// A number as a method's result shows it: an integer without a point also where it is a float.
void append_number(lua_State* lua, int index, std::string& out);

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_JSON_H_
