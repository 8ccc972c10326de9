#include "cacheismo/lua/original.h"

#include <string>

#include "cacheismo/lua/charge.h"
#include "cacheismo/lua/marshal.h"
#include "cacheismo/lua/original_lua.h"

namespace cacheismo::lua::original {
namespace {

constexpr Bytes helpers_name = "original.lua";
constexpr const char* helpers[] = {"executeNew", "executeReadOnly", "executeReadWrite"};

/// So many bytes that are written cost a step.
constexpr std::size_t bytes_per_step = 64;

int set_log_level(lua_State* lua) {
  const lua_Integer level = luaL_checkinteger(lua, 1);
  if (level < 0 || level > 3) luaL_argerror(lua, 1, "0 debug, 1 info, 2 warn, 3 error");
  running_call(lua, "setLogLevel").host().set_log_level(static_cast<Level>(level));
  return 0;
}

int write_string_as_value(lua_State* lua) {
  Call& call = running_call(lua, "writeStringAsValue");
  luaL_checkudata(lua, 1, "Command");
  const Bytes key = checked_text(lua, 2);
  std::string text;
  if (!generation_of(lua).append_result(lua, 3, text)) return 0;
  std::string head = "VALUE ";
  head += key;
  head += " 0 " + std::to_string(text.size()) + "\r\n";
  text += "\r\n";
  write(lua, call, head);
  write(lua, call, text);
  return 0;
}

void set_function(lua_State* lua, Generation& generation, const char* name,
                  lua_CFunction function) {
  lua_pushlightuserdata(lua, &generation);
  lua_pushcclosure(lua, function, 1);
  lua_setfield(lua, -2, name);
}

/// What needs no Lua of its own.
void fill_natives(lua_State* lua, Generation& generation) {
  set_function(lua, generation, "getHashMap", get_hash_map);
  set_function(lua, generation, "newConsistent", new_consistent);
  set_function(lua, generation, "deleteConsistent", delete_consistent);
  set_function(lua, generation, "setLogLevel", set_log_level);
  set_function(lua, generation, "writeStringAsValue", write_string_as_value);
}

}  // namespace

// ---- Shared by the classes ----------------------------------------------------------------------

Generation& generation_of(lua_State* lua) {
  return *static_cast<Generation*>(lua_touserdata(lua, lua_upvalueindex(1)));
}

Call& running_call(lua_State* lua, const char* function) {
  Call* call = generation_of(lua).call();
  if (call == nullptr)
    luaL_error(lua, "%s works in a call only, not while loading or in a route", function);
  return *call;
}

std::uint64_t serial_of(Generation& generation, Call& call) {
  if (call.serial == 0) call.serial = ++generation.original().last_serial;
  return call.serial;
}

void write(lua_State* lua, Call& call, Bytes text) {
  if (!call.command) luaL_error(lua, "only a handler of a command can write to the client");
  const std::size_t bytes_max = generation_of(lua).options().result_bytes_max;
  if (text.size() > bytes_max || call.result->size() > bytes_max - text.size())
    luaL_error(lua, "the answer becomes too large");
  charge(lua, static_cast<std::int64_t>(text.size() / bytes_per_step));
  *call.result += text;
}

Bytes checked_text(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(lua, index, &size);
  return {text, size};
}

void new_class(lua_State* lua, Generation& generation, const char* name,
               std::span<const luaL_Reg> methods) {
  luaL_checkstack(lua, 4, nullptr);
  luaL_newmetatable(lua, name);
  lua_createtable(lua, 0, static_cast<int>(methods.size()));
  for (const luaL_Reg& method : methods) set_function(lua, generation, method.name, method.func);
  lua_setfield(lua, -2, "__index");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_pop(lua, 1);
}

// ---- The table of globals -----------------------------------------------------------------------

void make(lua_State* lua, Generation& generation) {
  luaL_checkstack(lua, 8, nullptr);
  make_items(lua, generation);
  make_command(lua, generation);
  make_consistent(lua, generation);
  if (!generation.vm().push_new_globals()) luaL_error(lua, "the scripts' memory is too small");
  lua_getfield(lua, -1, "table");
  generation.vm().push_library("table");
  add_marshal(lua, -2, generation.tables());
  lua_pop(lua, 2);
  fill_natives(lua, generation);
  if (auto loaded = generation.vm().load(helpers_name, original_lua); !loaded)
    luaL_error(lua, "%s", loaded.error().c_str());
  lua_call(lua, 0, 1);
  generation.original().helpers = luaL_ref(lua, LUA_REGISTRYINDEX);
}

void fill(lua_State* lua, Generation& generation) {
  luaL_checkstack(lua, 4, nullptr);
  fill_natives(lua, generation);
  lua_createtable(lua, 0, 0);
  lua_setfield(lua, -2, "command");
  lua_rawgeti(lua, LUA_REGISTRYINDEX, generation.original().helpers);
  for (const char* helper : helpers) {
    lua_getfield(lua, -1, helper);
    lua_setfield(lua, -3, helper);
  }
  lua_pop(lua, 1);
}

}  // namespace cacheismo::lua::original
