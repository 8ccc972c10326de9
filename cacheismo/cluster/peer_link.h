// PeerLink: one pipelined conversation with another node, as bytes in, bytes out, completions out.
//
//   submit ->  [ answered, | waits for its reply ...... | partly sent | queued ............ ]
//               not taken ]^ oldest                     ^ unsent
//   output() views begin at `unsent`; on_received() answers `oldest`.
//
//             on_connecting          on_connected
//      down ----------------> connecting ----> up
//       ^                        |              | on_lost, a bad reply, a stuck peer, give_up
//       |      on_closed         v              v
//       +--------------------- closing <--------+      The table is `edges` in peer_link.cc.
//
//  1. A call that submit() took completes exactly once, by on_reply or on_failure, or it was
//     cancelled; never inside submit() or cancel().
//  2. It is registered before a byte of it can be sent, and replies are matched in that order. Each
//     is checked against the opaque and the key of the oldest call; one that does not fit fails
//     everything and ends the connection. An error line carries neither and answers the oldest.
//  3. A call that timed out or was cancelled after a byte may have been sent is abandoned: its
//     place is kept and its late reply swallowed. Before, it is withdrawn.
//  4. When a connection is lost, a call of which no byte was sent goes once more, over the next; so
//     does one that is read_only, within limits::peer_again_share. Nothing else is sent twice.
//  5. The bytes of output() stay untouched until taken() or on_closed().
//
// What it is not: it opens no socket, sets no timer and knows no time but what it is told; it does
// not know who owns a key. Cost: two allocations for a call; small replies are parsed where they
// are.

#ifndef CACHEISMO_CLUSTER_PEER_LINK_H_
#define CACHEISMO_CLUSTER_PEER_LINK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/base/node_pool.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/result.h"
#include "cacheismo/base/units.h"
#include "cacheismo/cluster/circuit.h"
#include "cacheismo/cluster/failure.h"
#include "cacheismo/proto/reply_parser.h"

namespace cacheismo::cluster {

/// One request of the kind that has a reply of one part: mg, ms, md, ma, me or mn, without `q`.
struct PeerCall {
  std::string bytes;  ///< as sent: line and data block, `O<opaque>` and `k` in it where it echoes
  std::uint32_t opaque = 0;
  std::string key;     ///< as the reply echoes it: with flag b, in base64
  bool echoes = true;  ///< the reply has O and k. Not so for me (whose reply begins with the key)
                       ///< and mn
  bool read_only = false;  ///< may be executed twice
  MonotonicTime deadline;
  std::uint64_t tag = 0;  ///< the caller's name for it, unlike those of all unfinished calls
};

/// Where calls complete. May submit and cancel other calls meanwhile, but not destroy the link.
class PeerEvents {
 public:
  /// An error line of the peer is a reply too. The part's views end with this call.
  virtual void on_reply(std::uint64_t tag, const proto::ReplyPart& reply) = 0;
  /// `sent`: a byte of the request may have been sent, so that it may have been executed.
  virtual void on_failure(std::uint64_t tag, Failure failure, bool sent) = 0;

 protected:
  ~PeerEvents() = default;
};

struct PeerCounters {
  std::uint64_t calls = 0;                              ///< taken by submit()
  std::uint64_t replies = 0;                            ///< delivered
  std::array<std::uint64_t, failure_kinds> failures{};  ///< those of submit() included
  std::uint64_t late_replies = 0;                       ///< of abandoned calls
  std::uint64_t sent_again = 0;
  std::uint64_t connections = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;

  PeerCounters& operator+=(const PeerCounters& other);
};

class PeerLink {
 public:
  enum class State : std::uint8_t { down, connecting, up, closing };

  /// A reply of more than `reply_bytes_max`, its value included, is a protocol failure. `events`
  /// outlives the link.
  PeerLink(PeerEvents& events, std::size_t reply_bytes_max, Prng random);
  PeerLink(const PeerLink&) = delete;
  PeerLink& operator=(const PeerLink&) = delete;

  // ---- Calls ------------------------------------------------------------------------------------

  /// overload, refused (the circuit), timeout (the deadline has passed); then nothing is delivered.
  [[nodiscard]] Result<void, Failure> submit(PeerCall call, MonotonicTime now);

  /// The caller waits no longer: nothing is delivered. Requires that the call is unfinished.
  void cancel(std::uint64_t tag, MonotonicTime now);

  /// When expire() is to be called next, or earlier; nullopt: not before something is submitted.
  [[nodiscard]] std::optional<MonotonicTime> next_deadline() const;

  /// Fails what is due. True: the peer is stuck and the connection must be closed.
  [[nodiscard]] bool expire(MonotonicTime now);

  // ---- Connection -------------------------------------------------------------------------------

  /// There is something to say and nobody to say it to.
  [[nodiscard]] bool wants_connect() const { return state_ == State::down && !calls_.empty(); }
  void on_connecting();
  void on_connected();
  /// The connect failed; whatever there is of the connection must be closed. timeout or refused.
  void on_connect_failed(Failure why, MonotonicTime now);

