// Report: a Tally as text for people and as JSON for programs.

#ifndef CACHEISMO_BENCH_LOAD_REPORT_H_
#define CACHEISMO_BENCH_LOAD_REPORT_H_

#include <string>

#include "bench/load/options.h"
#include "bench/load/tally.h"

namespace cacheismo::load {

/// Lines, the last one ended by a newline.
[[nodiscard]] std::string report_text(const Options& options, const Tally& tally);

/// One JSON object. Latencies are in microseconds; `server_cpu_ns_per_request` is null unless a
/// server's process was watched.
[[nodiscard]] std::string report_json(const Options& options, const Tally& tally);

}  // namespace cacheismo::load

#endif  // CACHEISMO_BENCH_LOAD_REPORT_H_
