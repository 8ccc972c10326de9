// Cluster: N nodes and M clients in one world, built from plain options, and its end.
//
//   10.0.0.1 n1   10.0.0.2 n2 ... : Node on SimIo, arena and script heap of its own, port 11211
//   10.0.1.1      10.0.1.2    ... : KeyClient on SimIo; each connection goes to a random node
//   10.0.2.1                      : Inspection, when all is over
//   10.0.3.1      ...             : CopyClient, where there are replicated keys (copies.h)
//                     Recorder: one history per key --> linear::check
//
//  1. Everything follows from the options; the same options give the same journal hash.
//  2. A node whose host crashes is destroyed and built anew when the host is back, at the same
//     address and with nothing in memory. The histories say so.
//  3. Several nodes have one ring, which changes as the plan says. What an operator does, run_for()
//     does: it puts the next ring where each node can read it, and sends signals.
//  4. The crash of its owner is the only loss of a key that has always had the same one. A key that
//     has moved gets other CAS values. `moves_lose`: from its first move on it may be lost, and
//     while nodes have different rings it may have two owners (linear/checker.h). Each move may
//     make it live a second more or less, and a flush may miss it.
//  5. finish() lets the world heal and drain, and says what is wrong: a client that does not come
//     to its end, an audit, a stream that is left, what the inspection found, a history that no
//     order explains.
//
// What it is not: it draws nothing but rings (sim/cluster_scenario.cc does).

#ifndef CACHEISMO_SIM_CLUSTER_CLUSTER_H_
#define CACHEISMO_SIM_CLUSTER_CLUSTER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/base/units.h"
#include "cacheismo/cluster/ring.h"
#include "cacheismo/lua/script.h"
#include "cacheismo/node/config.h"
#include "cacheismo/node/node.h"
#include "sim/arena.h"
#include "sim/cluster/copies.h"
#include "sim/cluster/inspection.h"
#include "sim/cluster/key_client.h"
#include "sim/cluster/owner_watch.h"
#include "sim/cluster/recorder.h"
#include "sim/cluster/ring_changes.h"
#include "sim/fault_plan.h"
#include "sim/journal.h"
#include "sim/ring_list.h"
#include "sim/sabotage.h"
#include "sim/script_list.h"
#include "sim/wire.h"
#include "sim/world.h"

namespace cacheismo::sim {

struct ClusterOptions {
  std::uint64_t seed = 1;
  std::uint32_t nodes = 1;
  std::uint32_t clients = 4;
  std::uint32_t keys = 6;
  std::uint32_t objects = 0;  ///< counters and maps among the keys; they need `scripts`
  cluster::Hashing hashing = cluster::Hashing::ketama;
  FaultPlan plan = calm_plan();
  node::Config config = {};  ///< of every node; listen and scripts.source are set by the cluster
  /// Of every node; nullopt: none, and no key is virtual.
  std::optional<std::vector<lua::Script>> scripts = std::nullopt;
  /// number, nodes and owners are set by the cluster; of several nodes also calm_from_ns.
  KeyClient::Options client = {};
  std::uint32_t copied_keys = 0;  ///< they need the scripts of sim/copy_scripts.h
  std::uint32_t copy_clients = 0;
  CopyClient::Options copy_client = {};  ///< number, nodes and calm_from_ns are set by the cluster
  bool evicts = false;  ///< nodes have little memory: what says so explains that any key is gone
  bool moves_lose = false;      ///< what is under way between nodes may be lost: faults are on
  bool orderly_changes = true;  ///< RingChanges::Options::orderly
  Sabotage sabotage = Sabotage::none;  ///< needs a plan without crashes
  JournalLines* journal = nullptr;
};

/// The log of a node, which also says when the node has taken a ring.
class NodeLog final : public node::Log {
 public:
  void write(node::Level level, Bytes event, Bytes fields) override;
  [[nodiscard]] const KeptLog& kept() const { return kept_; }
  /// The epoch of the ring that was taken since the last call, if any.
  std::function<void(std::uint64_t epoch)> on_ring;

