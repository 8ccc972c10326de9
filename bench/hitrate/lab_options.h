// LabOptions: what a person asks of hitrate, as checked plain data. lab_usage() is the reference.

#ifndef CACHEISMO_BENCH_HITRATE_LAB_OPTIONS_H_
#define CACHEISMO_BENCH_HITRATE_LAB_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/hitrate/made_trace.h"
#include "bench/hitrate/trace.h"
#include "cacheismo/base/result.h"
#include "cacheismo/base/units.h"

namespace cacheismo::hitrate {

enum class LabMode : std::uint8_t { bounds, store, sim, describe, make };

/// A share of the trace's footprint, or bytes.
struct CacheSize {
  std::string text;  ///< as it was asked for
  double percent = 0;
  std::uint64_t bytes = 0;  ///< used when percent is 0
  bool operator==(const CacheSize&) const = default;
};

struct LabOptions {
  LabMode mode = LabMode::bounds;
  std::vector<std::string> paths;  ///< traces to read; with make the one to write
  std::vector<CacheSize> sizes;    ///< never empty
  std::uint64_t item_bytes_max = 1 * MiB;
  TraceOptions trace;
  std::uint64_t requests_max = 0;  ///< 0: all
  std::optional<std::uint64_t> warmup_requests;
  std::string csv_path;  ///< "-": standard output, instead of the table
  bool quiet = false;
  bool help = false;
  std::uint64_t seed = 1;
  MadeTraceOptions made;
};

/// The text of --help.
[[nodiscard]] std::string lab_usage();

/// On failure one line that says which option is wrong and why.
[[nodiscard]] Result<LabOptions, std::string> parse_lab_options(int argc, char** argv);

/// "64m", "1048576", "5%". nullopt: none of these, or 0.
[[nodiscard]] std::optional<CacheSize> parse_cache_size(std::string_view text);

}  // namespace cacheismo::hitrate

#endif  // CACHEISMO_BENCH_HITRATE_LAB_OPTIONS_H_
