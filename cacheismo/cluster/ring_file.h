// Ring file: a ring as text that people write, and a node watches for changes.
//
//   # three nodes, one of them on its way
//   epoch 7
//   hashing ketama
//   node a 10.0.0.1:11211
//   node b 10.0.0.2:11211 weight 2
//   node c [2001:db8::3]:11212 state joining
//
// 1. What print_ring_file() writes, parse_ring_file() reads as the same spec.
// 2. A text that says something twice, leaves the epoch out or has a word too many is refused: half
//    a file, or two versions of it in one, is no ring.
//
// Words stand between blanks or tabs, a line may end in CR LF, and `#` begins a comment anywhere.
// `hashing` may be left out and is ketama then; lines may come in any order.
//
// It is not the file: reading and watching one is its user's matter. Nor is a spec that was read a
// Ring: whether its members can be placed is for Ring::make to say.

#ifndef CACHEISMO_CLUSTER_RING_FILE_H_
#define CACHEISMO_CLUSTER_RING_FILE_H_

#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"
#include "cacheismo/cluster/ring.h"

namespace cacheismo::cluster {

/// The failure is "line N: what is wrong", N counted from 1. Every member of the spec passes
/// check_member(), no two have one name or one address, and there are at most
/// limits::ring_members_max.
[[nodiscard]] Result<RingSpec, std::string> parse_ring_file(Bytes text);

/// One line for the epoch, for the hashing and for each member; weight and state only if they are
/// not 1 and active. Requires members that check_member() passes.
[[nodiscard]] std::string print_ring_file(const RingSpec& spec);

}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_RING_FILE_H_
