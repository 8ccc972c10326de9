#include "cacheismo/cluster/ring_history.h"

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
}

RingHistory::State RingHistory::judge(const PlacedKey& key) const {
  if (!open()) return State::good;
  const std::uint64_t hash = hash_of(key.key);
  std::size_t i = eras_.size();
  while (i > 0 && !owned_in(eras_[i - 1], key.by)) --i;
  for (; i > 0 && owned_in(eras_[i - 1], key.by); --i) {
    if (eras_[i - 1].settled.contains(hash)) return State::good;
  }
  // It was this node's by every ring down to the first one: then it has always been.
  const bool always = i == 0 && complete_ && owned_in(eras_.front(), key.by);
  return always ? State::good : State::unsettled;
}

bool RingHistory::settle(Bytes key) {
  if (!open()) return true;
  if (full()) return false;
  settled_count_ += eras_.back().settled.insert(hash_of(key)).second ? 1 : 0;
  return true;
}

const Member* RingHistory::owner_before(Bytes by) const {
  for (std::size_t i = eras_.size() - 1; i-- > 0;) {
    const Era& era = eras_[i];
    const std::uint32_t owner = era.ring.owner(by);
    if (!era.self || owner != *era.self) return &era.ring.members()[owner];
  }
  return nullptr;
}

void RingHistory::close() {
  CHECK(has_ring());
  eras_.erase(eras_.begin(), eras_.end() - 1);
  eras_.back().settled.clear();
  settled_count_ = 0;
  complete_ = true;
}

}  // namespace cacheismo::cluster
