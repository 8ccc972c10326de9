// MadeTrace: traces that are computed, so that tests and first tries need no file.
//
//   key       Zipf over `keys` ranks; ids in order of first use, as in every trace
//   size      log-uniform in [value_bytes_min, value_bytes_max], one for each key; with
//             resize_percent, a set may bring another
//   ttl       `ttl_percent` of the keys expire 1 to ttl_seconds_max after they were set
//   time      `seconds` in equal steps
//
// The same options give the same trace.

#ifndef CACHEISMO_BENCH_HITRATE_MADE_TRACE_H_
#define CACHEISMO_BENCH_HITRATE_MADE_TRACE_H_

#include <cstdint>
#include <cstdio>

#include "bench/hitrate/trace.h"

namespace cacheismo::hitrate {

struct MadeTraceOptions {
  std::uint64_t requests = 100'000;
  std::uint32_t keys = 20'000;
  double zipf_exponent = 0.9;
  std::uint16_t key_bytes = 24;
  std::uint32_t value_bytes_min = 20;
  std::uint32_t value_bytes_max = 2'000;
  std::uint32_t ttl_percent = 0;
  std::uint32_t ttl_seconds_max = 60;
  std::uint32_t set_percent = 0;
  std::uint32_t delete_percent = 0;
  std::uint32_t resize_percent = 0;  ///< of the sets
  std::uint32_t seconds = 1'000;
  std::uint64_t seed = 1;
};

[[nodiscard]] Trace make_trace(const MadeTraceOptions& options);

/// In the common form, with its header. False: the system's error, in errno.
[[nodiscard]] bool write_trace(const Trace& trace, std::FILE* out);

}  // namespace cacheismo::hitrate

#endif  // CACHEISMO_BENCH_HITRATE_MADE_TRACE_H_
