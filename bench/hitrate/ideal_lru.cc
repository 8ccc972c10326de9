#include "bench/hitrate/ideal_lru.h"

namespace cacheismo::hitrate {

IdealLru::IdealLru(std::uint32_t keys, std::uint64_t capacity_bytes)
    : items_(std::size_t{keys} + 1), anchor_(keys), capacity_bytes_(capacity_bytes) {
  items_[anchor_].newer = items_[anchor_].older = anchor_;
}

bool IdealLru::get(const Request& request) {
  expire(request.time_seconds);
  if (!items_[request.key_id].held) return false;
  unlink(request.key_id);
  link(request.key_id);
  return true;
}

void IdealLru::set(const Request& request) {
  remove(request);
  if (request.bytes() > capacity_bytes_) return;
  while (used_bytes_ + request.bytes() > capacity_bytes_) {
    drop(items_[anchor_].newer);
    ++evictions_;
  }
  Item& item = items_[request.key_id];
  item.bytes = request.bytes();
  item.expiry = request.ttl_seconds == 0 ? 0 : request.time_seconds + request.ttl_seconds;
  item.held = true;
  used_bytes_ += item.bytes;
  link(request.key_id);
  if (item.expiry != 0) due_.push({item.expiry, request.key_id});
}

void IdealLru::remove(const Request& request) {
  expire(request.time_seconds);
  if (items_[request.key_id].held) drop(request.key_id);
}

void IdealLru::expire(std::uint32_t now) {
  while (!due_.empty() && due_.top().expiry <= now) {
    const Due due = due_.top();
    due_.pop();
    const Item& item = items_[due.key_id];
    if (item.held && item.expiry == due.expiry) drop(due.key_id);
  }
}

/// In front of the list: the anchor's `older` is the most recent item, its `newer` the least.
void IdealLru::link(std::uint32_t key_id) {
  Item& anchor = items_[anchor_];
  items_[key_id].newer = anchor_;
  items_[key_id].older = anchor.older;
  items_[anchor.older].newer = key_id;
  anchor.older = key_id;
}

void IdealLru::unlink(std::uint32_t key_id) {
  const Item& item = items_[key_id];
  items_[item.newer].older = item.older;
  items_[item.older].newer = item.newer;
}

void IdealLru::drop(std::uint32_t key_id) {
  unlink(key_id);
  items_[key_id].held = false;
  used_bytes_ -= items_[key_id].bytes;
}

std::size_t warmup_requests(std::span<const Request> requests, std::uint32_t keys,
                            std::uint64_t capacity_bytes) {
  IdealLru lru(keys, capacity_bytes);
  for (std::size_t i = 0; i < requests.size() / 2; ++i) {
    static_cast<void>(replay(requests.subspan(i, 1), 0, lru));
    if (lru.evictions() > 0) return i;
  }
  return requests.size() / 2;
}

}  // namespace cacheismo::hitrate
