#include "cacheismo/store/object_nodes.h"

#include "cacheismo/base/check.h"

namespace cacheismo::store {

// ---- Links
// ---------------------------------------------------------------------------------------

void ObjectNodes::moved(Handle from, Handle to) {
  const Piece self = piece(to);
  if (!self.is_leaf())
    for_each_child(at(to),
                   [&](std::uint32_t child) { piece(Handle{child}).header().previous = to.value; });
  const Handle previous{self.header().previous};
  if (self.is_buried()) {
    if (self.header().next != 0) piece(Handle{self.header().next}).header().previous = to.value;
    if (previous)
      piece(previous).header().next = to.value;
    else
      grave_ = to;
    return;
  }
  if (arena_->kind(previous) == Kind::item) {
    Item(arena_->chunk(previous)).split().first = to.value;
    return;
  }
  const Node parent = at(previous);
  for (const char* entry_at = parent.data; entry_at != parent.end();) {
    const EntryView entry = read_entry(false, entry_at);
    if (child_of(entry) == from.value) {
      std::memcpy(const_cast<char*>(entry.payload.data()), &to.value, sizeof to.value);
      return;
    }
    entry_at = entry.end();
  }
  CHECK(false && "the parent does not know its child");
}

bool ObjectNodes::belongs(Handle node, Handle item) const {
  while (arena_->kind(node) == Kind::piece) {
    const Piece step = piece(node);
    if (step.is_buried()) return false;
    node = Handle{step.header().previous};
  }
  return node == item;
}

std::uint64_t ObjectNodes::count(Handle root) const {
  std::uint64_t nodes = 1;
  const Node node = at(root);
  if (node.leaf) return nodes;
  for_each_child(node, [&](std::uint32_t child) { nodes += count(Handle{child}); });
  return nodes;
}

// ---- The grave
// ---------------------------------------------------------------------------------------

void ObjectNodes::bury(Handle root) {
  const Piece buried = piece(root);
  buried.header().bytes |= node_marks::buried;
  buried.header().previous = 0;
  buried.header().next = grave_.value;
  if (grave_) piece(grave_).header().previous = root.value;
  grave_ = root;
}

void ObjectNodes::unearth(Handle node) {
  const PieceHeader& header = piece(node).header();
  if (header.previous != 0)
    piece(Handle{header.previous}).header().next = header.next;
  else
    grave_ = Handle{header.next};
  if (header.next != 0) piece(Handle{header.next}).header().previous = header.previous;
}

bool ObjectNodes::dig() {
  if (!grave_) return false;
  const Handle gone = grave_;
  unearth(gone);
  const Node node = at(gone);
  if (!node.leaf) for_each_child(node, [&](std::uint32_t child) { bury(Handle{child}); });
  arena_->release(gone);
  return true;
}

std::uint64_t ObjectNodes::buried() const {
  std::uint64_t nodes = 0;
  for (Handle root = grave_; root; root = Handle{piece(root).header().next}) nodes += count(root);
  return nodes;
}

// ---- Audit
// ---------------------------------------------------------------------------------------

namespace {

/// Checks one node's bytes: keys ascend, from `low` on and below `high` (empty: no bound).
std::optional<std::string> audit_entries(const Node& node, Bytes low, Bytes high) {
  const char* at = node.data;
  Bytes previous;
  bool first = true;
  while (at < node.end()) {
    const EntryView entry = read_entry(node.leaf, at);
    if (entry.end() > node.end()) return "an entry leaves its node";
    if (first && !node.leaf && !entry.key.empty()) return "an inner node begins with a key";
    if (!first && entry.key <= previous) return "keys do not ascend";
    if ((node.leaf || !first) && entry.key < low) return "a key is below its node's";
    if (!high.empty() && entry.key >= high) return "a key is above its node's";
    previous = entry.key;
    first = false;
    at = entry.end();
  }
  return at == node.end() ? std::nullopt : std::optional<std::string>("entries leave their node");
}

}  // namespace

std::optional<std::string> ObjectNodes::audit_leaf(const Node& leaf) {
  return audit_entries(leaf, {}, {});
}

struct ObjectNodes::Walk {
  const ObjectNodes* nodes;
  std::uint64_t bytes = 0;
  std::uint32_t leaf_depth = 0;
  std::optional<std::string> wrong = std::nullopt;

  void visit(Handle handle, Handle parent, Bytes low, Bytes high, std::uint32_t depth) {
    if (wrong) return;
    if (nodes->arena_->kind(handle) != Kind::piece || !nodes->piece(handle).is_node()) {
      wrong = "a link leads to no node";
      return;
    }
    const Piece piece = nodes->piece(handle);
    const Node node = nodes->at(handle);
    bytes += node_footprint(node.bytes);
    if (piece.header().previous != parent.value) wrong = "a node has a wrong back link";
    if (piece.header().next != 0) wrong = "a node is marked as moving";
    if (piece.is_buried()) wrong = "a live node is buried";
    if (node.bytes == 0) wrong = "a node is empty";
    if (auto found = audit_entries(node, low, high)) wrong = found;
    if (wrong) return;
    if (node.leaf) {
      if (leaf_depth == 0) leaf_depth = depth;
      if (leaf_depth != depth) wrong = "leaves at different depths";
      return;
    }
    for (const char* at = node.data; at != node.end();) {
      const EntryView entry = read_entry(false, at);
      at = entry.end();
      const Bytes next = at == node.end() ? high : read_entry(false, at).key;
      visit(Handle{child_of(entry)}, handle, entry.key.empty() ? low : entry.key, next, depth + 1);
    }
  }
};

std::optional<std::string> ObjectNodes::audit(Handle item, Handle root, std::uint64_t bytes) const {
  Walk walk{.nodes = this};
  walk.visit(root, item, {}, {}, 1);
  if (!walk.wrong && walk.bytes != bytes) return "an object's bytes and its nodes' differ";
  return walk.wrong;
}

}  // namespace cacheismo::store
