// EtcdMember, first part: connections, time, and what the owner asks.

#include "cacheismo/cluster/etcd_member.h"

#include <algorithm>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/cluster/shown.h"

namespace cacheismo::cluster {

using State = EtcdChannel::State;

EtcdMember::EtcdMember(EtcdOptions options, Prng prng) : options_(std::move(options)), prng_(prng) {
  CHECK(!options_.hosts.empty());
  CHECK_GE(options_.lease_s, std::uint64_t{1});
}

const EtcdChannel& EtcdMember::channel(Lane lane) const {
  return lane == Lane::calls ? calls_ : watch_;
}
EtcdChannel& EtcdMember::channel(Lane lane) { return lane == Lane::calls ? calls_ : watch_; }

std::string EtcdMember::member_key() const {
  return options_.prefix + "members/" + options_.self.name;
}

void EtcdMember::note(bool bad, const char* event, std::string fields) {
  notes_.push_back({.bad = bad, .event = event, .fields = std::move(fields)});
}

std::vector<EtcdNote> EtcdMember::take_notes() { return std::exchange(notes_, {}); }

std::string EtcdMember::why_no_ring() const {
  switch (known_) {
    case Known::nothing: return "etcd has not answered yet";
    case Known::absent: return "etcd has no key " + shown(ring_key());
    case Known::unreadable: return "what etcd has as " + shown(ring_key()) + " is no ring";
    case Known::readable: break;
  }
  return {};
}

// ---- What the owner asks ------------------------------------------------------------------------

Result<void, std::string> EtcdMember::change(RingChange change, MonotonicTime now) {
  if (change_) return failure("cluster: " + print_ring_change(*change_) + " is still under way");
  if (leaving_) return failure(std::string("cluster: this node is about to end"));
  if (auto next = changed(change); !next) return failure("cluster: " + next.error());
  change_ = std::move(change);
  change_until_ = now + etcd_change_time;
  report_ = "waiting: " + print_ring_change(*change_);
  advance(now);
  return {};
}

void EtcdMember::end_change(const std::string& how) {
  const bool done = how.starts_with("epoch ");
  report_ =
      (done ? "done: " : "failed: ") + print_ring_change(*change_) + (done ? " " : ": ") + how;
  note(!done, "ring_change", "outcome=\"" + report_ + '"');
  change_.reset();
}

void EtcdMember::leave(MonotonicTime now) {
  if (leaving_) return;
  leaving_ = true;
  leave_until_ = now + etcd_leave_time;
  if (change_) end_change("this node ends");
  // Who never was heard of has nothing to give back.
  if (known_ == Known::nothing && lease_ == 0) finished_ = true;
  advance(now);
}

// ---- Connections --------------------------------------------------------------------------------

bool EtcdMember::wants_connect(Lane lane, MonotonicTime now) const {
  if (finished_ || channel(lane).state() != State::down) return false;
  if (lane == Lane::calls) return now >= retry_at_;
  return calls_.state() == State::up && revision_ > 0 && !leaving_ && now >= watch_retry_at_;
}

bool EtcdMember::wants_close(Lane lane) const {
  const State state = channel(lane).state();
  return state == State::closing || (finished_ && state != State::down);
}

void EtcdMember::on_connecting(Lane lane) { channel(lane).on_connecting(); }

void EtcdMember::on_connected(Lane lane, MonotonicTime now) {
  channel(lane).on_connected();
  advance(now);
}

void EtcdMember::on_received(Lane lane, Bytes bytes, MonotonicTime now) {
  channel(lane).on_received(bytes);
  take_replies(lane, now);
}

void EtcdMember::take_replies(Lane lane, MonotonicTime now) {
  EtcdChannel& from = channel(lane);
  while (const auto reply = from.next_reply()) {
    if (reply->fault != nullptr) {
      fail(lane, reply->fault, now);
    } else if (lane == Lane::calls) {
      on_reply(*reply, now);
    } else {
      on_news(*reply, now);
    }
  }
  advance(now);
}

void EtcdMember::on_lost(Lane lane, Bytes why, MonotonicTime now) {
  fail(lane, std::string(why), now);
  advance(now);
}

void EtcdMember::on_closed(Lane lane) {
  channel(lane).close();
  channel(lane).on_closed();
}

Bytes EtcdMember::output(Lane lane) const { return channel(lane).output(); }

void EtcdMember::taken(Lane lane, std::size_t bytes, MonotonicTime now) {
  channel(lane).taken(bytes);
  take_replies(lane, now);
}

/// Half of it is drawn, so that the nodes of a cluster do not come back in step.
Duration EtcdMember::drawn(Duration pause) {
  const auto half = static_cast<std::uint64_t>(pause.count()) / 2;
  return Duration(static_cast<Duration::rep>(half + prng_.below(half)));
}

/// Of no use any more. Without its calls a node knows nothing: the watch ends with them, and the
/// ring is read again from whichever endpoint answers next.
void EtcdMember::fail(Lane lane, const std::string& why, MonotonicTime now) {
  revision_ = 0;
  watch_.close();
  if (lane == Lane::watch) {
    watch_retry_at_ = now + drawn(etcd_pause_max);
    return;
  }
  if (reachable_)
    note(true, "etcd_lost", "endpoint=" + options_.hosts[endpoint_] + " reason=" + shown(why));
  reachable_ = false;
  asked_ = Ask::none;
  calls_.close();
  endpoint_ = (endpoint_ + 1) % options_.hosts.size();
  retry_at_ = now + drawn(pause_);
  pause_ = std::min(2 * pause_, etcd_pause_max);
}

// ---- Time ---------------------------------------------------------------------------------------

std::optional<MonotonicTime> EtcdMember::next_deadline() const {
  std::optional<MonotonicTime> next;
  const auto at = [&](MonotonicTime when) { next = next ? std::min(*next, when) : when; };
  if (held_) at(held_until_);
  if (finished_) return next;
  if (change_) at(change_until_);
  if (leaving_) at(leave_until_);
  if (calls_.state() == State::down) at(retry_at_);
  if (calls_.state() != State::up) return next;
  if (watch_.state() == State::down && revision_ > 0 && !leaving_) at(watch_retry_at_);
  if (asked_ != Ask::none) {
    at(asked_at_ + etcd_call_timeout);
    return next;
  }
  at(read_at_);
  if (lease_ != 0) at(enrolled_ ? renew_at_ : std::min(renew_at_, enrol_at_));
  return next;
}

void EtcdMember::expire(MonotonicTime now) {
  tell_lease(now);
  if (change_ && now >= change_until_) end_change("etcd has not answered; the outcome is unknown");
  if (leaving_ && now >= leave_until_) finished_ = true;
  if (asked_ != Ask::none && now >= asked_at_ + etcd_call_timeout)
    fail(Lane::calls, "timeout", now);
  advance(now);
}

std::optional<std::string> EtcdMember::audit() const {
  if ((asked_ != Ask::none) != (calls_.state() == State::up && !calls_.idle()))
    return "etcd: a call without its reply, or a reply without its call";
  if (enrolled_ && lease_ == 0) return "etcd: enrolled without a lease";
  if (!ring_ && known_ == Known::readable) return "etcd: a ring was read and is not known";
  if (held_until_ > MonotonicTime() && lease_ == 0 && enrolled_)
    return "etcd: writes without a lease";
  return std::nullopt;
}

}  // namespace cacheismo::cluster
