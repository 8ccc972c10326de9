// Routing: which node answers a request, and what this one owes its clients for those that others
// answer.
//
//   Command --place()--> here                      -> Dispatcher, as without a cluster
//                    `-> elsewhere --forward()--> Peers ~~> owner's node
//   client <- Connection <- ReplyQueue <- on_peer_reply() <~~'
//
//  1. A request is forwarded at most once: one that says that it was (hops >= 1) is answered here,
//     or refused with `wrong-owner epoch=E` before anything was executed.
//  2. Every forwarded request ends by its deadline, with the owner's reply or one line of error.
//  3. A request that was refused as another node's is asked again at most once, and for at most one
//     in ten of all that were forwarded. (What a lost connection did not take, Peers sends again.)
//  4. The ring is swapped whole, and its epoch only grows.
//  5. While its source says that this node may not write, nothing is executed here that changes
//     what the ring says is this node's.
//
// What it is not: it decides nothing about membership, and health never changes an owner.

#ifndef CACHEISMO_NODE_ROUTING_H_
#define CACHEISMO_NODE_ROUTING_H_

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/node_pool.h"
#include "cacheismo/base/result.h"
#include "cacheismo/cluster/forward.h"
#include "cacheismo/cluster/hop.h"
#include "cacheismo/cluster/ring.h"
#include "cacheismo/cluster/ring_history.h"
#include "cacheismo/lua/engine.h"
#include "cacheismo/node/config.h"
#include "cacheismo/node/handover.h"
#include "cacheismo/node/peers.h"
#include "cacheismo/node/placement.h"
#include "cacheismo/node/reply_queue.h"
#include "cacheismo/proto/command.h"

namespace cacheismo::node {

struct NodeState;

/// What `stats cluster` tells.
struct RoutingCounters {
  std::uint64_t forwarded = 0;
  std::uint64_t answered = 0;  ///< by their owners
  std::uint64_t failed = 0;    ///< answered with an error of this node
  std::uint64_t retried = 0;
  std::uint64_t wrong_owner_sent = 0;
  std::uint64_t wrong_owner_received = 0;
  std::uint64_t rings_taken = 0;
  std::uint64_t rings_refused = 0;
};

class Routing final : public PeerReplies {
 public:
  Routing(NodeState& node, Peers& peers);

  /// Reads the ring and takes it if it is newer; keeps the old one otherwise, and says why.
  [[nodiscard]] Result<void, std::string> load();
  /// Reads it again if its source says that it may have changed, and goes on with a handover.
  /// Called at each upkeep. True: there is more to do.
  bool work();

  /// False: nothing else may be asked yet.
  [[nodiscard]] bool has_ring() const { return history_.has_ring(); }
  [[nodiscard]] const cluster::Ring& ring() const { return history_.ring(); }
  [[nodiscard]] cluster::RingHistory& history() { return history_; }
  [[nodiscard]] const cluster::RingHistory& history() const { return history_; }
  /// Index of this node in the ring; nullopt: it is no member and owns nothing.
  [[nodiscard]] std::optional<std::uint32_t> self() const { return history_.self(); }
  /// Whether this node owns what is placed by these bytes.
  [[nodiscard]] bool owns_placed(Bytes by) const { return self() && ring().owner(by) == *self(); }
  /// What a request of this node itself says of it.
  [[nodiscard]] cluster::Hop hop() const;
  /// Of a member by name.
  [[nodiscard]] std::optional<io::Address> address_of(Bytes name) const;

  // ---- Where a request goes ---------------------------------------------------------------------

  struct Place {
    /// wrong: another node's, and it cannot be forwarded. nowhere: a type's route has failed.
    enum class Is : std::uint8_t { here, elsewhere, wrong, nowhere };
    Is is = Is::here;
    std::uint32_t member = 0;  ///< of elsewhere
    bool owned = false;        ///< here, because the ring says so
  };
  /// Of a command that names one key, by NodeState::hop.
  [[nodiscard]] Place place(const proto::Command& command);
  /// The members, for scripts.
  [[nodiscard]] std::vector<lua::RingNode> nodes() const;
  /// What a command says of the node that has sent it; nullopt: it comes from a client.
  [[nodiscard]] static std::optional<cluster::Hop> hop_of(const proto::Command& command);
  /// Of one key of a get, gets, gat or gats.
  [[nodiscard]] Place place(Bytes key);
  /// The reply of Place::Is::wrong to a node that has forwarded, and to a client.
  [[nodiscard]] std::string wrong_owner(Bytes key);
  [[nodiscard]] std::string not_the_owner() const;
  /// The reply of the latest Place::Is::nowhere.
  [[nodiscard]] Bytes nowhere() const { return nowhere_; }
  /// Whether the command, or a get of `key`, changes what this node owns but may not change now.
  [[nodiscard]] bool forbids(const Place& place, const proto::Command& command) const;
  [[nodiscard]] bool forbids_get(const Place& place, Bytes key, bool touches) const;
  /// Of a flush of all nodes.
  [[nodiscard]] bool forbids_writes() const;
  /// The reply to what is forbidden.
  static constexpr Bytes forbidden = "SERVER_ERROR cluster: no lease, not writing\r\n";

