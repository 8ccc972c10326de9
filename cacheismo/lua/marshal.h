// Marshal: a table as bytes, and back: what table.marshal, replication and dumps write.
//
//   0xD1 | table                     0xD1: the form and its version
//   table:   n | n fields            n, sizes: 7 bits a byte, lowest first, the top bit goes on
//   field:   size | key | value      key: as in codec.h, behind the table's number
//   value:   0x01 ... 0x20, 0x80...  booleans and numbers: as in codec.h
//            0x03 | size | bytes     a string
//            0x05 | table
//
//  1. The same table gives the same bytes: keys ascend, a number has one spelling, NaN too.
//  2. Data only: no function, no reference, no metatable. A table that is met twice is written
//     twice; a cycle is nested too deeply.
//  3. unmarshal() accepts exactly what marshal() writes; it reads nothing beyond its input, and
//     what it allocates is in proportion to that.
//  4. Both pay steps for each field and for the bytes of strings.
//
// What it is not: the form of an object in the store (stored_table.h), which is changed in place.

#ifndef CACHEISMO_LUA_MARSHAL_H_
#define CACHEISMO_LUA_MARSHAL_H_

#include <cstddef>
#include <string>

#include <lua.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/lua/stored_table.h"

namespace cacheismo::lua {

/// Most bytes that one table may become: what lies outside of Lua's memory meanwhile.
inline constexpr std::size_t marshalled_bytes_max = 16u << 20;

/// The bytes of the plain table, or of the proxy of `tables`, at `index`. Raises Lua's error for
/// what is no data, is nested deeper than table_depth_max, has a string of more than
/// key_string_bytes_max bytes as a key, or becomes too large.
[[nodiscard]] std::string marshal(lua_State* lua, int index, StoredTables& tables);

/// Pushes the table that `bytes` stand for; raises Lua's error if they stand for none.
void unmarshal(lua_State* lua, Bytes bytes);

/// Adds marshal(t), unmarshal(s) and clone(t) to the table on top of the stack. `library` is the
/// index of what scripts know as `table`: they may call the three with a colon. `tables` outlives
/// the state.
void add_marshal(lua_State* lua, int library, StoredTables& tables);

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_MARSHAL_H_
