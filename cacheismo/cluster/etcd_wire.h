// etcd's wire: what is asked of its HTTP gateway (API v3, as of etcd 3.4), and what it answers.
//
//   swap("/c/ring", ...) -> POST /v3/kv/txn HTTP/1.1 ... {"compare":[...],"success":[...], ...}
//   {"header":{...},"succeeded":true,...} -> EtcdSwap{succeeded, revision}
//
//  1. A reply is taken with every field that is needed, of the type and form that is documented, or
//     refused with a sentence that says what is missing. Fields that are not needed are ignored.
//  2. Protobuf leaves out what is 0, false or empty: there, and only there, a field may be missing.
//
// It is not the conversation (etcd_channel.h), nor what it is for (etcd_member.h).
// Source: etcd's Documentation/dev-guide/api_grpc_gateway.md and etcdserver/etcdserverpb/rpc.proto.

#ifndef CACHEISMO_CLUSTER_ETCD_WIRE_H_
#define CACHEISMO_CLUSTER_ETCD_WIRE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"

namespace cacheismo::cluster {

/// Longest body of a reply, or line of a watch, bytes: a ring of limits::ring_file_bytes_max in
/// base64, twice (a watch may tell of the ring before, too), and the JSON around it.
inline constexpr std::size_t etcd_body_bytes_max = 1024 * 1024;

struct EtcdLease {
  std::uint64_t id = 0;
  std::uint64_t ttl_s = 0;  ///< 0: there is no such lease any more
};

struct EtcdEntry {
  std::string value;
  std::uint64_t mod_revision = 0;

  bool operator==(const EtcdEntry&) const = default;
};

struct EtcdRead {
  std::uint64_t revision = 0;  ///< of the whole store when it was read
  std::optional<EtcdEntry> entry;
};

struct EtcdSwap {
  bool succeeded = false;
  std::uint64_t revision = 0;      ///< of the entry that was written, if it succeeded
  std::optional<EtcdEntry> entry;  ///< what is there, if it did not
};

/// One line of a watch.
struct EtcdNews {
  bool ended = false;              ///< no more will come
  std::uint64_t revision = 0;      ///< at which the key was changed to `entry`; 0: it was not
  std::optional<EtcdEntry> entry;  ///< none: it was deleted
};

/// Requests, whole; `host` is the Host header's.
namespace etcd {

[[nodiscard]] std::string grant(Bytes host, std::uint64_t ttl_s);
[[nodiscard]] std::string keep_alive(Bytes host, std::uint64_t lease);
[[nodiscard]] std::string revoke(Bytes host, std::uint64_t lease);
[[nodiscard]] std::string read(Bytes host, Bytes key);
/// Writes the value if the key's mod_revision is still `mod_revision` (0: if there is none), bound
/// to `lease` (0: to none), and tells what is there otherwise.
struct Swap {
  Bytes key;
  Bytes value;
  std::uint64_t mod_revision = 0;
  std::uint64_t lease = 0;
};
[[nodiscard]] std::string swap(Bytes host, const Swap& how);
/// What happens to the key from this revision on.
[[nodiscard]] std::string watch(Bytes host, Bytes key, std::uint64_t revision);

/// Bodies of replies with status 200. The failure says what is wrong with them.
[[nodiscard]] Result<EtcdLease, std::string> parse_grant(Bytes body);
[[nodiscard]] Result<EtcdLease, std::string> parse_keep_alive(Bytes body);
[[nodiscard]] Result<EtcdRead, std::string> parse_read(Bytes body, Bytes key);
[[nodiscard]] Result<EtcdSwap, std::string> parse_swap(Bytes body, Bytes key);
[[nodiscard]] Result<EtcdNews, std::string> parse_news(Bytes line, Bytes key);

/// What a reply of another status says, in at most a line of printable ASCII.
[[nodiscard]] std::string error_text(std::uint32_t status, Bytes body);

}  // namespace etcd
}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_ETCD_WIRE_H_
