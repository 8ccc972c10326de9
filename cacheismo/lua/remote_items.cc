#include "cacheismo/lua/remote_items.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <lauxlib.h>

#include "cacheismo/base/check.h"
#include "cacheismo/lua/charge.h"
#include "cacheismo/lua/remote_arguments.h"
#include "cacheismo/lua/remote_asking.h"

namespace cacheismo::lua::remote {
namespace {

int push_packed(lua_State* lua, const Host::PackedItem& packed) {
  charge(lua, static_cast<std::int64_t>(packed.bytes.size()) / bytes_per_step);
  lua_pushlstring(lua, packed.bytes.data(), packed.bytes.size());
  lua_pushboolean(lua, packed.here ? 1 : 0);
  return 2;
}

}  // namespace

int copy_to_server(lua_State* lua) {
  Call& call = asking_call(lua, "copyToServer");
  RemoteRequest request{.op = RemoteRequest::Op::set, .server = checked_server(lua, 1)};
  const std::string key = checked_key(lua, 2);
  const Options options = checked_options(lua, 3, {"timeout"});
  auto item = call.host().item_to_send(key);
  if (!item) luaL_error(lua, "copyToServer: %s", item.error().c_str());
  if (!*item) {
    lua_pushboolean(lua, 0);
    return 1;
  }
  request.key = std::move((*item)->key);
  request.value = std::move((*item)->value);
  request.flags = (*item)->client_flags;
  request.ttl_seconds = (*item)->ttl_seconds;
  charge(lua, static_cast<std::int64_t>(request.value.size()) / bytes_per_step);
  return ask(lua, call, {std::move(request)}, options, Shape::one);
}

int pack_item(lua_State* lua) {
  Call& call = asking_call(lua, "replicate");
  std::string before;
  if (!lua_isnoneornil(lua, 2)) before = checked_value(lua, 2, ~std::size_t{0});
  auto packed = call.host().pack_item(checked_key(lua, 1), before);
  if (!packed) luaL_error(lua, "replicate: %s", packed.error().c_str());
  return push_packed(lua, *packed);
}

int pack_value(lua_State* lua) {
  Call& call = asking_call(lua, "replicate");
  const std::string key = checked_key(lua, 1);
  std::string value;
  Host::NewValue made{.client_flags = static_cast<std::uint32_t>(lua_tointeger(lua, 3)),
                      .ttl_seconds = static_cast<std::uint32_t>(lua_tointeger(lua, 4)),
                      .store = lua_toboolean(lua, 5) != 0};
  if (!lua_isnoneornil(lua, 2)) {
    value = checked_value(lua, 2, generation_of(lua).options().result_bytes_max);
    made.value = value;
  }
  call.release_readers(true);
  generation_of(lua).tables().end_proxies();
  return push_packed(lua, call.host().pack_value(key, made));
}

int ship_packed(lua_State* lua) {
  Call& call = asking_call(lua, "replicate");
  const std::string packed = checked_value(lua, 1, ~std::size_t{0});
  Options options;
  options.wanted = static_cast<std::size_t>(luaL_checkinteger(lua, 3));
  options.timeout_ns = std::max<std::int64_t>(1, std::llround(luaL_checknumber(lua, 4) * 1e9));
  std::vector<RemoteRequest> requests;
  for (lua_Unsigned i = 1; i <= lua_rawlen(lua, 2); ++i) {
    lua_rawgeti(lua, 2, static_cast<lua_Integer>(i));
    requests.push_back({.op = RemoteRequest::Op::set,
                        .server = checked_server(lua, -1),
                        .key = std::string(Host::replica_key),
                        .value = packed,
                        .to_the_end = true});
    lua_pop(lua, 1);
    charge(lua, static_cast<std::int64_t>(packed.size()) / bytes_per_step);
  }
  return ask(lua, call, std::move(requests), options, Shape::coverage);
}

}  // namespace cacheismo::lua::remote
