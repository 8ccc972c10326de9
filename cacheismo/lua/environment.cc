#include "cacheismo/lua/environment.h"

#include <algorithm>
#include <cmath>

#include <lauxlib.h>

#include "cacheismo/lua/charge.h"
#include "cacheismo/lua/environment_arguments.h"
#include "cacheismo/lua/json.h"
#include "cacheismo/lua/loading.h"
#include "cacheismo/lua/original.h"
#include "cacheismo/lua/remote_library.h"

namespace cacheismo::lua {
namespace {

/// A look-up of an item, or its change.
constexpr std::int64_t item_steps = 20;

}  // namespace

// ---- Where a function is called from ------------------------------------------------------------

Generation& Generation::Environment::of(lua_State* lua) {
  return *static_cast<Generation*>(lua_touserdata(lua, lua_upvalueindex(1)));
}

Call& Generation::Environment::call_of(lua_State* lua, const char* function) {
  Call* call = of(lua).call();
  if (call == nullptr)
    luaL_error(lua, "%s works in a method only, not while loading or in a route", function);
  return *call;
}

Generation::Loading& Generation::Environment::loading_of(lua_State* lua, const char* function) {
  Loading* loading = of(lua).loading_;
  if (loading == nullptr) luaL_error(lua, "%s works while loading only, not in a method", function);
  return *loading;
}

Host& Generation::Environment::items_of(lua_State* lua, const char* function) {
  const Call& call = call_of(lua, function);
  // What default() or migrate() has made for a read is open as if to be written.
  if (call.writing != nullptr && call.method().kind != Kind::read)
    luaL_error(lua, "%s is not allowed in an update: it could not be undone", function);
  charge(lua, item_steps);
  return call.host();
}

/// Before a change of the store: what was read of objects may move.
void Generation::Environment::close_objects(lua_State* lua, const char* function) {
  Call& call = call_of(lua, function);
  if (call.thread == nullptr) luaL_error(lua, "%s works in an async method only", function);
  call.release_all();
  of(lua).tables().end_proxies();
}

// ---- object -------------------------------------------------------------------------------------

int Generation::Environment::object_type(lua_State* lua) {
  Loading& loading = loading_of(lua, "object.type");
  const Bytes name = checked_string(lua, 1);
  if (!is_name(name))
    luaL_argerror(lua, 1, "a type's name has letters, digits, '_', '-' and '.', at most 64");
  Loading::Declared declared{.name = std::string(name), .script = loading.running};
  if (!lua_isnoneornil(lua, 2)) {
    luaL_checktype(lua, 2, LUA_TTABLE);
    lua_getfield(lua, 2, "version");
    if (!lua_isnil(lua, -1)) declared.version = luaL_checkinteger(lua, -1);
    if (declared.version < 1) luaL_argerror(lua, 2, "a version is a positive integer");
  }
  if (!declared.script->shipped)
    std::erase_if(loading.declared, [&](const auto& other) {
      return other.script->shipped && other.name == declared.name;
    });
  for (const Loading::Declared& other : loading.declared) {
    if (other.name == declared.name)
      luaL_error(lua, "the type %s is declared already, by %s", other.name.c_str(),
                 other.script->name.c_str());
  }
  lua_createtable(lua, 0, 6);
  for (const char* group : {"read", "update", "async"}) {
    lua_createtable(lua, 0, 0);
    lua_setfield(lua, -2, group);
  }
  lua_pushvalue(lua, -1);
  declared.table = luaL_ref(lua, LUA_REGISTRYINDEX);
  loading.declared.push_back(std::move(declared));
  return 1;
}

int Generation::Environment::object_open(lua_State* lua) {
  Call& call = call_of(lua, "object.open");
  const Bytes key = checked_string(lua, 1);
  const Bytes type =
      lua_isnoneornil(lua, 2) ? Bytes(call.method().type->name) : checked_string(lua, 2);
  const ObjectKey object_key(type, key);
  if (object_key.bytes().empty()) luaL_argerror(lua, 1, "the object's key is too long");
  charge(lua, item_steps);
  const auto opened = call.host().open(object_key.bytes(), Access::read);
  if (!opened) luaL_error(lua, "too many objects are open in one call");
  if (opened->state == nullptr) {
    lua_pushnil(lua);
    return 1;
  }
  call.reading.add(*opened->state);
  of(lua).tables().push_root(lua, *opened->state, Access::read);
  return 1;
}

int Generation::Environment::atomically(lua_State* lua) {
  Generation& generation = of(lua);
  Call& call = call_of(lua, "atomically");
  if (call.thread == nullptr) luaL_error(lua, "atomically works in an async method only");
  if (call.atomic) luaL_error(lua, "atomically cannot be nested");
  luaL_checktype(lua, 1, LUA_TFUNCTION);
  const ObjectKey object_key(call.method().type->name, call.key);
  generation.check_owner(lua, object_key.bytes());
  const auto opened = call.host().open(object_key.bytes(), Access::update);
  if (!opened) luaL_error(lua, "too many objects are open in one call");
  if (opened->state == nullptr) luaL_error(lua, "the key holds an ordinary value, not an object");
  call.writing = opened->state;
  call.commit = {};
  call.atomic = true;
  lua_settop(lua, 1);
  generation.tables().push_root(lua, *opened->state, Access::update);
  const int status = lua_pcall(lua, 1, LUA_MULTRET, 0);
  call.atomic = false;
  Committed committed = Committed::done;
  if (status == LUA_OK) {
    committed = call.host().commit(*call.writing, call.commit);
  } else {
    call.host().release(*call.writing, false);
  }
  call.writing = nullptr;
  generation.tables().end_proxies();
  if (status != LUA_OK) {
    charge(lua, 0);  // a kill goes on; another error may be caught by the method
    return lua_error(lua);
  }
  if (committed != Committed::done)
    luaL_error(lua, committed == Committed::no_memory ? "out of memory storing the object"
                                                      : "the object is too large");
  return lua_gettop(lua);
}

// ---- Loading, waiting, time ---------------------------------------------------------------------

int Generation::Environment::require(lua_State* lua) {
  Loading& loading = loading_of(lua, "require");
  const Bytes name = checked_string(lua, 1);
  Loading::Module* module = loading.module(name);
  if (module == nullptr)
    return luaL_error(lua, "require: there is no %s.lua in the scripts directory",
                      lua_tostring(lua, 1));
  if (module->progress == Loading::Module::Progress::running)
    return luaL_error(lua, "require: %s.lua requires itself", lua_tostring(lua, 1));
  module->required = true;
  if (module->progress == Loading::Module::Progress::waiting) loading.run(lua, *module);
  lua_rawgeti(lua, LUA_REGISTRYINDEX, module->result);
  return 1;
}

const char sleep_tag = 0;

int Generation::Environment::method_sleep(lua_State* lua) {
  Call& call = call_of(lua, "sleep");
  if (call.thread != lua || call.atomic)
    luaL_error(lua, "sleep works in an async method itself, not in a coroutine or an atomically");
  const double seconds = checked_seconds(lua, 1);
  lua_pushlightuserdata(lua, const_cast<char*>(&sleep_tag));
  lua_pushnumber(lua, std::max(seconds, 0.0));
  return lua_yield(lua, 2);
}

bool Generation::can_pause(lua_State* lua, const Call& call) {
  return call.thread == lua && !call.atomic && lua_isyieldable(lua) != 0;
}

int Generation::pause(lua_State* lua, lua_KContext context, lua_KFunction then) {
  luaL_checkstack(lua, 2, nullptr);
  lua_pushlightuserdata(lua, const_cast<char*>(&sleep_tag));
  lua_pushnumber(lua, 0);
  return lua_yieldk(lua, 2, context, then);
}

std::optional<std::int64_t> Generation::wait_of(lua_State* thread, const Call& call) {
  if (lua_gettop(thread) < 2 || lua_touserdata(thread, -2) != &sleep_tag) return std::nullopt;
  if (call.remote) return call.remote->timeout_ns;
  return static_cast<std::int64_t>(lua_tonumber(thread, -1) * 1e9);
}

int Generation::Environment::now(lua_State* lua) {
  if (of(lua).vm().is_pure()) luaL_error(lua, "now is not known in a route");
  lua_pushnumber(lua, static_cast<double>(of(lua).host_.wall_ns()) / 1e9);
  return 1;
}

int Generation::Environment::json(lua_State* lua) {
  Generation& generation = of(lua);
  luaL_checkany(lua, 1);
  generation.tables().push_copy(lua, 1);
  std::string text;
  append_json(lua, -1, generation.options().result_bytes_max, text);
  lua_pushlstring(lua, text.data(), text.size());
  return 1;
}

int Generation::Environment::type(lua_State* lua) {
  luaL_checkany(lua, 1);
  if (of(lua).tables().is_proxy(lua, 1)) {
    lua_pushliteral(lua, "table");
  } else {
    lua_pushstring(lua, luaL_typename(lua, 1));
  }
  return 1;
}

// ---- Methods of every object --------------------------------------------------------------------

int Generation::Environment::self_expire(lua_State* lua) {
  Call& call = call_of(lua, "expire");
  static_cast<void>(of(lua).tables().state_of_root(lua, 1, Access::update));
  const double seconds = checked_seconds(lua, 2);
  call.commit.expire_after_seconds =
      seconds > 0 ? std::llround(std::ceil(seconds)) : std::int64_t{0};
  return 0;
}

int Generation::Environment::self_key(lua_State* lua) {
  const Call& call = call_of(lua, "key");
  lua_pushlstring(lua, call.key.data(), call.key.size());
  return 1;
}

int Generation::Environment::self_delete(lua_State* lua) {
  Call& call = call_of(lua, "delete");
  static_cast<void>(of(lua).tables().state_of_root(lua, 1, Access::update));
  call.commit.erase = true;
  return 0;
}

// ---- The table of globals -----------------------------------------------------------------------

namespace {

void set(lua_State* lua, Generation& generation, const char* name, lua_CFunction function) {
  lua_pushlightuserdata(lua, &generation);
  lua_pushcclosure(lua, function, 1);
  lua_setfield(lua, -2, name);
}

}  // namespace

void Generation::Environment::fill(lua_State* lua, Generation& generation) {
  luaL_checkstack(lua, 4, nullptr);
  lua_createtable(lua, 0, 2);
  set(lua, generation, "type", object_type);
  set(lua, generation, "open", object_open);
  lua_setfield(lua, -2, "object");
  lua_createtable(lua, 0, 5);
  set(lua, generation, "get", store_get);
  set(lua, generation, "set", store_set);
  set(lua, generation, "delete", store_delete);
  set(lua, generation, "keys", store_keys);
  set(lua, generation, "hotkeys", store_hotkeys);
  lua_setfield(lua, -2, "store");
  set(lua, generation, "require", require);
  set(lua, generation, "sleep", method_sleep);
  set(lua, generation, "atomically", atomically);
  set(lua, generation, "now", now);
  set(lua, generation, "json", json);
  set(lua, generation, "type", type);
  remote::fill(lua, generation);
  original::fill(lua, generation);
}

void Generation::Environment::add_methods(lua_State* lua, Generation& generation) {
  const auto method = [&](const char* name, lua_CFunction function) {
    lua_pushlightuserdata(lua, &generation);
    lua_pushcclosure(lua, function, 1);
    generation.tables().set_method(lua, name);
  };
  method("expire", self_expire);
  method("key", self_key);
  method("delete", self_delete);
}

}  // namespace cacheismo::lua
