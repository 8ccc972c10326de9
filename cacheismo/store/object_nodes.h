// ObjectNodes: the tree of a large object in the arena: its links, and how they follow a move.
//
//   item.split.first --> root --child--> inner --child--> leaf
//         ^                |  ^            |  ^             |
//         +---- previous --+  +- previous -+  +- previous --+
//
//   burial:  grave --> root of a dropped tree <--previous, next--> another --> 0
//
// A dropped tree is buried in O(1) and dug up a node at a time: the children of a node that goes
// are buried themselves. No piece of work is as long as an object is large.
//
// What it is not: it takes no memory (Table does).

#ifndef CACHEISMO_STORE_OBJECT_NODES_H_
#define CACHEISMO_STORE_OBJECT_NODES_H_

#include <cstdint>
#include <optional>
#include <string>

#include "cacheismo/alloc/arena.h"
#include "cacheismo/store/item.h"
#include "cacheismo/store/object_node.h"

namespace cacheismo::store {

/// A leaf or inner node above this many bytes is split in two, if it has the entries for it.
inline constexpr std::uint32_t node_bytes_max = 512;

/// What a node of so many bytes takes in the arena: header, slot and rounding included.
[[nodiscard]] constexpr std::uint32_t node_footprint(std::uint32_t bytes) {
  return static_cast<std::uint32_t>(alloc::even(sizeof(PieceHeader) + bytes) + alloc::slot_bytes);
}

class ObjectNodes {
 public:
  explicit ObjectNodes(alloc::Arena& arena) : arena_(&arena) {}

  [[nodiscard]] Piece piece(Handle handle) const { return Piece(arena_->chunk(handle)); }
  [[nodiscard]] Node at(Handle handle) const {
    const Piece held = piece(handle);
    return {held.value().data(), held.value_bytes(), held.is_leaf()};
  }

  /// Links lead to `to` where they led to `from`: the parent's (an item's too), the children's, a
  /// neighbour's in the grave. Not for a node whose parent is not known yet.
  void moved(Handle from, Handle to);

  /// Whether the node belongs to the item. Not for one whose parent is not known yet.
  [[nodiscard]] bool belongs(Handle node, Handle item) const;

  [[nodiscard]] std::uint64_t count(Handle root) const;

  /// Gives a whole tree back, later: see dig().
  void bury(Handle root);
  /// Gives one buried node back. False: there is none.
  bool dig();
  [[nodiscard]] std::uint64_t buried() const;

  /// Walks the tree of an item; the first broken invariant. `bytes` is what its nodes come to.
  [[nodiscard]] std::optional<std::string> audit(Handle item, Handle root,
                                                 std::uint64_t bytes) const;
  /// The same for an object in one node.
  [[nodiscard]] static std::optional<std::string> audit_leaf(const Node& leaf);

 private:
  struct Walk;
  void unearth(Handle node);

  alloc::Arena* arena_;
  Handle grave_;  ///< the root of the tree that was buried last
};

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_OBJECT_NODES_H_
