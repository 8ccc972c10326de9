// Handover: what a change of the ring moves from node to node, while both of them serve.
//
//   new owner   first touch of a key --take--> old owner        drops its leftover, asks, goes on
//   old owner   scans its items --------give--> new owner       which keeps what it has not touched
//
//  1. The new owner answers from the first moment. What needs the old state of a key waits until it
//     has come, or has failed to; one question is asked for all who wait for one key. An answer
//     counts for the ring of the question: if the key has moved on meanwhile, what came is given to
//     its next owner, and if it has come back, the node between is asked.
//  2. A key that was touched at its new owner takes nothing from an old one any more, so that what
//     was overwritten or deleted does not come back (RingHistory).
//  3. An old owner that is asked refuses the key's requests from then on, whether it can read the
//     new ring yet or not. So every first touch asks, one that replaces the state too.
//  4. An old owner gives away what was used last first, and then whatever a scan still finds. A
//     bounded number of items is under way, and so many bytes a second; serving goes first: a turn
//     looks at a few hundred items.
//  5. A copy (Replicas) of a key whose old owner does not tell its state is that state at the new
//     one: it is as new as what was written everywhere. Other copies stay where they are, unless
//     their node stands farther behind the owner than before; if the old owner has gone, they are
//     given to the new one as well.
//  6. Only copies of the previous ring are believed: everything else had been moved before the
//     change, and no ring was between. What is not believed is removed.
//  7. The past is closed when this node has no leftover, nothing to give, has been given nothing
//     for a while, and a minute has passed.
//  8. An item that cannot be placed, because its type's route fails, stays where it is, and so does
//     the past: it is tried again.
//
// What it is not: it decides no ring. What could not be moved is a miss, never an error.

#ifndef CACHEISMO_NODE_HANDOVER_H_
#define CACHEISMO_NODE_HANDOVER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/units.h"
#include "cacheismo/cluster/ring_history.h"
#include "cacheismo/lua/engine.h"
#include "cacheismo/node/peers.h"
#include "cacheismo/node/placement.h"

namespace cacheismo::node {

struct NodeState;
class Routing;

/// While so many items are on their way to their new owners, no more are looked for: a round trip
/// of 1 ms then moves 32,000 items a second. They are looked for by as many.
inline constexpr std::size_t handover_gifts_max = 32;

/// Of handover_gifts_max items each, in a turn: what stays here costs little.
inline constexpr int handover_slices_per_turn = 8;

/// How long a past is kept open at least after a change, and behind the last gift.
inline constexpr Duration handover_time_min = std::chrono::seconds(60);
inline constexpr Duration handover_quiet_time = std::chrono::seconds(10);

/// Until gifts that were not taken are tried again.
inline constexpr Duration handover_pause = std::chrono::seconds(1);

/// Keys whose settling is remembered take this share of -m at most, as a fraction 1 / n.
inline constexpr std::uint64_t handover_memory_share = 32;
/// Of each of them: 8 bytes of hash in a node of a hash table, which malloc rounds up.
inline constexpr std::uint64_t handover_key_bytes = 32;

struct HandoverCounters {
  std::uint64_t taken = 0;        ///< keys whose state came from an old owner at their first touch
  std::uint64_t taken_empty = 0;  ///< keys that the old owner had nothing of
  std::uint64_t take_failed = 0;
  std::uint64_t given = 0;          ///< items that a new owner has answered for
  std::uint64_t give_failed = 0;    ///< tried again
  std::uint64_t received = 0;       ///< gifts that were stored
  std::uint64_t received_late = 0;  ///< gifts that were not: the key had been touched
  std::uint64_t no_room = 0;        ///< items that came and could not be stored: they are lost
  std::uint64_t dropped = 0;        ///< leftovers that were removed
  std::uint64_t inherited = 0;      ///< copies that became a key's state
};

class Handover final : public PeerReplies {
 public:
  Handover(NodeState& node, Routing& routing, Peers& peers);

  /// The ring has changed.
  void ring_changed();

  enum class Touch : std::uint8_t {
    go_on,
    wait,  ///< Connection::settled() follows for the connection in `slot`; then touch again
  };
  /// This node is about to execute something on a key that it owns. Requires an open past.
  [[nodiscard]] Touch touch(const cluster::PlacedKey& key, std::uint32_t slot);
  /// The connection in `slot` has ended.
  void forget(std::uint32_t slot);

  // What other nodes ask.
  [[nodiscard]] lua::Answer take(Bytes key);
  [[nodiscard]] lua::Answer give(Bytes key, Bytes form);

  /// A few lines of the scan. True: there is more to do.
  bool work();

  void on_peer_reply(std::uint64_t call, const proto::ReplyPart& reply) override;
  void on_peer_failure(std::uint64_t call, cluster::Failure failure, bool sent) override;

  [[nodiscard]] const HandoverCounters& counters() const { return counters_; }
  /// Something is still to be moved, or removed.
  [[nodiscard]] bool active() const { return scan_ != Scan::none || failed_ || !gifts_.empty(); }
  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  /// A key whose state was asked for.
  struct Taking {
    std::string key;
    std::string by;                      ///< what the ring hashes of it
    std::uint64_t epoch = 0;             ///< of the ring by which this node owned it then
    std::vector<std::uint32_t> waiting;  ///< connections' slots
  };

  /// What work() looks through: `recent`, items from the most recently used on; then `all`, which
  /// misses none.
  enum class Scan : std::uint8_t { none, recent, all };

  struct Gift {
    std::string key;
    bool stays = false;  ///< as a copy
  };

  void drop(Bytes key);
  [[nodiscard]] bool is_copy(Bytes key) const;
  void inherit_or_drop(Bytes key, std::uint64_t epoch);
  [[nodiscard]] lua::Answer nowhere(const Placement& at);
  [[nodiscard]] bool ask(const cluster::PlacedKey& placed, std::uint32_t slot);
  [[nodiscard]] bool is_good(const Taking& taking) const;
  void end_taking(std::uint64_t call, Bytes form);
  void move_on(const std::string& key);
  void send_gift(const cluster::PlacedKey& placed, bool is_state, bool stays);
  void give_again();
  [[nodiscard]] bool may_give(MonotonicTime now);
  [[nodiscard]] std::vector<std::string> next_keys();
  void close_if_due();

  NodeState& node_;
  Routing& routing_;
  Peers& peers_;
  std::unordered_map<std::uint64_t, Taking> takings_;  ///< by call of Peers
  std::map<std::string, std::uint64_t> asked_;         ///< their calls by key
  std::unordered_map<std::uint64_t, Gift> gifts_;      ///< under way, by call of Peers
  Scan scan_ = Scan::none;
  std::uint64_t cursor_ = 0;  ///< of Scan::all; 0: it has looked at nothing yet
  bool copies_hold_ = false;  ///< those of the previous ring can be told from leftovers
  bool failed_ = false;       ///< a gift of this scan was not taken: another scan follows
  MonotonicTime scan_again_at_;
  std::int64_t bytes_left_ = 0;  ///< that may be given away now
  MonotonicTime counted_at_;     ///< bytes_left_ has grown until then
  MonotonicTime changed_at_;
  MonotonicTime received_at_;
  HandoverCounters counters_;
  std::string text_;  ///< behind the latest answer
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_HANDOVER_H_
