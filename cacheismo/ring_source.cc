#include "cacheismo/ring_source.h"

#include <string>

#include "cacheismo/base/limits.h"
#include "cacheismo/cluster/ring_file.h"
#include "cacheismo/io/file.h"
#include "cacheismo/io/resolve.h"

namespace cacheismo {

Result<node::RingView, std::string> RingFileSource::read() {
  stamp_ = io::file_stamp(path_);
  const auto content = io::read_file(path_, limits::ring_file_bytes_max);
  if (!content) return failure(content.error());
  auto spec = cluster::parse_ring_file(*content);
  if (!spec) return failure(path_ + ": " + spec.error());
  node::RingView view;
  view.spec = std::move(*spec);
  for (const cluster::Member& member : view.spec.members) {
    const auto host = io::resolve_remote(member.host);
    if (!host)
      return failure(path_ + ": node " + member.name + ": " + member.host + ": " + host.error());
    view.addresses.push_back({io::Address::Kind::tcp, *host, member.port});
  }
  return view;
}

bool RingFileSource::changed() { return io::file_stamp(path_) != stamp_; }

Result<void, std::string> RingFileSource::change(const cluster::RingChange& change) {
  const auto content = io::read_file(path_, limits::ring_file_bytes_max);
  if (!content) return failure("cluster: " + content.error());
  const auto spec = cluster::parse_ring_file(*content);
  if (!spec) return failure("cluster: " + path_ + ": " + spec.error());
  const auto next = cluster::apply(change, *spec);
  if (!next) return failure("cluster: " + next.error());
  if (*next != *spec) {
    const auto written = io::write_file(path_, cluster::print_ring_file(*next));
    if (!written) return failure("cluster: " + written.error());
  }
  report_ = "done: " + cluster::print_ring_change(change) + " epoch " + std::to_string(next->epoch);
  return {};
}

Result<node::EtcdRingOptions, std::string> etcd_options(const EtcdFlags& flags,
                                                        const std::string& node_name) {
  node::EtcdRingOptions options;
  options.resolve = io::resolve_remote;
  for (const io::Address& endpoint : flags.endpoints) {
    const auto host = io::resolve_remote(endpoint.host);
    if (!host) return failure("--etcd " + endpoint.host + ": " + host.error());
    options.member.hosts.push_back(io::to_string(endpoint));
    options.endpoints.push_back({io::Address::Kind::tcp, *host, endpoint.port});
  }
  options.member.prefix = flags.prefix;
  options.member.self.name = node_name;
  options.member.self.host = flags.own.host;
  options.member.self.port = flags.own.port;
  options.member.lease_s = flags.lease_s;
  options.member.joins = flags.join;
  return options;
}

}  // namespace cacheismo
