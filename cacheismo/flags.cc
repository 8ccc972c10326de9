#include "cacheismo/flags.h"

#include <getopt.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "cacheismo/base/limits.h"
#include "cacheismo/cluster_flags.h"
#include "cacheismo/flag_values.h"

namespace cacheismo {
namespace {

constexpr std::int64_t default_port = 11211;
constexpr std::int64_t any_free_port = -1;

// + stops at the first argument that is no flag; : tells a missing value from an unknown flag.
constexpr const char* short_flags = "+:a:Ab:B:c:CdD:e:f:FhiI:kl:Lm:Mn:N:o:p:P:rR:s:St:u:U:vVWXY:Z";

// Flags without a letter. getopt_long tells them by these.
constexpr char flag_scripts = 1;
constexpr char flag_no_scripts = 2;
constexpr char flag_script_steps = 3;
constexpr char flag_script_time = 4;
constexpr char flag_script_memory = 5;
constexpr char flag_script_call_memory = 6;
constexpr char flag_object_max = 7;
constexpr char flag_enable_reload = 8;
constexpr char flag_accept_copy = 9;
// Those of the cluster, from first_cluster_flag on, are cluster_flags.h's.

constexpr option long_flags[] = {
    {"accept-copy", no_argument, nullptr, flag_accept_copy},
    {"auth-file", required_argument, nullptr, 'Y'},
    {"cluster-timeout", required_argument, nullptr, flag_cluster_timeout},
    {"conn-limit", required_argument, nullptr, 'c'},
    {"daemon", no_argument, nullptr, 'd'},
    {"disable-cas", no_argument, nullptr, 'C'},
    {"disable-dumping", no_argument, nullptr, 'X'},
    {"disable-evictions", no_argument, nullptr, 'M'},
    {"disable-flush-all", no_argument, nullptr, 'F'},
    {"disable-watch", no_argument, nullptr, 'W'},
    {"enable-coredumps", no_argument, nullptr, 'r'},
    {"enable-largepages", no_argument, nullptr, 'L'},
    {"enable-sasl", no_argument, nullptr, 'S'},
    {"enable-reload", no_argument, nullptr, flag_enable_reload},
    {"enable-ring-changes", no_argument, nullptr, flag_enable_ring_changes},
    {"enable-shutdown", no_argument, nullptr, 'A'},
    {"enable-ssl", no_argument, nullptr, 'Z'},
    {"etcd", required_argument, nullptr, flag_etcd},
    {"etcd-join", no_argument, nullptr, flag_etcd_join},
    {"etcd-lease", required_argument, nullptr, flag_etcd_lease},
    {"etcd-prefix", required_argument, nullptr, flag_etcd_prefix},
    {"extended", required_argument, nullptr, 'o'},
    {"help", no_argument, nullptr, 'h'},
    {"license", no_argument, nullptr, 'i'},
    {"listen", required_argument, nullptr, 'l'},
    {"listen-backlog", required_argument, nullptr, 'b'},
    {"lock-memory", no_argument, nullptr, 'k'},
    {"max-item-size", required_argument, nullptr, 'I'},
    {"max-reqs-per-event", required_argument, nullptr, 'R'},
    {"memory-file", required_argument, nullptr, 'e'},
    {"memory-limit", required_argument, nullptr, 'm'},
    {"napi-ids", required_argument, nullptr, 'N'},
    {"napi_ids", required_argument, nullptr, 'N'},
    {"node-address", required_argument, nullptr, flag_node_address},
    {"node-name", required_argument, nullptr, flag_node_name},
    {"no-scripts", no_argument, nullptr, flag_no_scripts},
    {"object-max", required_argument, nullptr, flag_object_max},
    {"pidfile", required_argument, nullptr, 'P'},
    {"port", required_argument, nullptr, 'p'},
    {"protocol", required_argument, nullptr, 'B'},
    {"ring-file", required_argument, nullptr, flag_ring_file},
    {"script-call-memory", required_argument, nullptr, flag_script_call_memory},
    {"script-memory", required_argument, nullptr, flag_script_memory},
    {"script-steps", required_argument, nullptr, flag_script_steps},
    {"script-time", required_argument, nullptr, flag_script_time},
    {"scripts", required_argument, nullptr, flag_scripts},
    {"slab-growth-factor", required_argument, nullptr, 'f'},
    {"slab-min-size", required_argument, nullptr, 'n'},
    {"threads", required_argument, nullptr, 't'},
    {"udp-port", required_argument, nullptr, 'U'},
    {"unix-mask", required_argument, nullptr, 'a'},
    {"unix-socket", required_argument, nullptr, 's'},
    {"user", required_argument, nullptr, 'u'},
    {"verbose", no_argument, nullptr, 'v'},
    {"version", no_argument, nullptr, 'V'},
    {nullptr, 0, nullptr, 0},
};

using Outcome = Result<void, std::string>;

/// Collects flags in the order in which they stand; what depends on several is settled at the end.
class Parser {
 public:
  explicit Parser(const Environment& environment) : environment_(environment) {
    options_.process.port_file = environment.port_file;
  }

