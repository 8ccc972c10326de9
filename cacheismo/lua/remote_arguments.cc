#include "cacheismo/lua/remote_arguments.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <lauxlib.h>

#include "cacheismo/lua/charge.h"
#include "cacheismo/lua/json.h"

namespace cacheismo::lua::remote {
namespace {

/// A host name (RFC 1035) with a colon and a port.
constexpr std::size_t server_bytes_max = 253 + 6;

constexpr Bytes hexadecimal = "0123456789ABCDEF";

Bytes text_at(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(lua, index, &size);
  return {text, size};
}

/// nullptr: it can be sent as a key.
const char* why_no_key(Bytes key) {
  if (key.empty() || key.size() > limits::key_bytes_max) return "a key has 1 to 250 bytes";
  const bool plain = std::all_of(key.begin(), key.end(), [](char byte) {
    const auto code = static_cast<unsigned char>(byte);
    return code > 0x20 && code != 0x7F;
  });
  if (plain || key.size() <= limits::base64_key_bytes_max) return nullptr;
  return "a key with spaces or control characters has at most 186 bytes";
}

bool is_server(Bytes server) { return !server.empty() && server.size() <= server_bytes_max; }

/// `index`: of the options, for messages.
void read_timeout(lua_State* lua, int index, Options& options) {
  constexpr double seconds_max =
      static_cast<double>(limits::remote_timeout_max.count()) / 1'000'000'000;
  const double seconds = lua_tonumber(lua, -1);
  if (lua_isnumber(lua, -1) == 0 || !(seconds > 0) || seconds > seconds_max)
    luaL_argerror(lua, index, "timeout is a number of seconds, above 0 and at most 60");
  options.timeout_ns = std::max<std::int64_t>(1, std::llround(seconds * 1e9));
}

void read_wait(lua_State* lua, int index, Options& options) {
  const Bytes word = lua_type(lua, -1) == LUA_TSTRING ? text_at(lua, -1) : Bytes();
  const lua_Integer count = lua_isinteger(lua, -1) != 0 ? lua_tointeger(lua, -1) : 0;
  if (word == "all") {
    options.wanted = std::numeric_limits<std::size_t>::max();
  } else if (word == "any") {
    options.wanted = 1;
  } else if (count > 0) {
    options.wanted = static_cast<std::size_t>(count);
  } else {
    luaL_argerror(lua, index, "wait is \"all\", \"any\" or a whole number above 0");
  }
}

std::int64_t read_whole(lua_State* lua, int index, const char* what, std::int64_t limit) {
  int whole = 0;
  const lua_Integer number = lua_tointegerx(lua, -1, &whole);
  if (whole == 0 || number < 0 || number > limit) luaL_argerror(lua, index, what);
  return number;
}

void append_part(std::string& key, Bytes part) {
  for (const char byte : part) {
    const auto code = static_cast<unsigned char>(byte);
    if (code > 0x20 && code != 0x7F && byte != ':' && byte != '%') {
      key += byte;
    } else {
      key += '%';
      key += hexadecimal[code >> 4];
      key += hexadecimal[code & 15];
    }
  }
}

/// An argument of a method as text; nullopt: it can be none.
std::optional<std::string> argument_at(lua_State* lua, int index) {
  std::string text;
  switch (lua_type(lua, index)) {
    case LUA_TSTRING: text = text_at(lua, index); break;
    case LUA_TNUMBER: append_number(lua, index, text); break;
    case LUA_TBOOLEAN: text = lua_toboolean(lua, index) != 0 ? "true" : "false"; break;
    default: return std::nullopt;
  }
  return text;
}

/// Raises an error about the value at `index`, in the name of a function if there is one.
void refuse(lua_State* lua, const char* name, int index, const char* why) {
  if (name == nullptr) luaL_argerror(lua, index, why);
  luaL_error(lua, "%s: %s", name, why);
}

}  // namespace

Options checked_options(lua_State* lua, int index, std::initializer_list<Bytes> allowed) {
  Options options;
  if (lua_isnoneornil(lua, index)) return options;
  luaL_checktype(lua, index, LUA_TTABLE);
  lua_pushnil(lua);
  while (lua_next(lua, index) != 0) {
    charge(lua, 1);
    const Bytes name = lua_type(lua, -2) == LUA_TSTRING ? text_at(lua, -2) : Bytes();
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
      const char* shown = name.empty() ? luaL_typename(lua, -2) : name.data();
      luaL_argerror(lua, index, lua_pushfstring(lua, "there is no option '%s'", shown));
    }
    if (name == "timeout") {
      read_timeout(lua, index, options);
    } else if (name == "wait") {
      read_wait(lua, index, options);
    } else if (name == "flags") {
      options.flags =
          static_cast<std::uint32_t>(read_whole(lua, index, "flags are 0 to 2^32 - 1", 0xFFFFFFFF));
    } else {
      options.ttl_seconds =
          read_whole(lua, index, "ttl is whole seconds from now, or 0 for never", 0x7FFFFFFF);
    }
    lua_pop(lua, 1);
  }
  return options;
}

