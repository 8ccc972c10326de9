// NaiveRing: the definition of placement, written down without any cleverness, to compare with.
//
// Ketama: every digest of every member is computed anew for every key and looked at one after the
// other. Rendezvous: floating-point logarithms. Jump has no simpler form than its own; its
// ordinals are compared with published ones in ring_test.

#ifndef CACHEISMO_CLUSTER_NAIVE_RING_H_
#define CACHEISMO_CLUSTER_NAIVE_RING_H_

#include <cstdint>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/cluster/ring.h"

namespace cacheismo::cluster {

/// The active members as ketama orders them for `key`, whose tag is cut out already: clockwise from
/// the key's hash, each where its first point lies.
[[nodiscard]] std::vector<std::uint32_t> naive_ketama_owners(const RingSpec& spec, Bytes part);

/// The active members as rendezvous orders them. Two whose costs differ by less than the error of a
/// double may come in either order, which happens once in 10^9 keys.
[[nodiscard]] std::vector<std::uint32_t> naive_rendezvous_owners(const RingSpec& spec, Bytes part);

}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_NAIVE_RING_H_
