#include "bench/hitrate/lab_options.h"

#include <fmt/format.h>
#include <getopt.h>

#include <charconv>
#include <utility>

#include "cacheismo/base/limits.h"

namespace cacheismo::hitrate {
namespace {

enum Flag : int {
  flag_sizes = 256,
  flag_item_max,
  flag_form,
  flag_key_bytes,
  flag_requests,
  flag_warmup,
  flag_csv,
  flag_seed,
  flag_keys,
  flag_zipf,
  flag_value_bytes,
  flag_ttl_percent,
  flag_ttl_max,
  flag_set_percent,
  flag_delete_percent,
  flag_resize_percent,
  flag_seconds,
  flag_quiet,
  flag_help,
};

constexpr option flags[] = {
    {"sizes", required_argument, nullptr, flag_sizes},
    {"item-max", required_argument, nullptr, flag_item_max},
    {"form", required_argument, nullptr, flag_form},
    {"key-bytes", required_argument, nullptr, flag_key_bytes},
    {"requests", required_argument, nullptr, flag_requests},
    {"warmup", required_argument, nullptr, flag_warmup},
    {"csv", required_argument, nullptr, flag_csv},
    {"seed", required_argument, nullptr, flag_seed},
    {"keys", required_argument, nullptr, flag_keys},
    {"zipf", required_argument, nullptr, flag_zipf},
    {"value-bytes", required_argument, nullptr, flag_value_bytes},
    {"ttl-percent", required_argument, nullptr, flag_ttl_percent},
    {"ttl-max", required_argument, nullptr, flag_ttl_max},
    {"set-percent", required_argument, nullptr, flag_set_percent},
    {"delete-percent", required_argument, nullptr, flag_delete_percent},
    {"resize-percent", required_argument, nullptr, flag_resize_percent},
    {"seconds", required_argument, nullptr, flag_seconds},
    {"quiet", no_argument, nullptr, flag_quiet},
    {"help", no_argument, nullptr, flag_help},
    {nullptr, 0, nullptr, 0},
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

bool read_sizes(std::string_view text, std::vector<CacheSize>& out) {
  out.clear();
  while (true) {
    const std::size_t comma = text.find(',');
    auto size = parse_cache_size(text.substr(0, comma));
    if (!size) return false;
    out.push_back(std::move(*size));
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
}

bool read_form(std::string_view text, Form& out) {
  constexpr std::pair<std::string_view, Form> forms[] = {{"detect", Form::detect},
                                                         {"common", Form::common},
                                                         {"oracle", Form::oracle},
                                                         {"twitter", Form::twitter}};
  for (const auto& [name, form] : forms) {
    if (text != name) continue;
    out = form;
    return true;
  }
  return false;
}

bool read_mode(std::string_view text, LabMode& out) {
  constexpr std::pair<std::string_view, LabMode> modes[] = {{"bounds", LabMode::bounds},
                                                            {"store", LabMode::store},
                                                            {"sim", LabMode::sim},
                                                            {"describe", LabMode::describe},
                                                            {"make", LabMode::make}};
  for (const auto& [name, mode] : modes) {
    if (text != name) continue;
    out = mode;
    return true;
  }
  return false;
}

bool read_range(std::string_view text, MadeTraceOptions& made) {
  const std::size_t dash = text.find('-');
  constexpr auto most = static_cast<std::uint32_t>(limits::item_bytes_max);
  if (!read_number<std::uint32_t>(text.substr(0, dash), 1, most, made.value_bytes_min))
    return false;
  made.value_bytes_max = made.value_bytes_min;
  return dash == std::string_view::npos ||
         read_number<std::uint32_t>(text.substr(dash + 1), made.value_bytes_min, most,
                                    made.value_bytes_max);
}

/// False: the value does not fit the flag.
bool take_flag(int flag, std::string_view text, LabOptions& options) {
  constexpr std::uint32_t u32_max = ~std::uint32_t{0};
  constexpr std::uint64_t u64_max = ~std::uint64_t{0};
  MadeTraceOptions& made = options.made;
  switch (flag) {
    case flag_sizes: return read_sizes(text, options.sizes);
    case flag_item_max: {
      const auto size = parse_cache_size(text);
      if (!size || size->percent > 0 || size->bytes < limits::item_bytes_min) return false;
      options.item_bytes_max = size->bytes;
      return size->bytes <= limits::item_bytes_max;
    }
    case flag_form: return read_form(text, options.trace.form);
    case flag_key_bytes:
      made.key_bytes = 0;
      if (!read_number<std::uint16_t>(text, 11, limits::key_bytes_max, made.key_bytes))
        return false;
      options.trace.key_bytes = made.key_bytes;
      return true;
    case flag_requests:
      if (!read_number<std::uint64_t>(text, 1, u32_max, made.requests)) return false;
      options.requests_max = made.requests;
      return true;
    case flag_warmup:
      return read_number<std::uint64_t>(text, 0, u32_max, options.warmup_requests.emplace());
    case flag_csv: options.csv_path = text; return !text.empty();
    case flag_seed:
      if (!read_number<std::uint64_t>(text, 0, u64_max, options.seed)) return false;
      made.seed = options.seed;
      return true;
    case flag_keys: return read_number<std::uint32_t>(text, 1, 1u << 30, made.keys);
    case flag_zipf: return read_number<double>(text, 0, 10, made.zipf_exponent);
    case flag_value_bytes: return read_range(text, made);
    case flag_ttl_percent: return read_number<std::uint32_t>(text, 0, 100, made.ttl_percent);
    case flag_ttl_max:
      return read_number<std::uint32_t>(text, 1, u32_max / 4, made.ttl_seconds_max);
    case flag_set_percent: return read_number<std::uint32_t>(text, 0, 100, made.set_percent);
    case flag_delete_percent: return read_number<std::uint32_t>(text, 0, 100, made.delete_percent);
    case flag_resize_percent: return read_number<std::uint32_t>(text, 0, 100, made.resize_percent);
    case flag_seconds: return read_number<std::uint32_t>(text, 1, u32_max / 4, made.seconds);
    case flag_quiet: options.quiet = true; return true;
    case flag_help: options.help = true; return true;
    default: return false;
  }
}

}  // namespace

std::optional<CacheSize> parse_cache_size(std::string_view text) {
  CacheSize size{.text = std::string(text)};
  if (text.ends_with('%')) {
    if (!read_number<double>(text.substr(0, text.size() - 1), 1e-6, 1000, size.percent))
      return std::nullopt;
    return size;
  }
  constexpr std::string_view units = "kmg";
  const std::size_t unit = text.empty() ? units.npos : units.find(text.back());
  const std::uint64_t factor = unit == units.npos ? 1 : KiB << (10 * unit);
  if (unit != units.npos) text.remove_suffix(1);
  if (!read_number<std::uint64_t>(text, 1, limits::arena_bytes_max / factor, size.bytes))
    return std::nullopt;
  size.bytes *= factor;
  return size;
}

std::string lab_usage() {
  return R"(hitrate: replays traces of requests and counts what a cache would have missed.

  hitrate bounds TRACE...    the ideal LRU, byte for byte, and PFOO-L, which no policy can beat
  hitrate store TRACE...     these, and the store of cacheismo in this process
  hitrate sim TRACE...       these, and a node in the simulator, asked through the protocol
  hitrate describe TRACE...  requests, keys, footprint
  hitrate make FILE          writes a made trace (Zipf) in the common form

A missed get is followed by the client's set. A trace is plain or xz: `time,op,key_id,key_size,
value_size,ttl` with this header, Twitter's CSV, or libCacheSim's oracleGeneral.

  --sizes LIST         cache sizes: 5% of the footprint (each key at its largest), 64m, 1048576;
                       1%,5%,20% if not given. Below the smallest arena (1m) it is raised to that.
                       What a size counts: for cacheismo all memory, for the two lines keys and
                       values alone
  --item-max BYTES     -I of the store; at most half of the size (1m)
  --warmup N           requests that are counted apart; as many as the ideal LRU of the size needs
                       until it first evicts, at most half, if not given
  --requests N         the first N requests only; with make, how many (100000)
  --form NAME          detect, common, oracle, twitter (detect)
  --key-bytes N        of oracle's keys, which have no size (16); with make (24)
  --csv FILE           the rows as CSV; - prints them instead of the table
  --seed N             of the store's hash and the simulated world; with make, of the trace (1)
  --quiet              no progress bar

make: --keys N, --zipf S, --value-bytes A-B, --ttl-percent P, --ttl-max SECONDS, --set-percent P,
      --delete-percent P, --resize-percent P (of the sets), --seconds N
)";
}

Result<LabOptions, std::string> parse_lab_options(int argc, char** argv) {
  LabOptions options;
  static_cast<void>(read_sizes("1%,5%,20%", options.sizes));
  optind = 0;
  opterr = 0;
  int index = 0;
  for (int flag = 0; (flag = getopt_long(argc, argv, "", flags, &index)) != -1;) {
    if (flag == '?') return failure(fmt::format("{} is no option", argv[optind - 1]));
    const std::string_view text = optarg == nullptr ? "" : optarg;
    if (!take_flag(flag, text, options)) {
      return failure(fmt::format("--{} does not take `{}`", flags[index].name, text));
    }
  }
  if (options.help) return options;
  std::vector<std::string> words(argv + optind, argv + argc);
  if (words.empty()) return failure(std::string("which mode?"));
  if (!read_mode(words.front(), options.mode)) {
    return failure(fmt::format("`{}` is no mode", words.front()));
  }
  options.paths.assign(words.begin() + 1, words.end());
  if (options.paths.empty()) return failure(std::string("which trace?"));
  if (options.mode == LabMode::make && options.paths.size() > 1) {
    return failure(std::string("make writes one file"));
  }
  if (options.made.set_percent + options.made.delete_percent > 100) {
    return failure(std::string("--set-percent and --delete-percent are more than all requests"));
  }
  return options;
}

}  // namespace cacheismo::hitrate
