// Globals that are functions, but for those that catch errors (call_library.cc).

#include <lauxlib.h>
#include <lualib.h>

#include "cacheismo/lua/library.h"

namespace cacheismo::lua {
namespace {

void price_of_text(lua_State* lua) { charge(lua, 1 + text_bytes(lua, 1) / 16); }

int to_text(lua_State* lua) {
  luaL_checkany(lua, 1);
  charge(lua, 1);
  push_text(lua, 1);
  return 1;
}

int finish_pairs(lua_State*, int, lua_KContext) { return 3; }

/// Upvalue: next.
int pairs(lua_State* lua) {
  luaL_checkany(lua, 1);
  if (luaL_getmetafield(lua, 1, "__pairs") == LUA_TNIL) {
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_pushvalue(lua, 1);
    lua_pushnil(lua);
  } else {
    lua_pushvalue(lua, 1);
    lua_callk(lua, 1, 3, 0, finish_pairs);
  }
  return 3;
}

int next_index(lua_State* lua) {
  charge(lua, 1);
  const lua_Integer index = luaL_checkinteger(lua, 2);
  const auto next = static_cast<lua_Integer>(static_cast<lua_Unsigned>(index) + 1);
  lua_pushinteger(lua, next);
  return lua_geti(lua, 1, next) == LUA_TNIL ? 1 : 2;
}

/// Upvalue: next_index.
int index_pairs(lua_State* lua) {
  luaL_checkany(lua, 1);
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_pushvalue(lua, 1);
  lua_pushinteger(lua, 0);
  return 3;
}

void refuse_field(lua_State* lua, const char* name) {
  lua_pushstring(lua, name);
  if (lua_rawget(lua, 2) != LUA_TNIL) luaL_error(lua, "%s is not available to scripts", name);
  lua_pop(lua, 1);
}

/// As Lua's, without what would run later (__gc) or let a script see the collector (__mode).
int set_metatable(lua_State* lua) {
  charge(lua, 1);
  const int type = lua_type(lua, 2);
  luaL_checktype(lua, 1, LUA_TTABLE);
  luaL_argexpected(lua, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
  if (luaL_getmetafield(lua, 1, "__metatable") != LUA_TNIL)
    return luaL_error(lua, "cannot change a protected metatable");
  lua_settop(lua, 2);
  if (type == LUA_TTABLE) {
    refuse_field(lua, "__gc");
    refuse_field(lua, "__mode");
  }
  lua_setmetatable(lua, 1);
  return 1;
}

}  // namespace

void push_text(lua_State* lua, int index) {
  index = lua_absindex(lua, index);
  if (luaL_callmeta(lua, index, "__tostring") != 0) {
    if (lua_isstring(lua, -1) == 0) luaL_error(lua, "'__tostring' must return a string");
    return;
  }
  switch (lua_type(lua, index)) {
    case LUA_TNUMBER:
    case LUA_TSTRING:
      lua_pushvalue(lua, index);
      lua_tolstring(lua, -1, nullptr);
      return;
    case LUA_TBOOLEAN:
      lua_pushstring(lua, lua_toboolean(lua, index) != 0 ? "true" : "false");
      return;
    case LUA_TNIL: lua_pushstring(lua, "nil"); return;
    default:
      switch (luaL_getmetafield(lua, index, "__name")) {
        case LUA_TSTRING: return;
        case LUA_TNIL: break;
        default: lua_pop(lua, 1);
      }
      lua_pushstring(lua, luaL_typename(lua, index));
  }
}

void add_function(lua_State* lua, const char* name, lua_CFunction function) {
  lua_pushboolean(lua, 0);
  lua_pushcclosure(lua, function, 1);
  lua_setfield(lua, -2, name);
}

void library_internal::add_closure(lua_State* lua, int from, const char* name, lua_CFunction paid) {
  lua_getfield(lua, from, name);
  const lua_CFunction original = lua_tocfunction(lua, -1);
  lua_pop(lua, 1);
  lua_pushlightuserdata(lua, reinterpret_cast<void*>(original));
  lua_pushcclosure(lua, paid, 1);
  lua_setfield(lua, -2, name);
}

void push_original(lua_State* lua, lua_CFunction opener) {
  lua_pushcfunction(lua, opener);
  lua_call(lua, 0, 1);
}

void open_base(lua_State* lua) {
  push_original(lua, luaopen_base);
  const int original = lua_gettop(lua);
  lua_pushvalue(lua, -2);
  add_paid<price_of_arguments>(lua, original, "assert");
  add_paid<price_of_a_call>(lua, original, "error");
  add_paid<price_of_a_call>(lua, original, "getmetatable");
  add_paid<price_of_a_call>(lua, original, "next");
  add_paid<price_of_a_call>(lua, original, "rawequal");
  add_paid<price_of_a_call>(lua, original, "rawget");
  add_paid<price_of_a_call>(lua, original, "rawlen");
  add_paid<price_of_a_call>(lua, original, "select");
  add_paid<price_of_text>(lua, original, "tonumber");
  add_paid<price_of_a_call>(lua, original, "type");
  add_function(lua, "setmetatable", set_metatable);
  add_function(lua, "tostring", to_text);
  lua_getfield(lua, -1, "next");
  lua_pushcclosure(lua, pairs, 1);
  lua_setfield(lua, -2, "pairs");
  lua_pushboolean(lua, 0);
  lua_pushcclosure(lua, next_index, 1);
  lua_pushcclosure(lua, index_pairs, 1);
  lua_setfield(lua, -2, "ipairs");
  lua_pushstring(lua, LUA_VERSION);
  lua_setfield(lua, -2, "_VERSION");
  lua_pop(lua, 2);
}

}  // namespace cacheismo::lua
