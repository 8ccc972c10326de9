// RingChange: one step from a ring to the next, whose epoch is higher by one.
//
//   ring of epoch 7 + "join:d:10.0.0.4%3A11211"  ->  ring of epoch 8
//
//  1. Applied twice it does what it does once: the second time nothing changes, the epoch neither.
//  2. What it makes passes Ring::make.
//
// It is not agreement: whoever stores the result compares and swaps.

#ifndef CACHEISMO_CLUSTER_RING_CHANGE_H_
#define CACHEISMO_CLUSTER_RING_CHANGE_H_

#include <cstdint>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"
#include "cacheismo/cluster/ring.h"

namespace cacheismo::cluster {

struct RingChange {
  enum class Is : std::uint8_t {
    join,   ///< adds the node as an active one; of one that is there the address is set
    leave,  ///< takes the node out
    state,  ///< sets its state
  };
  Is is = Is::join;
  Member member;  ///< its name; for join its host and port, for state its state
};

/// "join:NAME:HOST%3APORT", "leave:NAME" or "state:NAME:STATE"; the parts are percent-encoded where
/// they have colons. The failure says what is wrong and what there is.
[[nodiscard]] Result<RingChange, std::string> parse_ring_change(Bytes text);

/// Back to such a text.
[[nodiscard]] std::string print_ring_change(const RingChange& change);

/// "10.0.0.1:11211", "[::1]:11211": a member's address as a ring file has it.
[[nodiscard]] std::string print_address(const Member& member);

/// `spec` itself where the change is in it already. The failure says why the change cannot be made:
/// no such node, or a ring that Ring::make refuses (without an active node, above all).
[[nodiscard]] Result<RingSpec, std::string> apply(const RingChange& change, const RingSpec& spec);

}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_RING_CHANGE_H_