std::string checked_server(lua_State* lua, int index) {
  const Bytes server = text_at(lua, index);
  if (!is_server(server))
    luaL_argerror(lua, index, "a server is a node's name or \"host:port\", not empty");
  return std::string(server);
}

std::string checked_key(lua_State* lua, int index) {
  const Bytes key = text_at(lua, index);
  if (const char* why = why_no_key(key)) luaL_argerror(lua, index, why);
  return std::string(key);
}

std::string checked_value(lua_State* lua, int index, std::size_t bytes_max) {
  const Bytes value = text_at(lua, index);
  if (value.size() > bytes_max) luaL_argerror(lua, index, "longer than an item may be");
  return std::string(value);
}

std::vector<RemoteRequest> checked_requests(lua_State* lua, int index, int argument) {
  index = lua_absindex(lua, index);
  constexpr const char* form = "a table {server = key or {key, ...}, ...} expected";
  std::vector<RemoteRequest> requests;
  const auto add = [&](Bytes server) {
    if (lua_type(lua, -1) != LUA_TSTRING) luaL_argerror(lua, argument, form);
    const Bytes key = text_at(lua, -1);
    if (const char* why = why_no_key(key)) luaL_argerror(lua, argument, why);
    if (requests.size() == limits::remote_requests_max)
      luaL_argerror(lua, argument, "more than 1024 keys");
    charge(lua, 1);
    requests.push_back(
        {.op = RemoteRequest::Op::get, .server = std::string(server), .key = std::string(key)});
  };
  if (!lua_istable(lua, index)) luaL_argerror(lua, argument, form);
  lua_pushnil(lua);
  while (lua_next(lua, index) != 0) {
    const Bytes server = lua_type(lua, -2) == LUA_TSTRING ? text_at(lua, -2) : Bytes();
    if (!is_server(server)) luaL_argerror(lua, argument, form);
    if (lua_istable(lua, -1)) {
      const auto count = static_cast<lua_Integer>(lua_rawlen(lua, -1));
      for (lua_Integer i = 1; i <= count; ++i) {
        lua_rawgeti(lua, -1, i);
        add(server);
        lua_pop(lua, 1);
      }
    } else {
      add(server);
    }
    lua_pop(lua, 1);
  }
  std::stable_sort(requests.begin(), requests.end(),
                   [](const auto& a, const auto& b) { return a.server < b.server; });
  return requests;
}

VirtualKey checked_virtual_key(lua_State* lua, int first, int last, std::size_t data_bytes_max,
                               const char* name) {
  VirtualKey made{.key = std::string(text_at(lua, first)), .data = std::nullopt};
  if (const char* why = why_no_key(made.key)) refuse(lua, name, first, why);
  if (std::count(made.key.begin(), made.key.end(), ':') < 2)
    refuse(lua, name, first, "a method is \"TYPE:METHOD:KEY\"");
  for (int index = first + 1; index <= last; ++index) {
    std::optional<std::string> argument = argument_at(lua, index);
    if (!argument)
      refuse(lua, name, index, "arguments of methods are strings, numbers and booleans");
    const std::size_t before = made.key.size();
    charge(lua, 1 + static_cast<std::int64_t>(argument->size()) / 16);
    if (argument->size() <= limits::key_bytes_max) {
      made.key += ':';
      append_part(made.key, *argument);
      if (made.key.size() <= limits::key_bytes_max) continue;
      made.key.resize(before);
    }
    if (index < last)
      refuse(lua, name, index, "only the last argument may be too long for a key of 250 bytes");
    if (data_bytes_max > 0 && argument->size() > data_bytes_max)
      refuse(lua, name, index, "longer than an item may be");
    made.data = std::move(*argument);
  }
  return made;
}

}  // namespace cacheismo::lua::remote
