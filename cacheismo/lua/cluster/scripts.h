// The scripts for clusters as text: replicate.lua and its neighbours, as they were built. The
// simulator runs them; a node has only those that its user's --scripts names.

#ifndef CACHEISMO_LUA_CLUSTER_SCRIPTS_H_
#define CACHEISMO_LUA_CLUSTER_SCRIPTS_H_

#include <vector>

#include "cacheismo/lua/script.h"

namespace cacheismo::lua {

/// In the order of their names.
[[nodiscard]] std::vector<Script> cluster_scripts();

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_CLUSTER_SCRIPTS_H_
