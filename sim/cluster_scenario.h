// ClusterScenario: one run: several nodes with one ring, which may change, clients, faults for a
// while, then calm, then the end.
//
//   0 ....... until: faults ...... + 2.5 s: calm ...... length ...... inspected, stopped, judged
//   everybody talks; things break  | nothing may fail any more
//
// Everything follows from the seed unless the options say otherwise: swarm. Judged are:
//  1. replies: each request has one, in order, of its kind, or the connection ends.
//  2. deadline: a request ends by the cluster's timeout. While whole hosts or links stand still, a
//     client may wait longer than that; else, and from a second after the faults on, never.
//  3. calm: nothing fails when everything has had time to heal.
//  4. history: of each key, objects too, by one register (sim/linear); a crash of its owner is the
//     only loss, and an error that does not say "unknown" is believed. What else may become of a
//     key that moves: sim/cluster/cluster.h.
//  5. owner: what nodes answer each other (sim/cluster/owner_watch.h).
//  6. copies: of replicated keys, what clients and the holders say (sim/cluster/copied_key.h).
//  7. healed, agreement, placement, hops, drained: what the inspection sees at the end
//     (sim/cluster/inspection.h).

#ifndef CACHEISMO_SIM_CLUSTER_SCENARIO_H_
#define CACHEISMO_SIM_CLUSTER_SCENARIO_H_

#include "sim/scenario.h"

namespace cacheismo::sim {

inline constexpr std::uint32_t cluster_nodes_max = 9;
inline constexpr std::uint32_t cluster_clients_max = 40;

/// Requires options.nodes of 1 to cluster_nodes_max and at most cluster_clients_max clients. One
/// node is no cluster, and is not inspected.
[[nodiscard]] Report run_cluster_scenario(const ScenarioOptions& options);

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_CLUSTER_SCENARIO_H_
