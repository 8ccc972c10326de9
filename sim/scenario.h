// Scenario: one run: a node, its clients, faults for a while, then calm, then the end.
//
//   0 ........... until: faults ........... end: calm ........... drained
//   everybody talks; connections break | nothing breaks: every request must succeed | all is let go
//
// Everything follows from the seed unless the options say otherwise: swarm.
//  1. While there are faults: safety (what a client is told is true).
//  2. After they end: liveness too (each request is answered in time).
//  3. At the end: no stream, no channel is left open, the node's audit is clean, its counted memory
//     is within its limit.

#ifndef CACHEISMO_SIM_SCENARIO_H_
#define CACHEISMO_SIM_SCENARIO_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/base/units.h"
#include "sim/fault_plan.h"
#include "sim/journal.h"
#include "sim/mark.h"
#include "sim/oracle.h"
#include "sim/own_scripts.h"
#include "sim/sabotage.h"

namespace cacheismo::sim {

struct ScenarioOptions {
  std::uint64_t seed = 1;
  Duration length = std::chrono::seconds(10);  ///< of faults and calm together
  std::uint32_t clients = 20;
  std::uint32_t nodes = 1;                       ///< more: a cluster (cluster_scenario.h)
  std::optional<FaultPlan> plan = std::nullopt;  ///< otherwise drawn from the seed
  Sabotage sabotage = Sabotage::none;
  OwnScripts own = {};  ///< with calls: a cluster, even of one node
  JournalLines* journal = nullptr;
};

struct Report {
  std::uint64_t seed = 0;
  std::uint64_t hash = 0;
  std::uint64_t events = 0;
  Duration simulated{0};
  FaultPlan plan;
  std::string node;  ///< what was drawn for the node, for a reader
  std::vector<std::string> violations;
  Marks marks;
  std::vector<std::uint64_t> tallies;  ///< by Tally; of a cluster all 0
  struct Counted {
    const char* name;
    std::uint64_t count;
  };
  std::vector<Counted> cluster;  ///< what the clients of a cluster saw; always the same names
};

[[nodiscard]] Report run_scenario(const ScenarioOptions& options);

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_SCENARIO_H_
