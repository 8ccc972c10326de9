// Hop: what one node tells another about a request beside its command, in the meta flag `P`.
//
//   mg user:7 v f k O27 P1.0.7.950
//                      | | | `- milliseconds until the asking side stops waiting
//                      | | `--- epoch of the ring that it was routed by; 0: run it here
//                      | `----- calls of scripts around this one
//                      `------- times that it was forwarded
//
// A letter behind it says what an mg is to tell:
//
//   P1.0.7.950.p   what the get, gat or touch sees that it stands for: nothing of what mg does to a
//                  stale item
//   P1.0.7.950.i   the byte form of the item (node/item_form.h) instead of its value
//   P1.0.7.950.d   the form of its digest
//
// memcached accepts `P` from proxies and ignores it, so that a stock server may be a peer.
//
// What it is not: an authorisation. Any client may send it.

#ifndef CACHEISMO_CLUSTER_HOP_H_
#define CACHEISMO_CLUSTER_HOP_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "cacheismo/base/bytes.h"

namespace cacheismo::cluster {

struct Hop {
  std::uint8_t hops = 0;
  std::uint8_t depth = 0;
  std::uint64_t epoch = 0;
  std::uint32_t remaining_ms = 0;
  enum class Wants : std::uint8_t { meta, plain, item, digest };
  Wants wants = Wants::meta;
  bool operator==(const Hop&) const = default;
};

/// "1.0.7.950"; nullopt: some other proxy's token.
[[nodiscard]] std::optional<Hop> parse_hop(Bytes argument);

/// The inverse.
void append_hop(std::string& out, const Hop& hop);

/// What a node says, behind SERVER_ERROR and in front of its ring's epoch, to a request that was
/// forwarded to it and that its ring gives to another node. Nothing was executed.
inline constexpr Bytes wrong_owner_text = "wrong-owner epoch=";

}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_HOP_H_
