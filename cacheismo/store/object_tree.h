// ObjectTree: an opened object: its nodes in the arena, and over them the changed ones in scratch.
//
//   root --> copy of inner --> inner (arena)          a ref names a node: bit 31 set, a copy by
//                |                                    its number; else a chunk by its handle;
//                +--> copy of leaf                    0 is the leaf inside the item
//
//  1. The parent of a copy is a copy: a change copies every node from the root down to it.
//  2. A copy knows the chunk that it was made from (`origin`, 0: none). The origins of nodes that
//     are gone are listed, so that commit can free them.
//  3. No node but a root leaf is empty, and an inner root has two children at least.
//  4. bytes() is the sum of node_footprint over the tree as it now is.
//
// What it is not: it changes nothing in the arena; Table commits (object_commit.cc).

#ifndef CACHEISMO_STORE_OBJECT_TREE_H_
#define CACHEISMO_STORE_OBJECT_TREE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "cacheismo/alloc/arena.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/store/item.h"
#include "cacheismo/store/object.h"
#include "cacheismo/store/object_node.h"
#include "cacheismo/store/object_nodes.h"
#include "cacheismo/store/object_scratch.h"
#include "cacheismo/store/open_items.h"

namespace cacheismo::store {

/// Names a node of an opened object.
using NodeRef = std::uint32_t;
inline constexpr NodeRef inline_leaf = 0;
inline constexpr NodeRef copy_mark = 0x80000000;
static_assert(limits::arena_bytes_max / alloc::page_bytes <= copy_mark >> 8,
              "no handle has the mark");

/// A node as it will be, in scratch.
struct NodeCopy {
  char* data;
  std::uint32_t bytes;
  std::uint32_t capacity;
  std::uint32_t origin_bytes;
  Handle origin;  ///< the chunk that it was made from
  Handle fresh;   ///< during commit: the chunk that it gets
  bool leaf;
  bool changed = false;  ///< more than the links to its children
  bool adopted = false;  ///< has children that were another node's
  bool gone = false;     ///< not in the tree any more
};

class ObjectTree {
 public:
  ObjectTree() = default;

  /// Opens the object in `item` (none: a new, empty one), for an update or to read.
  void open(alloc::Arena& arena, Handle item, const Key& key, bool updates,
            std::uint64_t bytes_max);
  void close();
  [[nodiscard]] bool is_open() const { return arena_ != nullptr; }
  [[nodiscard]] bool updates() const { return updates_; }

  // As in Object.
  [[nodiscard]] std::optional<Bytes> find(Bytes key);
  [[nodiscard]] std::optional<ObjectEntry> first(Bytes key, bool above);
  [[nodiscard]] std::optional<ObjectEntry> last_before(Bytes key);
  [[nodiscard]] ObjectPut put_unless(Bytes key, Bytes value, bool (*keeps)(Bytes old));
  [[nodiscard]] ObjectErased erase(Bytes key);
  [[nodiscard]] Seconds expiry() const { return expiry_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  // ---- For the commit ---------------------------------------------------------------------------

  OpenItem& opened() { return opened_; }
  /// The item that a new object takes the place of, if there is one.
  OpenItem& replaced() { return replaced_; }
  [[nodiscard]] Bytes key() const { return {key_.data(), key_bytes_}; }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] NodeRef root() const { return root_; }
  [[nodiscard]] std::vector<NodeCopy>& copies() { return copies_; }
  [[nodiscard]] NodeCopy& copy(NodeRef ref) { return copies_[ref & ~copy_mark]; }
  [[nodiscard]] static bool is_copy(NodeRef ref) { return (ref & copy_mark) != 0; }
  [[nodiscard]] Node node(NodeRef ref) const;
  /// Whether nodes came or went.
  [[nodiscard]] bool reshaped() const { return reshaped_; }
  /// The root goes into the item: its chunk, if it has one, is not needed any more.
  void free_root() {
    const Handle origin = is_copy(root_) ? copy(root_).origin : Handle{root_};
    if (origin) orphans_.push_back(origin);
  }
  /// Chunks whose nodes are gone.
  [[nodiscard]] std::vector<Handle>& orphans() { return orphans_; }

