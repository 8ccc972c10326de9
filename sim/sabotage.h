// Sabotage: bugs that can be planted between a node and its Io, or in the scripts that it runs, to
// prove that the oracles see them.
//
//   node --Io--> SabotagedIo --> SimIo
//
// Each is what a real mistake in a server looks like from outside. Only tests and the program's
// --sabotage option plant one.

#ifndef CACHEISMO_SIM_SABOTAGE_H_
#define CACHEISMO_SIM_SABOTAGE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "cacheismo/base/bytes.h"
#include "cacheismo/io/io.h"

namespace cacheismo::sim {

enum class Sabotage : std::uint8_t {
  none,
  drop_byte,        ///< one byte of a reply is lost
  flip_bit,         ///< one bit of a reply is another
  swap_replies,     ///< two sends leave in the wrong order
  repeat_send,      ///< a send's bytes leave twice
  swallow_send,     ///< a send is said to be done and never leaves
  lose_completion,  ///< a receive never completes
  corrupt_request,  ///< one byte of what was received is another
  stop_accepting,   ///< the listener stops taking connections
  leak_stream,      ///< a close never reaches the Io
  slow_clock,       ///< the node's clock runs at a tenth of its speed: items live too long
  run_twice,        ///< a method runs twice for one request (object_scripts.h)
  lose_change,      ///< a method's change is acknowledged and not made (object_scripts.h)
  // Of a cluster (peer_sabotage.h; sim/cluster).
  swap_values,   ///< replies of another node answer each other's requests
  ask_twice,     ///< a forwarded request that changes something is sent twice
  stale_value,   ///< another node is answered with a value that is not there any more
  odd_ring,      ///< one node has other owners under the same epoch
  odd_ring_hop,  ///< the same, and no request says that it was forwarded
  // Of a cluster whose ring changes.
  resurrect,      ///< an old owner's value replaces what its new owner has made of it
  write_unowned,  ///< a node executes what is sent to it, whoever owns the key
  lose_moved,     ///< an old owner says of a value that it has not
  refuse_gifts,   ///< a new owner takes no value
  late_flush,     ///< nodes that are told to flush do so later than they say
  // Of a cluster with replicated keys.
  early_ack,  ///< a write is confirmed that one holder has (copy_scripts.h)
  lose_copy,  ///< a holder confirms what it does not store
  old_copy,   ///< an older state replaces a newer one
  // Of a cluster whose scripts ask each other.
  relay_twice,  ///< a script asks twice what it was asked once (copy_scripts.h)
};

inline constexpr std::size_t sabotages_count = static_cast<std::size_t>(Sabotage::relay_twice) + 1;
/// Those from here on need several nodes.
inline constexpr std::size_t first_cluster_sabotage =
    static_cast<std::size_t>(Sabotage::swap_values);
/// Those need replicated keys, too.
[[nodiscard]] constexpr bool is_in_copies(Sabotage sabotage) {
  return sabotage >= Sabotage::early_ack && sabotage <= Sabotage::old_copy;
}

/// "none", "drop_byte", ...
[[nodiscard]] const char* to_string(Sabotage sabotage);
[[nodiscard]] std::optional<Sabotage> parse_sabotage(Bytes name);

/// An Io that does to `inner` what `sabotage` says, now and then as drawn from `seed`. `inner` must
/// outlive it.
[[nodiscard]] std::unique_ptr<io::Io> make_sabotaged_io(io::Io& inner, Sabotage sabotage,
                                                        std::uint64_t seed);

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_SABOTAGE_H_
