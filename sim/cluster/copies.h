// Copies: the replicated keys of a cluster: their clients, what became of nodes that hold them, a
// look at all copies at the end, and the judgement.
//
//   CopyClient... --> any node ~~replicate()~~> holders: the first two owners of r0, r1, ...
//        |                                          |
//        +--------> CopiedKey r0, r1 ... <----------+-- inspect(): each holder, one write, each
//                                                       holder again
//  1. inspect() needs a world in which nothing breaks any more and nobody else asks for these keys.
//     The write in the middle must reach all holders, whatever was there before.
//  2. After inspect_again() nothing may have changed since.
//
// What it is not: it looks into no node.

#ifndef CACHEISMO_SIM_CLUSTER_COPIES_H_
#define CACHEISMO_SIM_CLUSTER_COPIES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/units.h"
#include "cacheismo/io/io.h"
#include "sim/cluster/copied_key.h"
#include "sim/cluster/copy_client.h"
#include "sim/cluster/ring_changes.h"
#include "sim/linear/history.h"
#include "sim/raw_connection.h"
#include "sim/world.h"

namespace cacheismo::sim {

class Copies {
 public:
  struct Options {
    std::uint32_t keys = 0;
    std::uint32_t clients = 0;
    std::vector<io::Address> nodes = {};
    Duration timeout{0};  ///< of an answer to whoever looks
    /// Whether clocks may disagree by so much that a node does not believe another one's.
    bool clocks_differ = false;
    bool clocks_drift = false;   ///< so that of two writers at once one may be late twice
    bool may_lose = false;       ///< while memory is short
    CopyClient::Options client;  ///< number, nodes and can_write are set here
  };
  struct Seen {
    std::uint64_t asked = 0;
    std::uint64_t complete = 0;
    std::uint64_t partly = 0;
    std::uint64_t uncertain = 0;
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t censuses = 0;
    std::uint64_t partial_censuses = 0;
    std::uint64_t guarded = 0;
    std::uint64_t secured = 0;
    std::uint64_t agreed = 0;
    std::uint64_t looks = 0;    ///< at holders, in the end
    std::uint64_t renewed = 0;  ///< keys whose last write reached all
  };

  Copies(World& world, const RingChanges& rings, Options options);

  void start();
  void stop();
  [[nodiscard]] bool stopped() const;
  /// How much of what clients have asked of a node it may have had to forward.
  [[nodiscard]] std::uint64_t foreign(std::size_t node) const;
  /// What is wrong so far.
  [[nodiscard]] std::vector<std::string> take_violations();

  /// A node's memory is gone.
  void node_lost(std::size_t node);
  /// Flushes, among what clients have asked.
  void flushed(const linear::History& history);

  /// `io`: of whoever looks.
  void inspect(SimIo& io);
  void inspect_again(SimIo& io);
  /// Once.
  [[nodiscard]] std::vector<std::string> judge();
  /// After judge().
  [[nodiscard]] const Seen& seen() const { return seen_; }

 private:
  [[nodiscard]] bool can_write() const;
  [[nodiscard]] std::vector<std::size_t> holders(std::uint64_t epoch, const CopiedKey& key) const;
  [[nodiscard]] std::vector<CopiedKey::Era> eras(const CopiedKey& key) const;
  [[nodiscard]] std::string ask(RawConnection& connection, const std::string& request);
  void look(SimIo& io);
  void renew(SimIo& io, std::size_t node, CopiedKey& key);
  void end(RawConnection& connection);

  World& world_;
  const RingChanges& rings_;
  Options options_;
  std::vector<CopiedKey> keys_;
  std::vector<std::unique_ptr<CopyClient>> clients_;
  std::vector<std::string> violations_;
  std::int64_t quiet_from_ns_ = linear::never_ns;
  Seen seen_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_CLUSTER_COPIES_H_
