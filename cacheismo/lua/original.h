// Original: the script interface of cacheismo's first version, so that scripts written for it run.
//
//   handler(command, originalKey, cacheKey, ...)      command.set = function(command) ... end
//        |                                                  instead of an ordinary command
//        +-- getHashMap() --> HashMap --get--> CacheItem <--newCacheItem-- Command
//        +-- executeNew, executeReadOnly, executeReadWrite (original.lua) --> item "type$key",
//            whose value is a marshalled table
//
//  1. What a handler writes is the answer as the client receives it; an error discards all of it.
//     What it has put into the store or deleted stays so.
//  2. A Command or a CacheItem works in the call that it was made in, until its delete().
//  3. Whatever looks through the whole store does so in slices, between which other calls run.
//
// What it is not: the objects of object.type(), whose state is no marshalled table but lies open in
// the store. It opens no State.

#ifndef CACHEISMO_LUA_ORIGINAL_H_
#define CACHEISMO_LUA_ORIGINAL_H_

#include <cstdint>
#include <span>
#include <string>

#include <lauxlib.h>
#include <lua.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/lua/generation.h"
#include "cacheismo/lua/host.h"

namespace cacheismo::lua::original {

// Everything here raises Lua's errors.

/// What getExpiryTime() of an item says that never expires.
inline constexpr lua_Integer never_expires = 4294967295;

/// Once for a generation, before the first fill().
void make(lua_State* lua, Generation& generation);
/// Adds the functions to the table of globals on top of `lua`.
void fill(lua_State* lua, Generation& generation);
/// Pushes a Command for the running call. Requires that it has a CommandData.
void push_command(lua_State* lua, Generation& generation);

// ---- Shared by the classes ----------------------------------------------------------------------

void make_items(lua_State* lua, Generation& generation);       // original_items.cc
void make_command(lua_State* lua, Generation& generation);     // original_command.cc
void make_consistent(lua_State* lua, Generation& generation);  // consistent.cc

int get_hash_map(lua_State* lua);
int new_consistent(lua_State* lua);
int delete_consistent(lua_State* lua);

/// A CacheItem of the running call, not in the store yet or a copy of what is.
void push_item(lua_State* lua, Generation& generation, Bytes key, const ItemCopy& item);
/// Appends a CacheItem to `out` as a VALUE block.
void append_item(lua_State* lua, int index, std::string& out);

/// Makes the metatable of the userdata `name`. Its methods have the generation as their upvalue.
void new_class(lua_State* lua, Generation& generation, const char* name,
               std::span<const luaL_Reg> methods);

/// The generation that a function was made for.
[[nodiscard]] Generation& generation_of(lua_State* lua);
/// The running call; raises an error where there is none.
[[nodiscard]] Call& running_call(lua_State* lua, const char* function);
/// A number that only this call has, for what belongs to it.
[[nodiscard]] std::uint64_t serial_of(Generation& generation, Call& call);
/// Appends to the running call's answer; raises an error where it becomes too large.
void write(lua_State* lua, Call& call, Bytes text);

[[nodiscard]] Bytes checked_text(lua_State* lua, int index);

}  // namespace cacheismo::lua::original

#endif  // CACHEISMO_LUA_ORIGINAL_H_
