#include "bench/load/options.h"

#include <fmt/format.h>
#include <getopt.h>

#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

namespace cacheismo::load {
namespace {

enum Flag : int {
  flag_host = 256,
  flag_port,
  flag_unix,
  flag_protocol,
  flag_connections,
  flag_pipeline,
  flag_keys,
  flag_key_bytes,
  flag_value_bytes,
  flag_distribution,
  flag_get_percent,
  flag_keys_per_get,
  flag_call,
  flag_answer,
  flag_fields,
  flag_rate,
  flag_arrivals,
  flag_no_preload,
  flag_warmup,
  flag_duration,
  flag_requests,
  flag_deadline,
  flag_seed,
  flag_server_pid,
  flag_json,
  flag_quiet,
  flag_help,
};

constexpr option flags[] = {
    {"host", required_argument, nullptr, flag_host},
    {"port", required_argument, nullptr, flag_port},
    {"unix", required_argument, nullptr, flag_unix},
    {"protocol", required_argument, nullptr, flag_protocol},
    {"connections", required_argument, nullptr, flag_connections},
    {"pipeline", required_argument, nullptr, flag_pipeline},
    {"keys", required_argument, nullptr, flag_keys},
    {"key-bytes", required_argument, nullptr, flag_key_bytes},
    {"value-bytes", required_argument, nullptr, flag_value_bytes},
    {"distribution", required_argument, nullptr, flag_distribution},
    {"get-percent", required_argument, nullptr, flag_get_percent},
    {"keys-per-get", required_argument, nullptr, flag_keys_per_get},
    {"call", required_argument, nullptr, flag_call},
    {"answer", required_argument, nullptr, flag_answer},
    {"fields", required_argument, nullptr, flag_fields},
    {"rate", required_argument, nullptr, flag_rate},
    {"arrivals", required_argument, nullptr, flag_arrivals},
    {"no-preload", no_argument, nullptr, flag_no_preload},
    {"warmup", required_argument, nullptr, flag_warmup},
    {"duration", required_argument, nullptr, flag_duration},
    {"requests", required_argument, nullptr, flag_requests},
    {"deadline", required_argument, nullptr, flag_deadline},
    {"seed", required_argument, nullptr, flag_seed},
    {"server-pid", required_argument, nullptr, flag_server_pid},
    {"json", required_argument, nullptr, flag_json},
    {"quiet", no_argument, nullptr, flag_quiet},
    {"help", no_argument, nullptr, flag_help},
    {nullptr, 0, nullptr, 0},
};

template <class T>
bool read_number(std::string_view text, T least, T most, T& out) {
  T number{};
  const std::from_chars_result end =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (end.ec != std::errc{} || end.ptr != text.data() + text.size()) return false;
  if (!(number >= least && number <= most)) return false;  // false for a NaN
  out = number;
  return true;
}

/// "100" or "100-2000".
bool read_sizes(std::string_view text, DatasetOptions& out) {
  constexpr std::size_t most = 1 * GiB;
  const std::size_t dash = text.find('-');
  const std::string_view high = dash == std::string_view::npos ? text : text.substr(dash + 1);
  return read_number<std::size_t>(text.substr(0, dash), 0, most, out.value_bytes_min) &&
         read_number<std::size_t>(high, out.value_bytes_min, most, out.value_bytes_max);
}

bool read_seconds(std::string_view text, double least, Duration& out) {
  double seconds = 0;
  if (!read_number(text, least, 86400.0, seconds)) return false;
  out = Duration(static_cast<Duration::rep>(seconds * 1e9));
  return true;
}

bool read_protocol(std::string_view text, Protocol& out) {
  for (const Protocol each : {Protocol::classic, Protocol::meta, Protocol::redis}) {
    if (text == name_of(each)) {
      out = each;
      return true;
    }
  }
  return false;
}

/// "uniform" or "zipf:0.99".
bool read_distribution(std::string_view text, double& exponent) {
  exponent = 0;
  if (text == "uniform") return true;
  return text.starts_with("zipf:") && read_number(text.substr(5), 0.01, 10.0, exponent);
}

bool read_arrivals(std::string_view text, Arrivals& out) {
  out = text == "poisson" ? Arrivals::poisson : Arrivals::constant;
  return text == "poisson" || text == "constant";
}

/// What a call needs, as it comes: the three flags may stand in any order.
struct CallFlags {
  std::optional<Pattern> request;
  std::optional<Pattern> answer;
  std::uint64_t fields = 1;
};

bool read_call_flag(int flag, std::string_view text, CallFlags& call) {
  switch (flag) {
    case flag_call:
      call.request = Pattern::parse(text);
      return !text.empty() && call.request && !call.request->has_number();
    case flag_answer: call.answer = Pattern::parse(text); return call.answer.has_value();
    case flag_fields: return read_number<std::uint64_t>(text, 1, 1'000'000'000, call.fields);
    default: return false;
  }
}

/// False if `text` is not what the flag takes.
bool read_flag(int flag, std::string_view text, Options& options) {
  switch (flag) {
    case flag_host: options.host = text; return true;
    case flag_port: return read_number<std::uint16_t>(text, 1, 65535, options.port);
    case flag_unix: options.unix_path = text; return !text.empty();
    case flag_protocol: return read_protocol(text, options.protocol);
    case flag_connections: return read_number<std::size_t>(text, 1, 50'000, options.connections);
    case flag_pipeline: return read_number<std::size_t>(text, 1, 10'000, options.pipeline);
    case flag_keys:
      return read_number<std::uint64_t>(text, 1, 1'000'000'000, options.dataset.key_count);
    case flag_key_bytes: return read_number<std::size_t>(text, 2, 250, options.dataset.key_bytes);
    case flag_value_bytes: return read_sizes(text, options.dataset);
    case flag_distribution: return read_distribution(text, options.zipf_exponent);
    case flag_get_percent: return read_number<unsigned>(text, 0, 100, options.get_percent);
    case flag_keys_per_get: return read_number<std::size_t>(text, 1, 10'000, options.keys_per_get);
    case flag_rate: return read_number(text, 1.0, 1e8, options.rate_per_second);
    case flag_arrivals: return read_arrivals(text, options.arrivals);
    case flag_no_preload: options.preload = false; return true;
    case flag_warmup: return read_seconds(text, 0, options.warmup);
    case flag_duration: return read_seconds(text, 0.001, options.duration);
    case flag_requests:
      return read_number<std::uint64_t>(text, 1, UINT64_MAX, options.requests_max);
    case flag_deadline: return read_seconds(text, 0.1, options.deadline);
    case flag_seed: return read_number<std::uint64_t>(text, 0, UINT64_MAX, options.seed);
    case flag_server_pid: return read_number(text, 1, 1 << 30, options.server_pid);
    case flag_json: options.json_path = text; return !text.empty();
    case flag_quiet: options.quiet = true; return true;
    case flag_help: options.help = true; return true;
    default: return false;
  }
}

}  // namespace

std::string_view name_of(Protocol protocol) {
  switch (protocol) {
    case Protocol::classic: return "classic";
    case Protocol::meta: return "meta";
    case Protocol::redis: return "redis";
  }
  return "?";
}

std::string usage() {
  return R"(cacheismo-load: offers a cache server a measured load and checks every reply.

  cacheismo-load [options]

Where
  --host ADDRESS         IPv4 address (127.0.0.1)
  --port N               (11211)
  --unix PATH            a unix socket instead
  --protocol NAME        classic, meta (both memcached) or redis (classic)

What
  --connections N        (50)
  --pipeline N           requests in flight on one connection (1); in a closed loop they are sent
                         together, and the next N when all are answered
  --keys N               how many different keys (100000)
  --key-bytes N          (24)
  --value-bytes N[-M]    size, or range of sizes (100)
  --distribution D       uniform, or zipf:S with exponent S, such as zipf:0.99 (uniform)
  --get-percent N        the rest are sets (90)
  --keys-per-get N       more than 1 makes each get a multi-get (1)
  --call TEXT            instead of gets and sets: a get of this key or, with --protocol redis,
                         this command of space-separated words. {object} and {field} stand for
                         id / fields and id % fields of one of --keys ids, {value} for the id's
                         value. Nothing is preloaded
  --answer TEXT          what a call must be answered, likewise; {number} is any digits
  --fields N             of an object (1)
  --seed N               of keys, operations and arrivals (1)

How fast, how long
  --rate N               open loop: N requests a second are due whatever the server does, and
                         latency counts from when a request was due. Without: closed loop
  --arrivals KIND        constant or poisson, for --rate (constant)
  --no-preload           do not set every key once before
  --warmup SECONDS       load that is not measured (1)
  --duration SECONDS     load that is (5)
  --requests N           stop measuring earlier, after N requests
  --deadline SECONDS     the whole run ends by then, with an error if it is not done (300)

Output
  --json PATH            the results as JSON, `-` for standard output
  --server-pid PID       measure this process's CPU time for each request, too
  --quiet                nothing for people on standard output
  --help                 this text

Exit code: 0; 1 if a reply was wrong or an error, a connection was lost, or the deadline passed;
2 for a wrong option.
)";
}

Result<Options, std::string> parse_options(int argc, char** argv) {
  Options options;
  CallFlags call;
  optind = 0;  // getopt's own state: start afresh, for tests that parse more than once
  opterr = 0;
  int index = 0;
  int flag = 0;
  while ((flag = getopt_long(argc, argv, "", flags, &index)) != -1) {
    if (flag == '?') {
      return failure(fmt::format("{} is not an option, or lacks its value", argv[optind - 1]));
    }
    const std::string_view text = optarg == nullptr ? "" : optarg;
    if (!read_flag(flag, text, options) && !read_call_flag(flag, text, call)) {
      return failure(fmt::format("--{} {} is not valid", flags[flag - flag_host].name, optarg));
    }
  }
  if (optind < argc) return failure(fmt::format("unexpected argument {}", argv[optind]));
  if (call.request.has_value() != call.answer.has_value()) {
    return failure(std::string("--call and --answer need each other"));
  }
  if (call.request) {
    options.call = Call{std::move(*call.request), std::move(*call.answer), call.fields};
    options.preload = false;
  }
  const std::size_t needed = Dataset::key_bytes_needed(options.dataset.key_count);
  if (options.dataset.key_bytes < needed) {
    return failure(
        fmt::format("--keys {} needs --key-bytes {} or more", options.dataset.key_count, needed));
  }
  return options;
}

}  // namespace cacheismo::load
