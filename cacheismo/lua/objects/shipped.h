// The scripts of the shipped object types: quota.lua and its neighbours, as the program was built.

#ifndef CACHEISMO_LUA_OBJECTS_SHIPPED_H_
#define CACHEISMO_LUA_OBJECTS_SHIPPED_H_

#include <vector>

#include "cacheismo/lua/script.h"

namespace cacheismo::lua {

/// In the order of their names.
[[nodiscard]] std::vector<Script> shipped_scripts();

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_OBJECTS_SHIPPED_H_
