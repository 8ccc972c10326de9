// hitrate-wire: flags -> trace -> replay_on_wire or describe -> JSON. usage says the rest.

#include <fmt/format.h>
#include <getopt.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "bench/hitrate/describe.h"
#include "bench/hitrate/trace.h"
#include "bench/hitrate/wire_replay.h"
#include "cacheismo/base/result.h"

namespace {

using cacheismo::Result;
using cacheismo::hitrate::Description;
using cacheismo::hitrate::Protocol;
using cacheismo::hitrate::Request;
using cacheismo::hitrate::Tallies;
using cacheismo::hitrate::Tally;
using cacheismo::hitrate::Trace;
using cacheismo::hitrate::WireOptions;
using cacheismo::hitrate::WireResult;
using cacheismo::hitrate::WireTally;

constexpr int exit_ok = 0;
constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

constexpr std::string_view usage =
    R"(hitrate-wire: replays a trace against a server, look-aside, and prints what missed as JSON.

  hitrate-wire --trace FILE --port N [options]

  hitrate-wire --trace FILE --describe

  --trace FILE       in any form that bench/hitrate/trace.h names, plain or xz
  --requests N       only the first N of it
  --copies N         replay N interleaved copies with keys of their own (1)
  --host ADDRESS     IPv4 (127.0.0.1)
  --port N
  --protocol NAME    classic (memcached) or redis (classic)
  --depth N          requests in flight (32)
  --seconds S        spread the trace over S seconds by its own clock, and shrink its expiries by
                     the same factor; 0: as fast as the server answers, and nothing expires (0)
  --warmup N         the first N requests of the trace, in each copy, are counted apart (0)
  --windows N        equal parts of the requests that are counted each (100)
  --describe         no server: what the trace is, and
  --bytes N,N,...    what an ideal LRU, PFOO-L and the store miss in so many bytes
  --progress         a line with a fraction on standard error now and then

Exit code: 0; 1 if the trace is damaged, the connection was lost, or a value was wrong; 2 for a
flag that is not understood.
)";

struct Flags {
  std::string trace;
  std::uint64_t requests_max = 0;
  bool describe = false;
  std::vector<std::uint64_t> capacities_bytes;
  bool progress = false;
  bool help = false;
  WireOptions wire;
};

template <class T>
bool read_number(std::string_view text, T least, T most, T& out) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  if (!(number >= least && number <= most)) return false;  // false for a NaN
  out = number;
  return true;
}

