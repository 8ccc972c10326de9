// Command of the original interface (original.h): what a handler sees of the request.

#include <string>

#include "cacheismo/lua/command.h"
#include "cacheismo/lua/original.h"
#include "cacheismo/lua/remote_library.h"

namespace cacheismo::lua::original {
namespace {

/// An exptime above this is a moment, not a distance: the protocol's rule.
constexpr std::int64_t relative_seconds_max = 30 * 24 * 3600;

/// The userdata: which call's CommandData it stands for.
struct Handle {
  std::uint64_t call = 0;
};

Call& call_at(lua_State* lua, int index) {
  const auto& handle = *static_cast<const Handle*>(luaL_checkudata(lua, index, "Command"));
  Call* call = generation_of(lua).call();
  if (call == nullptr || call->serial != handle.call)
    luaL_error(lua, "this Command belongs to a call that has ended");
  return *call;
}

CommandData& command_at(lua_State* lua, int index) { return *call_at(lua, index).command; }

int push(lua_State* lua, Bytes text) {
  lua_pushlstring(lua, text.data(), text.size());
  return 1;
}

int push(lua_State* lua, std::int64_t number) {
  lua_pushinteger(lua, number);
  return 1;
}

/// The seconds since 1970 that an exptime means; 0: never.
std::int64_t expiry_of(std::int64_t exptime, std::int64_t now_seconds) {
  if (exptime == 0) return 0;
  if (exptime < 0) return now_seconds;
  return exptime > relative_seconds_max ? exptime : now_seconds + exptime;
}

int get_command(lua_State* lua) { return push(lua, Bytes(name_of(command_at(lua, 1).verb))); }

int get_key(lua_State* lua) {
  const CommandData& command = command_at(lua, 1);
  if (!command.key.empty()) return push(lua, Bytes(command.key));
  lua_pushnil(lua);
  return 1;
}

int set_key(lua_State* lua) {
  CommandData& command = command_at(lua, 1);
  const Bytes key = checked_text(lua, 2);
  if (key.empty() || key.size() > ObjectKey::bytes_max)
    luaL_argerror(lua, 2, "a key has 1 to 250 bytes");
  command.key = key;
  return 0;
}

int get_key_size(lua_State* lua) {
  return push(lua, static_cast<std::int64_t>(command_at(lua, 1).key.size()));
}

int get_expiry(lua_State* lua) { return push(lua, command_at(lua, 1).exptime); }

int set_expiry(lua_State* lua) {
  command_at(lua, 1).exptime = luaL_checkinteger(lua, 2);
  return 0;
}

int get_flags(lua_State* lua) { return push(lua, std::int64_t{command_at(lua, 1).flags}); }

int set_flags(lua_State* lua) {
  CommandData& command = command_at(lua, 1);
  const lua_Integer flags = luaL_checkinteger(lua, 2);
  if (flags < 0 || flags > 0xFFFFFFFF) luaL_argerror(lua, 2, "flags have 32 bits");
  command.flags = static_cast<std::uint32_t>(flags);
  return 0;
}

int get_delta(lua_State* lua) {
  return push(lua, static_cast<std::int64_t>(command_at(lua, 1).delta));
}

int set_delta(lua_State* lua) {
  command_at(lua, 1).delta = static_cast<std::uint64_t>(luaL_checkinteger(lua, 2));
  return 0;
}

int get_no_reply(lua_State* lua) { return push(lua, command_at(lua, 1).noreply ? 1 : 0); }

int set_no_reply(lua_State* lua) {
  luaL_checkany(lua, 2);
  const bool zero = lua_type(lua, 2) == LUA_TNUMBER && lua_tonumber(lua, 2) == 0;
  command_at(lua, 1).noreply = lua_toboolean(lua, 2) != 0 && !zero;
  return 0;
}

int get_data_size(lua_State* lua) {
  return push(lua, static_cast<std::int64_t>(command_at(lua, 1).data.size()));
}

int get_data(lua_State* lua) { return push(lua, Bytes(command_at(lua, 1).data)); }

int set_data(lua_State* lua) {
  command_at(lua, 1).data = checked_text(lua, 2);
  return 0;
}

int new_cache_item(lua_State* lua) {
  const Call& call = call_at(lua, 1);
  const CommandData& command = *call.command;
  if (command.key.empty()) luaL_error(lua, "newCacheItem: the command has no single key");
  const lua_Integer given = luaL_optinteger(lua, 2, -1);
  const std::int64_t expiry =
      given < 0 ? expiry_of(command.exptime, call.host().wall_ns() / 1'000'000'000)
                : (given >= never_expires ? 0 : given);
  push_item(lua, generation_of(lua), command.key,
            {.value = command.data, .client_flags = command.flags, .expiry_unix_seconds = expiry});
  return 1;
}

int write_cache_item(lua_State* lua) {
  std::string block;
  append_item(lua, 2, block);
  write(lua, call_at(lua, 1), block);
  return push(lua, 0);
}

int write_string(lua_State* lua) {
  write(lua, call_at(lua, 1), checked_text(lua, 2));
  return push(lua, 0);
}

int has_multiple_keys(lua_State* lua) {
  return push(lua, static_cast<std::int64_t>(command_at(lua, 1).keys.size()));
}

int get_multiple_keys(lua_State* lua) {
  const CommandData& command = command_at(lua, 1);
  if (command.keys.empty()) {
    lua_pushnil(lua);
    return 1;
  }
  lua_createtable(lua, static_cast<int>(command.keys.size()), 0);
  lua_Integer at = 0;
  for (const std::string& key : command.keys) {
    push(lua, Bytes(key));
    lua_rawseti(lua, -2, ++at);
  }
  return 1;
}

/// The functions of all scripts (remote_library.h), of whose results the original knew the first.
int get_from_server(lua_State* lua) {
  static_cast<void>(command_at(lua, 1));
  return remote::get_from_server(lua, "Command:getFromServer", remote::Results::first, 2);
}

int get_in_parallel(lua_State* lua) {
  static_cast<void>(command_at(lua, 1));
  return remote::get_in_parallel(lua, "Command:getInParallel", remote::Results::first, 2);
}

constexpr luaL_Reg methods[] = {
    {"getCommand", get_command},
    {"getKey", get_key},
    {"setKey", set_key},
    {"getKeySize", get_key_size},
    {"getExpiryTime", get_expiry},
    {"setExpiryTime", set_expiry},
    {"getFlags", get_flags},
    {"setFlags", set_flags},
    {"getDelta", get_delta},
    {"setDelta", set_delta},
    {"getNoReply", get_no_reply},
    {"setNoReply", set_no_reply},
    {"getDataSize", get_data_size},
    {"getData", get_data},
    {"setData", set_data},
    {"newCacheItem", new_cache_item},
    {"writeCacheItem", write_cache_item},
    {"writeString", write_string},
    {"hasMultipleKeys", has_multiple_keys},
    {"getMultipleKeys", get_multiple_keys},
    {"getFromServer", get_from_server},
    {"getInParallel", get_in_parallel},
};

}  // namespace

void push_command(lua_State* lua, Generation& generation) {
  luaL_checkstack(lua, 2, nullptr);
  auto* handle = static_cast<Handle*>(lua_newuserdatauv(lua, sizeof(Handle), 0));
  *handle = Handle{.call = serial_of(generation, *generation.call())};
  luaL_setmetatable(lua, "Command");
}

void make_command(lua_State* lua, Generation& generation) {
  new_class(lua, generation, "Command", methods);
}

}  // namespace cacheismo::lua::original
