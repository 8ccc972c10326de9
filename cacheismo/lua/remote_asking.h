// Remote asking: how a function of a script puts its requests and waits for the replies.
//
//   function --ask()--> call.remote, the thread yields ... replies --> go_on() --> results
//
// What it is not: it knows none of the functions (remote_library.h, remote_items.h).

#ifndef CACHEISMO_LUA_REMOTE_ASKING_H_
#define CACHEISMO_LUA_REMOTE_ASKING_H_

#include <cstdint>
#include <vector>

#include <lua.h>

#include "cacheismo/lua/generation.h"
#include "cacheismo/lua/remote.h"
#include "cacheismo/lua/remote_arguments.h"

namespace cacheismo::lua::remote {

// Everything here raises Lua's errors.

/// A request to another node, with its reply; the memory that its value takes is paid apart.
inline constexpr std::int64_t request_steps = 50;

[[nodiscard]] Generation& generation_of(lua_State* lua);

/// The call that is about to ask; an error that begins with `name` where it may not.
[[nodiscard]] Call& asking_call(lua_State* lua, const char* name);

/// What becomes of the replies.
enum class Shape : std::uint8_t { one, one_first, table, table_first, coverage };

/// Returns what a lua_CFunction returns. The stack is empty from then on.
int ask(lua_State* lua, Call& call, std::vector<RemoteRequest> requests, const Options& options,
        Shape shape);

}  // namespace cacheismo::lua::remote

#endif  // CACHEISMO_LUA_REMOTE_ASKING_H_
