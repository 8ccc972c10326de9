// pcall, xpcall and coroutines: as Lua's, but that none of them keeps the error that ends a run.

#include <lauxlib.h>

#include "cacheismo/lua/library.h"
#include "cacheismo/lua/run.h"

namespace cacheismo::lua {
namespace {

/// Unwinding takes about as long as so many steps.
constexpr std::int64_t caught_error_steps = 20;
constexpr std::int64_t new_coroutine_steps = 10;

bool failed(int status) { return status != LUA_OK && status != LUA_YIELD; }

/// `below`: values at the bottom of the stack that are no results.
int finish_protected(lua_State* lua, int status, lua_KContext below) {
  raise_if_killed(lua);
  if (!failed(status)) return lua_gettop(lua) - static_cast<int>(below);
  charge(lua, caught_error_steps);
  lua_pushboolean(lua, 0);
  lua_pushvalue(lua, -2);
  return 2;
}

int protected_call(lua_State* lua) {
  luaL_checkany(lua, 1);
  lua_pushboolean(lua, 1);
  lua_insert(lua, 1);
  const int status = lua_pcallk(lua, lua_gettop(lua) - 2, LUA_MULTRET, 0, 0, finish_protected);
  return finish_protected(lua, status, 0);
}

/// Upvalue: the script's handler, which does not see the end of a run.
int handle_error(lua_State* lua) {
  if (run_of(lua).is_killed()) return 1;
  charge(lua, 1);
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_insert(lua, 1);
  lua_call(lua, lua_gettop(lua) - 1, 1);
  return 1;
}

int protected_call_with_handler(lua_State* lua) {
  const int values = lua_gettop(lua);
  luaL_checktype(lua, 2, LUA_TFUNCTION);
  lua_pushvalue(lua, 2);
  lua_pushcclosure(lua, handle_error, 1);
  lua_replace(lua, 2);
  lua_pushboolean(lua, 1);
  lua_pushvalue(lua, 1);
  lua_rotate(lua, 3, 2);  // function, handler, true, function, arguments
  const int status = lua_pcallk(lua, values - 2, LUA_MULTRET, 2, 2, finish_protected);
  return finish_protected(lua, status, 2);
}

// ---- Coroutines ---------------------------------------------------------------------------------

lua_State* coroutine_argument(lua_State* lua) {
  lua_State* coroutine = lua_tothread(lua, 1);
  luaL_argexpected(lua, coroutine != nullptr, 1, "coroutine");
  return coroutine;
}

int create(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TFUNCTION);
  charge(lua, new_coroutine_steps);
  lua_State* coroutine = lua_newthread(lua);
  lua_pushvalue(lua, 1);
  lua_xmove(lua, coroutine, 1);
  return 1;
}

/// Moves the arguments on top of `lua` into the coroutine and its results back. Below zero: an
/// error, which lies on top of `lua`.
int resume(lua_State* lua, lua_State* coroutine, int arguments) {
  charge(lua, 1 + arguments / 4);
  if (lua_checkstack(coroutine, arguments) == 0) {
    lua_pushstring(lua, "too many arguments to resume");
    return -1;
  }
  lua_xmove(lua, coroutine, arguments);
  int results = 0;
  const int status = lua_resume(coroutine, lua, arguments, &results);
  raise_if_killed(lua);
  if (failed(status)) {
    charge(lua, caught_error_steps);
    lua_xmove(coroutine, lua, 1);
    return -1;
  }
  charge(lua, results / 4);
  if (lua_checkstack(lua, results + 1) == 0) {
    lua_pop(coroutine, results);
    lua_pushstring(lua, "too many results to resume");
    return -1;
  }
  lua_xmove(coroutine, lua, results);
  return results;
}

int resume_with_status(lua_State* lua) {
  lua_State* coroutine = coroutine_argument(lua);
  const int results = resume(lua, coroutine, lua_gettop(lua) - 1);
  lua_pushboolean(lua, results < 0 ? 0 : 1);
  const int values = results < 0 ? 1 : results;
  lua_insert(lua, -(values + 1));
  return values + 1;
}

/// Ends a coroutine that is not running; its variables to be closed run their __close.
int close_coroutine(lua_State* lua, lua_State* coroutine) {
  const int status = lua_closethread(coroutine, lua);
  raise_if_killed(lua);
  return status;
}

/// Upvalue: the coroutine. What wrap() returns.
int resume_wrapped(lua_State* lua) {
  lua_State* coroutine = lua_tothread(lua, lua_upvalueindex(1));
  const int results = resume(lua, coroutine, lua_gettop(lua));
  if (results >= 0) return results;
  if (failed(lua_status(coroutine))) {
    close_coroutine(lua, coroutine);
    lua_xmove(coroutine, lua, 1);  // the last error, if __close raised one
  }
  if (lua_type(lua, -1) == LUA_TSTRING) {
    luaL_where(lua, 1);
    lua_insert(lua, -2);
    lua_concat(lua, 2);
  }
  return lua_error(lua);
}

int wrap(lua_State* lua) {
  create(lua);
  lua_pushcclosure(lua, resume_wrapped, 1);
  return 1;
}

int yield(lua_State* lua) {
  if (lua == run_of(lua).thread)
    return luaL_error(lua, "attempt to yield from outside a coroutine");
  charge(lua, 1);
  return lua_yield(lua, lua_gettop(lua));
}

int is_yieldable(lua_State* lua) {
  lua_State* of = lua_isnone(lua, 1) ? lua : coroutine_argument(lua);
  lua_pushboolean(lua, of != run_of(lua).thread && lua_isyieldable(of) != 0 ? 1 : 0);
  return 1;
}

/// The thread that a run began in belongs to the host: nobody may resume or close it, so no script
/// gets hold of it.
int running(lua_State* lua) {
  const bool outermost = lua == run_of(lua).thread;
  if (outermost) {
    lua_pushnil(lua);
  } else {
    lua_pushthread(lua);
  }
  lua_pushboolean(lua, outermost ? 1 : 0);
  return 2;
}

const char* status_of(lua_State* lua, lua_State* coroutine) {
  if (lua == coroutine) return "running";
  switch (lua_status(coroutine)) {
    case LUA_YIELD: return "suspended";
    case LUA_OK: {
      lua_Debug frame;
      if (lua_getstack(coroutine, 0, &frame) != 0) return "normal";
      return lua_gettop(coroutine) == 0 ? "dead" : "suspended";
    }
    default: return "dead";
  }
}

int status(lua_State* lua) {
  lua_pushstring(lua, status_of(lua, coroutine_argument(lua)));
  return 1;
}

int close(lua_State* lua) {
  lua_State* coroutine = coroutine_argument(lua);
  const char* name = status_of(lua, coroutine);
  if (*name == 'r' || *name == 'n') return luaL_error(lua, "cannot close a %s coroutine", name);
  charge(lua, 1);
  const bool closed = close_coroutine(lua, coroutine) == LUA_OK;
  lua_pushboolean(lua, closed ? 1 : 0);
  if (closed) return 1;
  lua_xmove(coroutine, lua, 1);
  return 2;
}

}  // namespace

void open_protected_calls(lua_State* lua) {
  add_function(lua, "pcall", protected_call);
  add_function(lua, "xpcall", protected_call_with_handler);
}

void open_coroutine(lua_State* lua) {
  add_function(lua, "close", close);
  add_function(lua, "create", create);
  add_function(lua, "isyieldable", is_yieldable);
  add_function(lua, "resume", resume_with_status);
  add_function(lua, "running", running);
  add_function(lua, "status", status);
  add_function(lua, "wrap", wrap);
  add_function(lua, "yield", yield);
}

}  // namespace cacheismo::lua
