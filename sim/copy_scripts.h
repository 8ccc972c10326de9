// CopyScripts: what a simulated node loads beside the types so that its clients can ask for copies
// of values: the shipped mapreduce.lua, and the shipped replicate.lua as it is, but that it takes
// over other commands. Who asks for ordinary keys needs the ordinary ones:
//
//   append KEY 0 0 5     is the script's `set KEY 0 0 5`
//   decr KEY 1           its `delete KEY`
//   prepend KEY 0 0 0    its `get KEY`

#ifndef CACHEISMO_SIM_COPY_SCRIPTS_H_
#define CACHEISMO_SIM_COPY_SCRIPTS_H_

#include <vector>

#include "cacheismo/lua/script.h"
#include "sim/sabotage.h"

namespace cacheismo::sim {

/// With the bug, if it is one of these scripts'.
[[nodiscard]] std::vector<lua::Script> copy_scripts(Sabotage sabotage);

/// A handler type `relay`, which asks the owners of keys for its clients:
///
///   get relay:ask:KEY           getFromServer: the value, under KEY; methods too
///   set relay:put:KEY 0 0 5     setOnServer
///   get relay:all:KEY,KEY,...   getInParallel: the values in this order
///
/// A failure is an error whose text begins, behind `script `, as a node's own would.
[[nodiscard]] std::vector<lua::Script> relay_scripts(Sabotage sabotage);

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_COPY_SCRIPTS_H_
