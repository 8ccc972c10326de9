// RingChanges: the rings of a run, one after the other, and who has heard of which one when.
//
//   published   1 ----------- 2 ---------------------- 3 ---
//   n1 has      1 ------------------- 2 -------------- 3 ---     it looks at its file each second,
//   n2 has      1 --------------- 2 ------------------------ 3   or is told to, or asked by a node
//
//  1. What a ring says is drawn: nodes join, begin to leave, are taken out, are replaced, weigh
//     more or less, the hashing is another one, it is as it was before.
//  2. The next ring is published when every node has the latest one; in orderly changes also not
//     before what moves has had time to. Unless they are abrupt, a node that owns keys leaves
//     before it is taken out.
//  3. Who has heard of what is told by whoever sees the nodes: heard().
//
// What it is not: it moves nothing, and is no authority that nodes ask.

#ifndef CACHEISMO_SIM_CLUSTER_RING_CHANGES_H_
#define CACHEISMO_SIM_CLUSTER_RING_CHANGES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"
#include "cacheismo/cluster/ring.h"
#include "cacheismo/node/config.h"
#include "sim/linear/history.h"

namespace cacheismo::sim {

class RingChanges {
 public:
  struct Options {
    std::size_t nodes = 1;
    cluster::Hashing hashing = cluster::Hashing::ketama;
    Duration every{0};       ///< mean time from one to the next; 0: there is one ring, of all nodes
    Duration spread_max{0};  ///< until every node can read a new one
    std::int64_t until_ns = 0;  ///< none is published later
    bool orderly = false;
    bool abrupt = false;  ///< nodes are taken out that own keys
  };
  struct Delivery {
    std::size_t node = 0;
    bool signal = false;  ///< the node is told to look
  };

  RingChanges(const Options& options, Prng chance);

  [[nodiscard]] const node::RingView& latest() const { return published_.back().view; }
  [[nodiscard]] std::uint64_t epoch() const { return published_.size(); }
  /// Of the ring of an epoch, from 1.
  [[nodiscard]] std::size_t owner(std::uint64_t epoch, Bytes item) const;
  /// The first so many, or all that own anything.
  [[nodiscard]] std::vector<std::size_t> owners(std::uint64_t epoch, Bytes item,
                                                std::size_t count) const;
  [[nodiscard]] std::int64_t published_ns(std::uint64_t epoch) const {
    return published_[epoch - 1].at_ns;
  }
  /// never_ns: some node has not yet.
  [[nodiscard]] std::int64_t heard_by_all_ns(std::uint64_t epoch) const {
    return published_[epoch - 1].heard_by_all_ns;
  }

  /// When publish() or deliver() has something to do; never_ns: not as things are.
  [[nodiscard]] std::int64_t next_ns() const;
  /// True: there is a new latest ring.
  [[nodiscard]] bool publish(std::int64_t now_ns);
  /// Who can read the latest ring from now on.
  [[nodiscard]] std::vector<Delivery> deliver(std::int64_t now_ns);
  /// The node has taken the ring, or will, because it is down and the ring is there.
  void heard(std::size_t node, std::uint64_t epoch, std::int64_t now_ns);
  /// When every node has surely heard of the last one, if none stands still.
  [[nodiscard]] std::int64_t end_ns() const;

 private:
  struct Published {
    cluster::Ring ring;
    node::RingView view;
    std::int64_t at_ns = 0;
    std::int64_t heard_by_all_ns = linear::never_ns;
  };
  struct Due {
    std::int64_t at_ns = 0;
    Delivery delivery;
  };

  void add(const cluster::RingSpec& spec, std::int64_t now_ns);
  [[nodiscard]] cluster::RingSpec drawn_first();
  [[nodiscard]] cluster::RingSpec drawn_next();
  void change(cluster::RingSpec& spec);
  void join(cluster::RingSpec& spec, std::size_t node);
  void go_back(cluster::RingSpec& spec);
  void plan_next(std::int64_t now_ns);

  Options options_;
  Prng chance_;
  std::vector<Published> published_;  ///< [epoch - 1]
  std::vector<std::uint64_t> heard_;  ///< [node], epochs
  std::vector<Due> due_;
  std::int64_t next_publish_ns_ = linear::never_ns;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_CLUSTER_RING_CHANGES_H_
