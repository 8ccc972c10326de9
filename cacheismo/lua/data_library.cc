// table and math. table pays for each element as it goes (third_party/lua.BUILD); math.random draws
// from the Vm's own generator and cannot be seeded by a script.

#include <lauxlib.h>
#include <lualib.h>

#include "cacheismo/lua/library.h"
#include "cacheismo/lua/run.h"

namespace cacheismo::lua {
namespace {

/// random(): a float in [0, 1). random(m), random(l, m): an integer. random(0): any integer.
int random(lua_State* lua) {
  charge(lua, 1);
  refuse_if_pure(lua, "math.random");
  Prng& prng = run_of(lua).prng;
  lua_Integer low = 1;
  lua_Integer high = 0;
  switch (lua_gettop(lua)) {
    case 0: lua_pushnumber(lua, prng.unit()); return 1;
    case 1:
      high = luaL_checkinteger(lua, 1);
      if (high == 0) {
        lua_pushinteger(lua, static_cast<lua_Integer>(prng.next()));
        return 1;
      }
      break;
    case 2:
      low = luaL_checkinteger(lua, 1);
      high = luaL_checkinteger(lua, 2);
      break;
    default: return luaL_error(lua, "wrong number of arguments");
  }
  luaL_argcheck(lua, low <= high, lua_gettop(lua), "interval is empty");
  const auto first = static_cast<std::uint64_t>(low);
  const std::uint64_t span = static_cast<std::uint64_t>(high) - first;
  const std::uint64_t drawn = span == ~std::uint64_t{0} ? prng.next() : prng.below(span + 1);
  const std::uint64_t sum = first + drawn;  // wraps around as the cast back does
  lua_pushinteger(lua, static_cast<lua_Integer>(sum));
  return 1;
}

}  // namespace

void open_table(lua_State* lua) {
  push_original(lua, luaopen_table);
  const int original = lua_gettop(lua);
  lua_pushvalue(lua, -2);
  for (const char* name : {"concat", "insert", "move", "pack", "remove", "sort", "unpack"})
    add_paid<price_of_arguments>(lua, original, name);
  lua_pop(lua, 2);
}

void open_math(lua_State* lua) {
  push_original(lua, luaopen_math);
  const int original = lua_gettop(lua);
  lua_pushvalue(lua, -2);
  for (const char* name :
       {"abs", "acos", "asin", "atan", "ceil", "cos",  "deg", "exp",       "floor", "fmod", "log",
        "max", "min",  "modf", "rad",  "sin",  "sqrt", "tan", "tointeger", "type",  "ult"})
    add_paid<price_of_arguments>(lua, original, name);
  for (const char* name : {"huge", "maxinteger", "mininteger", "pi"}) {
    lua_getfield(lua, original, name);
    lua_setfield(lua, -2, name);
  }
  add_function(lua, "random", random);
  lua_pop(lua, 2);
}

}  // namespace cacheismo::lua
