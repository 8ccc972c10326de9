#include "cacheismo/cluster_flags.h"

#include <algorithm>
#include <cstdint>

#include "cacheismo/cluster/ring.h"
#include "cacheismo/flag_values.h"

namespace cacheismo {
namespace {

using Outcome = Result<void, std::string>;

/// etcd's own.
constexpr std::uint16_t etcd_port = 2379;

/// Room for a path of names; etcd takes keys of any length.
constexpr std::size_t etcd_prefix_bytes_max = 256;

/// HOST:PORT or [IPV6]:PORT.
Outcome parse_address(Bytes flag, Bytes text, std::uint16_t default_port, io::Address& into) {
  const HostPort split = split_host_port(text);
  std::uint16_t port = default_port;
  if (!split.port.empty()) {
    const auto number = parse_number("the port in " + std::string(flag), split.port, {1, 65535});
    if (!number) return failure(number.error());
    port = static_cast<std::uint16_t>(*number);
  }
  const auto good = cluster::check_member({.name = "n", .host = std::string(split.host)});
  if (!split.valid || !good || port == 0)
    return failure(std::string(flag) + " wants HOST:PORT, not \"" + std::string(text) + "\"" +
                   (good ? "" : ": " + good.error()));
  into = {io::Address::Kind::tcp, std::string(split.host), port};
  return {};
}

Outcome parse_endpoint(Bytes url, std::vector<io::Address>& into) {
  constexpr Bytes scheme = "http://";
  Bytes rest = url;
  if (!rest.starts_with(scheme))
    return failure("--etcd wants http://HOST:PORT, separated by commas, not \"" + std::string(url) +
                   "\"; TLS is not spoken");
  rest.remove_prefix(scheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  return parse_address("--etcd", rest, etcd_port, into.emplace_back());
}

Outcome parse_prefix(Bytes text, std::string& into) {
  const bool good =
      !text.empty() && text.size() <= etcd_prefix_bytes_max &&
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!good)
    return failure("--etcd-prefix wants up to " + std::to_string(etcd_prefix_bytes_max) +
                   " printable characters, such as /cacheismo/default/");
  into = text;
  if (into.back() != '/') into += '/';
  return {};
}

bool is_reachable(const io::Address& address) {
  return address.kind == io::Address::Kind::tcp && address.host != "0.0.0.0" &&
         address.host != "::";
}

}  // namespace

Outcome take_cluster_flag(char flag, Bytes value, Options& options) {
  node::ClusterConfig& cluster = options.config.cluster;
  EtcdFlags& etcd = options.process.etcd;
  switch (flag) {
    case flag_ring_file: return parse_path("--ring-file", value, options.process.ring_file);
    case flag_node_name: return parse_node_name(value, cluster.node_name);
    case flag_cluster_timeout:
      return parse_milliseconds("--cluster-timeout", value, cluster.timeout);
    case flag_enable_ring_changes: cluster.changes_enabled = true; return {};
    case flag_etcd:
      return for_each_part(value, ",",
                           [&](Bytes url) { return parse_endpoint(url, etcd.endpoints); });
    case flag_etcd_join: etcd.join = true; return {};
    case flag_etcd_lease: {
      const auto seconds = parse_number("--etcd-lease", value, {1, 3600});
      if (!seconds) return failure(seconds.error());
      etcd.lease_s = static_cast<std::uint64_t>(*seconds);
      return {};
    }
    case flag_etcd_prefix: return parse_prefix(value, etcd.prefix);
    default: return parse_address("--node-address", value, 0, etcd.own);
  }
}

Outcome settle_cluster(const Options& options) {
  const EtcdFlags& etcd = options.process.etcd;
  const bool in_file = !options.process.ring_file.empty();
  const bool in_etcd = !etcd.endpoints.empty();
  const bool named = !options.config.cluster.node_name.empty();
  if (in_file && in_etcd)
    return failure(std::string("--ring-file and --etcd exclude each other: there is one ring"));
  if (named != (in_file || in_etcd))
    return failure(std::string(
        "--node-name and one of --ring-file and --etcd are given together, or none is"));
  if (options.config.cluster.changes_enabled && !named)
    return failure(std::string("--enable-ring-changes needs --ring-file or --etcd"));
  if (!in_etcd && etcd.join) return failure(std::string("--etcd-join needs --etcd"));
  if (!in_etcd && !etcd.own.host.empty())
    return failure(std::string("--node-address needs --etcd"));
  if (in_etcd && etcd.own.host.empty() && !is_reachable(options.config.listen.front()))
    return failure(std::string(
        "--node-address is needed: others cannot connect to the first address listened on"));
  return {};
}

}  // namespace cacheismo