bool read_numbers(std::string_view text, std::vector<std::uint64_t>& out) {
  while (true) {
    const std::size_t comma = text.find(',');
    std::uint64_t number = 0;
    if (!read_number<std::uint64_t>(text.substr(0, comma), 0, UINT64_MAX, number)) return false;
    out.push_back(number);
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
}

bool read_flag(int flag, std::string_view text, Flags& flags) {
  WireOptions& wire = flags.wire;
  switch (flag) {
    case 't': flags.trace = text; return !text.empty();
    case 'n': return read_number<std::uint64_t>(text, 1, UINT64_MAX, flags.requests_max);
    case 'c': return read_number<std::uint32_t>(text, 1, 1000, wire.copies);
    case 'h': wire.host = text; return true;
    case 'p': return read_number<std::uint16_t>(text, 1, 65535, wire.port);
    case 'P':
      wire.protocol = text == "redis" ? Protocol::redis : Protocol::classic;
      return text == "redis" || text == "classic";
    case 'd': return read_number<std::size_t>(text, 1, 10'000, wire.depth);
    case 's': return read_number(text, 0.0, 1e6, wire.seconds);
    case 'w': return read_number<std::uint64_t>(text, 0, UINT64_MAX / 1000, wire.warmup_requests);
    case 'W': return read_number<std::size_t>(text, 1, 10'000, wire.windows);
    case 'D': flags.describe = true; return true;
    case 'b': return read_numbers(text, flags.capacities_bytes);
    case 'g': flags.progress = true; return true;
    case 'H': flags.help = true; return true;
    default: return false;
  }
}

Result<Flags, std::string> parse(int argc, char** argv) {
  static constexpr option known[] = {
      {"trace", required_argument, nullptr, 't'},
      {"requests", required_argument, nullptr, 'n'},
      {"copies", required_argument, nullptr, 'c'},
      {"host", required_argument, nullptr, 'h'},
      {"port", required_argument, nullptr, 'p'},
      {"protocol", required_argument, nullptr, 'P'},
      {"depth", required_argument, nullptr, 'd'},
      {"seconds", required_argument, nullptr, 's'},
      {"warmup", required_argument, nullptr, 'w'},
      {"windows", required_argument, nullptr, 'W'},
      {"describe", no_argument, nullptr, 'D'},
      {"bytes", required_argument, nullptr, 'b'},
      {"progress", no_argument, nullptr, 'g'},
      {"help", no_argument, nullptr, 'H'},
      {nullptr, 0, nullptr, 0},
  };
  Flags flags;
  flags.wire.port = 0;
  opterr = 0;
  while (true) {
    const int at = optind;
    const int flag = getopt_long(argc, argv, "", known, nullptr);
    if (flag == -1) break;
    const std::string_view text = optarg == nullptr ? "" : optarg;
    if (!read_flag(flag, text, flags)) {
      return cacheismo::failure(fmt::format("{} is not understood", argv[at]));
    }
  }
  if (flags.help) return flags;
  if (optind < argc) return cacheismo::failure(fmt::format("{} is not understood", argv[optind]));
  if (flags.trace.empty()) return cacheismo::failure("--trace is missing");
  if (flags.wire.port == 0 && !flags.describe) return cacheismo::failure("--port is missing");
  return flags;
}

nlohmann::json as_json(const WireTally& tally) {
  return {{"gets", tally.gets},           {"misses", tally.misses},
          {"get_bytes", tally.get_bytes}, {"miss_bytes", tally.miss_bytes},
          {"stores", tally.stores},       {"refused", tally.refused}};
}

nlohmann::json as_json(const WireResult& result) {
  nlohmann::json windows = nlohmann::json::array();
  for (const WireTally& tally : result.windows) windows.push_back(as_json(tally));
  return {{"warmup", as_json(result.warmup)},
          {"measured", as_json(result.measured)},
          {"windows", std::move(windows)},
          {"seconds", result.seconds},
          {"lag_seconds_max", result.lag_seconds_max},
          {"first_refusal", result.first_refusal}};
}

nlohmann::json as_json(const Tally& tally) {
  return {{"gets", tally.gets},
          {"misses", tally.gets - tally.hits},
          {"get_bytes", tally.get_bytes},
          {"miss_bytes", tally.get_bytes - tally.hit_bytes}};
}

nlohmann::json as_json(const Tallies& tallies) {
  return {{"warmup", as_json(tallies.warmup)}, {"measured", as_json(tallies.measured)}};
}

nlohmann::json as_json(const Description& about) {
  nlohmann::json sizes = nlohmann::json::array();
  for (const Description::Size& size : about.sizes) {
    sizes.push_back({{"capacity_bytes", size.capacity_bytes},
                     {"warmup_requests", size.warmup_requests},
                     {"ideal_lru", as_json(size.ideal_lru)},
                     {"pfoo_l", as_json(size.pfoo_l)},
                     {"store", size.store ? as_json(*size.store) : nlohmann::json()}});
  }
  return {{"requests", about.requests},
          {"keys", about.keys},
          {"footprint_bytes", about.footprint_bytes},
          {"item_bytes_max", about.item_bytes_max},
          {"last_time_seconds", about.last_time_seconds},
          {"has_ttl", about.has_ttl},
          {"sizes", std::move(sizes)}};
}

/// Every copy's key has to be told from the others in the bytes that the trace gives it.
bool keys_fit(const Trace& trace, std::uint32_t copies) {
  for (const Request& request : trace.requests) {
    const std::uint64_t last = std::uint64_t{request.key_id} * copies + copies - 1;
    if (!cacheismo::hitrate::key_fits(last, request.key_bytes)) return false;
  }
  return true;
}

Result<nlohmann::json, std::string> run(const Flags& flags) {
  const auto trace = cacheismo::hitrate::load_trace(flags.trace, {}, flags.requests_max);
  if (!trace) return cacheismo::failure(trace.error());
  if (trace->requests.empty()) return cacheismo::failure(flags.trace + " has no requests");
  if (flags.describe) {
    return as_json(cacheismo::hitrate::describe(*trace, flags.capacities_bytes));
  }
  if (!keys_fit(*trace, flags.wire.copies)) {
    return cacheismo::failure("the trace's keys are too short for so many copies");
  }
  std::function<void(double)> report;
  if (flags.progress) report = [](double part) { fmt::print(stderr, "{:.4f}\n", part); };
  const auto result = cacheismo::hitrate::replay_on_wire(*trace, flags.wire, report);
  if (!result) return cacheismo::failure(result.error());
  return as_json(*result);
}

}  // namespace

int main(int argc, char** argv) {
  const auto flags = parse(argc, argv);
  if (!flags) {
    fmt::print(stderr, "hitrate-wire: {}; see --help\n", flags.error());
    return exit_usage;
  }
  if (flags->help) {
    fmt::print("{}", usage);
    return exit_ok;
  }
  const auto result = run(*flags);
  if (!result) {
    fmt::print(stderr, "hitrate-wire: {}\n", result.error());
    return exit_failed;
  }
  fmt::print("{}\n", result->dump());
  return exit_ok;
}
