// Workload: what one simulated client asks for: seeded requests, and their bytes.
//
// Swarm: each workload has a random subset of the commands, its own sizes and its own mix, so that
// two commands that hide each other's faults are sometimes apart.

#ifndef CACHEISMO_SIM_WORKLOAD_H_
#define CACHEISMO_SIM_WORKLOAD_H_

#include <array>
#include <cstdint>
#include <string>

#include "cacheismo/base/prng.h"
#include "sim/key_model.h"
#include "sim/object_model.h"
#include "sim/request.h"

namespace cacheismo::sim {

struct WorkloadOptions {
  std::uint64_t value_bytes_max = 16 * 1024;
  bool expiries = true;
  bool flushes = true;
  bool objects = false;         ///< the node has scripts
  bool reads_only_big = false;  ///< big values, read over and over: for clients that do not read
};

class Workload {
 public:
  Workload(Prng chance, const WorkloadOptions& options, const KeyModel& keys, ObjectModel& objects,
           Oracle& oracle);

  [[nodiscard]] Request next(std::int64_t now_ns);
  /// mn: always has a reply, and never an error.
  [[nodiscard]] Request noop(std::int64_t now_ns);

  /// Appends the request as it goes over the wire.
  void encode(const Request& request, std::string& out) const;

 private:
  [[nodiscard]] Op draw_op();
  [[nodiscard]] std::uint32_t draw_key(Op op, std::int64_t now_ns);
  [[nodiscard]] std::string draw_value();
  [[nodiscard]] std::int64_t draw_exptime();
  void draw_calls(Request& request);
  void encode_call(const Request& request, std::string& out) const;
  void encode_store(const Request& request, std::string& out) const;
  void encode_meta(const Request& request, std::string& out) const;

  Prng chance_;
  WorkloadOptions options_;
  const KeyModel& keys_;
  ObjectModel& objects_;
  Oracle& oracle_;
  std::array<bool, ops_count> enabled_ = {};
  std::uint32_t opaque_ = 0;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_WORKLOAD_H_
