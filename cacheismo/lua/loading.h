// Loading: one load() of a Generation while it goes on: scripts, which of them have run, and what
// they declared.
//
//  1. A script runs once, in an environment of its own, when its turn or the first require() comes.
//  2. Its globals are frozen when it has run; in one that declares no type, those that are
//     undefined are nil from then on.
//  3. A table of functions that a script returns, or leaves as a global under the name of its file,
//     is a type of the original interface, unless the script declares types itself, is shipped, or
//     was required by another.
//  4. A type takes the place of a shipped one of the same name; else a name is declared once.
//  5. The functions in a script's global `command` run instead of the ordinary commands that they
//     are named after.
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
    bool required = false;  ///< by another: then it is no type of its own
    enum class Progress : std::uint8_t { waiting, running, done } progress = Progress::waiting;
    int result = LUA_NOREF;
    int globals = LUA_NOREF;
  };
  struct Declared {
    std::string name;
    const Script* script = nullptr;  ///< not its name: a shipped one may have the same
    std::int64_t version = 1;
    int table = LUA_NOREF;
  };
  Generation& generation;
  std::vector<Module> modules;  ///< in order of their names
  std::vector<Declared> declared;
  const Script* running = nullptr;

  /// What require() finds for the script that runs: shipped scripts find shipped ones only, others
  /// their own first.
  Module* module(Bytes base_name) {
    Module* found = nullptr;
    for (Module& one : modules) {
      if (base(one) != base_name || (running->shipped && !one.script->shipped)) continue;
      if (found == nullptr || !one.script->shipped) found = &one;
    }
    return found;
  }
  static Bytes base(const Module& module) {
    Bytes name = module.script->name;
    return name.substr(0, name.size() - 4);
  }

  void run_all(lua_State* lua);
  void run(lua_State* lua, Module& module);
  [[nodiscard]] Vm::Undefined undefined_in(const Script& script) const;
  void register_type(lua_State* lua, const Declared& declaration);
  void register_handlers(lua_State* lua, const Module& module);
  void register_commands(lua_State* lua, const Module& module);
  void add_methods(lua_State* lua, Type& type, const char* group, Kind kind);
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_LOADING_H_
