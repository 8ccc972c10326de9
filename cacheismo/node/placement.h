// Placement: what the ring hashes of a key.
//
//   key of a request        item       placed by
//   user:7                  user:7     user:7
//   quota:addandcheck:al:1  quota$al   quota$al, or what quota.route("al") returns
//   quota$al                quota$al   the same
//   cluster:nodes           -          it is answered where it arrives
//
//  1. It depends on the item's key alone, and on the scripts: whoever has that key, a client's
//     request, a scan or another node, finds the same.
//  2. Lua is entered only for items of types that have a route.
//
// What it is not: it knows no ring.

#ifndef CACHEISMO_NODE_PLACEMENT_H_
#define CACHEISMO_NODE_PLACEMENT_H_

#include <cstdint>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/cluster/ring_history.h"

namespace cacheismo::node {

struct NodeState;

class Placement {
 public:
  enum class Of : std::uint8_t {
    request,  ///< the key may be virtual
    item,     ///< it is that of an item
  };
  /// `key` outlives this.
  Placement(NodeState& node, Bytes key, Of of = Of::request);
  Placement(const Placement&) = delete;
  Placement& operator=(const Placement&) = delete;

  /// No item decides: it is answered wherever it arrives.
  [[nodiscard]] bool anywhere() const { return is_ == Is::anywhere; }
  /// The type's route has failed, so nobody can tell; error() says what follows SERVER_ERROR.
  [[nodiscard]] bool failed() const { return is_ == Is::failed; }
  [[nodiscard]] const std::string& error() const { return routed_; }
  /// Otherwise. Its bytes are the key's or this one's.
  [[nodiscard]] const cluster::PlacedKey& key() const { return key_; }

 private:
  enum class Is : std::uint8_t { placed, anywhere, failed };
  Is is_ = Is::placed;
  cluster::PlacedKey key_;
  std::string object_;  ///< the item's key, where a virtual key names it
  std::string routed_;  ///< what a route has returned, or why it has not
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_PLACEMENT_H_
