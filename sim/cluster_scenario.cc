#include "sim/cluster_scenario.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "cacheismo/base/check.h"
#include "cacheismo/cluster/ring.h"
#include "sim/cluster/cluster.h"
#include "sim/copy_scripts.h"
#include "sim/object_scripts.h"
#include "sim/run.h"

namespace cacheismo::sim {
namespace {

constexpr Duration slack = std::chrono::milliseconds(100);      // of an answer that is just in time
constexpr Duration impatience = std::chrono::milliseconds(60);  // of some clients

/// Whether a host or a link may stand still, so that a client waits although its node does not.
bool may_stand_still(const FaultPlan& plan) {
  return plan.pause_every_ns > 0 || plan.clog_every_ns > 0 || plan.partition_every_ns > 0 ||
         plan.latency_tail_per_million > 0 || plan.accept_fail_per_million > 0 ||
         plan.slow_factor_max > 0;
}

/// Whether what one node asks of another may fail.
bool may_fail(const FaultPlan& plan) {
  return may_stand_still(plan) || plan.reset_every_ns > 0 || plan.refuse_per_million > 0 ||
         plan.black_hole_per_million > 0 || plan.accept_reset_per_million > 0 ||
         plan.crash_every_ns > 0;
}

/// Changes of the ring as they are when all goes well, but for streams that are cut and clocks.
void spare(FaultPlan& plan) {
  FaultPlan spared = calm_plan();
  spared.cuts = plan.cuts;
  spared.buffer_bytes = plan.buffer_bytes;
  spared.wall_jump_every_ns = plan.wall_jump_every_ns;
  spared.wall_jump_ns_max = plan.wall_jump_ns_max;
  spared.drift_ppm_max = plan.drift_ppm_max;
  spared.shuffle_ties = plan.shuffle_ties;
  spared.ring_every_ns = plan.ring_every_ns;
  spared.ring_spread_ns_max = plan.ring_spread_ns_max;
  spared.until_ns = plan.until_ns;
  plan = spared;
}

void draw_changes(const ScenarioOptions& options, ClusterOptions& cluster) {
  Prng chance = Prng(options.seed).derive(201);
  if (options.nodes == 1) cluster.plan.ring_every_ns = 0;
  if (cluster.plan.ring_every_ns == 0) return;
  if (!options.plan && chance.chance(1, 3)) spare(cluster.plan);
  cluster.moves_lose = may_fail(cluster.plan);
  cluster.orderly_changes = !cluster.moves_lose && chance.chance(2, 3);
}

/// How values end without anybody's delete.
void draw_ends(const ScenarioOptions& options, ClusterOptions& cluster) {
  Prng chance = Prng(options.seed).derive(203);
  cluster.client.mortal = chance.chance(1, 2);
  if (chance.chance(1, 3)) cluster.client.flush_one_in = 500;
  if (!chance.chance(1, 5)) return;
  cluster.evicts = cluster.client.short_of_memory = true;
  cluster.config.memory_bytes = 1 * MiB;
  cluster.keys = static_cast<std::uint32_t>(chance.between(24, 40));
  cluster.client.value_bytes_max = 300'000;
  cluster.client.long_one_in = 2;
}

/// Replicated keys, and who asks for them.
void draw_copies(const ScenarioOptions& options, ClusterOptions& cluster) {
  Prng chance = Prng(options.seed).derive(204);
  const bool drawn = chance.chance(1, 2) || is_in_copies(options.sabotage);
  if (!drawn || options.nodes == 1 || !options.own.scripts.empty()) return;
  cluster.copied_keys = static_cast<std::uint32_t>(chance.between(1, 4));
  cluster.copy_clients = static_cast<std::uint32_t>(chance.between(2, 5));
  cluster.copy_client.think = std::chrono::milliseconds(chance.between(1, 16));
  cluster.copy_client.asked_per_connection = chance.between(2, 40);
  cluster.copy_client.value_bytes_max = cluster.client.value_bytes_max;
  if (!cluster.scripts) cluster.scripts = object_scripts(Sabotage::none);
  for (lua::Script& script : copy_scripts(options.sabotage))
    cluster.scripts->push_back(std::move(script));
}

/// Requests that a script passes on. It may ask a node that is not the owner any more, so that
/// nothing is promised while the ring changes.
void draw_relay(const ScenarioOptions& options, ClusterOptions& cluster) {
  Prng chance = Prng(options.seed).derive(205);
  const bool possible = options.nodes > 1 && cluster.plan.ring_every_ns == 0 && !cluster.evicts &&
                        options.own.scripts.empty();
  const bool drawn = chance.chance(1, 2) || options.sabotage == Sabotage::relay_twice;
  if (!possible || !drawn) return;
  cluster.client.relay_one_in = chance.between(2, 8);
  if (!cluster.scripts) cluster.scripts = object_scripts(Sabotage::none);
  for (lua::Script& script : relay_scripts(options.sabotage))
    cluster.scripts->push_back(std::move(script));
}

ClusterOptions draw(const ScenarioOptions& options) {
  Prng chance = Prng(options.seed).derive(200);
  ClusterOptions cluster;
  cluster.seed = options.seed;
  cluster.nodes = options.nodes;
  cluster.clients = options.clients;
  cluster.plan = plan_of(options);
  draw_changes(options, cluster);
  cluster.sabotage = is_in_scripts(options.sabotage) ? Sabotage::none : options.sabotage;
  cluster.journal = options.journal;
  cluster.hashing = static_cast<cluster::Hashing>(chance.below(3));
  cluster.keys = static_cast<std::uint32_t>(chance.between(4, 16));
  if (chance.chance(2, 3) || is_in_scripts(options.sabotage)) {
    cluster.objects = static_cast<std::uint32_t>(chance.between(2, 6));
    cluster.scripts = object_scripts(options.sabotage);
  }
  if (!options.own.calls.empty() && !cluster.scripts) {
    cluster.scripts = object_scripts(options.sabotage);
  }
  for (const lua::Script& script : options.own.scripts) cluster.scripts->push_back(script);
  cluster.client.calls = options.own.calls;
  cluster.config.memory_bytes = 8 * MiB;
  constexpr std::int64_t timeouts_ms[] = {100, 300, 1000};
  const Duration timeout = std::chrono::milliseconds(timeouts_ms[chance.below(3)]);
  cluster.config.cluster.timeout = timeout;
  cluster.config.listen_options.backlog = chance.chance(1, 3) ? 2 : 1024;
  cluster.config.requests_per_event = static_cast<std::uint32_t>(chance.between(1, 20));
  KeyClient::Options& client = cluster.client;
  client.think = std::chrono::milliseconds(chance.between(1, 8));
  client.pipeline_max = chance.chance(1, 2) ? 1 : 4;
  client.keys_per_get_max = chance.chance(1, 2) ? 1 : 8;
  constexpr std::uint64_t value_bytes[] = {0, 0, 20'000, 100'000};  // bulk begins at 64 KiB
  client.value_bytes_max = value_bytes[chance.below(4)];
  client.asked_per_connection = chance.between(3, 100);
  draw_ends(options, cluster);
  draw_copies(options, cluster);
  draw_relay(options, cluster);
  cluster.copy_client.late_from_ns = may_stand_still(cluster.plan) ? healed_ns(cluster.plan) : 0;
  if (chance.chance(1, 4)) {
    client.timeout = impatience;
  } else {
    client.timeout = timeout + slack;
    client.late_from_ns = may_stand_still(cluster.plan) ? healed_ns(cluster.plan) : 0;
  }
  return cluster;
}

void count(Report& report, const char* name, std::uint64_t value) {
  report.cluster.push_back({name, value});
}

void count_clients(const Cluster& cluster, bool with_calls, Report& report) {
  KeyClient::Tally sum;
  NodeClient::Connections connections;
  for (const auto& client : cluster.clients()) {
    const KeyClient::Tally& one = client->tally();
    sum.asked += one.asked;
    sum.answered += one.answered;
    sum.multi_gets += one.multi_gets;
    sum.errors += one.errors;
    sum.mortal += one.mortal;
    sum.flushes += one.flushes;
    sum.no_memory += one.no_memory;
    sum.withdrawn += one.withdrawn;
    sum.relayed += one.relayed;
    sum.relayed_errors += one.relayed_errors;
    sum.calls += one.calls;
    sum.call_errors += one.call_errors;
    connections.timeouts += client->connections().timeouts;
    connections.lost += client->connections().lost;
    connections.failures += client->connections().failures;
  }
  count(report, "asked", sum.asked);
  count(report, "answered", sum.answered);
  count(report, "multi_gets", sum.multi_gets);
  count(report, "errors", sum.errors);
  count(report, "certain_errors", sum.withdrawn);
  count(report, "with_seconds", sum.mortal);
  count(report, "flushes", sum.flushes);
  count(report, "no_memory", sum.no_memory);
  count(report, "relayed", sum.relayed);
  count(report, "relayed_errors", sum.relayed_errors);
  count(report, "timeouts", connections.timeouts);
  count(report, "connections_lost", connections.lost);
  count(report, "connect_failures", connections.failures);
  if (!with_calls) return;
  count(report, "calls", sum.calls);
  count(report, "call_errors", sum.call_errors);
  for (const auto& client : cluster.clients()) {
    if (client->call_error().empty()) continue;
    report.node += "\na call was answered: " + client->call_error();
    break;
  }
}

void count_copies(const Cluster& cluster, Report& report) {
  const Copies::Seen seen = cluster.copies() == nullptr ? Copies::Seen{} : cluster.copies()->seen();
  count(report, "copied_asked", seen.asked);
  count(report, "copied_complete", seen.complete);
  count(report, "copied_partly", seen.partly);
  count(report, "copied_uncertain", seen.uncertain);
  count(report, "copied_hits", seen.hits);
  count(report, "copied_misses", seen.misses);
  count(report, "censuses", seen.censuses);
  count(report, "partial_censuses", seen.partial_censuses);
  count(report, "copied_looks", seen.looks);
  count(report, "copied_renewed", seen.renewed);
  count(report, "copies_guarded", seen.guarded);
  count(report, "copies_secured", seen.secured);
  count(report, "copies_agreed", seen.agreed);
  count(report, "copies_taken", cluster.seen().copies_taken);
  count(report, "copies_older", cluster.seen().copies_older);
}

std::string described(const ClusterOptions& drawn) {
  const bool changes = drawn.plan.ring_every_ns > 0;
  std::string text = "nodes=" + std::to_string(drawn.nodes) +
                     " hashing=" + std::string(cluster::to_string(drawn.hashing));
  const auto timeout_ms = drawn.config.cluster.timeout / std::chrono::milliseconds(1);
  text += " timeout_ms=" + std::to_string(timeout_ms) + " keys=" + std::to_string(drawn.keys) +
          " objects=" + std::to_string(drawn.objects) + " ring_changes=";
  text += !changes                ? "none"
          : drawn.orderly_changes ? "orderly"
          : drawn.moves_lose      ? "lossy"
                                  : "hasty";
  if (drawn.client.mortal) text += " mortal";
  if (drawn.client.flush_one_in > 0) text += " flushed";
  if (drawn.evicts) text += " evicting";
  if (drawn.client.relay_one_in > 0) text += " relayed";
  if (drawn.copied_keys > 0) text += " copied=" + std::to_string(drawn.copied_keys);
  return text;
}

}  // namespace

Report run_cluster_scenario(const ScenarioOptions& options) {
  CHECK(options.nodes > 0 && options.nodes <= cluster_nodes_max);
  CHECK_LE(options.clients, cluster_clients_max);
  const ClusterOptions drawn = draw(options);
  Cluster cluster(drawn);
  cluster.run_for(options.length);
  cluster.finish();

  Report report;
  report.seed = options.seed;
  report.plan = drawn.plan;
  report.node = described(drawn);
  report.violations = cluster.violations();
  report.tallies.resize(tallies_count);
  count(report, "judged", cluster.judgement().operations);
  count(report, "unknown", cluster.judgement().unknown);
  count(report, "undecided", cluster.judgement().undecided);
  count(report, "forwarded", cluster.seen().forwarded);
  count(report, "foreign", cluster.seen().foreign);
  count(report, "items", cluster.seen().items);
  count(report, "evictions", cluster.seen().evictions);
  count(report, "expired", cluster.seen().expired);
  count(report, "ring_changes", cluster.rings().epoch() - 1);
  count(report, "moved_keys", cluster.moved());
  count(report, "handed_over", cluster.seen().received);
  count(report, "handed_over_late", cluster.seen().received_late);
  count(report, "inherited", cluster.seen().inherited);
  count(report, "asked_for", cluster.seen().taken);
  count(report, "refused_as_anothers", cluster.seen().wrong_owner);
  count(report, "owners_judged", cluster.owner_watch().judged());
  count_copies(cluster, report);
  count_clients(cluster, !options.own.calls.empty(), report);
  std::vector<std::uint64_t> counts;
  for (const Report::Counted& counted : report.cluster) counts.push_back(counted.count);
  close_report(cluster.world(), counts, report);
  return report;
}

}  // namespace cacheismo::sim
