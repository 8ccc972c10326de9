#include "cacheismo/lua/remote_library.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include <lauxlib.h>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/lua/charge.h"
#include "cacheismo/lua/json.h"
#include "cacheismo/lua/original.h"
#include "cacheismo/lua/remote_arguments.h"
#include "cacheismo/lua/remote_asking.h"
#include "cacheismo/lua/remote_items.h"
#include "cacheismo/lua/remote_lua.h"
#include "cacheismo/lua/remote_results.h"

namespace cacheismo::lua::remote {
namespace {

constexpr Bytes helpers_name = "remote.lua";
constexpr const char* helpers[] = {"mapreduce", "replicate"};

Shape shape_of(bool table, Results results) {
  if (table) return results == Results::all ? Shape::table : Shape::table_first;
  return results == Results::all ? Shape::one : Shape::one_first;
}

// ---- Functions ----------------------------------------------------------------------------------

int get_from_server(lua_State* lua) {
  return remote::get_from_server(lua, "getFromServer", Results::all, 1);
}

int get_in_parallel(lua_State* lua) {
  return remote::get_in_parallel(lua, "getInParallel", Results::all, 1);
}

int set_on_server(lua_State* lua) {
  Call& call = asking_call(lua, "setOnServer");
  RemoteRequest request{
      .op = RemoteRequest::Op::set, .server = checked_server(lua, 1), .key = checked_key(lua, 2)};
  request.value = checked_value(lua, 3, generation_of(lua).options().result_bytes_max);
  const Options options = checked_options(lua, 4, {"flags", "ttl", "timeout"});
  request.flags = options.flags;
  request.ttl_seconds = options.ttl_seconds;
  charge(lua, static_cast<std::int64_t>(request.value.size()) / bytes_per_step);
  return ask(lua, call, {std::move(request)}, options, Shape::one);
}

int delete_on_server(lua_State* lua) {
  Call& call = asking_call(lua, "deleteOnServer");
  RemoteRequest request{.op = RemoteRequest::Op::remove,
                        .server = checked_server(lua, 1),
                        .key = checked_key(lua, 2)};
  return ask(lua, call, {std::move(request)}, checked_options(lua, 3, {"timeout"}), Shape::one);
}

int call_on_server(lua_State* lua) {
  Call& call = asking_call(lua, "callOnServer");
  RemoteRequest request{.op = RemoteRequest::Op::call, .server = checked_server(lua, 1)};
  int last = lua_gettop(lua);
  Options options;
  if (last > 2 && lua_istable(lua, last)) options = checked_options(lua, last--, {"timeout"});
  VirtualKey made =
      checked_virtual_key(lua, 2, last, generation_of(lua).options().result_bytes_max);
  request.key = std::move(made.key);
  if (made.data) {
    request.op = RemoteRequest::Op::set;
    request.value = std::move(*made.data);
  }
  return ask(lua, call, {std::move(request)}, options, Shape::one);
}

/// For mapreduce: the virtual key of a method and its arguments, a list. An error where it could
/// not be sent.
int mapreduce_key(lua_State* lua) {
  constexpr const char* name = "mapreduce";
  static_cast<void>(asking_call(lua, name));
  if (lua_type(lua, 1) != LUA_TSTRING || !lua_istable(lua, 2))
    luaL_error(lua, "mapreduce: a method \"TYPE:METHOD:KEY\" and a list of arguments expected");
  const lua_Unsigned count = lua_rawlen(lua, 2);
  if (count > limits::key_bytes_max) luaL_error(lua, "mapreduce: too many arguments");
  const int last = 3 + static_cast<int>(count);
  luaL_checkstack(lua, last, nullptr);
  lua_settop(lua, 2);
  lua_pushvalue(lua, 1);
  for (lua_Unsigned i = 1; i <= count; ++i) lua_rawgeti(lua, 2, static_cast<lua_Integer>(i));
  const VirtualKey made = checked_virtual_key(lua, 3, last, 0, name);
  if (made.data) luaL_error(lua, "mapreduce: the arguments do not fit into a key of 250 bytes");
  lua_pushlstring(lua, made.key.data(), made.key.size());
  return 1;
}

// ---- ring ---------------------------------------------------------------------------------------

Host& ring_host(lua_State* lua, const char* name) {
  Host& host = original::running_call(lua, name).host();
  charge(lua, request_steps);
  return host;
}

/// What the ring hashes of the key at `index`. A string at the same index of the stack has its
/// bytes from then on.
Bytes placed_by(lua_State* lua, int index) {
  Generation& generation = generation_of(lua);
  std::string key = checked_key(lua, index);
  Bytes rest;
  if (const Method* method = generation.types().find(key, rest); method != nullptr) {
    std::string made;
    if (!Engine::object_key(*method, rest, made).empty()) key = std::move(made);
  }
  Bytes object;
  if (const Type* type = generation.types().routed(key, object); type != nullptr) {
    generation.push_route(lua, *type, object);
  } else {
    lua_pushlstring(lua, key.data(), key.size());
  }
  lua_replace(lua, index);
  std::size_t size = 0;
  const char* text = lua_tolstring(lua, index, &size);
  return {text, size};
}

void push_text(lua_State* lua, Bytes text) { lua_pushlstring(lua, text.data(), text.size()); }

int ring_owner(lua_State* lua) {
  Host& host = ring_host(lua, "ring.owner");
  push_text(lua, host.ring_owner(placed_by(lua, 1)));
  return 1;
}

int ring_owners(lua_State* lua) {
  Host& host = ring_host(lua, "ring.owners");
  const lua_Integer count = luaL_checkinteger(lua, 2);
  if (count < 1 || count > lua_Integer{limits::remote_requests_max})
    luaL_argerror(lua, 2, "n is 1 to 1024");
  const auto names = host.ring_owners(placed_by(lua, 1), static_cast<std::size_t>(count));
  lua_createtable(lua, static_cast<int>(names.size()), 0);
  lua_Integer at = 0;
  for (const std::string& name : names) {
    push_text(lua, name);
    lua_rawseti(lua, -2, ++at);
  }
  return 1;
}

int ring_nodes(lua_State* lua) {
  const auto nodes = ring_host(lua, "ring.nodes").ring_nodes();
  charge(lua, request_steps * static_cast<std::int64_t>(nodes.size()));
  lua_createtable(lua, static_cast<int>(nodes.size()), 0);
  lua_Integer at = 0;
  for (const RingNode& node : nodes) {
    lua_createtable(lua, 0, 4);
    push_text(lua, node.name);
    lua_setfield(lua, -2, "name");
    push_text(lua, node.address);
    lua_setfield(lua, -2, "address");
    push_text(lua, node.state);
    lua_setfield(lua, -2, "state");
    lua_pushboolean(lua, node.self ? 1 : 0);
    lua_setfield(lua, -2, "self");
    lua_rawseti(lua, -2, ++at);
  }
  return 1;
}

/// Of the empty table that scripts have as `ring`; upvalue 2: its functions.
int ring_index(lua_State* lua) {
  const std::string name = lua_type(lua, 2) == LUA_TSTRING ? lua_tostring(lua, 2) : "";
  if (name == "self") {
    push_text(lua, ring_host(lua, "ring.self").ring_self());
  } else if (name == "epoch") {
    lua_pushinteger(lua, static_cast<lua_Integer>(ring_host(lua, "ring.epoch").ring_epoch()));
  } else {
    lua_pushvalue(lua, 2);
    lua_rawget(lua, lua_upvalueindex(2));
    if (lua_isnil(lua, -1))
      luaL_error(lua, "ring has owner, owners, nodes, self and epoch, no '%s'", name.c_str());
  }
  return 1;
}

int ring_newindex(lua_State* lua) { return luaL_error(lua, "cannot set fields of ring"); }

// ---- The table of globals -----------------------------------------------------------------------

void set(lua_State* lua, Generation& generation, const char* name, lua_CFunction function) {
  lua_pushlightuserdata(lua, &generation);
  lua_pushcclosure(lua, function, 1);
  lua_setfield(lua, -2, name);
}

void push_ring(lua_State* lua, Generation& generation) {
  lua_createtable(lua, 0, 0);
  lua_createtable(lua, 0, 3);
  lua_pushlightuserdata(lua, &generation);
  lua_createtable(lua, 0, 3);
  set(lua, generation, "owner", ring_owner);
  set(lua, generation, "owners", ring_owners);
  set(lua, generation, "nodes", ring_nodes);
  lua_pushcclosure(lua, ring_index, 2);
  lua_setfield(lua, -2, "__index");
  set(lua, generation, "__newindex", ring_newindex);
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_setmetatable(lua, -2);
}

void fill_natives(lua_State* lua, Generation& generation) {
  set(lua, generation, "getFromServer", get_from_server);
  set(lua, generation, "getInParallel", get_in_parallel);
  set(lua, generation, "setOnServer", set_on_server);
  set(lua, generation, "deleteOnServer", delete_on_server);
  set(lua, generation, "callOnServer", call_on_server);
  set(lua, generation, "copyToServer", copy_to_server);
  push_ring(lua, generation);
  lua_setfield(lua, -2, "ring");
}

}  // namespace

int get_from_server(lua_State* lua, const char* name, Results results, int first) {
  Call& call = asking_call(lua, name);
  RemoteRequest request{.op = RemoteRequest::Op::get,
                        .server = checked_server(lua, first),
                        .key = checked_key(lua, first + 1)};
  return ask(lua, call, {std::move(request)}, checked_options(lua, first + 2, {"timeout"}),
             shape_of(false, results));
}

int get_in_parallel(lua_State* lua, const char* name, Results results, int first) {
  Call& call = asking_call(lua, name);
  luaL_checkany(lua, first);
  const Options options = checked_options(lua, first + 1, {"wait", "timeout"});
  generation_of(lua).tables().push_copy(lua, first);
  return ask(lua, call, checked_requests(lua, -1, first), options, shape_of(true, results));
}

void make(lua_State* lua, Generation& generation) {
  luaL_checkstack(lua, 8, nullptr);
  if (!generation.vm().push_new_globals()) luaL_error(lua, "the scripts' memory is too small");
  fill_natives(lua, generation);
  set(lua, generation, "mapreduceKey", mapreduce_key);
  set(lua, generation, "packItem", pack_item);
  set(lua, generation, "packValue", pack_value);
  set(lua, generation, "shipPacked", ship_packed);
  if (auto loaded = generation.vm().load(helpers_name, remote_lua); !loaded)
    luaL_error(lua, "%s", loaded.error().c_str());
  lua_call(lua, 0, 1);
  generation.remote_helpers() = luaL_ref(lua, LUA_REGISTRYINDEX);
}

void fill(lua_State* lua, Generation& generation) {
  luaL_checkstack(lua, 8, nullptr);
  fill_natives(lua, generation);
  lua_rawgeti(lua, LUA_REGISTRYINDEX, generation.remote_helpers());
  for (const char* helper : helpers) {
    lua_getfield(lua, -1, helper);
    lua_setfield(lua, -3, helper);
  }
  lua_pop(lua, 1);
}

}  // namespace cacheismo::lua::remote