 private:
  KeptLog kept_;
};

class Cluster final : private HostFaults {
 public:
  /// Starts the nodes and the clients; nothing has happened yet.
  explicit Cluster(const ClusterOptions& options);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  [[nodiscard]] static std::string name(std::size_t node) { return "n" + std::to_string(node + 1); }
  [[nodiscard]] static io::Address address(std::size_t node);

  [[nodiscard]] World& world() { return world_; }
  [[nodiscard]] std::size_t nodes() const { return members_.size(); }
  /// Requires that its host is up.
  [[nodiscard]] node::Node& node(std::size_t node) { return *members_[node]->node; }
  [[nodiscard]] SimIo& node_io(std::size_t node) { return members_[node]->io; }
  /// Of somebody who only looks. Requires several nodes.
  [[nodiscard]] SimIo& observer_io() { return *inspector_; }
  [[nodiscard]] const KeptLog& log(std::size_t node) const { return members_[node]->log.kept(); }
  [[nodiscard]] const Recorder& recorder() const { return recorder_; }
  [[nodiscard]] const std::vector<std::unique_ptr<KeyClient>>& clients() const { return clients_; }

  /// Runs for `length`; every 100 ms the audits of all nodes that are up. Stops at a violation.
  void run_for(Duration length);
  /// Ends the run and judges it. Requires that the plan's faults have ended or never begin. Once.
  void finish();

  /// What is wrong, the first thing first.
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  /// From this time of the world on nothing may fail: faults have ended, and every node has had
  /// time to see it. Requires that the plan's faults end.
  [[nodiscard]] std::int64_t calm_from_ns() const;
  /// What the inspection saw, after finish() of several nodes.
  [[nodiscard]] const Inspection::Seen& seen() const { return seen_; }
  /// Of the histories, after finish().
  [[nodiscard]] const Recorder::Judgement& judgement() const { return judgement_; }
  [[nodiscard]] const RingChanges& rings() const { return rings_; }
  [[nodiscard]] const OwnerWatch& owner_watch() const { return owner_watch_; }
  /// Of replicated keys, after finish(); null: there are none.
  [[nodiscard]] const Copies* copies() const { return copies_.get(); }
  /// Keys whose owner has changed.
  [[nodiscard]] std::size_t moved() const;

 private:
  struct Member {
    explicit Member(SimIo& the_io) : io(the_io) {}

    SimIo& io;
    NodeLog log;
    std::optional<Arena> arena;
    std::optional<ScriptList> scripts;
    RingList ring;
    std::unique_ptr<io::Io> sabotaged;
    std::unique_ptr<node::Node> node;
  };

  // HostFaults
  void on_crash(SimIo& host) override;
  void on_restart(SimIo& host) override;

  /// Completes the config of node `node` (from 0): everything that is not the same for all.
  void configure(node::Config& config, std::size_t node);
  void sabotage(Member& member);
  void start_node(std::size_t node);
  void run_until(Duration time);
  void change_ring();
  void deliver(const RingChanges::Delivery& delivery);
  [[nodiscard]] std::size_t owner(std::uint32_t key) const;
  [[nodiscard]] bool has_evicted() const;
  [[nodiscard]] std::vector<linear::CheckOptions> allowances() const;
  void add_copies();
  void judge();
  [[nodiscard]] Inspection::Options inspection_options() const;
  void inspect();
  void stop_nodes();
  void audit();
  void violation(const std::string& text);

  ClusterOptions options_;
  World world_;
  Recorder recorder_;
  RingChanges rings_;
  OwnerWatch owner_watch_;
  std::vector<std::vector<std::uint64_t>> moves_;  ///< [key], epochs by which it has moved
  SimIo* inspector_ = nullptr;                     ///< of several nodes
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<std::unique_ptr<KeyClient>> clients_;
  std::unique_ptr<Copies> copies_;
  std::vector<std::string> violations_;
  Recorder::Judgement judgement_;
  Inspection::Seen seen_;
  bool finished_ = false;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_CLUSTER_CLUSTER_H_
