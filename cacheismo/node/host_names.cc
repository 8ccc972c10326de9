#include "cacheismo/node/host_names.h"

#include <utility>

namespace cacheismo::node {

std::vector<std::string> hosts_of(const cluster::RingSpec& spec) {
  std::vector<std::string> hosts;
  for (const cluster::Member& member : spec.members) hosts.push_back(member.host);
  return hosts;
}

RingView ring_view(cluster::RingSpec spec, const HostNames& names) {
  RingView view;
  view.spec = std::move(spec);
  for (const cluster::Member& member : view.spec.members) {
    view.addresses.push_back(
        {.kind = io::Address::Kind::tcp, .host = names.address(member.host), .port = member.port});
  }
  return view;
}

}  // namespace cacheismo::node
