// newConsistent(servers): a ring of servers as a value of a script.
//
//   userdata: | Ring | Point, in order of their hashes ... | available, a byte for each server |
//   user value 1: the servers' names
//
//  1. A server has points_per_server points; a key belongs to the first point at or behind its
//     hash, and to the next available server where that one is not.

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "cacheismo/base/hash.h"
#include "cacheismo/lua/charge.h"
#include "cacheismo/lua/original.h"

namespace cacheismo::lua::original {
namespace {

constexpr std::size_t points_per_server = 160;  // as ketama's rings have

constexpr std::size_t servers_max = 1'000;

/// Rings of all nodes must agree.
constexpr std::uint64_t ring_seed = 0;

constexpr Bytes separators = ", \t";

struct Point {
  std::uint32_t hash = 0;
  std::uint32_t server = 0;
};

struct Ring {
  std::uint32_t servers = 0;
  bool deleted = false;

  std::span<Point> points() {
    return {reinterpret_cast<Point*>(this + 1), servers * points_per_server};
  }
  std::span<char> available() {
    return {reinterpret_cast<char*>(points().data() + points().size()), servers};
  }
};
static_assert(sizeof(Ring) % alignof(Point) == 0);

std::uint32_t hash_of(Bytes text) { return static_cast<std::uint32_t>(hash64(text, ring_seed)); }

Ring& ring_at(lua_State* lua, int index) {
  auto& ring = *static_cast<Ring*>(luaL_checkudata(lua, index, "Consistent"));
  if (ring.deleted) luaL_error(lua, "this Consistent was deleted");
  return ring;
}

std::vector<Bytes> servers_in(Bytes list) {
  std::vector<Bytes> servers;
  while (true) {
    const std::size_t start = list.find_first_not_of(separators);
    if (start == Bytes::npos) return servers;
    list.remove_prefix(start);
    const std::size_t size = std::min(list.find_first_of(separators), list.size());
    servers.push_back(list.substr(0, size));
    list.remove_prefix(size);
  }
}

/// The number of the server with the name at `index`; the count of all if there is none.
std::uint32_t server_number(lua_State* lua, const Ring& ring, int index) {
  const Bytes name = checked_text(lua, index);
  lua_getiuservalue(lua, 1, 1);
  std::uint32_t found = 0;
  for (; found < ring.servers; ++found) {
    charge(lua, 1);
    lua_rawgeti(lua, -1, found + 1);
    const bool same = checked_text(lua, -1) == name;
    lua_pop(lua, 1);
    if (same) break;
  }
  lua_pop(lua, 1);
  return found;
}

int find_server_for_key(lua_State* lua) {
  Ring& ring = ring_at(lua, 1);
  const std::uint32_t hash = hash_of(checked_text(lua, 2));
  const auto points = ring.points();
  const auto at = std::lower_bound(points.begin(), points.end(), hash,
                                   [](const Point& one, std::uint32_t h) { return one.hash < h; });
  const auto first = static_cast<std::size_t>(at - points.begin());
  for (std::size_t i = 0; i < points.size(); ++i) {
    charge(lua, 1);
    const std::uint32_t server = points[(first + i) % points.size()].server;
    if (ring.available()[server] == 0) continue;
    lua_getiuservalue(lua, 1, 1);
    lua_rawgeti(lua, -1, server + 1);
    return 1;
  }
  lua_pushnil(lua);
  return 1;
}

int get_server_count(lua_State* lua) {
  lua_pushinteger(lua, ring_at(lua, 1).servers);
  return 1;
}

int is_server_available(lua_State* lua) {
  Ring& ring = ring_at(lua, 1);
  const std::uint32_t server = server_number(lua, ring, 2);
  lua_pushinteger(lua, server < ring.servers ? ring.available()[server] : 0);
  return 1;
}

/// (server, available), or in the order that the original read them in: (available, server).
int set_server_available(lua_State* lua) {
  Ring& ring = ring_at(lua, 1);
  luaL_checkany(lua, 3);
  std::uint32_t server =
      lua_type(lua, 2) == LUA_TSTRING ? server_number(lua, ring, 2) : ring.servers;
  int flag = 3;
  if (server == ring.servers && lua_type(lua, 3) == LUA_TSTRING) {
    server = server_number(lua, ring, 3);
    flag = 2;
  }
  if (server == ring.servers) luaL_error(lua, "setServerAvailable: the ring has no such server");
  const bool zero = lua_type(lua, flag) == LUA_TNUMBER && lua_tonumber(lua, flag) == 0;
  ring.available()[server] = lua_toboolean(lua, flag) != 0 && !zero ? 1 : 0;
  return 0;
}

constexpr luaL_Reg methods[] = {
    {"findServerForKey", find_server_for_key},
    {"getServerCount", get_server_count},
    {"isServerAvailable", is_server_available},
    {"setServerAvailable", set_server_available},
};

}  // namespace

int new_consistent(lua_State* lua) {
  const std::vector<Bytes> servers = servers_in(checked_text(lua, 1));
  if (servers.empty()) {
    lua_pushnil(lua);
    return 1;
  }
  if (servers.size() > servers_max) luaL_argerror(lua, 1, "a ring has at most 1000 servers");
  const std::size_t points = servers.size() * points_per_server;
  charge(lua, static_cast<std::int64_t>(points));
  auto* ring = static_cast<Ring*>(
      lua_newuserdatauv(lua, sizeof(Ring) + points * sizeof(Point) + servers.size(), 1));
  *ring = Ring{.servers = static_cast<std::uint32_t>(servers.size()), .deleted = false};
  luaL_setmetatable(lua, "Consistent");
  lua_createtable(lua, static_cast<int>(servers.size()), 0);
  Point* next = ring->points().data();
  for (std::uint32_t server = 0; server < ring->servers; ++server) {
    const Bytes name = servers[server];
    lua_pushlstring(lua, name.data(), name.size());
    lua_rawseti(lua, -2, server + 1);
    ring->available()[server] = 1;
    for (std::size_t i = 0; i < points_per_server; ++i)
      *next++ = {.hash = hash_of(std::string(name) + '-' + std::to_string(i)), .server = server};
  }
  std::sort(ring->points().begin(), ring->points().end(), [](const Point& a, const Point& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.server < b.server;
  });
  lua_setiuservalue(lua, -2, 1);
  return 1;
}

int delete_consistent(lua_State* lua) {
  ring_at(lua, 1).deleted = true;
  return 0;
}

void make_consistent(lua_State* lua, Generation& generation) {
  new_class(lua, generation, "Consistent", methods);
}

}  // namespace cacheismo::lua::original
