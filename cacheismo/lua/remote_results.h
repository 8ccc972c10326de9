// Remote results: replies of other nodes as Lua values.
//
//   value    -> value, flags          done -> true          miss -> nil, or false to a delete
//   failure  -> nil, {code =, sent =, server =, key =, text =}        not_stored -> false
//
// What it is not: it does not know who waits for them (remote_library.h).

#ifndef CACHEISMO_LUA_REMOTE_RESULTS_H_
#define CACHEISMO_LUA_REMOTE_RESULTS_H_

#include <span>

#include <lua.h>

#include "cacheismo/lua/remote.h"

namespace cacheismo::lua::remote {

// Everything here raises Lua's memory error. Requires room for five values on the stack.

/// Returns how many values were pushed, 1 or 2.
int push_result(lua_State* lua, const RemoteRequest& request, const RemoteReply& reply);

/// {server = {key = value}} of those that are values, with a table for each server that was asked.
void push_values(lua_State* lua, std::span<const RemoteRequest> requests,
                 std::span<const RemoteReply> replies);

/// {asked = n, answered = n, missing = {failure, ...}}
void push_coverage(lua_State* lua, std::span<const RemoteRequest> requests,
                   std::span<const RemoteReply> replies);

}  // namespace cacheismo::lua::remote

#endif  // CACHEISMO_LUA_REMOTE_RESULTS_H_
