#include "bench/hitrate/lab.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "bench/hitrate/ideal_lru.h"
#include "bench/hitrate/pfoo.h"
#include "bench/hitrate/sim_cache.h"
#include "bench/hitrate/store_cache.h"
#include "cacheismo/base/limits.h"

namespace cacheismo::hitrate {
namespace {

/// The sizes in bytes, legal and each once.
std::vector<LabRow> sizes_of(const LabOptions& options, std::uint64_t footprint) {
  std::vector<LabRow> sizes;
  for (const CacheSize& asked : options.sizes) {
    const auto bytes =
        asked.percent > 0
            ? static_cast<std::uint64_t>(static_cast<double>(footprint) * asked.percent / 100)
            : asked.bytes;
    LabRow size{.size = asked.text, .bytes = bytes};
    size.raised = bytes < limits::arena_bytes_min;
    size.bytes = std::clamp(bytes, limits::arena_bytes_min, limits::arena_bytes_max);
    const auto same = std::find_if(sizes.begin(), sizes.end(),
                                   [&](const LabRow& one) { return one.bytes == size.bytes; });
    if (same == sizes.end()) {
      sizes.push_back(size);
    } else {
      same->size += '+' + size.size;
    }
  }
  return sizes;
}

double percent(double share) { return 100 * share; }

}  // namespace

std::uint64_t footprint_bytes(const Trace& trace) {
  std::vector<std::uint64_t> largest(trace.keys);
  for (const Request& request : trace.requests) {
    largest[request.key_id] = std::max(largest[request.key_id], request.bytes());
  }
  std::uint64_t sum = 0;
  for (const std::uint64_t bytes : largest) sum += bytes;
  return sum;
}

std::string trace_name(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);  // npos + 1 is 0
  return std::string(path.substr(0, path.find('.', 1)));
}

std::vector<LabRow> run_lab(const LabOptions& options, std::string_view name, const Trace& trace,
                            const std::function<void(const std::string&, double)>& progress) {
  const std::span<const Request> requests(trace.requests);
  const PfooL pfoo(requests, trace.keys);
  std::vector<LabRow> rows;
  for (LabRow row : sizes_of(options, footprint_bytes(trace))) {
    row.trace = name;
    row.warmup_requests = std::min<std::uint64_t>(
        requests.size(), options.warmup_requests
                             ? *options.warmup_requests
                             : warmup_requests(requests, trace.keys, row.bytes));
    double ideal = 0;
    const auto add = [&](const char* cache, const Tallies& tallies, std::uint64_t refused) {
      row.cache = cache;
      row.tallies = tallies;
      row.refused = refused;
      if (rows.empty() || rows.back().bytes != row.bytes)
        ideal = tallies.measured.object_miss_ratio();
      row.gap_points = percent(tallies.measured.object_miss_ratio() - ideal);
      rows.push_back(row);
    };
    const auto through = [&](const char* cache, Cache& replayed) {
      const std::string what = fmt::format("{} {} {}", row.trace, row.size, cache);
      return replay(requests, row.warmup_requests, replayed,
                    [&](double done) { progress(what, done); });
    };
    IdealLru lru(trace.keys, row.bytes);
    add("ideal-lru", through("ideal-lru", lru), 0);
    add("pfoo-l", pfoo.bound(row.bytes, row.warmup_requests), 0);
    const std::uint64_t item_bytes_max = std::min(options.item_bytes_max, row.bytes / 2);
    if (options.mode == LabMode::store || options.mode == LabMode::sim) {
      StoreCache store({.limit_bytes = row.bytes,
                        .item_bytes_max = item_bytes_max,
                        .hash_seed = SimCache::hash_seed(options.seed)});
      const Tallies tallies = through("store", store);
      add("store", tallies, store.refused());
    }
    if (options.mode == LabMode::sim) {
      SimCache sim(row.bytes, item_bytes_max, options.seed);
      const Tallies tallies = through("sim", sim);
      add("sim", tallies, sim.refused());
    }
  }
  return rows;
}

std::string lab_table(std::span<const LabRow> rows) {
  std::string text;
  const LabRow* before = nullptr;
  bool any_raised = false;
  for (const LabRow& row : rows) {
    if (before == nullptr || before->trace != row.trace) {
      text += fmt::format("{}{:<24} {:>12}  {:<10} {:>10} {:>9} {:>9} {:>7} {:>11} {:>9}\n",
                          before == nullptr ? "" : "\n", row.trace, "bytes", "cache", "gets",
                          "miss %", "byte m. %", "gap", "warm-up gets", "refused");
    }
    const bool new_size =
        before == nullptr || before->trace != row.trace || before->bytes != row.bytes;
    before = &row;
    any_raised |= row.raised;
    const Tally& measured = row.tallies.measured;
    text += fmt::format("  {:<22} {:>12}  {:<10} {:>10} {:>9.2f} {:>9.2f} {:>+7.2f} {:>12} {:>9}\n",
                        new_size ? row.size + (row.raised ? " *" : "") : "",
                        new_size ? fmt::to_string(row.bytes) : "", row.cache, measured.gets,
                        percent(measured.object_miss_ratio()), percent(measured.byte_miss_ratio()),
                        row.gap_points, row.tallies.warmup.gets, row.refused);
  }
  if (any_raised) {
    text += fmt::format("\n* raised to the smallest arena, {} bytes\n", limits::arena_bytes_min);
  }
  return text;
}

std::string lab_csv(std::span<const LabRow> rows) {
  std::string text =
      "trace,size,raised,bytes,cache,warmup_requests,gets,misses,object_miss_ratio,"
      "byte_miss_ratio,gap_points,warmup_gets,warmup_misses,warmup_object_miss_ratio,"
      "warmup_byte_miss_ratio,refused\n";
  for (const LabRow& row : rows) {
    const Tally& measured = row.tallies.measured;
    const Tally& warmup = row.tallies.warmup;
    text += fmt::format("{},{},{},{},{},{},{},{},{:.6f},{:.6f},{:.4f},{},{},{:.6f},{:.6f},{}\n",
                        row.trace, row.size, row.raised ? 1 : 0, row.bytes, row.cache,
                        row.warmup_requests, measured.gets, measured.gets - measured.hits,
                        measured.object_miss_ratio(), measured.byte_miss_ratio(), row.gap_points,
                        warmup.gets, warmup.gets - warmup.hits, warmup.object_miss_ratio(),
                        warmup.byte_miss_ratio(), row.refused);
  }
  return text;
}

}  // namespace cacheismo::hitrate
