// HostNames: the addresses of the hosts that a ring names, and of those who keep it, looked up
// again and again by whoever gives a node its ring.
//
//   want(hosts) --> names that are new are looked up ~~> collect() -> address(host)
//   tick(), once a second: what is due is looked up once more
//
//  1. Nothing here waits for a resolver.
//  2. A host that is a numeric address is its own address.
//  3. A name that was found keeps its address until there is another; one that was not has none.
//
// What it is not: it has no clock and no timer, and does not know what the hosts are for. A node
// that has no ring with names needs none.

#ifndef CACHEISMO_NODE_HOST_NAMES_H_
#define CACHEISMO_NODE_HOST_NAMES_H_

#include <string>
#include <vector>

#include "cacheismo/cluster/ring.h"
#include "cacheismo/node/config.h"

namespace cacheismo::node {

class HostNames {
 public:
  /// From here on these are the hosts. Begins to look up those that are new.
  virtual void want(const std::vector<std::string>& hosts) = 0;
  /// Of a wanted host; empty: it has none so far.
  [[nodiscard]] virtual const std::string& address(const std::string& host) const = 0;
  /// It is not known yet whether this wanted host has an address.
  [[nodiscard]] virtual bool unsure(const std::string& host) const = 0;
  /// That holds of some host.
  [[nodiscard]] virtual bool any_unsure() const = 0;

  /// Takes what was found meanwhile. True: a host has another address than before.
  virtual bool collect() = 0;
  /// The same, and begins the lookup that is due.
  virtual bool tick() = 0;

 protected:
  ~HostNames() = default;
};

/// What want() is to be told of.
[[nodiscard]] std::vector<std::string> hosts_of(const cluster::RingSpec& spec);

/// With the addresses that are known at present. Requires that `names` wants the ring's hosts.
[[nodiscard]] RingView ring_view(cluster::RingSpec spec, const HostNames& names);

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_HOST_NAMES_H_
