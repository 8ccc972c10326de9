// Ketama: the points of a consistent-hash ring, to the bit as memcached's clients compute them.
//
//   name of a digest   "host-K" on port 11211, "host:port-K" on any other; K = 0, 1, 2, ...
//   its MD5            |b0 b1 b2 b3|b4 b5 b6 b7|b8 b9 ba bb|bc bd be bf|   four points, each four
//                          point       point       point       point       bytes little-endian
//   hash of a key      the first four bytes of its MD5, little-endian
//
// The source is libmemcached 1.1.4 with MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED; twemproxy 0.5.0 has the
// same arithmetic. Both compute a server's share with 32-bit floats and round it down, so that 25
// servers of one weight have 39 digests each and not 40. That is kept: agreeing is the purpose.
//
// Cost: a point is 6 bytes; MD5 (OpenSSL) does one block for keys up to 55 bytes.

#ifndef CACHEISMO_CLUSTER_KETAMA_H_
#define CACHEISMO_CLUSTER_KETAMA_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cacheismo/base/bytes.h"

namespace cacheismo::cluster {

struct KetamaShare {
  std::uint32_t weight = 1;
  std::uint32_t total_weight = 1;  ///< of all servers, this one's included; below 2^24
  std::uint32_t servers = 1;
};

/// How many digests a server of that share gets: 40 times servers times weight / total_weight, as a
/// 32-bit float has it, rounded down. May be 0.
[[nodiscard]] std::uint32_t ketama_digests(const KetamaShare& share);

/// Where a key lies among the points.
[[nodiscard]] std::uint32_t ketama_hash(Bytes key);

class KetamaPoints {
 public:
  /// Adds the points of a server that is to be called `member`. sort() has to follow.
  void add(Bytes host, std::uint16_t port, std::uint32_t digests, std::uint16_t member);

  /// By value; points of one value in the order in which they were added.
  void sort();

  [[nodiscard]] std::size_t size() const { return values_.size(); }

  /// The place of the first point at or behind the hash; behind the last one, that is 0. Requires
  /// size() > 0 and sort().
  [[nodiscard]] std::size_t first(std::uint32_t hash) const;

  /// Whose point it is. Requires place < size().
  [[nodiscard]] std::uint16_t member(std::size_t place) const { return members_[place]; }

 private:
  std::vector<std::uint32_t> values_;  // apart from members_: a search reads these only
  std::vector<std::uint16_t> members_;
};

}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_KETAMA_H_
