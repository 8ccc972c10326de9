// store.*: the node's items as scripts see them. See environment.h.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <lauxlib.h>

#include "cacheismo/lua/charge.h"
#include "cacheismo/lua/environment.h"
#include "cacheismo/lua/environment_arguments.h"

namespace cacheismo::lua {
namespace {

constexpr lua_Integer keys_limit_default = 100;
constexpr lua_Integer keys_limit_max = 10'000;

/// A look at so many keys costs as many steps.
constexpr std::int64_t steps_per_key = 1;

constexpr lua_Integer hotkeys_limit_default = 10;

}  // namespace

// ---- store --------------------------------------------------------------------------------------

int Generation::Environment::store_get(lua_State* lua) {
  Host& host = items_of(lua, "store.get");
  const auto item = host.get_item(checked_key(lua, 1));
  if (!item) {
    lua_pushnil(lua);
    return 1;
  }
  lua_pushlstring(lua, item->value.data(), item->value.size());
  lua_pushinteger(lua, item->client_flags);
  return 2;
}

int Generation::Environment::store_set(lua_State* lua) {
  Host& host = items_of(lua, "store.set");
  close_objects(lua, "store.set");
  const Bytes key = checked_key(lua, 1);
  const double seconds = luaL_opt(lua, checked_seconds, 3, 0.0);
  const lua_Integer flags = luaL_optinteger(lua, 4, 0);
  if (flags < 0 || flags > 0xFFFFFFFF) luaL_argerror(lua, 4, "flags have 32 bits");
  ItemCopy item{.value = std::string(checked_string(lua, 2)),
                .client_flags = static_cast<std::uint32_t>(flags)};
  if (seconds > 0)
    item.expiry_unix_seconds = host.wall_ns() / 1'000'000'000 + std::llround(std::ceil(seconds));
  lua_pushboolean(lua, host.put_item(key, item) ? 1 : 0);
  return 1;
}

int Generation::Environment::store_delete(lua_State* lua) {
  Host& host = items_of(lua, "store.delete");
  close_objects(lua, "store.delete");
  lua_pushboolean(lua, host.delete_item(checked_key(lua, 1)) ? 1 : 0);
  return 1;
}

namespace {

class KeyList final : public Host::KeyVisitor {
 public:
  void visit(Bytes key) override { keys.emplace_back(key); }
  std::vector<std::string> keys;
};

}  // namespace

int Generation::Environment::store_keys(lua_State* lua) {
  Host& host = items_of(lua, "store.keys");
  const Bytes prefix = checked_string(lua, 1);
  lua_Integer limit = keys_limit_default;
  lua_Integer cursor = 0;
  if (!lua_isnoneornil(lua, 2)) {
    luaL_checktype(lua, 2, LUA_TTABLE);
    lua_getfield(lua, 2, "limit");
    limit = luaL_optinteger(lua, -1, limit);
    lua_getfield(lua, 2, "cursor");
    cursor = luaL_optinteger(lua, -1, 0);
  }
  if (limit < 1 || limit > keys_limit_max) luaL_argerror(lua, 2, "limit is 1 to 10000");
  if (cursor < 0) luaL_argerror(lua, 2, "not a cursor that store.keys returned");
  charge(lua, limit * steps_per_key);
  KeyList list;
  const std::uint64_t next = host.scan(prefix, static_cast<std::uint64_t>(cursor),
                                       static_cast<std::uint32_t>(limit), list);
  lua_createtable(lua, static_cast<int>(list.keys.size()), 0);
  lua_Integer at = 0;
  for (const std::string& key : list.keys) {
    lua_pushlstring(lua, key.data(), key.size());
    lua_rawseti(lua, -2, ++at);
  }
  if (next == 0) return 1;
  lua_pushinteger(lua, static_cast<lua_Integer>(next));
  return 2;
}

int Generation::Environment::store_hotkeys(lua_State* lua) {
  const Host& host = items_of(lua, "store.hotkeys");
  const lua_Integer limit = luaL_optinteger(lua, 1, hotkeys_limit_default);
  if (limit < 1 || limit > keys_limit_max) luaL_argerror(lua, 1, "limit is 1 to 10000");
  const auto list = host.hot_keys(static_cast<std::size_t>(limit));
  charge(lua, static_cast<std::int64_t>(list.size()) * steps_per_key);
  lua_createtable(lua, static_cast<int>(list.size()), 0);
  lua_Integer at = 0;
  for (const HotKey& hot : list) {
    lua_createtable(lua, 0, 2);
    lua_pushlstring(lua, hot.key.data(), hot.key.size());
    lua_setfield(lua, -2, "key");
    lua_pushinteger(lua, static_cast<lua_Integer>(hot.uses));
    lua_setfield(lua, -2, "uses");
    lua_rawseti(lua, -2, ++at);
  }
  return 1;
}

}  // namespace cacheismo::lua