  Outcome take(char flag, Bytes value);
  Result<Options, std::string> finish();

 private:
  Outcome take_switch(char flag);
  Outcome take_number(char flag, Bytes value);
  Outcome take_foreign(char flag, Bytes value);
  Outcome take_script_flag(char flag, Bytes value);
  Outcome settle_listen();
  Outcome settle_sizes();

  void warn(std::string text) { options_.warnings.push_back(std::move(text)); }

  const Environment& environment_;
  Options options_;
  std::int64_t port_ = default_port;
  std::string unix_path_;
  std::vector<std::string> listen_lists_;
  std::optional<std::uint64_t> item_bytes_max_;
  std::optional<std::uint64_t> object_bytes_max_;
};

Outcome Parser::take(char flag, Bytes value) {
  switch (flag) {
    case 'h': options_.action = Action::print_help; return {};
    case 'V': options_.action = Action::print_version; return {};
    case 'i': options_.action = Action::print_license; return {};
    case 'l': listen_lists_.emplace_back(value); return {};
    case 's': unix_path_ = value; return {};
    case 'P': options_.process.pid_file = value; return {};
    case 'u': options_.process.user = value; return {};
    case 'o': return parse_extended(value, options_);
    case 'a': {
      const auto mode = parse_mode("-a", value);
      if (!mode) return failure(mode.error());
      options_.config.listen_options.unix_mode = *mode;
      return {};
    }
    case 'I': {
      const auto size = parse_size("-I", value,
                                   {static_cast<std::int64_t>(limits::item_bytes_min),
                                    static_cast<std::int64_t>(limits::item_bytes_max)});
      if (!size) return failure(size.error());
      item_bytes_max_ = *size;
      return {};
    }
    case 'D':
      if (value.size() != 1) return failure(std::string("-D wants one character"));
      options_.config.prefix_delimiter = value[0];
      options_.config.prefix_stats = true;
      return {};
    case 'Y':
      options_.config.authenticate = true;
      return parse_path("-Y", value, options_.process.auth_file);
    case 'b':
    case 'c':
    case 'm':
    case 'p':
    case 'R':
    case 't':
    case 'U': return take_number(flag, value);
    case 'B':
    case 'e':
    case 'f':
    case 'k':
    case 'L':
    case 'n':
    case 'N':
    case 'S':
    case 'Z': return take_foreign(flag, value);
    case flag_scripts:
    case flag_script_steps:
    case flag_script_time:
    case flag_script_memory:
    case flag_script_call_memory:
    case flag_object_max: return take_script_flag(flag, value);
    default:
      return is_cluster_flag(flag) ? take_cluster_flag(flag, value, options_) : take_switch(flag);
  }
}

Outcome Parser::take_script_flag(char flag, Bytes value) {
  node::ScriptConfig& scripts = options_.config.scripts;
  const auto size = [&](const char* name, std::uint64_t least, std::uint64_t& into) -> Outcome {
    const auto parsed = parse_size(
        name, value, {static_cast<std::int64_t>(least), static_cast<std::int64_t>(64 * GiB)});
    if (!parsed) return failure(parsed.error());
    into = *parsed;
    return {};
  };
  switch (flag) {
    case flag_scripts:
      if (value.empty()) return failure(std::string("--scripts wants the name of a directory"));
      options_.process.scripts_directory = value;
      return {};
    case flag_script_steps: {
      const auto steps = parse_number("--script-steps", value, {1'000, 1'000'000'000'000});
      if (!steps) return failure(steps.error());
      scripts.steps_per_call = *steps;
      return {};
    }
    case flag_script_time: return parse_milliseconds("--script-time", value, scripts.time_per_call);
    case flag_script_memory:
      return size("--script-memory", limits::script_heap_bytes_min,
                  options_.process.script_heap_bytes);
    case flag_script_call_memory:
      return size("--script-call-memory", 64 * KiB, scripts.heap_bytes_per_call);
    default: return size("--object-max", 1 * KiB, object_bytes_max_.emplace());
  }
}

Outcome Parser::take_switch(char flag) {
  node::Config& config = options_.config;
  switch (flag) {
    case flag_no_scripts: options_.process.scripts = false; return {};
    case flag_enable_reload: config.scripts.reload_enabled = true; return {};
    case 'A': config.shutdown_enabled = true; return {};
    case flag_accept_copy: config.accept_copy = true; return {};
    case 'C': config.cas = false; return {};
    case 'd': options_.process.background = true; return {};
    case 'F': config.flush_enabled = false; return {};
    case 'M': config.evict = false; return {};
    case 'r': options_.process.core_dumps = true; return {};
    case 'v': ++config.verbosity; return {};
    case 'W': config.watch_enabled = false; return {};
    case 'X': config.dump_enabled = false; return {};
    default: return failure(std::string("unknown flag -") + flag);
  }
}

Outcome Parser::take_number(char flag, Bytes value) {
  constexpr auto memory_mib_max = static_cast<std::int64_t>(limits::arena_bytes_max / MiB);
  NumberRange range{1, 0};
  switch (flag) {
    case 'b': range = {0, 1'000'000}; break;
    case 'c': range = {1, 10'000'000}; break;  // descriptors: fs.nr_open is 1,048,576 by default
    case 'm': range = {1, memory_mib_max}; break;
    case 'p': range = {any_free_port, 65535}; break;
    case 'R': range = {1, 1'000'000'000}; break;
    case 't': range = {1, 64}; break;
    case 'U': range = {any_free_port, 65535}; break;
    default: break;
  }
  const auto number = parse_number(std::string("-") + flag, value, range);
  if (!number) return failure(number.error());
  node::Config& config = options_.config;
  switch (flag) {
    case 'b': config.listen_options.backlog = static_cast<int>(*number); break;
    case 'c': config.connections_max = static_cast<std::uint32_t>(*number); break;
    case 'm': config.memory_bytes = static_cast<std::uint64_t>(*number) * MiB; break;
    case 'p': port_ = *number; break;
    case 'R': config.requests_per_event = static_cast<std::uint32_t>(*number); break;
    case 't':
      if (*number > 1) warn("-t does nothing here: a node is one thread; start more nodes instead");
      break;
    case 'U':
      if (*number != 0) warn("-U does nothing here: UDP is not served");
      break;
    default: break;
  }
  return {};
}

Outcome Parser::take_foreign(char flag, Bytes value) {
  switch (flag) {
    case 'S': return failure(std::string("-S: there is no SASL; -Y asks for a password"));
    case 'Z': return failure(std::string("-Z: there is no TLS"));
    case 'e': return failure(std::string("-e: there is no restartable memory file"));
    case 'B':
      if (value == "ascii" || value == "auto") return {};
      if (value == "binary") return failure(std::string("-B: the binary protocol is not spoken"));
      return failure("-B wants ascii, not \"" + std::string(value) + "\"");
    case 'f': warn("-f does nothing here: there are no slab classes"); return {};
    case 'n': warn("-n does nothing here: there are no slab classes"); return {};
    case 'k': warn("-k does nothing here: memory is not locked"); return {};
    case 'L': warn("-L does nothing here: the kernel chooses page sizes"); return {};
    default: warn("-N does nothing here: a node is one thread"); return {};
  }
}

Outcome Parser::settle_listen() {
  std::vector<io::Address>& listen = options_.config.listen;
  if (!unix_path_.empty()) {
    if (!listen_lists_.empty())
      warn("-l does nothing with -s: only the unix socket is listened on");
    listen.push_back({io::Address::Kind::unix_socket, unix_path_, 0});
    return {};
  }
  if (port_ == 0) {
    return failure(std::string("-p 0 leaves nothing to listen on; -s listens on a unix socket"));
  }
  const auto port = static_cast<std::uint16_t>(port_ == any_free_port ? 0 : port_);
  if (listen_lists_.empty()) listen.push_back({io::Address::Kind::tcp, "127.0.0.1", port});
  for (const std::string& list : listen_lists_) {
    if (auto result = parse_listen(list, port, environment_, listen); !result) return result;
  }
  return {};
}

Outcome Parser::settle_sizes() {
  node::Config& config = options_.config;
  const std::uint64_t quarter = config.memory_bytes / 4;
  if (object_bytes_max_ && *object_bytes_max_ > quarter) {
    return failure("--object-max is at most a quarter of -m, " + std::to_string(quarter) +
                   " bytes, not " + std::to_string(*object_bytes_max_));
  }
  config.object_bytes_max = object_bytes_max_.value_or(std::min(config.object_bytes_max, quarter));
  if (config.scripts.heap_bytes_per_call > options_.process.script_heap_bytes) {
    return failure(std::string("--script-call-memory is at most --script-memory"));
  }
  const std::uint64_t half = config.memory_bytes / 2;
  if (!item_bytes_max_) {
    config.item_bytes_max = std::min(config.item_bytes_max, half);
    return {};
  }
  if (*item_bytes_max_ > half) {
    return failure("-I is at most half of -m, " + std::to_string(half) + " bytes, not " +
                   std::to_string(*item_bytes_max_));
  }
  config.item_bytes_max = *item_bytes_max_;
  return {};
}

Result<Options, std::string> Parser::finish() {
  if (options_.action != Action::serve) return std::move(options_);
  if (auto result = settle_listen(); !result) return failure(result.error());
  if (auto result = settle_sizes(); !result) return failure(result.error());
  if (auto result = settle_cluster(options_); !result) return failure(result.error());
  // They would be answered with `unauthenticated` whatever they forward.
  if (!options_.config.cluster.node_name.empty() && !options_.process.auth_file.empty())
    return failure(std::string("-Y does not go with --node-name: nodes know no password"));
  return std::move(options_);
}

// The flag that getopt_long is at, as it was typed.
std::string typed_flag(std::span<const char* const> arguments) {
  if (optopt > 0 && optopt < 128) return std::string("-") + static_cast<char>(optopt);
  return arguments[static_cast<std::size_t>(optind) - 1];
}

}  // namespace

Result<Options, std::string> parse_flags(std::span<const char* const> arguments,
                                         const Environment& environment) {
  if (arguments.size() > 1 && arguments[1][0] != '-') return parse_verb(arguments);
  Parser parser(environment);
  const auto count = static_cast<int>(arguments.size());
  // Neither the strings nor, with +, the order of the pointers is changed.
  auto* const argv = const_cast<char* const*>(arguments.data());
  optind = 0;  // glibc: start afresh
  opterr = 0;  // one line of our own instead
  for (int flag; (flag = getopt_long(count, argv, short_flags, long_flags, nullptr)) != -1;) {
    if (flag == '?') return failure("unknown flag " + typed_flag(arguments));
    if (flag == ':') return failure(typed_flag(arguments) + " wants a value");
    const Bytes value = optarg == nullptr ? Bytes() : Bytes(optarg);
    if (auto result = parser.take(static_cast<char>(flag), value); !result) {
      return failure(result.error());
    }
  }
  if (optind < count) {
    return failure("what is \"" + std::string(arguments[static_cast<std::size_t>(optind)]) +
                   "\"? Only flags are expected (-h lists them)");
  }
  return parser.finish();
}

Result<std::vector<node::Credential>, std::string> parse_credentials(Bytes content) {
  std::vector<node::Credential> credentials;
  for (std::size_t line_number = 1; !content.empty(); ++line_number) {
    const std::size_t end = content.find('\n');
    Bytes line = content.substr(0, end);
    content.remove_prefix(end == Bytes::npos ? content.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const std::size_t colon = line.find(':');
    if (colon == Bytes::npos || colon == 0 || colon + 1 == line.size()) {
      return failure("line " + std::to_string(line_number) + " is not user:password");
    }
    credentials.push_back(
        {std::string(line.substr(0, colon)), std::string(line.substr(colon + 1))});
  }
  if (credentials.empty()) return failure(std::string("there is no line user:password in it"));
  return credentials;
}

}  // namespace cacheismo
