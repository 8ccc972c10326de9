// ClusterFlags: the flags that say where the ring is and who this node is in it.

#ifndef CACHEISMO_CLUSTER_FLAGS_H_
#define CACHEISMO_CLUSTER_FLAGS_H_

#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"
#include "cacheismo/flags.h"

namespace cacheismo {

// getopt_long tells them by these; flags.cc has the numbers below, letters are from 'A' on.
constexpr char first_cluster_flag = 16;
constexpr char flag_ring_file = 16;
constexpr char flag_node_name = 17;
constexpr char flag_cluster_timeout = 18;
constexpr char flag_enable_ring_changes = 19;
constexpr char flag_etcd = 20;
constexpr char flag_etcd_join = 21;
constexpr char flag_etcd_lease = 22;
constexpr char flag_etcd_prefix = 23;
constexpr char flag_node_address = 24;
constexpr char last_cluster_flag = 24;

[[nodiscard]] constexpr bool is_cluster_flag(char flag) {
  return flag >= first_cluster_flag && flag <= last_cluster_flag;
}

/// The error is one line that names the flag.
[[nodiscard]] Result<void, std::string> take_cluster_flag(char flag, Bytes value, Options& options);

/// What depends on several flags, once the addresses to listen on are known.
[[nodiscard]] Result<void, std::string> settle_cluster(const Options& options);

}  // namespace cacheismo

#endif  // CACHEISMO_CLUSTER_FLAGS_H_
