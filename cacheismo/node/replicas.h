// Replicas: states of items on their way from the node that has committed them to those that keep
// copies.
//
//   script --replicate(key)--> pack() ==> "cluster:replica" ==> take() --> store
//                 ^                                    |
//                 +---- saw() <--- "replica: newer VERSION"
//
// The data block of `ms cluster:replica`:
//
//   7.1764132345000000.981\n<form>
//   |                        `- of the item, or that it is gone (item_form.h)
//   `- version (versions.h)
//
//  1. What is shipped is the state of the item, under a version that is newer than all that this
//     node has seen; never the command or the script that has led to it.
//  2. A state whose version is older than what this node knows of the key changes nothing, and its
//     sender is told so; a delete is remembered like a value (versions.h says how long).
//     What was on its way to a node before its start is older than the node.
//  3. Objects are taken only with --accept-copy, because their fields come past their methods.
//  4. What an old owner has of a key when the ring has changed never replaces a state that came
//     under a version: the key is settled (cluster/ring_history.h).
//  5. A version of a ring that this node cannot find, or of a clock too far ahead of its own, is
//     refused: nobody can make all that follows look old.
//
// What it is not: it sends nothing (RemoteCalls does) and chooses no node. What ordinary commands
// write has no version: the next replica of the key takes its place.

#ifndef CACHEISMO_NODE_REPLICAS_H_
#define CACHEISMO_NODE_REPLICAS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"
#include "cacheismo/base/units.h"
#include "cacheismo/lua/engine.h"
#include "cacheismo/lua/host.h"
#include "cacheismo/node/versions.h"

namespace cacheismo::node {

struct NodeState;

/// Keys whose version a node knows. A late state is at most as old as the longest wait of a script,
/// 60 s; a table that is full before that only costs writers with slow clocks a second try. At some
/// 150 bytes a key these are 10 MiB.
inline constexpr std::size_t replica_versions_max = 65'536;
/// For how long it does, seconds: ten times the longest wait of a script.
inline constexpr std::uint32_t replica_versions_seconds_max = 600;
/// How far ahead of this node's a writer's clock may be. Clocks that are kept by NTP differ by less
/// than a second; what is an hour ahead is a mistake.
inline constexpr Duration replica_clock_ahead_max = std::chrono::hours(1);

/// What `stats cluster` tells.
struct ReplicaCounters {
  std::uint64_t packed = 0;  ///< however many nodes they were sent to
  std::uint64_t taken = 0;
  std::uint64_t older = 0;    ///< not taken: something newer is known
  std::uint64_t refused = 0;  ///< for other reasons
};

class Replicas {
 public:
  explicit Replicas(NodeState& node);

  // See lua::Host.
  [[nodiscard]] Result<lua::Host::PackedItem, std::string> pack(Bytes item_key, Bytes before);
  [[nodiscard]] lua::Host::PackedItem pack(Bytes item_key, const lua::Host::NewValue& value);
  /// Brings a packed state of another node into effect. The failure says why not.
  [[nodiscard]] Result<void, std::string> take(Bytes block);
  /// The same, as the answer to `ms cluster:replica`.
  [[nodiscard]] lua::Answer answer(Bytes block);
  /// What another node has said about a state of this one.
  void saw(Bytes error);
  /// Whether the state of an item, as far as is remembered, was written by who knew this ring.
  [[nodiscard]] bool is_of_ring(Bytes item_key, std::uint64_t epoch) const;

  [[nodiscard]] const VersionTable& versions() const { return versions_; }
  [[nodiscard]] const ReplicaCounters& counters() const { return counters_; }
  [[nodiscard]] std::optional<std::string> audit() const { return versions_.audit(); }

 private:
  struct Packed;
  [[nodiscard]] static Result<Packed, std::string> parse(Bytes block);
  [[nodiscard]] std::uint64_t wall_us() const;
  [[nodiscard]] std::uint64_t epoch() const;
  [[nodiscard]] Version next_version();
  /// Whether this node can believe a version. Its counter is behind all later ones of this node.
  [[nodiscard]] Result<void, std::string> check(const Version& version);
  [[nodiscard]] Result<void, std::string> refused(std::string why);
  /// The state of the key has this version from now on.
  void settle(const Version& version, Bytes item_key);

  NodeState& node_;
  std::uint64_t self_;          ///< the node of its versions
  std::uint64_t started_us_;    ///< wall time, microseconds: nothing at or below it is taken
  std::uint64_t last_counter_;  ///< the highest that it has given or seen
  VersionTable versions_;
  ReplicaCounters counters_;
  std::string text_;  ///< behind the latest answer
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_REPLICAS_H_
