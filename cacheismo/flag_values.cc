#include "cacheismo/flag_values.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <iterator>

namespace cacheismo {
namespace {

std::string quoted(Bytes text) { return "\"" + std::string(text) + "\""; }

std::string wants(Bytes flag, Bytes what, Bytes text) {
  return std::string(flag) + " wants " + std::string(what) + ", not " + quoted(text);
}

template <class Number>
bool read_whole(Bytes text, Number& value, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size();
}

// memcached's tuning of threads, slabs, LRU segments, buffers and hash tables that this server does
// not have in that form. A name may come with "no_" before it and with a value behind it.
constexpr Bytes ignored_options[] = {
    "chunked_items",
    "drop_privileges",
    "expand",
    "hash_algorithm",
    "hashexpand",
    "hashpower",
    "hot_lru_pct",
    "hot_max_factor",
    "inline_ascii_resp",
    "inline_ascii_response",
    "lru_crawler",
    "lru_crawler_sleep",
    "lru_crawler_tocrawl",
    "lru_maintainer",
    "maxconns_fast",
    "modern",
    "read_buf_mem_limit",
    "resp_obj_mem_limit",
    "slab_automove",
    "slab_automove_freeratio",
    "slab_automove_ratio",
    "slab_automove_window",
    "slab_chunk_max",
    "slab_reassign",
    "slab_sizes",
    "sock_cookie_id",
    "tail_repair_time",
    "temporary_ttl",
    "track_sizes",
    "warm_lru_pct",
    "warm_max_factor",
    "watcher_logbuf_size",
    "worker_logbuf_size",
};

Result<void, std::string> parse_extended_option(Bytes option, Options& options) {
  const std::size_t equals = option.find('=');
  const Bytes name = option.substr(0, equals);
  if (name == "idle_timeout") {
    const Bytes text = equals == Bytes::npos ? Bytes() : option.substr(equals + 1);
    const auto seconds = parse_number("-o idle_timeout", text, {0, 1'000'000'000});
    if (!seconds) return failure(seconds.error());
    options.config.idle_timeout = std::chrono::seconds(*seconds);
    return {};
  }
  Bytes plain = name;
  if (plain.starts_with("no_")) plain.remove_prefix(3);
  if (std::find(std::begin(ignored_options), std::end(ignored_options), plain) !=
      std::end(ignored_options)) {
    options.warnings.push_back("-o " + std::string(name) + " does nothing here");
    return {};
  }
  if (name.starts_with("ext_")) {
    return failure("-o " + std::string(name) + ": there is no external storage");
  }
  if (name.starts_with("proxy_")) return failure("-o " + std::string(name) + ": there is no proxy");
  if (name.starts_with("ssl_")) return failure("-o " + std::string(name) + ": there is no TLS");
  return failure("-o does not know " + quoted(name));
}

}  // namespace

Result<std::int64_t, std::string> parse_number(Bytes flag, Bytes text, NumberRange range) {
  std::int64_t value = 0;
  if (!read_whole(text, value) || value < range.low || value > range.high) {
    return failure(wants(
        flag, "a number from " + std::to_string(range.low) + " to " + std::to_string(range.high),
        text));
  }
  return value;
}

Result<std::uint64_t, std::string> parse_size(Bytes flag, Bytes text, NumberRange range) {
  Bytes digits = text;
  unsigned shift = 0;
  if (!digits.empty()) {
    switch (digits.back()) {
      case 'k':
      case 'K': shift = 10; break;
      case 'm':
      case 'M': shift = 20; break;
      case 'g':
      case 'G': shift = 30; break;
      default: break;
    }
    if (shift != 0) digits.remove_suffix(1);
  }
  std::uint64_t value = 0;
  const auto high = static_cast<std::uint64_t>(range.high);
  // value <= high >> shift: the shift below loses nothing.
  if (!read_whole(digits, value) || value > high >> shift ||
      value << shift < static_cast<std::uint64_t>(range.low)) {
    return failure(wants(flag,
                         "a size from " + std::to_string(range.low) + " to " +
                             std::to_string(range.high) + " bytes (k, m and g may follow)",
                         text));
  }
  return value << shift;
}

Result<void, std::string> parse_milliseconds(Bytes flag, Bytes text, Duration& into) {
  const auto time = parse_number(flag, text, {1, 60'000});
  if (!time) return failure(time.error());
  into = std::chrono::milliseconds(*time);
  return {};
}

Result<void, std::string> parse_path(Bytes flag, Bytes text, std::string& into) {
  if (text.empty()) return failure(std::string(flag) + " wants the name of a file");
  into = text;
  return {};
}

Result<void, std::string> parse_node_name(Bytes text, std::string& into) {
  const auto good = cluster::check_member({.name = std::string(text), .host = "127.0.0.1"});
  if (!good) return failure("--node-name: " + good.error());
  into = text;
  return {};
}

HostPort split_host_port(Bytes text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == Bytes::npos) return {text, {}, false};
    const Bytes rest = text.substr(end + 1);
    if (rest.empty()) return {text.substr(1, end - 1), {}};
    return {text.substr(1, end - 1), rest.substr(1), rest.starts_with(':') && rest.size() > 1};
  }
  const std::size_t colon = text.find(':');
  // Without a colon there is no port; with several it is an IPv6 address without one.
  if (colon == Bytes::npos || text.find(':', colon + 1) != Bytes::npos) return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1), colon + 1 < text.size()};
}

Result<std::uint32_t, std::string> parse_mode(Bytes flag, Bytes text) {
  std::uint32_t mode = 0;
  if (!read_whole(text, mode, 8) || mode > 0777) {
    return failure(wants(flag, "permission bits in octal, at most 777", text));
  }
  return mode;
}

Result<void, std::string> parse_listen(Bytes list, std::uint16_t default_port,
                                       const Environment& environment,
                                       std::vector<io::Address>& addresses) {
  return for_each_part(list, ",;", [&](Bytes part) -> Result<void, std::string> {
    const HostPort split = split_host_port(part);
    if (!split.valid || split.host.empty()) {
      return failure(wants("-l", "addresses, each with an optional :port", part));
    }
    std::uint16_t port = default_port;
    if (!split.port.empty()) {
      const auto number = parse_number("the port in -l", split.port, {0, 65535});
      if (!number) return failure(number.error());
      port = static_cast<std::uint16_t>(*number);
    }
    const auto hosts = environment.resolve(std::string(split.host));
    if (!hosts) return failure("-l " + std::string(split.host) + ": " + hosts.error());
    for (const std::string& host : *hosts) {
      const io::Address address{io::Address::Kind::tcp, host, port};
      // "localhost,127.0.0.1" is one address; a free port twice is two.
      const bool known = std::find(addresses.begin(), addresses.end(), address) != addresses.end();
      if (port == 0 || !known) addresses.push_back(address);
    }
    return {};
  });
}

Result<void, std::string> parse_extended(Bytes list, Options& options) {
  return for_each_part(list, ",", [&](Bytes part) { return parse_extended_option(part, options); });
}

}  // namespace cacheismo