  /// Bytes of the peer. True: the connection must be closed.
  [[nodiscard]] bool on_received(Bytes bytes, MonotonicTime now);

  /// What is to be sent, as views into the calls' own bytes; how many of `views` were set. 0:
  /// nothing, or not now. Not to be called again before taken().
  [[nodiscard]] std::size_t output(std::span<Bytes> views);
  /// So many bytes of the last output() were sent; the rest will be offered again.
  void taken(std::size_t bytes);

  /// The connection ended by itself: it must be closed.
  void on_lost(MonotonicTime now);
  /// Fails every call. Where there is a connection it must be closed: state() is closing.
  void give_up(Failure why);
  /// It is closed, and nothing of output() is pinned any more.
  void on_closed();

  // ---- Facts ------------------------------------------------------------------------------------

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const Circuit& circuit() const { return circuit_; }
  [[nodiscard]] const PeerCounters& counters() const { return counters_; }
  /// Calls that somebody waits for.
  [[nodiscard]] std::size_t in_flight() const { return by_tag_.size(); }
  /// No call, not even an abandoned one.
  [[nodiscard]] bool idle() const { return calls_.empty(); }
  [[nodiscard]] std::size_t queued_bytes() const { return queued_bytes_; }
  /// The first broken invariant, or nullopt.
  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  struct Entry {
    PeerCall call;               ///< without its bytes, once they are of no use any more
    std::size_t size = 0;        ///< of the bytes
    std::size_t taken = 0;       ///< how many of them were sent over this connection
    MonotonicTime abandoned_at;  ///< if it is
    bool offered = false;        ///< its bytes are pinned by output()
    bool answered = false;       ///< and only kept until its bytes are taken
    bool abandoned = false;
    bool timed_out = false;    ///< why it was abandoned
    bool again = false;        ///< it had its second connection
    bool sent_before = false;  ///< over the connection before
  };
  using Entries = std::pmr::list<Entry>;  // nodes stay where they are: output() points into them
  struct Completion {
    std::uint64_t tag;
    Failure failure;
    bool sent;
  };
  enum class Event : std::uint8_t {
    connect_started,
    connected,
    connect_failed,
    lost,
    given_up,
    closed
  };

  static constexpr MonotonicTime never_due = MonotonicTime::max();
  /// What a call that is sent again costs, where each call brings in 1.
  static constexpr std::uint32_t again_cost = limits::peer_again_share;
  static constexpr std::uint32_t again_max = limits::peer_again_at_once_max * again_cost;

  void move(Event event);
  [[nodiscard]] static bool touched(const Entry& entry) { return entry.taken > 0 || entry.offered; }
  [[nodiscard]] static bool whole(const Entry& entry) { return entry.taken == entry.size; }
  [[nodiscard]] static bool fits(const proto::ReplyPart& reply, const PeerCall& call);
  [[nodiscard]] std::size_t consume(Bytes bytes, MonotonicTime now, bool& broken);
  [[nodiscard]] bool answer(const proto::ReplyPart& reply, MonotonicTime now);
  [[nodiscard]] bool may_go_again(Entry& entry);
  void succeeded();
  void failed(MonotonicTime now);
  void let_go(Entries::iterator entry, MonotonicTime now);
  void withdraw(Entries::iterator entry);
  void remove(Entries::iterator entry);
  void fail(Entry& entry, Failure why);
  void fail_all(Failure why);
  void break_off(Failure why, MonotonicTime now);
  void deliver();
  void rewind();
  void recompute_due();
  [[nodiscard]] MonotonicTime stuck_at() const;

  PeerEvents& events_;
  std::size_t reply_bytes_max_;
  State state_ = State::down;
  Circuit circuit_;
  const Entry* probe_ = nullptr;  ///< the call that tells, while the circuit is half open
  PeerCounters counters_;

  NodePool pool_;  ///< a call comes and goes without malloc
  Entries calls_{&pool_};
  Entries::iterator oldest_;  ///< the first that has no reply
  Entries::iterator unsent_;  ///< the first that is not wholly sent
  Entries pinned_{&pool_};    ///< finished, but output() points into them
  std::pmr::unordered_map<std::uint64_t, Entries::iterator> by_tag_{
      &pool_};                          ///< what somebody waits for
  std::deque<Completion> completions_;  ///< failures on their way to events_
  bool delivering_ = false;
  bool sending_ = false;             ///< between output() and taken()
  std::size_t queued_bytes_ = 0;     ///< of calls_, not sent yet
  std::uint32_t again_ = again_max;  ///< what is left for sending calls again

  MonotonicTime due_ = never_due;  ///< nothing is due earlier
  MonotonicTime oldest_since_;     ///< when oldest_ became the oldest
  std::string input_;              ///< the front of a reply
  std::size_t wanted_ = 0;         ///< bytes of input_ that make parsing worthwhile
};

/// "down", "connecting", "up", "closing".
[[nodiscard]] const char* to_string(PeerLink::State state);

}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_PEER_LINK_H_
