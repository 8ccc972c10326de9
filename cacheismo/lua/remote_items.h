// Remote items: functions that bring what is stored here to other nodes: copyToServer, and the
// parts of replicate, whose rest is in remote.lua.
//
// What it is not: it knows no form of an item; the Host makes it.

#ifndef CACHEISMO_LUA_REMOTE_ITEMS_H_
#define CACHEISMO_LUA_REMOTE_ITEMS_H_

#include <lua.h>

namespace cacheismo::lua::remote {

// Everything here raises Lua's errors.

/// (server, key, options or none): the item of that key, with all that belongs to it. `true` where
/// it is stored there, `false` where there is none here or the other node did not store it.
int copy_to_server(lua_State* lua);

/// (key, what was packed before or nil)
int pack_item(lua_State* lua);
/// (key, value or nil, flags, ttl, whether it is to be so here)
int pack_value(lua_State* lua);
/// Sends what was packed to a list of servers, of which so many are to confirm, in so many seconds.
/// What came of it as getInParallel says it.
int ship_packed(lua_State* lua);

}  // namespace cacheismo::lua::remote

#endif  // CACHEISMO_LUA_REMOTE_ITEMS_H_
