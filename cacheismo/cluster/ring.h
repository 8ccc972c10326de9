// Ring: which node owns a key. Immutable; a change of the cluster is another Ring, swapped whole.
//
//   key "user:{7}:name" -> hashed part "7" -> hash -> place -> owner, and the next distinct nodes
//
//   ketama       0 ---x--a-b----a--c-b-----a---c--- 2^32    points; the first one at or behind the
//                          ^ hash  ^ owner                  hash owns it, behind the last it wraps
//   rendezvous   every node draws a number for the key; the best draw for its weight owns it
//   jump         the hash picks one of n ordinals: active nodes in the order of the spec
//
// 1. A Ring has an active member, and owner() is an active one. Members that are joining or leaving
//    are known by name and own nothing.
// 2. owners() begins with owner() and names no member twice; of two calls for one key the longer
//    answer begins with the shorter.
// 3. Placement depends on the hashing, on the active members in their order and on the key; never
//    on the epoch, on an address in memory or on a compiler: arithmetic is on integers, or on IEEE
//    operations that have one result.
// 4. A member that joins or leaves takes or gives keys; between the others none move. But for jump,
//    if the member is not the last, and for ketama as far as the others' shares change: they are
//    rounded down to whole digests (ketama.h).
//
// It is not a membership protocol (somebody else decides what the spec says), not health (a dead
// owner is still the owner), and no way to reach a node.
//
// Cost: ketama one MD5 and a binary search among 160 points per member, 6 bytes each. Rendezvous a
// hash of the key and some multiplications per member. Jump a hash and O(log members).

#ifndef CACHEISMO_CLUSTER_RING_H_
#define CACHEISMO_CLUSTER_RING_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"
#include "cacheismo/cluster/ketama.h"

namespace cacheismo::cluster {

enum class Hashing : std::uint8_t { ketama, rendezvous, jump };

/// Where a member is in its life. Only an active one owns keys.
enum class MemberState : std::uint8_t { joining, active, leaving };

/// The names of the values, as a ring file spells them: the enumerators' own.
[[nodiscard]] Bytes to_string(Hashing hashing);
[[nodiscard]] Bytes to_string(MemberState state);
[[nodiscard]] std::optional<Hashing> parse_hashing(Bytes name);
[[nodiscard]] std::optional<MemberState> parse_member_state(Bytes name);

/// A node as the ring knows it.
struct Member {
  std::string name;  ///< unique; letters, digits and ".-_"
  std::string host;  ///< as clients spell it, since ketama hashes the text; IPv6 without brackets
  std::uint16_t port = 11211;
  std::uint32_t weight = 1;
  MemberState state = MemberState::active;

  bool operator==(const Member&) const = default;
};

struct RingSpec {
  std::uint64_t epoch = 0;
  Hashing hashing = Hashing::ketama;
  std::vector<Member> members;

  bool operator==(const RingSpec&) const = default;
};

/// The failure says which field of this member by itself is wrong and what it may be.
[[nodiscard]] Result<void, std::string> check_member(const Member& member);

class Ring {
 public:
  /// The failure says why there is none: no member or no active one, more than
  /// limits::ring_members_max, one that check_member() refuses, two with one name or one address, a
  /// weight so small beside the others that its member would own nothing (ketama), or any but 1
  /// (jump).
  [[nodiscard]] static Result<Ring, std::string> make(RingSpec spec);

  [[nodiscard]] std::uint64_t epoch() const { return spec_.epoch; }
  [[nodiscard]] Hashing hashing() const { return spec_.hashing; }

  /// All members in the order of the spec, in whatever state. Valid as long as the Ring.
  [[nodiscard]] std::span<const Member> members() const { return spec_.members; }

  /// The member that owns the key, as an index into members(). Any bytes are a key.
  [[nodiscard]] std::uint32_t owner(Bytes key) const;

  /// Fills `out` with distinct active members in the order in which they should hold copies of the
  /// key, its owner first. Returns how many: out.size(), or all active members if those are fewer.
  [[nodiscard]] std::size_t owners(Bytes key, std::span<std::uint32_t> out) const;

  /// The member of this name, in whatever state, as an index into members().
  [[nodiscard]] std::optional<std::uint32_t> find(Bytes name) const;

  /// What of a key decides its place: the bytes between its first `{` and the next `}`, if there
  /// are any, else the whole key. A view into `key`. owner() and owners() look at nothing else.
  [[nodiscard]] static Bytes hashed_part(Bytes key);

 private:
  explicit Ring(RingSpec spec) : spec_(std::move(spec)) {}

  Result<void, std::string> place();
  Result<void, std::string> place_points();
  std::size_t owners_by_points(Bytes part, std::span<std::uint32_t> out) const;
  std::size_t owners_by_draws(Bytes part, std::span<std::uint32_t> out) const;
  std::size_t owners_by_ordinal(Bytes part, std::span<std::uint32_t> out) const;

  RingSpec spec_;
  std::vector<std::uint32_t> active_;       // indices into members(), ascending
  std::vector<std::uint64_t> name_hashes_;  // rendezvous: of active_, in its order
  KetamaPoints points_;                     // ketama
};

}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_RING_H_
