// Remote calls: what scripts that wait have asked of other nodes, from the first byte to the last
// reply.
//
//   Scripts --start(slot, RemoteWait)--> Peers ... on_peer_reply, on_peer_failure
//      ^                                                    |
//      +---- on_remote_replies(slot) <-- enough, or all ----+
//      +---- take(slot) --> a RemoteReply for each request
//
//  1. Each wait that start() took ends once: by on_remote_replies() and take(), or by cancel(). It
//     does so at its deadline at the latest, because Peers fails what is late.
//  2. When it ends, nothing of it is left at Peers: what has no reply then was `cancelled`, but for
//     requests that go to the end. Those nobody hears any more.
//  3. All waits together hold at most limits::remote_bytes_max; above, requests and replies fail
//     with `overload`.
//
// What it is not: it runs no script and forwards no client's request.

#ifndef CACHEISMO_NODE_REMOTE_CALLS_H_
#define CACHEISMO_NODE_REMOTE_CALLS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/io/io.h"
#include "cacheismo/lua/remote.h"
#include "cacheismo/node/peers.h"

namespace cacheismo::node {

struct NodeState;

/// Who waits. May start, take and cancel meanwhile.
class RemoteWaiter {
 public:
  virtual void on_remote_replies(std::uint32_t slot) = 0;

 protected:
  ~RemoteWaiter() = default;
};

class RemoteCalls final : public PeerReplies {
 public:
  RemoteCalls(NodeState& node, RemoteWaiter& waiter) : node_(node), waiter_(waiter) {}
  RemoteCalls(const RemoteCalls&) = delete;
  RemoteCalls& operator=(const RemoteCalls&) = delete;

  /// Asks. `wait` stays where it is until the wait has ended; `slot` has no other. True:
  /// on_remote_replies() follows, not inside this. False: it has ended already, because too little
  /// could be sent; take() it.
  [[nodiscard]] bool start(std::uint32_t slot, const lua::RemoteWait& wait);
  [[nodiscard]] bool waits(std::uint32_t slot) const { return waits_.contains(slot); }
  /// Requires waits().
  [[nodiscard]] std::vector<lua::RemoteReply> take(std::uint32_t slot);
  /// The script is not there any more.
  void cancel(std::uint32_t slot);

  void on_peer_reply(std::uint64_t call, const proto::ReplyPart& reply) override;
  void on_peer_failure(std::uint64_t call, cluster::Failure failure, bool sent) override;

  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  struct Wait {
    const lua::RemoteWait* asked = nullptr;
    std::vector<lua::RemoteReply> replies;
    std::vector<std::uint64_t> calls;  ///< of Peers, for each request; 0: it has its reply
    std::size_t open = 0;              ///< requests without a reply
    std::size_t answered = 0;
    std::size_t bytes = 0;  ///< of it in bytes_
    [[nodiscard]] bool ended() const { return open == 0 || answered >= asked->wanted; }
  };
  struct Place {
    std::uint32_t slot = 0;
    std::uint32_t index = 0;  ///< of the request
  };

  [[nodiscard]] std::optional<io::Address> address_of(Bytes server) const;
  /// Whether Peers may ask twice, and whether the answer may take long.
  [[nodiscard]] bool may_repeat(const lua::RemoteRequest& request) const;
  [[nodiscard]] bool may_wait(const lua::RemoteRequest& request) const;
  /// nullopt: it was sent, and calls[index] is set.
  [[nodiscard]] std::optional<lua::RemoteReply> submit(Wait& wait, std::uint32_t slot,
                                                       std::uint32_t index, MonotonicTime deadline);
  /// The request of a call; null: its wait has ended.
  [[nodiscard]] const lua::RemoteRequest* request_of(std::uint64_t call) const;
  void finish(std::uint64_t call, lua::RemoteReply reply);
  void withdraw(Wait& wait);

  NodeState& node_;
  RemoteWaiter& waiter_;
  std::unordered_map<std::uint32_t, Wait> waits_;   ///< by slot; never iterated in order
  std::unordered_map<std::uint64_t, Place> calls_;  ///< by call of Peers, likewise
  std::size_t bytes_ = 0;
};

/// "10.0.0.2:11211", "[::1]:11211", "localhost:11211"; nullopt: no such address.
[[nodiscard]] std::optional<io::Address> numeric_address(Bytes text);

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_REMOTE_CALLS_H_
