// Environment: what scripts find among their globals beside the sandbox's libraries.
//
//   object.type(name, {version =})      while scripts load      require(name)
//   object.open(key [, type])           in a call               store.get, set, delete, keys,
//                                                                   hotkeys
//   sleep(seconds), atomically(fn)      in an async method      now(), json(value), type()
//   getFromServer(...) and its kin, ring: remote_library.h
//   self:expire(seconds) self:key() self:delete()               of an object
//
// What it is not: it holds no state; Generation and its Call do.

#ifndef CACHEISMO_LUA_ENVIRONMENT_H_
#define CACHEISMO_LUA_ENVIRONMENT_H_

#include "cacheismo/lua/generation.h"

namespace cacheismo::lua {

struct Generation::Environment {
  /// Adds the functions to the table of globals on top of `lua`.
  static void fill(lua_State* lua, Generation& generation);
  /// Makes the methods that every object has.
  static void add_methods(lua_State* lua, Generation& generation);

  /// Runs `work(lua)` where it may raise Lua's errors.
  template <class Work>
  [[nodiscard]] static Ended in_vm(Vm& vm, Work&& work) {
    const lua_CFunction function = [](lua_State* lua) {
      (*static_cast<std::remove_reference_t<Work>*>(lua_touserdata(lua, 1)))(lua);
      return 0;
    };
    return vm.run(function, &work);
  }

 private:
  static Generation& of(lua_State* lua);
  static Call& call_of(lua_State* lua, const char* function);
  static Loading& loading_of(lua_State* lua, const char* function);
  /// A host whose items may be used now.
  static Host& items_of(lua_State* lua, const char* function);

  static void close_objects(lua_State* lua, const char* function);

  static int object_type(lua_State* lua);
  static int object_open(lua_State* lua);
  static int require(lua_State* lua);
  static int method_sleep(lua_State* lua);
  static int atomically(lua_State* lua);
  static int now(lua_State* lua);
  static int json(lua_State* lua);
  static int type(lua_State* lua);
  static int store_get(lua_State* lua);
  static int store_set(lua_State* lua);
  static int store_delete(lua_State* lua);
  static int store_keys(lua_State* lua);
  static int store_hotkeys(lua_State* lua);
  static int self_expire(lua_State* lua);
  static int self_key(lua_State* lua);
  static int self_delete(lua_State* lua);
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_ENVIRONMENT_H_
