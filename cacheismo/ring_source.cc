#include "cacheismo/ring_source.h"

#include <algorithm>
#include <string>

#include "cacheismo/base/limits.h"
#include "cacheismo/cluster/ring_file.h"
#include "cacheismo/io/file.h"

namespace cacheismo {

Result<node::RingView, std::string> RingFileSource::read() {
  stamp_ = io::file_stamp(path_);
  const auto content = io::read_file(path_, limits::ring_file_bytes_max);
  if (!content) return failure(content.error());
  auto spec = cluster::parse_ring_file(*content);
  if (!spec) return failure(path_ + ": " + spec.error());
  std::vector<std::string> names;
  for (const cluster::Member& member : spec->members) {
    if (!io::numeric_address(member.host)) names.push_back(member.host);
  }
  learn(names);
  node::RingView view;
  view.spec = std::move(*spec);
  for (const cluster::Member& member : view.spec.members) {
    const auto numeric = io::numeric_address(member.host);
    view.addresses.push_back({.kind = io::Address::Kind::tcp,
                              .host = numeric ? *numeric : addresses_.at(member.host),
                              .port = member.port});
  }
  return view;
}

bool RingFileSource::changed() {
  if (io::file_stamp(path_) != stamp_) return true;
  if (lookup_.busy()) return collect(Duration(0));
  const bool missing =
      std::ranges::any_of(addresses_, [](const auto& name) { return name.second.empty(); });
  ++asks_;
  if (!addresses_.empty() && (missing || asks_ >= asks_per_lookup)) look_up();
  return false;
}

/// From here on `names` are those of the file; waits for the addresses of those that are new.
void RingFileSource::learn(const std::vector<std::string>& names) {
  std::erase_if(addresses_, [&](const auto& known) {
    return std::ranges::find(names, known.first) == names.end();
  });
  const std::size_t known = addresses_.size();
  for (const std::string& name : names) addresses_.try_emplace(name);
  if (addresses_.size() == known) return;
  // A batch that runs already does not know the new names. If it does not end, changed() goes on.
  if (lookup_.busy()) (void)collect(wait_);
  if (lookup_.busy()) return;
  look_up();
  (void)collect(wait_);
}

void RingFileSource::look_up() {
  asks_ = 0;
  std::vector<std::string> names;
  for (const auto& [name, address] : addresses_) names.push_back(name);
  lookup_.start(std::move(names));
}

/// Whether a name of the file has another address than before.
bool RingFileSource::collect(Duration patience) {
  const auto found = lookup_.take(patience);
  if (!found) return false;
  bool moved = false;
  for (const auto& [name, address] : *found) {
    const auto known = addresses_.find(name);
    if (known == addresses_.end() || !address || known->second == *address) continue;
    known->second = *address;
    moved = true;
  }
  return moved;
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
