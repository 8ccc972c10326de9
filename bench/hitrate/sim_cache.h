// SimCache: one real node and one client in a simulated world without faults, through the real
// protocol; the trace's time drives the world's clock.
//
//   request --> [world runs until the trace's second] --> bytes -> node -> bytes --> hit or miss
//
// One request is under way at a time, so its hits are those of StoreCache with the same hash seed.

#ifndef CACHEISMO_BENCH_HITRATE_SIM_CACHE_H_
#define CACHEISMO_BENCH_HITRATE_SIM_CACHE_H_

#include <cstdint>
#include <string>

#include "bench/hitrate/replay.h"
#include "bench/hitrate/request.h"
#include "bench/hitrate/wire.h"
#include "sim/wire.h"

namespace cacheismo::hitrate {

class SimCache final : public Cache {
 public:
  SimCache(std::uint64_t memory_bytes, std::uint64_t item_bytes_max, std::uint64_t seed);

  [[nodiscard]] bool get(const Request& request) override;
  void set(const Request& request) override;
  void remove(const Request& request) override;

  /// What the node's store hashes keys with in a world of this seed.
  [[nodiscard]] static std::uint64_t hash_seed(std::uint64_t seed);

  /// Sets that the node answered with an error.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] std::uint64_t events() { return wire_.world().events(); }

 private:
  void begin(const Request& request);
  /// Sends what is in `out_` and reads the one reply. CHECKs that it is one.
  [[nodiscard]] Reply::Kind ask(Op op);

  sim::Wire wire_;
  sim::RawConnection& connection_;
  Duration now_{0};  ///< of the trace
  std::uint64_t started_unix_seconds_;
  std::uint64_t refused_ = 0;
  std::string key_;
  std::string value_;
  std::string out_;
  std::string arrived_;
};

}  // namespace cacheismo::hitrate

#endif  // CACHEISMO_BENCH_HITRATE_SIM_CACHE_H_
