// OwnerWatch: whether a node answers other nodes only for keys that it owns by its own ring.
//
//   n3 ~~ ms k7 ... O12 P1.0.4.300 ~~> n1     seen when n1 gets it, and
//   n3 <~ HD O12 kk7 ~~~~~~~~~~~~~~~~~ n1     when it has answered: by a ring that n1 has had in
//                                             between, k7 is n1's
//
// Violations begin with what was broken. owner: a node has executed what was another's. hops: a
// node has sent on what was sent on to it.
//
// What it is not: it does not see what a node executes for its own clients.

#ifndef CACHEISMO_SIM_CLUSTER_OWNER_WATCH_H_
#define CACHEISMO_SIM_CLUSTER_OWNER_WATCH_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "sim/clockwork.h"
#include "sim/cluster/keys.h"
#include "sim/cluster/ring_changes.h"
#include "sim/sim_io.h"

namespace cacheismo::sim {

class OwnerWatch final : public StreamWitness {
 public:
  /// Hosts are the nodes by their numbers.
  OwnerWatch(const Clockwork& clockwork, const Keys& keys, const RingChanges& rings,
             std::size_t nodes);

  /// The node goes by the ring of this epoch from now on.
  void took(std::size_t node, std::uint64_t epoch) {
    taken_[node].push_back({clockwork_.now_ns, epoch});
  }
  [[nodiscard]] std::vector<std::string> take_violations() {
    return std::exchange(violations_, {});
  }
  /// Replies that were judged.
  [[nodiscard]] std::uint64_t judged() const { return judged_; }

  void received(std::uint16_t host, io::StreamId stream, Bytes bytes) override;
  void sent(std::uint16_t host, io::StreamId stream, Bytes bytes) override;
  void closed(std::uint16_t host, io::StreamId stream) override;

 private:
  struct Request {
    std::uint32_t key = 0;
    std::int64_t at_ns = 0;
  };
  struct Stream {
    std::string in;                             ///< a line that is not complete yet
    std::string out;                            ///< the same
    std::map<std::uint64_t, Request> requests;  ///< by opaque
  };
  struct Taken {
    std::int64_t at_ns = 0;
    std::uint64_t epoch = 0;
  };

  Stream& at(std::uint16_t host, io::StreamId stream);
  void request_line(Stream& stream, Bytes line);
  void reply_line(std::uint16_t host, Stream& stream, Bytes line);
  [[nodiscard]] bool owned(std::uint16_t host, const Request& request) const;

  const Clockwork& clockwork_;
  const Keys& keys_;
  const RingChanges& rings_;
  std::map<std::string, std::uint32_t, std::less<>> names_;  ///< key numbers by what is asked for
  std::vector<std::vector<Taken>> taken_;                    ///< [node]
  std::map<std::pair<std::uint16_t, std::uint32_t>, Stream> streams_;
  std::vector<std::string> violations_;
  std::uint64_t judged_ = 0;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_CLUSTER_OWNER_WATCH_H_
