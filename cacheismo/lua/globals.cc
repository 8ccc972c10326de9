#include "cacheismo/lua/globals.h"

#include <lauxlib.h>

#include "cacheismo/base/check.h"
#include "cacheismo/lua/library.h"

namespace cacheismo::lua {
namespace {

// Fields of the registry.
constexpr const char* base_field = "globals";
constexpr const char* libraries_field = "libraries";

struct Library {
  const char* name;
  void (*open)(lua_State*);
};

constexpr Library libraries[] = {
    {"coroutine", open_coroutine}, {"log", open_log},     {"math", open_math}, {"os", open_os},
    {"string", open_string},       {"table", open_table}, {"utf8", open_utf8},
};

/// Upvalue: what cannot be set, "global" or "field of string".
int refuse_to_set(lua_State* lua) {
  push_text(lua, 2);
  return luaL_error(lua, "cannot set %s '%s'", lua_tostring(lua, lua_upvalueindex(1)),
                    lua_tostring(lua, -1));
}

int refuse_undefined(lua_State* lua) {
  push_text(lua, 2);
  return luaL_error(lua, "undefined global '%s'", lua_tostring(lua, -1));
}

/// Pops a text and pushes a metatable: reading goes on at `index`, writing is refused in the name
/// of the text.
void push_closed_metatable(lua_State* lua, int index) {
  lua_newtable(lua);
  lua_pushvalue(lua, index);
  lua_setfield(lua, -2, "__index");
  lua_insert(lua, -2);
  lua_pushcclosure(lua, refuse_to_set, 1);
  lua_setfield(lua, -2, "__newindex");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
}

/// Adds one library to the tables at `base` and `all`.
void open_library(lua_State* lua, int base, int all, const Library& library) {
  lua_newtable(lua);
  library.open(lua);
  const int functions = lua_gettop(lua);
  lua_newtable(lua);
  lua_pushfstring(lua, "field of %s", library.name);
  push_closed_metatable(lua, functions);
  lua_setmetatable(lua, -2);
  lua_setfield(lua, base, library.name);
  lua_setfield(lua, all, library.name);
}

}  // namespace

int open_libraries(lua_State* lua) {
  lua_newtable(lua);
  const int base = lua_gettop(lua);
  open_base(lua);
  open_numbers(lua);
  open_protected_calls(lua);
  lua_newtable(lua);
  const int all = lua_gettop(lua);
  for (const Library& library : libraries) open_library(lua, base, all, library);
  lua_getfield(lua, all, "string");
  set_string_methods(lua, -1);
  lua_getfield(lua, all, "table");
  lua_getfield(lua, -1, "unpack");
  lua_setfield(lua, base, "unpack");
  lua_pushvalue(lua, base);
  lua_setfield(lua, LUA_REGISTRYINDEX, base_field);
  lua_pushvalue(lua, all);
  lua_setfield(lua, LUA_REGISTRYINDEX, libraries_field);
  // Lua's own libraries were opened into this one.
  lua_newtable(lua);
  lua_rawseti(lua, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  return 0;
}

int new_globals(lua_State* lua) {
  lua_settop(lua, 0);
  lua_newtable(lua);
  lua_getfield(lua, LUA_REGISTRYINDEX, base_field);
  lua_pushnil(lua);
  while (lua_next(lua, 2) != 0) {
    lua_pushvalue(lua, -2);
    lua_insert(lua, -2);
    lua_rawset(lua, 1);
  }
  lua_pushvalue(lua, 1);
  lua_setfield(lua, 1, "_G");
  lua_newtable(lua);
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_setmetatable(lua, 1);
  lua_settop(lua, 1);
  return 1;
}

int freeze_globals(lua_State* lua) {
  const bool undefined_is_nil = lua_toboolean(lua, 2) != 0;
  lua_settop(lua, 1);
  lua_newtable(lua);
  const int store = 2;
  lua_pushnil(lua);
  while (lua_next(lua, 1) != 0) {
    lua_pushvalue(lua, -2);
    lua_insert(lua, -2);
    lua_rawset(lua, store);
  }
  if (!undefined_is_nil) {
    lua_newtable(lua);
    lua_pushboolean(lua, 0);
    lua_pushcclosure(lua, refuse_undefined, 1);
    lua_setfield(lua, -2, "__index");
    lua_setmetatable(lua, store);
  }
  lua_pushstring(lua, "global");
  push_closed_metatable(lua, store);
  // From here on nothing allocates.
  lua_pushnil(lua);
  while (lua_next(lua, 1) != 0) {
    lua_pop(lua, 1);
    lua_pushvalue(lua, -1);
    lua_pushnil(lua);
    lua_rawset(lua, 1);
  }
  lua_setmetatable(lua, 1);
  return 0;
}

void push_library_functions(lua_State* lua, const char* name) {
  lua_pushstring(lua, libraries_field);
  lua_rawget(lua, LUA_REGISTRYINDEX);
  lua_pushstring(lua, name);
  CHECK(lua_rawget(lua, -2) == LUA_TTABLE);
  lua_remove(lua, -2);
}

}  // namespace cacheismo::lua
