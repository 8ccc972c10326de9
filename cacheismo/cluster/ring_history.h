// RingHistory: whether what a node has stored under a key is the key's state, while the cluster has
// just changed.
//
//   epoch    5        6        7 (current)
//   owner    a        b        a            a key, as node a sees it
//   a has    value    value    value?       it may be older than what b has made of it meanwhile
//
// A node that gets a key has either nothing under it or a leftover of an earlier time. It settles
// the key at the first touch: the leftover goes, and the state comes from whoever owned the key
// before. Which keys are settled is kept as their hashes until nothing of the past is left.
//
// An old owner that has not heard of the new ring yet yields a key to the node that settles it, and
// has it no more, until it hears of that ring too:
//
//   node a, epoch 7   owns the key ---- yielded: refuses it ----> hears of 8: it is b's
//   node b, epoch 8             asks a
//
//  1. judge() says `good` only if the state was made, or settled, here under the ring by which the
//     key was last this node's, or carried there from a ring by which it was too; and no newer
//     ring's owner has asked for it.
//  2. A key that was settled is never taken from an old owner again, so that what was deleted or
//     overwritten here does not come back.
//  3. State goes only to the owner that came next: what that one has made of it meanwhile must not
//     be undone.
//  4. At most `settled_max` hashes are kept. When they are used up, keys are still judged right,
//     but no more can be settled or yielded: each touch finds nothing, as a cache may always do.
//
// What it is not: it moves nothing. Two keys with one 64-bit hash may lose one value, never mix
// two.

#ifndef CACHEISMO_CLUSTER_RING_HISTORY_H_
#define CACHEISMO_CLUSTER_RING_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/cluster/ring.h"

namespace cacheismo::cluster {

/// A key, and what the ring hashes of it: keys that belong together are placed by one text.
struct PlacedKey {
  Bytes key;  ///< of the item
  Bytes by;
};

class RingHistory {
 public:
  /// Past rings that are remembered. Of more changes on top of each other the oldest is forgotten,
  /// and what was not touched since then is taken for a leftover.
  static constexpr std::size_t past_max = 4;

  static constexpr std::size_t copy_ranks_max = 8;

  /// `self`: the node's name.
  RingHistory(std::string self, std::size_t settled_max)
      : self_(std::move(self)), settled_max_(settled_max) {}

  /// The ring from now on. The first one begins a history without a past.
  void push(Ring ring);
  [[nodiscard]] bool has_ring() const { return !eras_.empty(); }
  /// Requires has_ring().
  [[nodiscard]] const Ring& ring() const { return eras_.back().ring; }
  /// Index of this node in ring(); nullopt: it is no member.
  [[nodiscard]] std::optional<std::uint32_t> self() const { return eras_.back().self; }

  /// There is a past: keys must be judged.
  [[nodiscard]] bool open() const { return eras_.size() > 1; }
  enum class State : std::uint8_t {
    good,       ///< what is stored here, or that nothing is, is the key's state
    unsettled,  ///< it is a leftover
  };
  /// Of a key that this node owns or, if another node asks for it, has owned.
  [[nodiscard]] State judge(const PlacedKey& key) const;
  /// The key's state here is good since the ring of `epoch`, by which it was this node's. False:
  /// there is no room, or that ring is forgotten; it stays unsettled.
  bool settle(Bytes key, std::uint64_t epoch);
  /// The owner by the ring of `epoch` is about to settle the key. True: what is stored here, or
  /// that nothing is, is its state, and may be given away. Of a newer epoch: yielded() from now on.
  [[nodiscard]] bool yield(const PlacedKey& key, std::uint64_t epoch);
  /// The epoch, newer than this node's, whose owner has the key; 0: there is none, as far as is
  /// known here.
  [[nodiscard]] std::uint64_t yielded(Bytes key) const;
  /// Who owned what is placed by this before this node; null: nobody else, as far as is
  /// remembered.
  [[nodiscard]] const Member* owner_before(Bytes by) const;

  /// The ring before the current one; null: there is none, or another one may have been between
  /// them, because their epochs are not consecutive.
  [[nodiscard]] const Ring* previous() const;
  /// Where this node stands among those that hold copies of what is placed by this, by `ring`: 0 is
  /// the owner. nullopt: behind the first copy_ranks_max.
  [[nodiscard]] std::optional<std::size_t> copy_rank(const Ring& ring, Bytes by) const;

  [[nodiscard]] std::size_t settled() const { return settled_count_ + yielded_.size(); }
  [[nodiscard]] bool full() const { return settled() >= settled_max_; }
  /// Nothing of the past is left: no leftover is stored, and nobody is asked any more.
  void close();

 private:
  struct Era {
    Ring ring;
    std::optional<std::uint32_t> self;
    std::unordered_set<std::uint64_t> settled;  ///< hashes of keys; never iterated
  };
  struct Yield {
    std::uint64_t epoch = 0;
    bool good = false;  ///< what was here then was the state
  };
  [[nodiscard]] static bool owned_in(const Era& era, Bytes by) {
    return era.self && era.ring.owner(by) == *era.self;
  }
  [[nodiscard]] bool had_one_owner_since(Bytes by) const;

  std::string self_;
  std::size_t settled_max_;
  std::vector<Era> eras_;                             ///< oldest first; the last is the current one
  std::unordered_map<std::uint64_t, Yield> yielded_;  ///< never iterated in order
  std::size_t settled_count_ = 0;
  bool complete_ = true;  ///< no era was forgotten
};

}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_RING_HISTORY_H_
