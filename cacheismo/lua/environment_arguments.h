// Arguments of the functions that scripts find among their globals, checked.

#ifndef CACHEISMO_LUA_ENVIRONMENT_ARGUMENTS_H_
#define CACHEISMO_LUA_ENVIRONMENT_ARGUMENTS_H_

#include <cmath>
#include <cstddef>

#include <lauxlib.h>
#include <lua.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/lua/generation.h"

namespace cacheismo::lua {

// Everything here raises Lua's errors. Views live as long as the value stands on the stack.

[[nodiscard]] inline Bytes checked_string(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(lua, index, &size);
  return {text, size};
}

[[nodiscard]] inline Bytes checked_key(lua_State* lua, int index) {
  const Bytes key = checked_string(lua, index);
  if (key.empty() || key.size() > ObjectKey::bytes_max)
    luaL_argerror(lua, index, "a key has 1 to 250 bytes");
  return key;
}

[[nodiscard]] inline double checked_seconds(lua_State* lua, int index) {
  const double seconds = luaL_checknumber(lua, index);
  if (!(std::fabs(seconds) < 1e9)) luaL_argerror(lua, index, "not a number of seconds");
  return seconds;
}

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_ENVIRONMENT_ARGUMENTS_H_
