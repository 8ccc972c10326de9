// PeerLink, second part: calls: how they come, how they end without a reply, and when.
//
//   fail()      takes its name away and puts its failure on the way
//   let_go()    nobody waits for it: withdraws or abandons it
//   deliver()   tells the failures, when the state is whole again

#include <algorithm>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/cluster/peer_link.h"

namespace cacheismo::cluster {
// ---- Calls --------------------------------------------------------------------------------------

Result<void, Failure> PeerLink::submit(PeerCall call, MonotonicTime now) {
  CHECK(!call.bytes.empty());
  const auto refuse = [this](Failure why) {
    ++counters_.failures[static_cast<std::size_t>(why)];
    return failure(why);
  };
  if (call.deadline <= now) return refuse(Failure::timeout);
  if (calls_.size() >= limits::peer_calls_max) return refuse(Failure::overload);
  if (queued_bytes_ > 0 && queued_bytes_ + call.bytes.size() > limits::peer_queued_bytes_max)
    return refuse(Failure::overload);
  if (!circuit_.admit(now)) return refuse(Failure::refused);
  ++counters_.calls;
  again_ = std::min(again_ + 1, again_max);
  queued_bytes_ += call.bytes.size();
  due_ = calls_.empty() ? call.deadline : std::min(due_, call.deadline);
  const auto entry = calls_.emplace(calls_.end());
  entry->size = call.bytes.size();
  entry->call = std::move(call);
  if (circuit_.state() == Circuit::State::half_open) probe_ = &*entry;
  if (oldest_ == calls_.end()) oldest_ = entry;
  if (unsent_ == calls_.end()) unsent_ = entry;
  const bool new_tag = by_tag_.emplace(entry->call.tag, entry).second;
  CHECK(new_tag);
  return {};
}

void PeerLink::cancel(std::uint64_t tag, MonotonicTime now) {
  const auto found = by_tag_.find(tag);
  if (found != by_tag_.end()) {
    const auto entry = found->second;
    by_tag_.erase(found);
    let_go(entry, now);
    return;
  }
  const auto completion = std::find_if(completions_.begin(), completions_.end(),
                                       [tag](const Completion& one) { return one.tag == tag; });
  CHECK(completion != completions_.end());
  completions_.erase(completion);
}

/// Nobody waits for it any more: it is withdrawn or abandoned.
void PeerLink::let_go(Entries::iterator entry, MonotonicTime now) {
  if (!touched(*entry)) {
    withdraw(entry);
    return;
  }
  entry->abandoned = true;
  entry->abandoned_at = now;
  due_ = std::min(due_, stuck_at());
}

/// Nothing of it was sent, and nothing will be.
void PeerLink::withdraw(Entries::iterator entry) {
  if (probe_ == &*entry) {
    circuit_.probe_withdrawn();
    probe_ = nullptr;
  }
  remove(entry);
}

/// Takes it out of the conversation. Bytes that output() pins stay.
void PeerLink::remove(Entries::iterator entry) {
  queued_bytes_ -= entry->size - entry->taken;
  if (oldest_ == entry) ++oldest_;
  if (unsent_ == entry) ++unsent_;
  if (entry->offered) {
    pinned_.splice(pinned_.end(), calls_, entry);
  } else {
    calls_.erase(entry);
  }
}

// ---- Time ---------------------------------------------------------------------------------------

/// When the connection is given up because of its oldest call.
MonotonicTime PeerLink::stuck_at() const {
  if (state_ != State::up || oldest_ == calls_.end() || !oldest_->abandoned) return never_due;
  return std::max(oldest_->abandoned_at, oldest_since_) + limits::peer_stuck;
}

std::optional<MonotonicTime> PeerLink::next_deadline() const {
  return calls_.empty() || due_ == never_due ? std::nullopt : std::optional(due_);
}

void PeerLink::recompute_due() {
  due_ = stuck_at();
  for (const auto& [tag, entry] : by_tag_) due_ = std::min(due_, entry->call.deadline);
}

bool PeerLink::expire(MonotonicTime now) {
  if (now < due_) return false;
  for (auto next = calls_.begin(); next != calls_.end();) {
    const auto entry = next++;
    if (entry->answered || entry->abandoned || entry->call.deadline > now) continue;
    failed(now);
    fail(*entry, Failure::timeout);
    entry->timed_out = true;
    let_go(entry, now);
  }
  const bool stuck = stuck_at() <= now;
  if (stuck) break_off(Failure::reset, now);
  recompute_due();
  deliver();
  return stuck;
}

// ---- Failing ------------------------------------------------------------------------------------

void PeerLink::succeeded() {
  circuit_.success();
  probe_ = nullptr;
}

void PeerLink::failed(MonotonicTime now) {
  circuit_.failed(now);
  if (circuit_.state() == Circuit::State::open) probe_ = nullptr;
}

/// Its failure is on its way; the entry itself is still to be removed or abandoned.
void PeerLink::fail(Entry& entry, Failure why) {
  by_tag_.erase(entry.call.tag);
  completions_.push_back({entry.call.tag, why, touched(entry) || entry.sent_before});
}

void PeerLink::fail_all(Failure why) {
  for (auto next = calls_.begin(); next != calls_.end();) {
    const auto entry = next++;
    if (!entry->answered && !entry->abandoned) fail(*entry, why);
    remove(entry);
  }
}

/// Ends the conversation for a fault of the peer. The failures are not delivered yet.
void PeerLink::break_off(Failure why, MonotonicTime now) {
  failed(now);
  move(Event::given_up);
  fail_all(why);
}

void PeerLink::deliver() {
  if (delivering_) return;
  delivering_ = true;
  while (!completions_.empty()) {
    const Completion one = completions_.front();
    completions_.pop_front();
    ++counters_.failures[static_cast<std::size_t>(one.failure)];
    events_.on_failure(one.tag, one.failure, one.sent);
  }
  delivering_ = false;
}

}  // namespace cacheismo::cluster