  /// After a change of the ring, the first touch of a key that this node owns may have to wait for
  /// the old owner. False: it does, and Connection::settled() follows.
  [[nodiscard]] bool settle(Bytes key, std::uint32_t connection);
  /// The same of a value that has been received already and cannot wait. False: nothing was asked.
  [[nodiscard]] bool is_settled(Bytes key) const;
  /// A state of the item has come with a version that says how new it is: no old owner is asked.
  void settle_replica(Bytes item_key);

  // ---- Forwarding -------------------------------------------------------------------------------
  // `connection` is the slot of whose queue it is. A failure is a reply, too.

  void forward(ReplyQueue& replies, std::uint32_t connection, std::uint32_t member,
               const proto::Command& command, Bytes data);
  void forward_get(ReplyQueue& replies, std::uint32_t connection, std::uint32_t member, Bytes key,
                   const cluster::ForwardGet& how, std::uint32_t group);
  /// Asks every other member that has or had keys for `key`. Only errors are replies of the group;
  /// with `silent` not even they.
  void order_all(ReplyQueue& replies, std::uint32_t connection, Bytes key, std::uint32_t group,
                 bool silent);
  /// Has the owner forget what a storage command names: its value could not be taken.
  void remove(ReplyQueue& replies, std::uint32_t connection, std::uint32_t member,
              const proto::Command& command);
  /// The connection ends. As below, and it waits for no key any more.
  void forget(std::uint32_t connection) { handover_.forget(connection); }
  /// The connection ends: what only reads is cancelled, the rest goes on unheard.
  void forget(ReplyQueue& replies);
  /// One reply is not wanted any more.
  void drop(OwedReply& reply);

  // ---- cluster:... ------------------------------------------------------------------------------

  static constexpr Bytes builtin_prefix = "cluster:";
  /// The method that stands for a key of this room; nullptr: none.
  [[nodiscard]] const lua::Method* find(Bytes key, Bytes& rest) const;
  [[nodiscard]] bool owns(const lua::Method& method) const { return &method == &builtin_; }
  [[nodiscard]] lua::Answer call(Bytes rest, std::optional<Bytes> data);

  void on_peer_reply(std::uint64_t call, const proto::ReplyPart& reply) override;
  void on_peer_failure(std::uint64_t call, cluster::Failure failure, bool sent) override;

  [[nodiscard]] const RoutingCounters& counters() const { return counters_; }
  [[nodiscard]] const Handover& handover() const { return handover_; }
  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  struct Owed {
    std::uint32_t connection = 0;
    std::uint64_t number = 0;  ///< in its queue
  };

  /// The script's method that a key names; nullptr: none. `rest`: what follows its name.
  [[nodiscard]] const lua::Method* method_of(Bytes key, Bytes& rest) const;
  [[nodiscard]] bool may_repeat(Bytes key) const;
  [[nodiscard]] Lane judge(Bytes key, cluster::Forward& forward) const;
  [[nodiscard]] cluster::ForwardOptions options();
  void ask(ReplyQueue& replies, std::uint32_t connection, std::uint32_t member, std::string request,
           OwedReply reply, std::uint32_t opaque);
  /// The call's id. `reply` is what its request was made with.
  [[nodiscard]] Result<std::uint64_t, cluster::Failure> submit(const io::Address& to,
                                                               std::string request,
                                                               std::uint32_t opaque,
                                                               const OwedReply& reply);
  [[nodiscard]] bool ask_again(const Owed& owed, OwedReply& reply, const io::Address& to);
  void finish(const Owed& owed, std::string text, bool error);
  void on_wrong_owner(const Owed& owed, OwedReply& reply, Bytes text);
  [[nodiscard]] Result<void, std::string> take(RingView view);
  void take_addresses(std::vector<io::Address> addresses);
  [[nodiscard]] std::string describe() const;
  [[nodiscard]] Result<std::string, std::string> change(Bytes text);

  NodeState& node_;
  Peers& peers_;
  cluster::RingHistory history_;
  std::vector<io::Address> addresses_;  ///< of the ring's members, in their order
  Handover handover_;
  NodePool pool_;
  std::pmr::unordered_map<std::uint64_t, Owed> owed_{
      &pool_};  ///< by call of Peers; never iterated in order
  RoutingCounters counters_;
  std::uint32_t retry_tenths_ = retry_tenths_max;  ///< ten of them allow one
  MonotonicTime check_at_;
  lua::Method builtin_;  ///< stands for every key of `cluster:`
  std::string text_;     ///< behind the latest answer of call()
  std::string nowhere_;
  static constexpr std::uint32_t retry_tenths_max = 100;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_ROUTING_H_
