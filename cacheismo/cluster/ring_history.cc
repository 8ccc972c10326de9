#include "cacheismo/cluster/ring_history.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/base/hash.h"

namespace cacheismo::cluster {
namespace {

std::uint64_t hash_of(Bytes key) { return hash64(key, 0); }

}  // namespace

void RingHistory::push(Ring ring) {
  const std::optional<std::uint32_t> self = ring.find(self_);
  if (eras_.size() > past_max) {
    complete_ = false;
    settled_count_ -= eras_.front().settled.size();
    eras_.erase(eras_.begin());
  }
  eras_.push_back({.ring = std::move(ring), .self = self, .settled = {}});
  if (!open()) return;
  // A yield is about eras that are older than its epoch.
  std::erase_if(yielded_,
                [&](const auto& one) { return one.second.epoch <= eras_.front().ring.epoch(); });
}

RingHistory::State RingHistory::judge(const PlacedKey& key) const {
  if (!open() && yielded_.empty()) return State::good;
  const std::uint64_t hash = hash_of(key.key);
  const auto yield = yielded_.find(hash);
  const std::uint64_t spoilt_below = yield == yielded_.end() ? 0 : yield->second.epoch;
  if (!open()) return ring().epoch() < spoilt_below ? State::unsettled : State::good;
  std::size_t i = eras_.size();
  while (i > 0 && !owned_in(eras_[i - 1], key.by)) --i;
  for (; i > 0 && owned_in(eras_[i - 1], key.by); --i) {
    if (eras_[i - 1].ring.epoch() < spoilt_below) return State::unsettled;
    if (eras_[i - 1].settled.contains(hash)) return State::good;
  }
  // It was this node's by every ring down to the first one: then it has always been.
  const bool always = i == 0 && complete_ && owned_in(eras_.front(), key.by);
  return always ? State::good : State::unsettled;
}

bool RingHistory::settle(Bytes key, std::uint64_t epoch) {
  if (!open()) return epoch == ring().epoch();
  const auto era = std::ranges::find(eras_, epoch, [](const Era& e) { return e.ring.epoch(); });
  if (era == eras_.end() || full()) return false;
  settled_count_ += era->settled.insert(hash_of(key)).second ? 1 : 0;
  return true;
}

/// From the ring by which the key was last this node's on, until now; false: it never was.
bool RingHistory::had_one_owner_since(Bytes by) const {
  const std::string& now = ring().members()[ring().owner(by)].name;
  for (std::size_t i = eras_.size(); i-- > 0;) {
    if (owned_in(eras_[i], by)) return true;
    if (eras_[i].ring.members()[eras_[i].ring.owner(by)].name != now) return false;
  }
  return false;
}

bool RingHistory::yield(const PlacedKey& key, std::uint64_t epoch) {
  if (!has_ring() || epoch < ring().epoch()) return false;
  const bool own = owned_in(eras_.back(), key.by);
  if (epoch == ring().epoch())
    return !own && judge(key) == State::good && had_one_owner_since(key.by);
  const std::uint64_t hash = hash_of(key.key);
  const bool good = own && judge(key) == State::good;
  if (const auto found = yielded_.find(hash); found != yielded_.end()) {
    if (found->second.epoch < epoch) found->second = {.epoch = epoch, .good = good};
    return found->second.epoch == epoch && found->second.good;
  }
  if (full()) return false;
  yielded_.emplace(hash, Yield{.epoch = epoch, .good = good});
  return good;
}

std::uint64_t RingHistory::yielded(Bytes key) const {
  if (yielded_.empty()) return 0;
  const auto found = yielded_.find(hash_of(key));
  if (found == yielded_.end() || found->second.epoch <= ring().epoch()) return 0;
  return found->second.epoch;
}

const Member* RingHistory::owner_before(Bytes by) const {
  for (std::size_t i = eras_.size() - 1; i-- > 0;) {
    const Era& era = eras_[i];
    const std::uint32_t owner = era.ring.owner(by);
    if (!era.self || owner != *era.self) return &era.ring.members()[owner];
  }
  return nullptr;
}

const Ring* RingHistory::previous() const {
  if (!open()) return nullptr;
  const Ring& before = eras_[eras_.size() - 2].ring;
  return before.epoch() + 1 == ring().epoch() ? &before : nullptr;
}

std::optional<std::size_t> RingHistory::copy_rank(const Ring& ring, Bytes by) const {
  const std::optional<std::uint32_t> self = ring.find(self_);
  std::array<std::uint32_t, copy_ranks_max> holders{};
  const std::span all(holders.data(), ring.owners(by, holders));
  const auto found = self ? std::ranges::find(all, *self) : all.end();
  if (found == all.end()) return std::nullopt;
  return static_cast<std::size_t>(found - all.begin());
}

void RingHistory::close() {
  CHECK(has_ring());
  eras_.erase(eras_.begin(), eras_.end() - 1);
  eras_.back().settled.clear();
  std::erase_if(yielded_,
                [&](const auto& one) { return one.second.epoch <= eras_.back().ring.epoch(); });
  settled_count_ = 0;
  complete_ = true;
}

}  // namespace cacheismo::cluster
