// Wire: one real node, or a few that share a ring, and raw connections to them in a world without
// faults, for tests.
//
//   Wire wire({.cuts = Cuts::byte_by_byte});
//   auto& a = wire.connect();
//   a.write("set k 0 0 1\r\nx\r\nget k\r\n");
//   wire.run();
//   EXPECT_EQ(a.take(), "STORED\r\nVALUE k 0 1\r\nx\r\nEND\r\n");
//
//  1. Nothing happens outside run() and advance(); run() lets no time pass.
//  2. The destructor stops the node and CHECKs that it lets go of everything and that its audit is
//     clean.
// The node listens on `server_address`, or on the addresses of the config if it names any. The
// others of a cluster are called n2, n3, ... and listen on 10.0.0.2, 10.0.0.3, ...

#ifndef CACHEISMO_SIM_WIRE_H_
#define CACHEISMO_SIM_WIRE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/units.h"
#include "cacheismo/node/config.h"
#include "cacheismo/node/log.h"
#include "cacheismo/node/node.h"
#include "sim/arena.h"
#include "sim/fault_plan.h"
#include "sim/journal.h"
#include "sim/raw_connection.h"
#include "sim/ring_list.h"
#include "sim/script_list.h"
#include "sim/world.h"

namespace cacheismo::sim {

/// Where a simulated node listens unless its config says otherwise.
[[nodiscard]] io::Address server_address();

/// A node's log as lines; keeps the last 1000.
class KeptLog final : public node::Log {
 public:
  void write(node::Level level, Bytes event, Bytes fields) override;
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

class Wire {
 public:
  struct Options {
    node::Config config = {};  ///< memory_bytes is what the arena gets
    Cuts cuts = Cuts::whole;   ///< what the node's receives return and its sends take
    std::uint64_t seed = 1;
    FaultPlan plan = {};  ///< of the network; `cuts` above rules over the plan's
    JournalLines* journal = nullptr;
    /// The node's scripts; nullopt: none, and no key is virtual.
    std::optional<std::vector<lua::Script>> scripts = std::nullopt;
    /// More than one: a cluster with a ring of them all. Each has the same config and scripts.
    std::uint32_t nodes = 1;
    cluster::Hashing hashing = cluster::Hashing::ketama;
    bool ring = true;  ///< false: the nodes do not know of each other
  };

  Wire() : Wire(Options{}) {}
  explicit Wire(const Options& options);
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  /// A new connection to the node's first address, or to `address`. It belongs to the Wire and
  /// lives as long as it does.
  RawConnection& connect();
  RawConnection& connect(const io::Address& address);

  /// Lets everything happen that can happen without time passing.
  void run();
  /// Writes `bytes` in the given pieces, each delivered before the next is sent: piece i ends
  /// before offset cuts[i] (ascending); the rest is the last piece.
  void write_cut(RawConnection& connection, Bytes bytes, std::span<const std::size_t> cuts);
  /// Writes `bytes`, runs, and returns what came back.
  [[nodiscard]] std::string ask(RawConnection& connection, Bytes bytes);

  /// Lets time pass, then runs.
  void advance(Duration duration);
  void jump_wall(Duration by) {
    for (const auto& server : servers_) server->io.jump_wall(by);
  }

  [[nodiscard]] node::Node& node(std::size_t number = 0) { return *servers_.at(number)->node; }
  [[nodiscard]] SimIo& node_io(std::size_t number) { return servers_.at(number)->io; }
  [[nodiscard]] io::Address address(std::size_t number) { return node(number).addresses().front(); }
  /// The ring as node `number` reads it.
  [[nodiscard]] RingList& ring(std::size_t number) { return servers_.at(number)->ring; }
  /// What the node reads when it loads its scripts. Requires that it has some.
  [[nodiscard]] std::vector<lua::Script>& scripts(std::size_t number = 0) {
    return servers_.at(number)->scripts->scripts;
  }
  [[nodiscard]] SimIo& node_io() { return servers_.front()->io; }
  [[nodiscard]] SimIo& client_io() { return client_io_; }
  [[nodiscard]] World& world() { return world_; }
  [[nodiscard]] const KeptLog& log() const { return log_; }
  /// Of all nodes, until one is broken.
  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  struct Server {
    Server(SimIo& the_io, std::uint64_t arena_bytes) : io(the_io), arena(arena_bytes) {}
    SimIo& io;
    Arena arena;
    std::optional<ScriptList> scripts;
    RingList ring;
    std::unique_ptr<node::Node> node;
  };
  void add_server(const Options& options, std::size_t number, const node::RingView& ring);

  World world_;
  std::vector<std::unique_ptr<Server>> servers_;
  SimIo& client_io_;
  KeptLog log_;
  std::vector<std::unique_ptr<RawConnection>> connections_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_WIRE_H_
