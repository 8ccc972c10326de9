#include "cacheismo/lua/loading.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <lauxlib.h>

#include "cacheismo/lua/environment.h"

namespace cacheismo::lua {
namespace {

[[noreturn]] void fail(lua_State* lua, const std::string& text) {
  lua_pushlstring(lua, text.data(), text.size());
  lua_error(lua);
}

/// Tables that every script finds among its globals, so that they are no handlers of its own.
bool is_provided(Bytes name) { return name == "command" || name == "object" || name == "store"; }

}  // namespace

bool is_name(Bytes text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

/// What declares no type was perhaps written when an undefined global was nil.
Vm::Undefined Generation::Loading::undefined_in(const Script& script) const {
  const bool declares = std::any_of(declared.begin(), declared.end(),
                                    [&](const Declared& one) { return one.script == &script; });
  return declares || script.shipped ? Vm::Undefined::is_error : Vm::Undefined::is_nil;
}

void Generation::Loading::run(lua_State* lua, Module& module) {
  luaL_checkstack(lua, 8, nullptr);
  const Script* outer = running;
  running = module.script;
  module.progress = Module::Progress::running;
  if (!generation.vm().push_new_globals()) fail(lua, "the scripts' memory is used up");
  Environment::fill(lua, generation);
  lua_pushvalue(lua, -1);
  module.globals = luaL_ref(lua, LUA_REGISTRYINDEX);
  if (auto loaded = generation.vm().load(module.script->name, module.script->source); !loaded)
    fail(lua, loaded.error());
  lua_call(lua, 0, 1);
  module.result = luaL_ref(lua, LUA_REGISTRYINDEX);
  lua_rawgeti(lua, LUA_REGISTRYINDEX, module.globals);
  if (!generation.vm().freeze_globals(undefined_in(*module.script)))
    fail(lua, "the scripts' memory is used up");
  lua_pop(lua, 1);
  module.progress = Module::Progress::done;
  running = outer;
}

void Generation::Loading::add_methods(lua_State* lua, Type& type, const char* group, Kind kind) {
  lua_getfield(lua, -1, group);
  std::vector<std::string> names;
  lua_pushnil(lua);
  while (lua_next(lua, -2) != 0) {
    const bool named = lua_type(lua, -2) == LUA_TSTRING;
    const std::string name = named ? lua_tostring(lua, -2) : luaL_typename(lua, -2);
    if (!named || !is_name(name) || !lua_isfunction(lua, -1))
      fail(lua, fmt::format("{}: {}.{}.{} must be a function with a plain name", type.script,
                            type.name, group, name));
    names.push_back(name);
    lua_pop(lua, 1);
  }
  std::sort(names.begin(), names.end());  // the order of a Lua table is the heap's affair
  for (const std::string& name : names) {
    for (const auto& method : type.methods) {
      if (method->name == name)
        fail(lua, fmt::format("{}: {}.{} is declared twice", type.script, type.name, name));
    }
    lua_getfield(lua, -1, name.c_str());
    generation.types_.add(type, name, kind, luaL_ref(lua, LUA_REGISTRYINDEX));
  }
  lua_pop(lua, 1);
}

void Generation::Loading::register_type(lua_State* lua, const Declared& declaration) {
  const std::string& script = declaration.script->name;
  if (const Type* other = generation.types_.type(declaration.name); other != nullptr)
    fail(lua, fmt::format("{}: the type {} is declared already, by {}", script, declaration.name,
                          other->script));
  Type& type = generation.types_.add(declaration.name, script);
  type.version = declaration.version;
  lua_rawgeti(lua, LUA_REGISTRYINDEX, declaration.table);
  lua_pushnil(lua);
  while (lua_next(lua, -2) != 0) {
    const std::string name =
        lua_type(lua, -2) == LUA_TSTRING ? lua_tostring(lua, -2) : luaL_typename(lua, -2);
    const bool group = name == "read" || name == "update" || name == "async";
    const bool special = name == "new" || name == "default" || name == "migrate" || name == "route";
    if (group ? !lua_istable(lua, -1) : !special || !lua_isfunction(lua, -1))
      fail(lua, fmt::format("{}: {}.{}: methods are functions under .read, .update or .async; "
                            "besides there are only new, default, migrate and route",
                            type.script, type.name, name));
    lua_pop(lua, 1);
  }
  const auto reference = [&](const char* name) {
    lua_getfield(lua, -1, name);
    if (lua_isfunction(lua, -1)) return luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_pop(lua, 1);
    return LUA_NOREF;
  };
  type.make_default = reference("default");
  type.migrate = reference("migrate");
  if (const int make = reference("new"); make != LUA_NOREF)
    generation.types_.add(type, "new", Kind::create, make);
  if (const int route = reference("route"); route != LUA_NOREF)
    generation.types_.add_route(type, route);
  for (const auto& [group, kind] :
       {std::pair("read", Kind::read), {"update", Kind::update}, {"async", Kind::async}}) {
    add_methods(lua, type, group, kind);
  }
  lua_pop(lua, 1);
}

/// A table of functions that a script returns, or leaves under the name of its file, is a type of
/// the original interface.
void Generation::Loading::register_handlers(lua_State* lua, const Module& module) {
  const std::string name(base(module));
  const bool declares = std::any_of(declared.begin(), declared.end(), [&](const Declared& one) {
    return one.script == module.script;
  });
  if (module.script->shipped || module.required || declares || !is_name(name)) return;
  lua_rawgeti(lua, LUA_REGISTRYINDEX, module.result);
  if (!lua_istable(lua, -1)) {
    lua_pop(lua, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, module.globals);
    if (is_provided(name)) {
      lua_pushnil(lua);
    } else {
      lua_getfield(lua, -1, name.c_str());
    }
    lua_remove(lua, -2);
  }
  std::vector<std::string> handlers;
  bool only_functions = lua_istable(lua, -1);
  if (only_functions) {
    lua_pushnil(lua);
    while (lua_next(lua, -2) != 0) {
      if (lua_type(lua, -2) == LUA_TSTRING && lua_isfunction(lua, -1)) {
        handlers.emplace_back(lua_tostring(lua, -2));
      } else {
        only_functions = false;
      }
      lua_pop(lua, 1);
    }
  }
  if (only_functions && !handlers.empty()) {
    if (generation.types_.type(name) != nullptr)
      fail(lua, fmt::format("{}: the type {} is declared already, by {}", module.script->name, name,
                            generation.types_.type(name)->script));
    Type& type = generation.types_.add(name, module.script->name);
    std::sort(handlers.begin(), handlers.end());
    for (const std::string& handler : handlers) {
      if (!is_name(handler)) continue;
      lua_getfield(lua, -1, handler.c_str());
      generation.types_.add(type, handler, Kind::handler, luaL_ref(lua, LUA_REGISTRYINDEX));
    }
  }
  lua_pop(lua, 1);
}

void Generation::Loading::register_commands(lua_State* lua, const Module& module) {
  lua_rawgeti(lua, LUA_REGISTRYINDEX, module.globals);
  lua_getfield(lua, -1, "command");
  if (!lua_istable(lua, -1)) {
    lua_pop(lua, 2);
    return;
  }
  const std::string& script = module.script->name;
  std::array<int, verb_count> functions{};
  functions.fill(LUA_NOREF);
  lua_pushnil(lua);
  while (lua_next(lua, -2) != 0) {
    const std::string name =
        lua_type(lua, -2) == LUA_TSTRING ? lua_tostring(lua, -2) : luaL_typename(lua, -2);
    const auto verb = std::find(verb_names.begin(), verb_names.end(), name);
    if (verb == verb_names.end() || !lua_isfunction(lua, -1))
      fail(lua,
           fmt::format("{}: command.{} must be a function under the name of a command that can "
                       "be taken over",
                       script, name));
    functions[static_cast<std::size_t>(verb - verb_names.begin())] =
        luaL_ref(lua, LUA_REGISTRYINDEX);
  }
  lua_pop(lua, 2);
  for (std::size_t i = 0; i < verb_count; ++i) {
    if (functions[i] == LUA_NOREF) continue;
    const auto verb = static_cast<Verb>(i);
    if (const Method* other = generation.types_.takes_over(verb); other != nullptr)
      fail(lua, fmt::format("{}: command.{} is taken over already, by {}", script, verb_names[i],
                            other->type->script));
    generation.types_.take_over(verb, script, functions[i]);
  }
}

void Generation::Loading::run_all(lua_State* lua) {
  for (Module& module : modules)
    if (module.progress == Module::Progress::waiting) run(lua, module);
  // The handlers first: where their name is a shipped type's, they take its place.
  for (const Module& module : modules) register_handlers(lua, module);
  for (const Module& module : modules) register_commands(lua, module);
  for (const Declared& type : declared) {
    if (type.script->shipped && generation.types_.type(type.name) != nullptr) continue;
    register_type(lua, type);
  }
}

}  // namespace cacheismo::lua
