// EtcdMember: what one node has to do with etcd: it holds its name by a lease, knows the ring, and
// changes it by compare-and-swap. A state machine: bytes in, bytes out, time a parameter.
//
//   keys below the prefix    members/NAME   "10.0.0.1:11211", bound to the node's lease
//                            ring           the text of a ring file
//
//   calls   grant -> enroll -> read -> (swap: join) -> keep alive each third of the lease, read
//                                                      each lease, swap what was asked for
//   watch   of `ring`, from behind the revision at which it was read
//
//  1. may_write() is true only while etcd cannot have given the name to anybody else: the lease is
//     counted from before its latest confirmed request was sent.
//  2. A name is held by one address: where another one is enrolled, this node waits for its end.
//  3. The ring is changed only from one that was read, and only if it is still that one, to one
//     whose epoch is higher by one. A ring that cannot be read is not overwritten.
//  4. A change that is asked for ends: done, refused, or given up at etcd_change_time.
//  5. The latest known ring stays when etcd is away, when its key is deleted, and when the key's
//     new text is no ring.
//  6. A node joins by itself at most once: whom an operator took out stays out.
//
// It is not the ring that a node uses: whether an epoch is newer is for its Routing to say. What is
// learned of changes is told with at most a lease's delay, also where the watch is broken.

#ifndef CACHEISMO_CLUSTER_ETCD_MEMBER_H_
#define CACHEISMO_CLUSTER_ETCD_MEMBER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/result.h"
#include "cacheismo/base/units.h"
#include "cacheismo/cluster/etcd_channel.h"
#include "cacheismo/cluster/etcd_wire.h"
#include "cacheismo/cluster/ring.h"
#include "cacheismo/cluster/ring_change.h"

namespace cacheismo::cluster {

/// How long etcd may take for a reply. Its elections take 1 s by default.
inline constexpr Duration etcd_call_timeout = std::chrono::seconds(1);
/// Between attempts to reach it, at first and at most; half of it is drawn. A node is back within a
/// second of etcd's return.
inline constexpr Duration etcd_pause_min = std::chrono::milliseconds(50);
inline constexpr Duration etcd_pause_max = std::chrono::milliseconds(500);
/// How long a change of the ring is tried, and how long leaving may hold up the end of a node.
inline constexpr Duration etcd_change_time = std::chrono::seconds(5);
inline constexpr Duration etcd_leave_time = std::chrono::seconds(2);

struct EtcdOptions {
  std::vector<std::string> hosts;  ///< Host headers of the endpoints; at least one
  std::string prefix;              ///< of the keys, its last slash included
  Member self;                     ///< name, host and port of this node
  std::uint64_t lease_s = 5;       ///< at least 1
  bool joins = false;              ///< adds itself to the ring, and takes itself out when it leaves
};

/// Something for the log.
struct EtcdNote {
  bool bad = false;
  const char* event = "";
  std::string fields;
};

class EtcdMember {
 public:
  enum class Lane : std::uint8_t { calls, watch };
  static constexpr Lane lanes[] = {Lane::calls, Lane::watch};

  EtcdMember(EtcdOptions options, Prng prng);

  // ---- What it is for ---------------------------------------------------------------------------

  /// Whether the node may execute writes as an owner.
  [[nodiscard]] bool may_write(MonotonicTime now) const { return enrolled_ && now < held_until_; }
  /// The latest known; nullopt: none yet, and why_no_ring() says why.
  [[nodiscard]] const std::optional<RingSpec>& ring() const { return ring_; }
  /// Counts the rings.
  [[nodiscard]] std::uint64_t version() const { return version_; }
  [[nodiscard]] std::string why_no_ring() const;

  /// Has the ring changed; change_report() tells what becomes of it. The failure says why the
  /// change cannot be made, or that another one is under way.
  [[nodiscard]] Result<void, std::string> change(RingChange change, MonotonicTime now);
  /// Of the latest change: "none", "waiting: CHANGE", "done: CHANGE epoch E" or
  /// "failed: CHANGE: WHY".
  [[nodiscard]] const std::string& change_report() const { return report_; }

  /// Takes the node out of the ring if it joins by itself, and gives its lease back.
  void leave(MonotonicTime now);
  /// There is nothing more to do, whether it could be done or not. Only after leave().
  [[nodiscard]] bool finished() const { return finished_; }

  [[nodiscard]] std::vector<EtcdNote> take_notes();

  // ---- The conversation -------------------------------------------------------------------------

