// Inspection: what an operator would look at when a cluster has come to rest, asked over the wire.
//
//   of every node, for every key:  get, get counter:get, get map:get
//       healed: there is an answer          agreement: the same of every node
//   of every node, for itself:     lru_crawler mgdump, stats cluster
//       placement: each item lies at its owner      hops: no request was forwarded twice
//       drained: nothing is moving any more, and what was before a change is forgotten
//
//  1. It needs a world without faults in which nobody else asks.
//  2. What it reads is recorded like a client's, so that the histories end with what is there.
//
// What it is not: it does not look into a node.

#ifndef CACHEISMO_SIM_CLUSTER_INSPECTION_H_
#define CACHEISMO_SIM_CLUSTER_INSPECTION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/units.h"
#include "cacheismo/io/io.h"
#include "sim/cluster/recorder.h"
#include "sim/raw_connection.h"
#include "sim/sim_io.h"
#include "sim/world.h"

namespace cacheismo::sim {

class Inspection {
 public:
  struct Options {
    std::uint32_t client = 0;  ///< its number in the histories
    std::vector<io::Address> nodes = {};
    std::vector<std::size_t> owners = {};  ///< [key], of nodes
    Duration timeout{0};                   ///< of one answer
    /// [node]: how many operations clients asked of it whose key it does not own.
    std::vector<std::uint64_t> foreign = {};
    bool scripts_ask = false;   ///< nodes ask each other by themselves, too
    bool ring_changed = false;  ///< so they have by themselves, and may have been refused
  };
  /// What was seen, for those who want to know that something was.
  struct Seen {
    std::uint64_t values = 0;
    std::uint64_t items = 0;
    std::uint64_t forwarded = 0;
    std::uint64_t answered = 0;
    std::uint64_t failed = 0;
    std::uint64_t foreign = 0;  ///< what forwarded may come to
    std::uint64_t evictions = 0;
    std::uint64_t expired = 0;
    std::uint64_t taken = 0;     ///< keys that a new owner asked for
    std::uint64_t received = 0;  ///< items that were given to a new owner
    std::uint64_t received_late = 0;
    std::uint64_t inherited = 0;
    std::uint64_t no_room = 0;  ///< items that were lost when they moved
    std::uint64_t copies_taken = 0;
    std::uint64_t copies_older = 0;  ///< copies that were not: a newer one was there
    std::uint64_t wrong_owner = 0;   ///< requests that were refused as another node's
  };

  Inspection(World& world, SimIo& io, Recorder& recorder, Options options)
      : world_(world), io_(io), recorder_(recorder), options_(std::move(options)) {}

  /// `closed`: nodes have had time to forget the rings before the latest one.
  void run(bool closed);
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  [[nodiscard]] const Seen& seen() const { return seen_; }

 private:
  [[nodiscard]] std::string ask(RawConnection& connection, Bytes request, Bytes end);
  void ask_for_keys(std::size_t node, RawConnection& connection);
  /// What one node says about a key; nullopt: nothing that is an answer.
  [[nodiscard]] std::optional<linear::Operation> read(std::uint32_t key, std::size_t node,
                                                      RawConnection& connection);
  void look_at_items(std::size_t node, RawConnection& connection);
  void look_at_counters(std::size_t node, RawConnection& connection);
  void look_at_handover(std::size_t node, const std::string& text);
  void violation(std::size_t node, const std::string& what);

  World& world_;
  SimIo& io_;
  Recorder& recorder_;
  Options options_;
  bool closed_ = false;
  std::vector<std::optional<linear::Operation>> answers_;  ///< [key], of the first node
  std::vector<std::string> violations_;
  Seen seen_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_CLUSTER_INSPECTION_H_
