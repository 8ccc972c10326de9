// HashMap and CacheItem of the original interface (original.h).

#include <algorithm>
#include <string>
#include <vector>

#include "cacheismo/lua/charge.h"
#include "cacheismo/lua/original.h"

namespace cacheismo::lua::original {
namespace {

/// A look-up of an item, or its change.
constexpr std::int64_t item_steps = 20;

/// A slice of a walk through the store; what it looks at is bounded by the host.
constexpr std::uint32_t keys_per_slice = 1'000;
constexpr std::int64_t slice_steps = 100;

/// Items that are dropped before other calls have their turn.
constexpr std::uint32_t items_per_slice = 256;

/// In user values: 1 the key, 2 the data.
struct CacheItem {
  std::uint64_t call = 0;
  std::int64_t expiry_unix_seconds = 0;
  std::uint32_t flags = 0;
  bool deleted = false;
};

CacheItem& item_at(lua_State* lua, int index) {
  auto& item = *static_cast<CacheItem*>(luaL_checkudata(lua, index, "CacheItem"));
  if (item.deleted) luaL_error(lua, "this CacheItem was deleted");
  const Call* call = generation_of(lua).call();
  if (call == nullptr || call->serial != item.call)
    luaL_error(lua, "this CacheItem belongs to a call that has ended");
  return item;
}

Bytes user_value(lua_State* lua, int index, int which) {
  lua_getiuservalue(lua, index, which);
  std::size_t size = 0;
  const char* text = lua_tolstring(lua, -1, &size);
  lua_pop(lua, 1);  // the userdata holds it
  return {text, size};
}

/// A host whose items may be looked at.
Host& items_of(lua_State* lua, const char* function) {
  luaL_checkudata(lua, 1, "HashMap");
  const Call& call = running_call(lua, function);
  // What default() or migrate() has made for a read is open as if to be written.
  if (call.writing != nullptr && call.method().kind != Kind::read)
    luaL_error(lua, "%s is not allowed in an update: it could not be undone", function);
  charge(lua, item_steps);
  return call.host();
}

/// A host whose items may be changed: what was read of objects may move.
Host& items_to_change(lua_State* lua, const char* function) {
  Host& host = items_of(lua, function);
  Call& call = running_call(lua, function);
  if (call.thread == nullptr)
    luaL_error(lua, "%s works in a handler or an async method only", function);
  call.release_readers(true);
  generation_of(lua).tables().end_proxies();
  return host;
}

bool is_key(Bytes key) { return !key.empty() && key.size() <= ObjectKey::bytes_max; }

int map_get(lua_State* lua) {
  Host& host = items_of(lua, "HashMap:get");
  const Bytes key = checked_text(lua, 2);
  const auto item = is_key(key) ? host.get_item(key) : std::nullopt;
  if (item) {
    push_item(lua, generation_of(lua), key, *item);
  } else {
    lua_pushnil(lua);
  }
  return 1;
}

int map_put(lua_State* lua) {
  Host& host = items_to_change(lua, "HashMap:put");
  const CacheItem& item = item_at(lua, 2);
  const Bytes key = user_value(lua, 2, 1);
  const Bytes data = user_value(lua, 2, 2);
  if (item.expiry_unix_seconds != 0 && item.expiry_unix_seconds <= host.wall_ns() / 1'000'000'000) {
    static_cast<void>(host.delete_item(key));
    return 0;
  }
  if (!host.put_item(key, {.value = std::string(data),
                           .client_flags = item.flags,
                           .expiry_unix_seconds = item.expiry_unix_seconds}))
    luaL_error(lua, "HashMap:put: there is no memory for the item, or it is too large");
  return 0;
}

int map_delete(lua_State* lua) {
  Host& host = items_to_change(lua, "HashMap:delete");
  const Bytes key = checked_text(lua, 2);
  if (is_key(key)) static_cast<void>(host.delete_item(key));
  return 0;
}

// ---- Walks through the store --------------------------------------------------------------------

/// Drops the oldest items until the bytes at index 2 are down to 0; 3: what was freed.
int drop_oldest(lua_State* lua, int, lua_KContext) {
  while (true) {
    Host& host = items_to_change(lua, "HashMap:deleteLRU");
    const lua_Integer wanted = lua_tointeger(lua, 2);
    const lua_Integer before = lua_tointeger(lua, 3);
    if (wanted <= before) break;
    charge(lua, items_per_slice);
    const auto evicted =
        host.evict_oldest(static_cast<std::uint64_t>(wanted - before), items_per_slice);
    lua_pushinteger(lua, before + static_cast<lua_Integer>(evicted.bytes));
    lua_replace(lua, 3);
    if (evicted.items == 0) break;
    if (Generation::can_pause(lua, running_call(lua, "HashMap:deleteLRU")))
      return Generation::pause(lua, 0, drop_oldest);
  }
  lua_settop(lua, 3);
  return 1;
}

int map_delete_lru(lua_State* lua) {
  constexpr lua_Number bytes_max = 1e15;
  const lua_Number wanted = std::clamp(luaL_checknumber(lua, 2), 0.0, bytes_max);
  lua_settop(lua, 1);
  lua_pushinteger(lua, static_cast<lua_Integer>(wanted));
  lua_pushinteger(lua, 0);
  return drop_oldest(lua, LUA_OK, 0);
}

class KeyList final : public Host::KeyVisitor {
 public:
  void visit(Bytes key) override { keys.emplace_back(key); }
  std::vector<std::string> keys;
};

/// The keys of the table at index 3 as an array, in order; nil: there are none.
int push_sorted_keys(lua_State* lua) {
  std::vector<std::string> keys;
  lua_pushnil(lua);
  while (lua_next(lua, 3) != 0) {
    charge(lua, 1);
    lua_pop(lua, 1);
    keys.emplace_back(checked_text(lua, -1));
  }
  if (keys.empty()) {
    lua_pushnil(lua);
    return 1;
  }
  std::sort(keys.begin(), keys.end());
  lua_createtable(lua, static_cast<int>(keys.size()), 0);
  lua_Integer at = 0;
  for (const std::string& key : keys) {
    lua_pushlstring(lua, key.data(), key.size());
    lua_rawseti(lua, -2, ++at);
  }
  return 1;
}

/// Collects the keys from `cursor` on that start with the string at index 2 in the table at 3.
int collect_keys(lua_State* lua, int, lua_KContext cursor) {
  auto next = static_cast<std::uint64_t>(cursor);
  do {
    Host& host = items_of(lua, "HashMap:getPrefixMatchingKeys");
    charge(lua, slice_steps);
    KeyList found;
    next = host.scan(checked_text(lua, 2), next, keys_per_slice, found);
    charge(lua, static_cast<std::int64_t>(found.keys.size()));
    for (const std::string& key : found.keys) {
      lua_pushlstring(lua, key.data(), key.size());
      lua_pushboolean(lua, 1);
      lua_rawset(lua, 3);
    }
    if (next != 0 && Generation::can_pause(lua, running_call(lua, "HashMap:getPrefixMatchingKeys")))
      return Generation::pause(lua, static_cast<lua_KContext>(next), collect_keys);
  } while (next != 0);
  return push_sorted_keys(lua);
}

int map_keys(lua_State* lua) {
  luaL_checkstring(lua, 2);
  lua_settop(lua, 2);
  lua_createtable(lua, 0, 0);
  return collect_keys(lua, LUA_OK, 0);
}

// ---- CacheItem ----------------------------------------------------------------------------------

int item_key(lua_State* lua) {
  static_cast<void>(item_at(lua, 1));
  lua_getiuservalue(lua, 1, 1);
  return 1;
}

int item_key_size(lua_State* lua) {
  static_cast<void>(item_at(lua, 1));
  lua_pushinteger(lua, static_cast<lua_Integer>(user_value(lua, 1, 1).size()));
  return 1;
}

int item_expiry(lua_State* lua) {
  const std::int64_t expiry = item_at(lua, 1).expiry_unix_seconds;
  lua_pushinteger(lua, expiry == 0 ? never_expires : expiry);
  return 1;
}

int item_flags(lua_State* lua) {
  lua_pushinteger(lua, item_at(lua, 1).flags);
  return 1;
}

int item_data(lua_State* lua) {
  static_cast<void>(item_at(lua, 1));
  lua_getiuservalue(lua, 1, 2);
  return 1;
}

int item_data_size(lua_State* lua) {
  static_cast<void>(item_at(lua, 1));
  lua_pushinteger(lua, static_cast<lua_Integer>(user_value(lua, 1, 2).size()));
  return 1;
}

int item_delete(lua_State* lua) {
  item_at(lua, 1).deleted = true;
  for (const int which : {1, 2}) {
    lua_pushnil(lua);
    lua_setiuservalue(lua, 1, which);
  }
  return 0;
}

constexpr luaL_Reg hash_map_methods[] = {
    {"get", map_get},
    {"put", map_put},
    {"delete", map_delete},
    {"deleteLRU", map_delete_lru},
    {"getPrefixMatchingKeys", map_keys},
};
constexpr luaL_Reg item_methods[] = {
    {"getKey", item_key},     {"getKeySize", item_key_size},   {"getExpiryTime", item_expiry},
    {"getFlags", item_flags}, {"getDataSize", item_data_size}, {"getData", item_data},
    {"delete", item_delete},
};

}  // namespace

void push_item(lua_State* lua, Generation& generation, Bytes key, const ItemCopy& item) {
  luaL_checkstack(lua, 4, nullptr);
  auto* made = static_cast<CacheItem*>(lua_newuserdatauv(lua, sizeof(CacheItem), 2));
  *made = CacheItem{.call = serial_of(generation, *generation.call()),
                    .expiry_unix_seconds = item.expiry_unix_seconds,
                    .flags = item.client_flags,
                    .deleted = false};
  luaL_setmetatable(lua, "CacheItem");
  lua_pushlstring(lua, key.data(), key.size());
  lua_setiuservalue(lua, -2, 1);
  lua_pushlstring(lua, item.value.data(), item.value.size());
  lua_setiuservalue(lua, -2, 2);
}

void append_item(lua_State* lua, int index, std::string& out) {
  const CacheItem& item = item_at(lua, index);
  const Bytes data = user_value(lua, index, 2);
  out += "VALUE ";
  out += user_value(lua, index, 1);
  out += ' ' + std::to_string(item.flags) + ' ' + std::to_string(data.size()) + "\r\n";
  out += data;
  out += "\r\n";
}

int get_hash_map(lua_State* lua) {
  lua_newuserdatauv(lua, 0, 0);
  luaL_setmetatable(lua, "HashMap");
  return 1;
}

void make_items(lua_State* lua, Generation& generation) {
  new_class(lua, generation, "HashMap", hash_map_methods);
  new_class(lua, generation, "CacheItem", item_methods);
}

}  // namespace cacheismo::lua::original
