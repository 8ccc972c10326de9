#include "cacheismo/lua/generation.h"

#include <algorithm>

#include <fmt/format.h>
#include <lauxlib.h>

#include "cacheismo/lua/environment.h"
#include "cacheismo/lua/json.h"
#include "cacheismo/lua/loading.h"
#include "cacheismo/lua/original.h"
#include "cacheismo/lua/remote_library.h"

namespace cacheismo::lua {
namespace {

/// What the main chunks of all scripts together may spend.
constexpr Limits load_limits{
    .steps = 50'000'000, .time_ns = 2'000'000'000, .heap_bytes = 32u << 20};

constexpr std::size_t script_name_bytes_max = 100;

/// In the bookkeeping table: the version of the type that wrote the object, if it is not 1.
constexpr Bytes version_key = "v";

/// Makes the answer of a call of the value at `index`.
void take_answer(lua_State* lua, Generation& generation, int index) {
  Call& call = *generation.call();
  call.result->clear();
  call.has_result = generation.append_result(lua, index, *call.result);
}

void push(lua_State* lua, Bytes text) { lua_pushlstring(lua, text.data(), text.size()); }

/// Calls the function below `arguments` values; its table becomes the object in call.writing.
/// False: it returned nil.
bool fill_from(lua_State* lua, Generation& generation, int arguments, const char* name) {
  Call& call = *generation.call();
  lua_call(lua, arguments, 1);
  if (lua_isnil(lua, -1)) return false;
  if (!lua_istable(lua, -1))
    luaL_error(lua, "%s returns a table, or nil for none; not a %s", name, luaL_typename(lua, -1));
  generation.tables().fill(lua, -1, *call.writing);
  if (!Generation::set_version(*call.writing, call.method().type->version))
    luaL_error(lua, "the object becomes too large");
  lua_pop(lua, 1);
  return true;
}

int push_arguments(lua_State* lua, const Call& call) {
  luaL_checkstack(lua, static_cast<int>(call.arguments.size()) + 2, nullptr);
  for (const Bytes argument : call.arguments) push(lua, argument);
  if (call.data) push(lua, *call.data);
  return static_cast<int>(call.arguments.size()) + (call.data ? 1 : 0);
}

Generation& generation_at(lua_State* lua) {
  auto& generation = *static_cast<Generation*>(lua_touserdata(lua, 1));
  lua_settop(lua, 0);
  return generation;
}

}  // namespace

// ---- Running methods ----------------------------------------------------------------------------

bool Generation::append_result(lua_State* lua, int index, std::string& out) {
  const std::size_t bytes_max = options_.result_bytes_max;
  switch (lua_type(lua, index)) {
    case LUA_TNIL: return false;
    case LUA_TBOOLEAN: out += lua_toboolean(lua, index) != 0 ? "true" : "false"; return true;
    case LUA_TNUMBER: append_number(lua, index, out); return true;
    case LUA_TSTRING: {
      std::size_t size = 0;
      const char* text = lua_tolstring(lua, index, &size);
      if (size > bytes_max) luaL_error(lua, "the result is too large");
      out.append(text, size);
      return true;
    }
    case LUA_TTABLE:
    case LUA_TUSERDATA:
      tables_->push_copy(lua, index);
      append_json(lua, -1, bytes_max, out);
      lua_pop(lua, 1);
      return true;
    default: luaL_error(lua, "a method cannot return a %s", luaL_typename(lua, index));
  }
}

Ended Generation::run(Call& call, lua_CFunction what) {
  call_ = &call;
  const Ended ended = vm_->run(what, this);
  call_ = nullptr;
  return ended;
}

int Generation::run_method(lua_State* lua) {
  Generation& generation = generation_at(lua);
  Call& call = *generation.call();
  const Method& method = call.method();
  const Type& type = *method.type;
  StoredTables& tables = generation.tables();
  if (call.make_default) {
    lua_rawgeti(lua, LUA_REGISTRYINDEX, type.make_default);
    push(lua, call.key);
    if (!fill_from(lua, generation, 1, "default")) {
      call.not_created = true;
      return 0;
    }
  } else if (call.migrate_from != 0) {
    lua_rawgeti(lua, LUA_REGISTRYINDEX, type.migrate);
    tables.push_root(lua, call.reading.front(), Access::read);
    tables.push_copy(lua, -1);
    lua_remove(lua, -2);
    lua_pushinteger(lua, call.migrate_from);
    if (!fill_from(lua, generation, 2, "migrate"))
      luaL_error(lua, "migrate returned nil for an object of version %d",
                 static_cast<int>(call.migrate_from));
  }
  lua_rawgeti(lua, LUA_REGISTRYINDEX, method.function);
  if (method.kind == Kind::create) {
    call.not_created = !fill_from(lua, generation, push_arguments(lua, call), "new");
    return 0;
  }
  State& state = call.writing != nullptr ? *call.writing : call.reading.front();
  tables.push_root(lua, state, method.kind == Kind::update ? Access::update : Access::read);
  lua_call(lua, 1 + push_arguments(lua, call), 1);
  take_answer(lua, generation, 1);
  return 0;
}

int Generation::prepare_thread(lua_State* lua) {
  Generation& generation = generation_at(lua);
  const Call& call = *generation.call();
  lua_State* thread = call.thread;
  lua_rawgeti(thread, LUA_REGISTRYINDEX, call.method().function);
  if (call.command) {
    original::push_command(lua, generation);
    lua_xmove(lua, thread, 1);
    if (call.method().kind == Kind::command) return 0;
    push(thread, call.command->key);
  }
  push(thread, call.key);
  push_arguments(thread, call);
  return 0;
}

int Generation::take_answer_of_thread(lua_State* lua) {
  Generation& generation = generation_at(lua);
  if (generation.call()->command) return 0;
  lua_State* thread = generation.call()->thread;
  if (lua_gettop(thread) == 0) lua_pushnil(thread);
  lua_settop(thread, 1);
  lua_xmove(thread, lua, 1);
  take_answer(lua, generation, 1);
  return 0;
}

// ---- Versions -----------------------------------------------------------------------------------

std::int64_t Generation::version_of(State& state) {
  KeyBytes key(bookkeeping_table);
  key.set_string(version_key);
  const auto stored = state.find(key.bytes());
  if (!stored) return 1;
  const Value value = decode_value(*stored);
  const auto* version = std::get_if<std::int64_t>(&value);
  return version == nullptr ? 1 : *version;
}

bool Generation::set_version(State& state, std::int64_t version) {
  if (version == 1) return true;
  KeyBytes key(bookkeeping_table);
  key.set_string(version_key);
  ValueBytes value;
  value.set_integer(version);
  return state.put(key.bytes(), value.bytes());
}

// ---- Loading ------------------------------------------------------------------------------------

Result<std::shared_ptr<Generation>, std::string> Generation::load(std::span<const Script> scripts,
                                                                  Heap& heap, Host& host,
                                                                  const EngineOptions& options,
                                                                  std::uint64_t seed) {
  std::shared_ptr<Generation> made(new Generation(host, options));
  made->vm_ = Vm::create(heap, seed, host);
  if (made->vm_ == nullptr) return failure(std::string("the scripts' memory is too small"));
  Loading loading{.generation = *made, .modules = {}, .declared = {}};
  for (const Script& script : scripts) {
    const Bytes name = script.name;
    if (name.ends_with("_test.lua")) continue;
    if (!name.ends_with(".lua") || name.size() > script_name_bytes_max)
      return failure(script.name + ": a script's name ends in .lua and has at most 100 bytes");
    loading.modules.push_back({.script = &script});
  }
  std::sort(loading.modules.begin(), loading.modules.end(), [](const auto& a, const auto& b) {
    return std::pair(!a.script->shipped, Bytes(a.script->name)) <
           std::pair(!b.script->shipped, Bytes(b.script->name));
  });
  made->loading_ = &loading;
  made->vm_->begin(load_limits);
  const Ended ended = Environment::in_vm(*made->vm_, [&](lua_State* lua) {
    made->tables_ = std::make_unique<StoredTables>(lua);
    Environment::add_methods(lua, *made);
    remote::make(lua, *made);
    original::make(lua, *made);
    loading.run_all(lua);
  });
  made->loading_ = nullptr;
  if (ended != Ended::returned) return failure(std::string(made->vm_->message()));
  lua_settop(made->vm_->state(), 0);
  return made;
}

}  // namespace cacheismo::lua
