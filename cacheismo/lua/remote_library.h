// Remote functions: how a script asks other nodes, and what it sees of the ring.
//
//   getFromServer(server, key [, options])             callOnServer(server, "T:M:K", args...)
//   setOnServer(server, key, value [, options])        getInParallel({server = keys} [, options])
//   deleteOnServer(server, key [, options])            copyToServer(server, key [, options])
//                                                      mapreduce(...), replicate(key [, options])
//        |                                                                  (remote.lua)
//        +--> call.remote, and the thread yields --> Engine --> node ... replies --> results
//
//   ring.owner(key) ring.owners(key, n) ring.nodes() ring.self ring.epoch
//
//  1. A failure of another node is a result, never a Lua error; a wrong argument is an error.
//  2. What cannot succeed (nested too deeply, no time left) is answered without a wait.
//
// What it is not: it sends nothing and decides nothing about connections; the node does.

#ifndef CACHEISMO_LUA_REMOTE_LIBRARY_H_
#define CACHEISMO_LUA_REMOTE_LIBRARY_H_

#include <lua.h>

#include "cacheismo/lua/generation.h"

namespace cacheismo::lua::remote {

// Everything here raises Lua's errors.

/// Once for a generation, before the first fill().
void make(lua_State* lua, Generation& generation);
/// Adds the functions to the table of globals on top of `lua`.
void fill(lua_State* lua, Generation& generation);

/// `first`: those of the original interface, without what the others say about them.
enum class Results : std::uint8_t { all, first };

/// The functions, for the original's Command. `name` is what errors call them; their arguments
/// begin at `first`.
int get_from_server(lua_State* lua, const char* name, Results results, int first);
int get_in_parallel(lua_State* lua, const char* name, Results results, int first);

}  // namespace cacheismo::lua::remote

#endif  // CACHEISMO_LUA_REMOTE_LIBRARY_H_