  /// Which of options.hosts is meant.
  [[nodiscard]] std::size_t endpoint() const { return endpoint_; }
  [[nodiscard]] bool wants_connect(Lane lane, MonotonicTime now) const;
  [[nodiscard]] bool wants_close(Lane lane) const;
  void on_connecting(Lane lane);
  void on_connected(Lane lane, MonotonicTime now);
  /// Requires that the lane is connected, and not closing.
  void on_received(Lane lane, Bytes bytes, MonotonicTime now);
  /// No connection could be made, or it has ended. The lane wants to be closed then.
  void on_lost(Lane lane, Bytes why, MonotonicTime now);
  void on_closed(Lane lane);
  /// Pinned until taken, or until on_closed().
  [[nodiscard]] Bytes output(Lane lane) const;
  void taken(Lane lane, std::size_t bytes, MonotonicTime now);

  /// When expire() is to be called.
  [[nodiscard]] std::optional<MonotonicTime> next_deadline() const;
  void expire(MonotonicTime now);

  /// The first broken invariant, or nullopt.
  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  enum class Ask : std::uint8_t { none, grant, keep_alive, revoke, enroll, read, swap };
  enum class Known : std::uint8_t { nothing, absent, readable, unreadable };

  [[nodiscard]] const EtcdChannel& channel(Lane lane) const;
  [[nodiscard]] EtcdChannel& channel(Lane lane);
  [[nodiscard]] Bytes host() const { return options_.hosts[endpoint_]; }
  [[nodiscard]] std::string ring_key() const { return options_.prefix + "ring"; }
  [[nodiscard]] std::string member_key() const;
  void note(bool bad, const char* event, std::string fields);
  void take_replies(Lane lane, MonotonicTime now);
  void fail(Lane lane, const std::string& why, MonotonicTime now);
  [[nodiscard]] Duration drawn(Duration pause);

  // etcd_member_asks.cc: what is asked, and what the replies mean.
  void advance(MonotonicTime now);
  void ask_next(MonotonicTime now);
  [[nodiscard]] bool ask_lease(MonotonicTime now);
  [[nodiscard]] bool ask_to_leave(MonotonicTime now);
  [[nodiscard]] bool ask_to_join(MonotonicTime now);
  [[nodiscard]] bool ask_to_change(MonotonicTime now);
  void ask(Ask what, std::string request, MonotonicTime now);
  void ask_swap(const RingSpec& next, MonotonicTime now);
  [[nodiscard]] Result<RingSpec, std::string> changed(const RingChange& change) const;
  [[nodiscard]] bool in_ring() const;
  void on_reply(const EtcdReply& reply, MonotonicTime now);
  [[nodiscard]] Result<void, std::string> take_reply(Ask what, const std::string& body,
                                                     MonotonicTime now);
  [[nodiscard]] Result<void, std::string> take_lease(Ask what, const std::string& body);
  [[nodiscard]] Result<void, std::string> take_enrolment(const std::string& body,
                                                         MonotonicTime now);
  void on_refusal(Ask what, const EtcdReply& reply, MonotonicTime now);
  void on_news(const EtcdReply& reply, MonotonicTime now);
  void learn(std::uint64_t revision, const std::optional<EtcdEntry>& entry);
  void lease_is_gone();
  void tell_lease(MonotonicTime now);
  void end_change(const std::string& how);

  EtcdOptions options_;
  Prng prng_;
  EtcdChannel calls_{EtcdChannel::Takes::whole_replies};
  EtcdChannel watch_{EtcdChannel::Takes::lines};
  std::vector<EtcdNote> notes_;
  std::size_t endpoint_ = 0;
  bool reachable_ = true;  ///< as far as was told
  Duration pause_ = etcd_pause_min;
  MonotonicTime retry_at_;  ///< of calls_
  MonotonicTime watch_retry_at_;

  Ask asked_ = Ask::none;
  MonotonicTime asked_at_;
  std::string asked_ring_;  ///< what a swap writes

  std::uint64_t lease_ = 0;   ///< 0: none
  MonotonicTime held_until_;  ///< of the lease, with or without a connection
  bool held_ = false;         ///< may_write(), as far as was told
  MonotonicTime renew_at_;
  bool enrolled_ = false;
  std::uint64_t enrol_over_ = 0;  ///< mod_revision of an entry of this node's that is replaced
  MonotonicTime enrol_at_;
  bool name_taken_ = false;  ///< by another address, as far as was told

  Known known_ = Known::nothing;
  std::optional<RingSpec> ring_;
  std::uint64_t version_ = 0;
  std::uint64_t revision_ = 0;      ///< of the store when the ring was as known; 0: read it
  std::uint64_t mod_revision_ = 0;  ///< of the ring's key, 0 if it is absent
  MonotonicTime read_at_;           ///< when it is read again

  bool joined_ = false;
  std::optional<std::uint64_t> join_refused_;  ///< version_ of the ring that it cannot join
  std::optional<RingChange> change_;
  MonotonicTime change_until_;
  std::string report_ = "none";
  bool leaving_ = false;
  bool leave_refused_ = false;
  bool finished_ = false;
  MonotonicTime leave_until_;
};

}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_ETCD_MEMBER_H_
