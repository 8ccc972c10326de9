// Peers: the node's conversations with other nodes: for each of them a PeerLink for what is short,
// one for bulk, one for what a handover takes, and some for what may wait, composed over the Io.
//
//   submit --> Peer "10.0.0.2:11211" --> Channel: short  (PeerLink + stream)  ==> other node
//     ^                             `--> Channel: bulk   (over limits::peer_bulk_bytes)
//     |  on_peer_reply, on_peer_failure <-- the same way back, in the order of the replies
//
//  1. A call completes exactly once, or was cancelled; never inside submit() or cancel().
//  2. What one event submits for one channel goes out in one send, when the event is over: from a
//     timer that is due at once, or at the end of an event of Peers itself.
//  3. A channel connects at its first call, and closes when it was unused for limits::peer_idle. Of
//     more than limits::peers_max peers the one longest unused is forgotten.
//  4. After stop() nothing is submitted, and once stopped() nothing is outstanding in the Io.
//
// What it is not: it does not choose the peer, and knows nothing of what it carries. Calls of
// different channels may overtake each other. A reply longer than this node's own items may be is a
// protocol failure.

#ifndef CACHEISMO_NODE_PEERS_H_
#define CACHEISMO_NODE_PEERS_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <memory_resource>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/base/node_pool.h"
#include "cacheismo/base/result.h"
#include "cacheismo/base/units.h"
#include "cacheismo/cluster/failure.h"
#include "cacheismo/cluster/peer_link.h"
#include "cacheismo/io/io.h"
#include "cacheismo/proto/reply_parser.h"

namespace cacheismo::node {

struct NodeState;

/// Which of the connections to a peer a request goes over. Nothing may wait for a request of its
/// own lane, for two nodes that wait for each other would wait until their deadlines: what a client
/// asks may wait for `taking`, and what waits at depth n for that and for depth n + 1.
enum class Lane : std::uint8_t {
  brief,
  bulk,     ///< the reply is expected to be long; a long request is seen by itself
  taking,   ///< of a key's state from its old owner, which answers it at once
  waiting,  ///< of a method that may wait, asked by a client; waiting_at() for what scripts ask
};
inline constexpr std::size_t lanes = 4 + limits::remote_depth_max;
[[nodiscard]] inline Lane waiting_at(std::uint32_t depth) {
  CHECK_LE(depth, limits::remote_depth_max);
  return static_cast<Lane>(static_cast<std::uint32_t>(Lane::waiting) + depth);
}

/// See cluster::PeerCall, whose fields these are.
struct PeerRequest {
  std::string bytes;
  std::uint32_t opaque = 0;  ///< of Peers::next_opaque()
  std::string key;
  bool echoes = true;
  bool read_only = false;
  /// Replies come in order, so that one that takes long holds up those behind it.
  Lane lane = Lane::brief;
  MonotonicTime deadline;
};

/// Where calls complete. May submit and cancel other calls meanwhile. Outlives its calls, unless it
/// cancels them.
class PeerReplies {
 public:
  /// The reply's views end with this call.
  virtual void on_peer_reply(std::uint64_t call, const proto::ReplyPart& reply) = 0;
  /// `sent`: a byte of the request may have been sent, so that it may have been executed.
  virtual void on_peer_failure(std::uint64_t call, cluster::Failure failure, bool sent) = 0;

 protected:
  ~PeerReplies() = default;
};

/// One peer, for `stats peers`.
struct PeerStats {
  io::Address address;
  cluster::PeerCounters counters;  ///< of all channels
  std::uint64_t in_flight = 0;
  std::uint64_t queued_bytes = 0;
  std::uint32_t connections = 0;      ///< that are open
  cluster::Circuit::State circuit{};  ///< of the channel for what is short
};

class Peers final : public io::TimerEvents {
 public:
  explicit Peers(NodeState& node);
  /// Requires that stopped(), or that nothing was ever submitted.
  ~Peers();
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  /// Unlike those of the last 2^32 - 1 calls; never 0.
  [[nodiscard]] std::uint32_t next_opaque();

  /// Queues a request for the node at `to`, and connects to it if need be; the call's id, never 0.
  /// overload, refused (it failed too often and is left alone for now), timeout (the deadline has
  /// passed), cancelled (after stop()); then nothing is delivered. An address without a host is one
  /// that nobody knows at present: refused.
  [[nodiscard]] Result<std::uint64_t, cluster::Failure> submit(const io::Address& to,
                                                               PeerRequest request,
                                                               PeerReplies& to_whom);
  /// Nothing will be delivered. Requires that the call is unfinished.
  void cancel(std::uint64_t call);

  /// Fails all calls with `cancelled`, inside this, and closes all connections.
  void stop();
  [[nodiscard]] bool stopped() const;

  /// In the order of the addresses.
  [[nodiscard]] std::vector<PeerStats> stats() const;
  /// The first broken invariant, or nullopt.
  [[nodiscard]] std::optional<std::string> audit() const;

  void on_timer(io::TimerId timer) override;

 private:
  class Channel;
  struct Peer;
  class Event;
  struct Less {
    bool operator()(const io::Address& a, const io::Address& b) const;
  };
  struct Pending {
    Channel* channel;
    PeerReplies* to_whom;
  };

  [[nodiscard]] MonotonicTime now() const;
  /// Null: there are too many, and all are in use.
  [[nodiscard]] Peer* find_or_make(const io::Address& address);
  [[nodiscard]] bool make_room();
  [[nodiscard]] std::vector<Channel*> channels() const;

  /// The channel has something to do when the event that runs is over.
  void touch(Channel& channel);
  void flush();
  void cancel(io::TimerId& timer);
  void plan_wakeup(std::optional<MonotonicTime> when);
  void wake_up();

  NodeState& node_;
  std::map<io::Address, std::unique_ptr<Peer>, Less> peers_;
  std::vector<std::unique_ptr<Peer>> forgotten_;  ///< until their streams are closed
  NodePool pool_;
  std::pmr::unordered_map<std::uint64_t, Pending> calls_{&pool_};  ///< never iterated in order
  std::vector<Channel*> touched_;
  /// Those that one send offers, while it is put together; more are in the next one. Not on the
  /// stack: that would set 16 KiB to zero for each send.
  std::array<Bytes, 1024> requests_;
  std::uint64_t last_call_ = 0;
  std::uint32_t last_opaque_ = 0;
  std::uint32_t open_streams_ = 0;
  bool in_event_ = false;  ///< an event of Peers itself is running
  bool stopping_ = false;
  io::TimerId flush_timer_;  ///< 0: nothing is touched, or the event that runs will see to it
  io::TimerId wakeup_timer_;
  MonotonicTime wakeup_at_ = MonotonicTime::max();
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_PEERS_H_
