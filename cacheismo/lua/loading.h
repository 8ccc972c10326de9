// Loading: one load() of a Generation while it goes on: scripts, which of them have run, and what
// they declared.
//
//  1. A script runs once, in an environment of its own, when its turn or the first require() comes.
//  2. Its globals are frozen when it has run.
//  3. A table of functions that a script returns, or leaves as a global under the name of its file,
//     is a type of the original interface, unless the script declares types itself.
//
// Everything here runs inside of Vm::run() and raises Lua's errors.

#ifndef CACHEISMO_LUA_LOADING_H_
#define CACHEISMO_LUA_LOADING_H_

#include <string>
#include <vector>

#include <lua.h>

#include "cacheismo/lua/generation.h"

namespace cacheismo::lua {

/// Whether a type or a method may have this name.
[[nodiscard]] bool is_name(Bytes text);

struct Generation::Loading {
  struct Module {
    const Script* script = nullptr;
    enum class Progress : std::uint8_t { waiting, running, done } progress = Progress::waiting;
    int result = LUA_NOREF;
    int globals = LUA_NOREF;
  };
  struct Declared {
    std::string name;
    std::string script;
    std::int64_t version = 1;
    int table = LUA_NOREF;
  };
  Generation& generation;
  std::vector<Module> modules;  ///< in order of their names
  std::vector<Declared> declared;
  const Script* running = nullptr;

  Module* module(Bytes base_name) {
    for (Module& one : modules)
      if (base(one) == base_name) return &one;
    return nullptr;
  }
  static Bytes base(const Module& module) {
    Bytes name = module.script->name;
    return name.substr(0, name.size() - 4);
  }

  void run_all(lua_State* lua);
  void run(lua_State* lua, Module& module);
  void register_type(lua_State* lua, const Declared& declaration);
  void register_handlers(lua_State* lua, const Module& module);
  void add_methods(lua_State* lua, Type& type, const char* group, Kind kind);
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_LOADING_H_
