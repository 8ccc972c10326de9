// Lab: one trace at several sizes through several caches, as rows to print.

#ifndef CACHEISMO_BENCH_HITRATE_LAB_H_
#define CACHEISMO_BENCH_HITRATE_LAB_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "bench/hitrate/lab_options.h"
#include "bench/hitrate/replay.h"
#include "bench/hitrate/trace.h"

namespace cacheismo::hitrate {

struct LabRow {
  std::string trace;    ///< the file's name without its endings
  std::string size;     ///< as asked for; several joined by + that came to the same bytes
  bool raised = false;  ///< to the smallest arena
  std::uint64_t bytes = 0;
  std::string cache;  ///< ideal-lru, pfoo-l, store, sim
  std::uint64_t warmup_requests = 0;
  Tallies tallies;
  std::uint64_t refused = 0;
  double gap_points = 0;  ///< measured object miss ratio above the ideal LRU's, percentage points
};

/// Sum over the keys of the largest key and value that a request has for it.
[[nodiscard]] std::uint64_t footprint_bytes(const Trace& trace);

/// "adaptsize_cdn" of "some/adaptsize_cdn.csv.xz".
[[nodiscard]] std::string trace_name(std::string_view path);

/// `progress` gets a name of what runs and 0 to 1.
[[nodiscard]] std::vector<LabRow> run_lab(
    const LabOptions& options, std::string_view name, const Trace& trace,
    const std::function<void(const std::string&, double)>& progress);

[[nodiscard]] std::string lab_table(std::span<const LabRow> rows);
[[nodiscard]] std::string lab_csv(std::span<const LabRow> rows);

}  // namespace cacheismo::hitrate

#endif  // CACHEISMO_BENCH_HITRATE_LAB_H_
