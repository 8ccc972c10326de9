// How Table makes an object's changes visible: all of them, or none.
//
//   take chunks for new and grown nodes, then for the item     may evict and move others, and
//        |                        |                             nodes and the item themselves
//        | all there              | not
//        v                        v
//   write, link, free old      give back what was taken
//   (cannot fail)
//
// A node that keeps its size or shrinks stays in its chunk. While chunks are taken nothing of the
// object changes but where its nodes lie; ObjectTree notes that.

#include <algorithm>
#include <cstring>

#include "cacheismo/base/check.h"
#include "cacheismo/store/object_tree.h"
#include "cacheismo/store/table.h"

namespace cacheismo::store {
namespace {

std::uint16_t marked(const NodeCopy& copy) {
  return static_cast<std::uint16_t>(copy.bytes | node_marks::node |
                                    (copy.leaf ? node_marks::leaf : 0));
}

/// Whether a copy cannot go back to where it was made from.
bool takes_chunk(const NodeCopy& copy) {
  if (copy.gone) return false;
  return !copy.origin || alloc::even(copy.bytes) > alloc::even(copy.origin_bytes);
}

/// Whether an object whose root is this node lies inside its item.
bool fits_inline(const Node& root, std::size_t key_bytes) {
  return root.leaf && root.bytes <= inline_object_bytes_max &&
         item_bytes(0, key_bytes, root.bytes) <= inline_item_bytes_max;
}

Handle resolved(const std::vector<ObjectTree::Move>& moves, Handle handle) {
  if (moves.empty()) return handle;
  const auto found = std::lower_bound(
      moves.begin(), moves.end(), handle,
      [](const auto& move, Handle wanted) { return move.from.value < wanted.value; });
  return found != moves.end() && found->from == handle ? found->to : handle;
}

}  // namespace

void Table::open(ObjectTree& tree, Handle handle, const Key& key, bool updates) {
  if (updates) {
    CHECK(!updating_);
    updating_ = true;
  }
  tree.open(arena_, handle, key, updates, object_bytes_max_);
  open_items_.add(tree.opened());
}

void Table::will_replace(ObjectTree& tree, Handle item) {
  tree.replaced().item = item;
  open_items_.add(tree.replaced());
}

void Table::close(ObjectTree& tree) {
  if (tree.updates()) updating_ = false;
  open_items_.remove(tree.opened());
  open_items_.remove(tree.replaced());
  tree.replaced().item = Handle{};
  tree.close();
}

Outcome Table::commit(ObjectTree& tree, const ObjectCommit& how, Seconds now) {
  const Handle old = tree.opened().item;
  open_items_.make_stale();
  if (how.erase) {
    if (old) drop(old);
    if (tree.replaced().item) drop(tree.replaced().item);
    return Outcome::stored;
  }
  work_ = PutWork{};
  if (old && commit_in_place(tree)) {
    finish_commit(old, how, now);
    return Outcome::stored;
  }
  const Node root = tree.node(tree.root());
  const std::size_t key_bytes = tree.key().size();
  ItemShape shape{.layout = 0, .object = true, .inline_bytes = root.bytes, .split = {}};
  if (!fits_inline(root, key_bytes)) {
    shape.layout = bits::split;
    shape.inline_bytes = 0;
    shape.split.bytes = static_cast<std::uint32_t>(tree.bytes());
  }
  work_.needed_bytes = item_bytes(shape.layout, key_bytes, shape.inline_bytes) + alloc::slot_bytes;
  committing_ = &tree;
  Handle fresh;
  const bool taken = take_nodes(tree, shape) && take_item(tree, shape, how, now, fresh);
  committing_ = nullptr;
  end_moves(tree);
  if (!taken) {
    for (const NodeCopy& copy : tree.copies())
      if (copy.fresh) arena_.release(copy.fresh);
    return Outcome::no_memory;
  }
  const bool as_before = old && !tree.reshaped() && item(tree.opened().item).has(bits::split) &&
                         shape.layout == bits::split;
  const Handle made = as_before ? settle_leaves(tree) : settle(tree, shape, fresh);
  if (const Handle replaced = tree.replaced().item) {
    // Who reads what had the key goes on with what has it now.
    open_items_.moved(replaced, made);
    succeed(replaced, made);
  }
  finish_commit(made, how, now);
  return Outcome::stored;
}

/// An object in one leaf inside its item, which has not outgrown its chunk: most are.
bool Table::commit_in_place(ObjectTree& tree) {
  const Item kept = item(tree.opened().item);
  if (kept.has(bits::split)) return false;
  if (!ObjectTree::is_copy(tree.root())) return true;
  const NodeCopy& leaf = tree.copy(tree.root());
  if (!leaf.leaf) return false;
  const std::size_t fixed = item_bytes(0, kept.header().key_bytes, 0);
  const std::size_t before = kept.inline_bytes();
  if (alloc::even(fixed + leaf.bytes) != alloc::even(fixed + before)) return false;
  if (leaf.bytes > inline_object_bytes_max) return false;
  if (!leaf.changed) return true;
  kept.set_inline(true, leaf.bytes);
  std::memcpy(kept.inline_value().data(), leaf.data, leaf.bytes);
  live_bytes_ += leaf.bytes - before;
  user_bytes_ += leaf.bytes - before;
  return true;
}

void Table::finish_commit(Handle handle, const ObjectCommit& how, Seconds now) {
  if (how.expiry) set_expiry(handle, *how.expiry);
  touch_recency(handle, now, true);
  note(handle);
  count_put();
}

// ---- Taking
// --------------------------------------------------------------------------------------

bool Table::take_nodes(ObjectTree& tree, const ItemShape& shape) {
  const bool split = (shape.layout & bits::split) != 0;
  const NodeRef inside = split ? inline_leaf : tree.root();
  for (std::size_t number = 0; number < tree.copies().size(); ++number) {
    const NodeCopy& copy = tree.copies()[number];
    if (!takes_chunk(copy) || (copy_mark | number) == inside) continue;
    work_.needed_bytes += node_footprint(copy.bytes);
  }
  for (std::size_t number = 0; number < tree.copies().size(); ++number) {
    NodeCopy& copy = tree.copies()[number];
    if (!takes_chunk(copy) || (copy_mark | number) == inside) continue;
    const auto taken = take(Kind::piece, sizeof(PieceHeader) + copy.bytes);
    if (!taken) return false;
    copy.fresh = *taken;
    // Without a parent, and known by its number, until all chunks are there.
    pieces_.at(*taken).header() = PieceHeader{
        .previous = 0, .next = static_cast<std::uint32_t>(number + 1), .bytes = marked(copy)};
  }
  return true;
}

bool Table::take_item(ObjectTree& tree, const ItemShape& shape, const ObjectCommit& how,
                      Seconds now, Handle& fresh) {
  const Key key{tree.key(), tree.hash()};
  if (!tree.opened().item) {
    fresh = make(key, {.expiry = how.expiry.value_or(never)}, shape, now);
    return static_cast<bool>(fresh);
  }
  const std::size_t bytes = item_bytes(shape.layout, key.bytes.size(), shape.inline_bytes);
  if (alloc::even(bytes) <= alloc::even(item(tree.opened().item).chunk_bytes())) return true;
  const auto taken = take(Kind::item, bytes);
  if (!taken) return false;
  fresh = *taken;
  // The old one may have moved while this one was taken.
  item(fresh).header() = item(tree.opened().item).header();
  lay_out(item(fresh), tree.key(), shape);
  return true;
}

void Table::lay_out(const Item& to, Bytes key, const ItemShape& shape) const {
  to.header().bits = static_cast<std::uint8_t>((to.header().bits & ~bits::layout) | shape.layout);
  to.set_inline(shape.object, shape.inline_bytes);
  std::memcpy(const_cast<char*>(to.key().data()), key.data(), key.size());
  if ((shape.layout & bits::split) != 0) to.split() = shape.split;
}

void Table::end_moves(ObjectTree& tree) const {
  for (const ObjectTree::Move& move : tree.moves()) pieces_.at(move.to).header().next = 0;
  std::sort(tree.moves().begin(), tree.moves().end(),
            [](const auto& a, const auto& b) { return a.from.value < b.from.value; });
}

void Table::node_moved(Handle from, Handle to) {
  const Piece moved = pieces_.at(to);
  if (moved.header().previous == 0 && !moved.is_buried()) {
    CHECK(committing_ != nullptr);
    committing_->copies()[moved.header().next - 1].fresh = to;
    return;
  }
  nodes_.moved(from, to);
  if (committing_ != nullptr && nodes_.belongs(to, committing_->opened().item))
    committing_->note_move(moved.header(), from, to);
}

// ---- Writing
// -------------------------------------------------------------------------------------

/// Everything is there: writes the item and its nodes, links them, and frees what they leave.
Handle Table::settle(ObjectTree& tree, const ItemShape& shape, Handle fresh) {
  const Handle old = tree.opened().item;
  const Handle own = fresh ? fresh : old;
  const Item to = item(own);
  std::size_t before = 0;
  if (old) {
    before = item(old).chunk_bytes();
    live_bytes_ -= footprint_of(old);
    user_bytes_ -= item(old).value_bytes();
    lay_out(to, tree.key(), shape);
  }
  if ((shape.layout & bits::split) != 0) {
    to.split().first = settle_node(tree, tree.root(), own).value;
    pieces_.at(Handle{to.split().first}).header().previous = own.value;
  } else {
    const NodeRef ref = tree.root();
    const bool held = ref != inline_leaf && !ObjectTree::is_copy(ref);
    const Node root = held ? nodes_.at(resolved(tree.moves(), Handle{ref})) : tree.node(ref);
    if (root.bytes > 0) std::memcpy(to.inline_value().data(), root.data, root.bytes);
    tree.free_root();
  }
  for (const Handle gone : tree.orphans()) arena_.release(resolved(tree.moves(), gone));
  if (!old) return own;
  if (fresh) {
    move_item_links(old, own);
    arena_.release(old);
  } else if (alloc::even(before) != alloc::even(to.chunk_bytes())) {
    arena_.shorten(own, before);
  }
  live_bytes_ += footprint_of(own);
  user_bytes_ += to.value_bytes();
  return own;
}

/// The same where nodes have only become larger or smaller: links change where a leaf moves, and
/// the copies of inner nodes are not needed.
Handle Table::settle_leaves(ObjectTree& tree) {
  const Handle own = tree.opened().item;
  for (const NodeCopy& copy : tree.copies()) {
    if (!copy.changed) continue;
    const Handle old = resolved(tree.moves(), copy.origin);
    if (!copy.fresh) {
      write_node(copy, old);
      continue;
    }
    pieces_.at(copy.fresh).header().previous = pieces_.at(old).header().previous;
    write_node(copy, copy.fresh);
    nodes_.moved(old, copy.fresh);
    arena_.release(old);
  }
  SplitValue& split = item(own).split();
  const auto bytes = static_cast<std::uint32_t>(tree.bytes());
  live_bytes_ += std::uint64_t{bytes} - split.bytes;
  user_bytes_ += std::uint64_t{bytes} - split.bytes;
  split.bytes = bytes;
  return own;
}

void Table::write_node(const NodeCopy& copy, Handle handle) {
  const Piece to = pieces_.at(handle);
  const std::size_t before = to.value_bytes();
  to.header().next = 0;
  to.header().bytes = marked(copy);
  if (copy.bytes > 0) std::memcpy(to.value().data(), copy.data, copy.bytes);
  if (alloc::even(before) != alloc::even(copy.bytes))
    arena_.shorten(handle, sizeof(PieceHeader) + before);
}

/// Where a node lies from now on. Its link to the parent is set if it is a copy.
Handle Table::settle_node(ObjectTree& tree, NodeRef ref, Handle parent) {
  if (!ObjectTree::is_copy(ref)) return resolved(tree.moves(), Handle{ref});
  NodeCopy& copy = tree.copy(ref);
  const Handle old = copy.origin ? resolved(tree.moves(), copy.origin) : Handle{};
  const Handle own = copy.fresh ? copy.fresh : old;
  bool rewrite = copy.changed || copy.fresh;
  if (!copy.leaf) {
    const bool adopts = copy.adopted || copy.fresh;
    for (char* at = copy.data; at != copy.data + copy.bytes;) {
      const EntryView entry = read_entry(false, at);
      const NodeRef child = child_of(entry);
      const Handle settled = settle_node(tree, child, own);
      if (ObjectTree::is_copy(child))
        rewrite |= settled != tree.copy(child).origin;
      else if (adopts)
        pieces_.at(settled).header().previous = own.value;
      at = const_cast<char*>(entry.end());
      std::memcpy(at - child_bytes, &settled.value, child_bytes);
    }
  }
  pieces_.at(own).header().previous = parent.value;
  if (rewrite) write_node(copy, own);
  if (copy.fresh && old) arena_.release(old);
  return own;
}

}  // namespace cacheismo::store
