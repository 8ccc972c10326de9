#include "cacheismo/ring_source.h"

#include <string>
#include <utility>

#include "cacheismo/base/limits.h"
#include "cacheismo/cluster/ring_file.h"
#include "cacheismo/io/file.h"
#include "cacheismo/node/host_names.h"

namespace cacheismo {

Result<cluster::RingSpec, std::string> RingFileSource::parse() const {
  const auto content = io::read_file(path_, limits::ring_file_bytes_max);
  if (!content) return failure(content.error());
  auto spec = cluster::parse_ring_file(*content);
  if (!spec) return failure(path_ + ": " + spec.error());
  return spec;
}

Result<node::RingView, std::string> RingFileSource::read() {
  const bool first = stamp_.empty();
  stamp_ = io::file_stamp(path_);
  auto spec = parse();
  if (!spec) return failure(spec.error());
  names_.want(node::hosts_of(*spec));
  if (first) (void)names_.wait(wait_);
  return node::ring_view(std::move(*spec), names_);
}

/// Whether the file, which is another one than was read, has names that are being looked up.
bool RingFileSource::awaits_names() {
  const std::string stamp = io::file_stamp(path_);
  if (stamp == awaited_) return false;
  awaited_ = stamp;
  const auto spec = parse();
  if (!spec) return false;
  names_.want(node::hosts_of(*spec));
  return names_.any_unsure();
}

bool RingFileSource::changed() {
  const bool moved = names_.tick();
  return moved || (io::file_stamp(path_) != stamp_ && !awaits_names());
}

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

node::EtcdRingOptions etcd_options(const EtcdFlags& flags, const std::string& node_name,
                                   node::HostNames& names) {
  node::EtcdRingOptions options;
  options.names = &names;
  options.endpoints = flags.endpoints;
  for (const io::Address& endpoint : flags.endpoints)
    options.member.hosts.push_back(io::to_string(endpoint));
  options.member.prefix = flags.prefix;
  options.member.self.name = node_name;
  options.member.self.host = flags.own.host;
  options.member.self.port = flags.own.port;
  options.member.lease_s = flags.lease_s;
  options.member.joins = flags.join;
  return options;
}

}  // namespace cacheismo
