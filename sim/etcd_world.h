// EtcdWorld: a played etcd and three nodes that take their ring from it, in one world; for tests.
//
//   10.0.2.1 etcd     10.0.0.1 n1   10.0.0.2 n2   10.0.0.3 n3     10.0.1.1 who looks at them
//
// look() asks every node, as another node would, to write a few keys, and EXPECTs that
//  1. who accepts a write holds its name in etcd by a lease;
//  2. no two nodes accept a write of one key by rings of one epoch;
//  3. neither a node's epoch nor the one in etcd goes back.
//
// What it is not: it has no clients of its own, and judges no values (sim/cluster does).

#ifndef CACHEISMO_SIM_ETCD_WORLD_H_
#define CACHEISMO_SIM_ETCD_WORLD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/units.h"
#include "cacheismo/io/io.h"
#include "cacheismo/io/name_lookup.h"
#include "cacheismo/node/node.h"
#include "sim/etcd_server.h"
#include "sim/fault_plan.h"
#include "sim/sim_io.h"
#include "sim/wire.h"
#include "sim/world.h"

namespace cacheismo::sim {

class EtcdWorld {
 public:
  static constexpr std::size_t nodes_count = 3;
  static constexpr std::uint64_t lease_s = 3;
  static constexpr Bytes refused = "SERVER_ERROR cluster: no lease, not writing\r\n";

  [[nodiscard]] static std::string name_of(std::size_t node) {
    return "n" + std::to_string(node + 1);
  }
  [[nodiscard]] static io::Address address_of(std::size_t node) {
    return {io::Address::Kind::tcp, "10.0.0." + std::to_string(node + 1), 11211};
  }
  [[nodiscard]] static io::Address etcd_address() {
    return {io::Address::Kind::tcp, "10.0.2.1", 2379};
  }
  [[nodiscard]] static std::string ring_key() { return "/cacheismo/sim/ring"; }
  [[nodiscard]] static std::string member_key(std::size_t node) {
    return "/cacheismo/sim/members/" + name_of(node);
  }

  explicit EtcdWorld(std::uint64_t seed, const FaultPlan& plan);
  /// Ends all, and EXPECTs that nothing is left.
  ~EtcdWorld();
  EtcdWorld(const EtcdWorld&) = delete;
  EtcdWorld& operator=(const EtcdWorld&) = delete;

  /// How a node is started: which endpoints it knows, as what it joins, who resolves names.
  struct How {
    std::vector<io::Address> endpoints = {etcd_address()};
    std::string own_host;  ///< empty: its address
    io::NameLookup::Resolve resolve;
  };
  void start(std::size_t node) { start(node, How{}); }
  void start(std::size_t node, const How& how);
  /// Stops a node, if it runs, and waits for its end.
  void end(std::size_t node, node::Stop how);
  [[nodiscard]] bool runs(std::size_t node) const { return servers_[node] != nullptr; }
  void part_from_etcd(std::size_t node, Duration length);

  /// The reply to what somebody asks a node; of what it has not answered within a second, nothing.
  [[nodiscard]] std::string ask(std::size_t node, Bytes request);
  /// The value that it answers to a get, or its reply.
  [[nodiscard]] std::string value(std::size_t node, const std::string& key);
  /// What it says to a write of a key that it owns, when another node sends it.
  [[nodiscard]] std::string write_own(std::size_t node);
  [[nodiscard]] bool logged(std::size_t node, const std::string& event) const;

  void look();
  [[nodiscard]] std::uint64_t accepted() const { return accepted_; }
  [[nodiscard]] std::uint64_t refusals() const { return refusals_; }

  [[nodiscard]] World& world() { return world_; }
  [[nodiscard]] EtcdServer& etcd() { return etcd_; }
  [[nodiscard]] SimIo& host(std::size_t node) { return *hosts_[node]; }
  /// 0: there is no ring.
  [[nodiscard]] std::uint64_t epoch_in_etcd();

 private:
  struct Server;
  void look_at(std::size_t node);
  void judge(std::size_t node, Bytes reply, MonotonicTime asked_at);

  World world_;
  EtcdServer etcd_;
  std::vector<SimIo*> hosts_;
  SimIo* looker_ = nullptr;
  std::vector<std::unique_ptr<Server>> servers_;
  std::map<std::pair<std::uint64_t, int>, std::size_t> writers_;  ///< by epoch and key
  std::array<std::uint64_t, nodes_count> epochs_{};  ///< the latest that a node has told
  std::uint64_t epoch_in_etcd_ = 0;
  std::uint64_t accepted_ = 0;
  std::uint64_t refusals_ = 0;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_ETCD_WORLD_H_
