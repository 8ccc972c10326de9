// EtcdMember, second part: what is asked next, and what the replies mean.
//
//   one request at a time; the first of these that has a reason:
//     leaving    swap the ring without this node, then revoke
//     lease      grant, or keep alive when a third of it has passed
//     name       enroll: swap members/NAME
//     ring       read, when it is not known or a lease's time has passed
//     change     swap: join, or what the owner has asked for

#include <algorithm>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/cluster/etcd_member.h"
#include "cacheismo/cluster/ring_file.h"
#include "cacheismo/cluster/shown.h"

namespace cacheismo::cluster {

namespace {

Duration seconds(std::uint64_t count) {
  return std::chrono::seconds(static_cast<std::int64_t>(count));
}

bool same_place(const Member& a, const Member& b) { return a.host == b.host && a.port == b.port; }

}  // namespace

// ---- Asking -------------------------------------------------------------------------------------

void EtcdMember::advance(MonotonicTime now) {
  tell_lease(now);
  if (finished_) return;
  if (calls_.idle()) ask_next(now);
  if (watch_.idle() && revision_ > 0) watch_.ask(etcd::watch(host(), ring_key(), revision_ + 1));
}

void EtcdMember::ask_next(MonotonicTime now) {
  if (leaving_) {
    finished_ = !ask_to_leave(now);
    return;
  }
  if (ask_lease(now)) return;
  if (revision_ == 0 || now >= read_at_) {
    ask(Ask::read, etcd::read(host(), ring_key()), now);
    return;
  }
  if (ask_to_join(now)) return;
  (void)ask_to_change(now);
}

void EtcdMember::ask(Ask what, std::string request, MonotonicTime now) {
  asked_ = what;
  asked_at_ = now;
  calls_.ask(std::move(request));
}

bool EtcdMember::ask_lease(MonotonicTime now) {
  if (lease_ == 0) {
    ask(Ask::grant, etcd::grant(host(), options_.lease_s), now);
    return true;
  }
  if (now >= renew_at_) {
    ask(Ask::keep_alive, etcd::keep_alive(host(), lease_), now);
    return true;
  }
  if (enrolled_ || now < enrol_at_) return false;
  const std::string address = print_address(options_.self);
  const std::string key = member_key();
  ask(Ask::enroll,
      etcd::swap(host(),
                 {.key = key, .value = address, .mod_revision = enrol_over_, .lease = lease_}),
      now);
  return true;
}

void EtcdMember::ask_swap(const RingSpec& next, MonotonicTime now) {
  asked_ring_ = print_ring_file(next);
  const std::string key = ring_key();
  ask(Ask::swap,
      etcd::swap(host(), {.key = key, .value = asked_ring_, .mod_revision = mod_revision_}), now);
}

/// The ring after a change, from the latest known one: if its key is gone, that one comes back.
Result<RingSpec, std::string> EtcdMember::changed(const RingChange& change) const {
  if (known_ != Known::readable && known_ != Known::absent) return failure(why_no_ring());
  return apply(change, ring_.value_or(RingSpec{}));
}

bool EtcdMember::in_ring() const {
  return known_ == Known::readable &&
         std::any_of(ring_->members.begin(), ring_->members.end(),
                     [&](const Member& one) { return one.name == options_.self.name; });
}

bool EtcdMember::ask_to_leave(MonotonicTime now) {
  if (options_.joins && !leave_refused_ && in_ring()) {
    const auto next = changed({.is = RingChange::Is::leave, .member = options_.self});
    if (next) {
      ask_swap(*next, now);
      return true;
    }
    leave_refused_ = true;
    note(true, "ring_not_left", "reason=\"" + next.error() + '"');
  }
  if (lease_ == 0) return false;
  ask(Ask::revoke, etcd::revoke(host(), lease_), now);
  return true;
}

/// Only who holds its name joins: two nodes that were given one name must not take turns.
bool EtcdMember::ask_to_join(MonotonicTime now) {
  if (!options_.joins || joined_ || !enrolled_ || join_refused_ == version_) return false;
  const auto next = changed({.is = RingChange::Is::join, .member = options_.self});
  if (!next) {
    join_refused_ = version_;
    note(true, "ring_not_joined", "reason=\"" + next.error() + '"');
    return false;
  }
  if (known_ == Known::readable && *next == *ring_) {
    joined_ = true;
    return false;
  }
  ask_swap(*next, now);
  return true;
}

bool EtcdMember::ask_to_change(MonotonicTime now) {
  if (!change_) return false;
  const auto next = changed(*change_);
  if (!next) {
    end_change(next.error());
    return false;
  }
  if (known_ == Known::readable && *next == *ring_) {
    end_change("epoch " + std::to_string(ring_->epoch));
    return false;
  }
  ask_swap(*next, now);
  return true;
}

// ---- Replies ------------------------------------------------------------------------------------

void EtcdMember::on_reply(const EtcdReply& reply, MonotonicTime now) {
  const Ask what = std::exchange(asked_, Ask::none);
  if (reply.status != 200) {
    on_refusal(what, reply, now);
    return;
  }
  if (auto taken = take_reply(what, reply.body, now); !taken) {
    fail(Lane::calls, taken.error(), now);
    return;
  }
  if (!reachable_) note(false, "etcd_reached", "endpoint=" + options_.hosts[endpoint_]);
  reachable_ = true;
  pause_ = etcd_pause_min;
  if (calls_.state() != EtcdChannel::State::up) fail(Lane::calls, "it ends the connection", now);
}

Result<void, std::string> EtcdMember::take_reply(Ask what, const std::string& body,
                                                 MonotonicTime now) {
  switch (what) {
    case Ask::grant:
    case Ask::keep_alive: return take_lease(what, body);
    case Ask::enroll: return take_enrolment(body, now);
    case Ask::read: {
      const auto read = etcd::parse_read(body, ring_key());
      if (!read) return failure(read.error());
      read_at_ = now + seconds(options_.lease_s);
      // What the watch has told meanwhile is newer.
      if (read->revision >= revision_) learn(read->revision, read->entry);
      return {};
    }
    case Ask::swap: {
      const auto swap = etcd::parse_swap(body, ring_key());
      if (!swap) return failure(swap.error());
      auto entry = swap->entry;
      if (swap->succeeded) entry = EtcdEntry{.value = asked_ring_, .mod_revision = swap->revision};
      if (swap->revision >= revision_) learn(swap->revision, entry);
      return {};
    }
    case Ask::revoke:
      lease_is_gone();
      finished_ = true;
      return {};
    case Ask::none: break;
  }
  CHECK(false);
}

Result<void, std::string> EtcdMember::take_lease(Ask what, const std::string& body) {
  const auto lease = what == Ask::grant ? etcd::parse_grant(body) : etcd::parse_keep_alive(body);
  if (!lease) return failure(lease.error());
  if (what == Ask::keep_alive) {
    if (lease->id != lease_) return failure(std::string("the reply is about another lease"));
    if (lease->ttl_s == 0) {
      lease_is_gone();
      return {};
    }
  }
  lease_ = lease->id;
  // Counted from before etcd can have begun to count, and never longer than was asked for.
  const Duration time = seconds(std::min(lease->ttl_s, options_.lease_s));
  held_until_ = asked_at_ + time;
  renew_at_ = asked_at_ + time / 3;
  return {};
}

void EtcdMember::lease_is_gone() {
  lease_ = 0;
  enrolled_ = false;
  enrol_over_ = 0;
}

Result<void, std::string> EtcdMember::take_enrolment(const std::string& body, MonotonicTime now) {
  const auto swap = etcd::parse_swap(body, member_key());
  if (!swap) return failure(swap.error());
  enrolled_ = swap->succeeded;
  enrol_at_ = now;
  enrol_over_ = 0;
  if (enrolled_) {
    name_taken_ = false;
    return {};
  }
  if (!swap->entry) return {};
  if (swap->entry->value == print_address(options_.self)) {
    enrol_over_ = swap->entry->mod_revision;  // this node's, from before it was started again
    return {};
  }
  enrol_at_ = now + seconds(options_.lease_s) / 3;
  if (!name_taken_)
    note(true, "name_taken",
         "name=" + options_.self.name + " address=" + shown(swap->entry->value));
  name_taken_ = true;
  return {};
}

/// Another status than 200.
void EtcdMember::on_refusal(Ask what, const EtcdReply& reply, MonotonicTime now) {
  if (what == Ask::revoke) {  // it has lapsed, or soon will
    finished_ = true;
    return;
  }
  // A lease that is not known (404) cannot be enrolled with.
  if (what == Ask::enroll) lease_is_gone();
  fail(Lane::calls, etcd::error_text(reply.status, reply.body), now);
}

void EtcdMember::on_news(const EtcdReply& reply, MonotonicTime now) {
  const auto news = reply.status == 200 ? etcd::parse_news(reply.body, ring_key())
                                        : failure(etcd::error_text(reply.status, reply.body));
  if (!news || reply.last || news->ended) {
    fail(Lane::watch, "the watch has ended", now);
    return;
  }
  if (news->revision > revision_) learn(news->revision, news->entry);
}

void EtcdMember::learn(std::uint64_t revision, const std::optional<EtcdEntry>& entry) {
  const Known before = known_;
  const bool same = entry && known_ == Known::readable && entry->mod_revision == mod_revision_;
  revision_ = revision;
  mod_revision_ = entry ? entry->mod_revision : 0;
  if (same) return;
  if (!entry) {
    known_ = Known::absent;
    if (before != known_) note(ring_.has_value(), "ring_absent", "key=" + shown(ring_key()));
    return;
  }
  auto spec = parse_ring_file(entry->value);
  if (!spec) {
    known_ = Known::unreadable;
    note(true, "ring_unreadable", "key=" + shown(ring_key()) + " reason=\"" + spec.error() + '"');
    return;
  }
  known_ = Known::readable;
  for (const Member& member : spec->members) {
    if (member.name == options_.self.name && same_place(member, options_.self)) joined_ = true;
  }
  if (ring_ == *spec) return;
  ring_ = std::move(*spec);
  ++version_;
}

/// Says once that writes end, and once that they go on.
void EtcdMember::tell_lease(MonotonicTime now) {
  const bool held = may_write(now);
  if (held == held_) return;
  held_ = held;
  note(!held, held ? "lease_held" : "lease_lost", "name=" + options_.self.name);
}

}  // namespace cacheismo::cluster
