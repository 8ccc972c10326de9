// Remote arguments: what scripts hand to the functions that ask other nodes, checked and copied.
//
// What it is not: it asks nobody (remote_library.h).

#ifndef CACHEISMO_LUA_REMOTE_ARGUMENTS_H_
#define CACHEISMO_LUA_REMOTE_ARGUMENTS_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <lua.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/lua/remote.h"

namespace cacheismo::lua::remote {

// Everything here raises Lua's errors.

/// The last argument of a function.
struct Options {
  std::int64_t timeout_ns = limits::remote_timeout.count();
  std::size_t wanted = std::numeric_limits<std::size_t>::max();  ///< all
  std::uint32_t flags = 0;
  std::int64_t ttl_seconds = 0;
};

/// The table at `index`, or none; it may have the fields `allowed`.
[[nodiscard]] Options checked_options(lua_State* lua, int index,
                                      std::initializer_list<Bytes> allowed);

[[nodiscard]] std::string checked_server(lua_State* lua, int index);
[[nodiscard]] std::string checked_key(lua_State* lua, int index);
[[nodiscard]] std::string checked_value(lua_State* lua, int index, std::size_t bytes_max);

/// A get for each key of the table at `index`, {server = key or {key, ...}}, in which no proxy
/// occurs; by server, then as listed. It is a copy of the function's `argument`.
[[nodiscard]] std::vector<RemoteRequest> checked_requests(lua_State* lua, int index, int argument);

struct VirtualKey {
  std::string key;
  std::optional<std::string> data;  ///< the last argument, where it did not fit
};
/// TYPE:METHOD:KEY at `first` with the arguments behind it up to `last`, encoded such that
/// VirtualKeyParts gives them back. With a `name` these are no arguments of the function that runs:
/// errors begin with it.
[[nodiscard]] VirtualKey checked_virtual_key(lua_State* lua, int first, int last,
                                             std::size_t data_bytes_max,
                                             const char* name = nullptr);

}  // namespace cacheismo::lua::remote

#endif  // CACHEISMO_LUA_REMOTE_ARGUMENTS_H_
