// What every run has, of one node (scenario.cc) or of several (cluster_scenario.cc): a plan of
// faults, a moment from which on they are over, and the end of its report.

#ifndef CACHEISMO_SIM_RUN_H_
#define CACHEISMO_SIM_RUN_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"
#include "sim/fault_plan.h"
#include "sim/sabotage.h"
#include "sim/scenario.h"
#include "sim/world.h"

namespace cacheismo::sim {

/// As it is given, or drawn from the seed; the faults end half-way unless it says otherwise.
[[nodiscard]] inline FaultPlan plan_of(const ScenarioOptions& options) {
  FaultPlan plan = options.plan ? *options.plan : draw_fault_plan(Prng(options.seed).derive(100));
  if (plan.until_ns == 0) plan.until_ns = static_cast<std::uint64_t>(options.length.count()) / 2;
  // An Io that loses completions does not let a node die in order.
  if (options.sabotage != Sabotage::none) plan.crash_every_ns = 0;
  return plan;
}

/// From this time of the world on, nothing stands still for a fault any more.
[[nodiscard]] inline std::int64_t healed_ns(const FaultPlan& plan) {
  constexpr Duration settling = std::chrono::seconds(1);
  return static_cast<std::int64_t>(plan.until_ns) + settling.count();
}

/// What was counted ends the journal, whose hash is the run's; the report has what the world says.
inline void close_report(World& world, std::span<const std::uint64_t> counts, Report& report) {
  for (std::size_t i = 0; i < counts.size(); i++) {
    world.clockwork().journal.note(world.now().count(), Note::end, 0, static_cast<std::uint32_t>(i),
                                   1, counts[i]);
  }
  report.marks = world.marks();
  report.hash = world.hash();
  report.events = world.events();
  report.simulated = world.now();
}

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_RUN_H_
