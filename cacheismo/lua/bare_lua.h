// BareLua: a Lua state without sandbox and limits, for tests: base, string and the table library
// with marshal, unmarshal and clone, and one object's proxy as the global `stored`.

#ifndef CACHEISMO_LUA_BARE_LUA_H_
#define CACHEISMO_LUA_BARE_LUA_H_

#include <memory>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/lua/map_host.h"

namespace cacheismo::lua {

class BareLua {
 public:
  BareLua();
  ~BareLua();
  BareLua(const BareLua&) = delete;
  BareLua& operator=(const BareLua&) = delete;

  /// Runs a program. Its first result as text, or "error " and the message.
  std::string run(const std::string& program);
  /// Makes `value` the global of this name.
  void set(const char* name, Bytes value);
  /// The object behind `stored`.
  [[nodiscard]] MapHost::MapState& state() { return static_cast<MapHost::MapState&>(*state_); }

 private:
  struct Parts;
  MapHost host_;
  State* state_ = nullptr;
  std::unique_ptr<Parts> parts_;
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_BARE_LUA_H_
