// StoreCache: the store alone, in this process, as a node would use it for a look-aside client.
//
//   request --> [upkeep that is due] --> Store verbs       trace second t = store second t + 2
//
//  1. It makes the calls that a node makes, in the same order: upkeep every 100 ms of trace time, a
//     value that comes in several receives as a draft, a long value that is read pinned for the
//     moment, a removal when a set was refused. So one node and one client in the simulator have
//     the same hits (sim_cache.h, and a test that says so).
//  2. A ttl of n set at second t hits until second t + n, exclusively.
//
// What it is not: it writes no values; their bytes are zeros.

#ifndef CACHEISMO_BENCH_HITRATE_STORE_CACHE_H_
#define CACHEISMO_BENCH_HITRATE_STORE_CACHE_H_

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "bench/hitrate/replay.h"
#include "bench/hitrate/request.h"
#include "cacheismo/base/units.h"
#include "cacheismo/store/store.h"

namespace cacheismo::hitrate {

class StoreCache final : public Cache {
 public:
  /// As Store requires: limit_bytes within the limits, item_bytes_max at most half of it.
  explicit StoreCache(const store::StoreOptions& options);

  [[nodiscard]] bool get(const Request& request) override;
  void set(const Request& request) override;
  void remove(const Request& request) override;

  /// Sets that the store did not take, for size or memory.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] store::Store& store() { return store_; }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };

  [[nodiscard]] store::Key begin(const Request& request);
  [[nodiscard]] store::Outcome put(const store::Key& key, const Request& request);
  [[nodiscard]] store::Outcome draft(const store::Key& key, const Request& request,
                                     const store::PutRule& rule);

  std::unique_ptr<char, Free> region_;
  store::Store store_;
  store::Seconds now_{first_second};
  Duration upkeep_due_;  ///< since the trace's second 0
  std::uint64_t refused_ = 0;
  std::string key_;
  std::string value_;

  static constexpr std::uint32_t first_second = 2;
};

}  // namespace cacheismo::hitrate

#endif  // CACHEISMO_BENCH_HITRATE_STORE_CACHE_H_
