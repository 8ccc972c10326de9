// Entries of stored tables, one at a time: what StoredTables is made of.
//
// Every function pays for what it does (charge.h) and raises Lua's errors.

#ifndef CACHEISMO_LUA_STORED_ENTRIES_H_
#define CACHEISMO_LUA_STORED_ENTRIES_H_

#include <cstddef>
#include <cstdint>

#include <lua.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/lua/codec.h"
#include "cacheismo/lua/host.h"

namespace cacheismo::lua {

/// What one access to an entry costs beside the instruction that asked for it.
inline constexpr std::int64_t entry_steps = 4;

/// A long string's pieces, bytes.
inline constexpr std::size_t piece_bytes = 1000;
static_assert(piece_bytes <= short_string_bytes_max);

/// Requires a string or a number at `index`.
[[nodiscard]] Bytes string_at(lua_State* lua, int index);

/// Completes `key` with the field at `index`; an error if that can be no key.
void set_key(lua_State* lua, int index, KeyBytes& key);
void push_key(lua_State* lua, const Scalar& key);

[[noreturn]] void raise_too_large(lua_State* lua);
void put_entry(lua_State* lua, State& state, Bytes key, Bytes value);

/// A table number that is free from now on no more.
[[nodiscard]] TableNumber take_number(lua_State* lua, State& state);

/// Erases what an entry's value refers to besides its own bytes: a table, a long string.
void erase_referred(lua_State* lua, State& state, const Value& value);

void push_long_string(lua_State* lua, State& state, const LongString& text);

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_STORED_ENTRIES_H_