  /// A node of the object has moved, while chunks are taken for the commit.
  void note_move(PieceHeader& header, Handle from, Handle to);
  struct Move {
    Handle from;  ///< when the commit began
    Handle to;
  };
  [[nodiscard]] std::vector<Move>& moves() { return moves_; }

 private:
  struct Level {
    std::uint32_t number;  ///< of an inner copy
    std::uint32_t offset;  ///< of its entry that leads on
  };
  /// Fanout 2 needs 2^39 entries to come to this.
  static constexpr std::size_t depth_max = 40;
  struct Path {
    std::array<Level, depth_max> levels;
    std::uint32_t depth = 0;
  };

  void refresh();
  [[nodiscard]] Node leftmost(NodeRef ref) const;
  [[nodiscard]] ObjectEntry found(const char* leaf_end, const char* at);

  [[nodiscard]] bool scratch_left() const;
  [[nodiscard]] NodeRef add_copy(const Node& from, Handle origin, std::size_t more);
  /// The leaf for a key, copied like everything above it. Returns its number.
  [[nodiscard]] std::uint32_t copy_path(const Probe& probe, Path& path);
  [[nodiscard]] Node view(std::uint32_t number) const {
    const NodeCopy& held = copies_[number];
    return {held.data, held.bytes, held.leaf};
  }
  /// Puts `more` new bytes in the place of `fewer` at `offset`; they are the caller's to write.
  char* splice(std::uint32_t number, std::size_t offset, std::size_t fewer, std::size_t more);
  void insert_child(std::uint32_t number, std::size_t offset, Bytes key, NodeRef child);
  /// Without an inner node's first key.
  void blank_first(std::uint32_t number);
  /// A leaf has become too large by the entry at `at`.
  void split_leaf(Path& path, std::uint32_t number, std::size_t at, std::size_t entry_bytes);
  /// An inner node may be too large by the entry at `at`.
  void split_inner(Path& path, std::uint32_t number, std::size_t at);
  /// Cuts a node in two and tells its parent; the part from `offset` on becomes a new node.
  void cut(Path& path, std::uint32_t number, std::size_t offset);
  /// The parent of a node that was cut may be too large now.
  void split_parent(Path& path);
  void raise_root(Path& path, std::uint32_t number);
  /// A node has become smaller: it may be empty, or fit into a neighbour.
  void tidy(Path& path, std::uint32_t number);
  void lower_root();
  [[nodiscard]] bool merge(Path& path, std::uint32_t number);
  void remove_child(std::uint32_t number, std::size_t offset);
  void lose(NodeRef ref);

  alloc::Arena* arena_ = nullptr;  ///< null: not open
  OpenItem opened_;
  OpenItem replaced_;
  bool updates_ = false;
  bool reshaped_ = false;
  Node inline_{};  ///< what inline_leaf names
  NodeRef root_ = inline_leaf;
  std::uint64_t bytes_ = 0;
  std::uint64_t bytes_max_ = 0;
  std::uint32_t depth_ = 0;  ///< as far as a change has seen
  Seconds expiry_;
  std::uint64_t hash_ = 0;
  std::size_t key_bytes_ = 0;
  std::array<char, limits::key_bytes_max> key_;
  // The entry returned last, and what comes after it in its leaf; null: unknown.
  const char* last_at_ = nullptr;
  const char* last_next_ = nullptr;
  const char* last_end_ = nullptr;

  std::vector<NodeCopy> copies_;
  std::vector<Handle> orphans_;
  std::vector<Move> moves_;
  Scratch scratch_;
};

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_OBJECT_TREE_H_
