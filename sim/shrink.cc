#include "sim/shrink.h"

#include "cacheismo/base/check.h"

namespace cacheismo::sim {
namespace {

bool fails(const ScenarioOptions& options) { return !run_scenario(options).violations.empty(); }

}  // namespace

ScenarioOptions shrink(ScenarioOptions options) {
  options.journal = nullptr;
  const Report first = run_scenario(options);
  CHECK(!first.violations.empty());
  options.plan = first.plan;
  for (std::size_t field = 0; field < fault_fields(); field++) {
    ScenarioOptions smaller = options;
    // A run needs the end of its faults, and a network that takes some time.
    if (!switch_off(*smaller.plan, field)) continue;
    if (fails(smaller)) options = smaller;
  }
  while (options.nodes > 2) {  // one would be another scenario
    ScenarioOptions smaller = options;
    smaller.nodes--;
    if (!fails(smaller)) break;
    options = smaller;
  }
  while (options.clients > 1) {
    ScenarioOptions smaller = options;
    smaller.clients /= 2;
    if (!fails(smaller)) break;
    options = smaller;
  }
  while (options.length > std::chrono::milliseconds(20)) {
    ScenarioOptions smaller = options;
    smaller.length /= 2;
    smaller.plan->until_ns /= 2;
    if (!fails(smaller)) break;
    options = smaller;
  }
  return options;
}

}  // namespace cacheismo::sim
