// IdealLru: the least recently used policy in a cache that wastes nothing: every byte of its
// capacity holds keys and values, and what has expired is gone at once.
//
//   most recent <-> ... <-> least recent      links by key_id; 28 bytes per key of the trace
//
//  1. The bytes of the items held never exceed the capacity.
//  2. An item larger than the capacity is not stored; a set of it still removes the old one.
//  3. No item is held whose expiry (time of its set + ttl) has come.

#ifndef CACHEISMO_BENCH_HITRATE_IDEAL_LRU_H_
#define CACHEISMO_BENCH_HITRATE_IDEAL_LRU_H_

#include <cstdint>
#include <functional>
#include <queue>
#include <span>
#include <vector>

#include "bench/hitrate/replay.h"
#include "bench/hitrate/request.h"

namespace cacheismo::hitrate {

class IdealLru final : public Cache {
 public:
  /// Requests' key_ids are below `keys`.
  IdealLru(std::uint32_t keys, std::uint64_t capacity_bytes);

  [[nodiscard]] bool get(const Request& request) override;
  void set(const Request& request) override;
  void remove(const Request& request) override;

  [[nodiscard]] std::uint64_t used_bytes() const { return used_bytes_; }
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }

 private:
  struct Item {
    std::uint64_t bytes = 0;
    std::uint32_t newer = 0;
    std::uint32_t older = 0;
    std::uint32_t expiry = 0;  ///< 0: never
    bool held = false;
  };
  struct Due {
    std::uint32_t expiry;
    std::uint32_t key_id;
    bool operator>(const Due& other) const { return expiry > other.expiry; }
  };

  void expire(std::uint32_t now);
  void link(std::uint32_t key_id);
  void unlink(std::uint32_t key_id);
  void drop(std::uint32_t key_id);

  std::vector<Item> items_;  ///< by key_id; the last one is the list's anchor
  std::uint32_t anchor_;
  std::uint64_t capacity_bytes_;
  std::uint64_t used_bytes_ = 0;
  std::uint64_t evictions_ = 0;
  /// May name items that have been replaced since; their expiry tells.
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
};

/// See replay.h: how many requests come before the ideal LRU's first eviction, at most half.
[[nodiscard]] std::size_t warmup_requests(std::span<const Request> requests, std::uint32_t keys,
                                          std::uint64_t capacity_bytes);

}  // namespace cacheismo::hitrate

#endif  // CACHEISMO_BENCH_HITRATE_IDEAL_LRU_H_
