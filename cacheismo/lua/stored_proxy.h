// Proxy: what the userdata that stands for a stored table holds.
//
// What it is not: it is no interface; stored_table.cc and stored_fields.cc share it.

#ifndef CACHEISMO_LUA_STORED_PROXY_H_
#define CACHEISMO_LUA_STORED_PROXY_H_

#include "cacheismo/lua/stored_table.h"

namespace cacheismo::lua {

struct StoredTables::Proxy {
  StoredTables* owner = nullptr;
  State* state = nullptr;
  TableNumber table = 0;
  std::uint32_t serial = 0;
  Access access = Access::read;

  [[nodiscard]] bool has_ended() const { return serial != owner->serial_; }
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_STORED_PROXY_H_
