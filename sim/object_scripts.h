// ObjectScripts: what a simulated node loads: the shipped types, one whose method waits, and a bug
// in them if one is to be planted.

#ifndef CACHEISMO_SIM_OBJECT_SCRIPTS_H_
#define CACHEISMO_SIM_OBJECT_SCRIPTS_H_

#include <vector>

#include "cacheismo/lua/script.h"
#include "sim/sabotage.h"

namespace cacheismo::sim {

/// Whether the bug lies in a script, not between the node and its Io.
[[nodiscard]] bool is_in_scripts(Sabotage sabotage);

[[nodiscard]] std::vector<lua::Script> object_scripts(Sabotage sabotage);

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_OBJECT_SCRIPTS_H_
