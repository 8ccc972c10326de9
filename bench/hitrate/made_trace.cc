#include "bench/hitrate/made_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "cacheismo/base/prng.h"

namespace cacheismo::hitrate {
namespace {

constexpr std::uint32_t unused = std::numeric_limits<std::uint32_t>::max();

/// What does not change about a key.
struct MadeKey {
  std::uint32_t id = unused;
  std::uint32_t value_bytes = 0;
  std::uint32_t ttl_seconds = 0;
};

std::uint32_t draw_size(const MadeTraceOptions& options, Prng& chance) {
  const double least = std::max<double>(options.value_bytes_min, 1);
  const double ratio = std::max(1.0, static_cast<double>(options.value_bytes_max) / least);
  return static_cast<std::uint32_t>(least * std::pow(ratio, chance.unit()));
}

}  // namespace

Trace make_trace(const MadeTraceOptions& options) {
  const Prng root(options.seed);
  Prng ranks = root.derive(1), shapes = root.derive(2), ops = root.derive(3);
  std::vector<double> up_to(options.keys);  // the sum of the weights of ranks up to this one
  double sum = 0;
  for (std::uint32_t rank = 0; rank < options.keys; ++rank) {
    up_to[rank] = sum += std::pow(rank + 1.0, -options.zipf_exponent);
  }
  std::vector<MadeKey> keys(options.keys);
  Trace trace;
  trace.requests.reserve(options.requests);
  for (std::uint64_t i = 0; i < options.requests; ++i) {
    const auto found = std::upper_bound(up_to.begin(), up_to.end() - 1, ranks.unit() * sum);
    MadeKey& key = keys[static_cast<std::size_t>(found - up_to.begin())];
    if (key.id == unused) {
      key.id = trace.keys++;
      key.value_bytes = draw_size(options, shapes);
      if (shapes.chance(options.ttl_percent, 100)) {
        key.ttl_seconds = static_cast<std::uint32_t>(shapes.between(1, options.ttl_seconds_max));
      }
    }
    const std::uint64_t draw = ops.below(100);
    Op op = draw < options.set_percent ? Op::set : Op::get;
    if (draw >= 100 - options.delete_percent) op = Op::remove;
    if (op == Op::set && ops.chance(options.resize_percent, 100)) {
      key.value_bytes = draw_size(options, shapes);
    }
    trace.requests.push_back(
        {.time_seconds = static_cast<std::uint32_t>(i * options.seconds / options.requests),
         .key_id = key.id,
         .value_bytes = key.value_bytes,
         .ttl_seconds = key.ttl_seconds,
         .key_bytes = options.key_bytes,
         .op = op});
  }
  return trace;
}

bool write_trace(const Trace& trace, std::FILE* out) {
  constexpr const char* names[] = {"get", "set", "delete"};
  std::string text = "time,op,key_id,key_size,value_size,ttl\n";
  for (const Request& request : trace.requests) {
    text += fmt::format("{},{},{},{},{},{}\n", request.time_seconds,
                        names[static_cast<std::size_t>(request.op)], request.key_id,
                        request.key_bytes, request.value_bytes, request.ttl_seconds);
  }
  return std::fwrite(text.data(), 1, text.size(), out) == text.size() && std::fflush(out) == 0;
}

}  // namespace cacheismo::hitrate
