// Shrink: from a run that fails to the smallest one that still does.
//
// It switches off one field of the fault plan after the other, then halves clients and time, and
// keeps what still violates something, not necessarily the same thing. Each attempt is a whole
// run: the result is worth the wait because its journal can be read.

#ifndef CACHEISMO_SIM_SHRINK_H_
#define CACHEISMO_SIM_SHRINK_H_

#include "sim/scenario.h"

namespace cacheismo::sim {

/// Requires that run_scenario(options) reports a violation. The result has a plan.
[[nodiscard]] ScenarioOptions shrink(ScenarioOptions options);

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_SHRINK_H_
