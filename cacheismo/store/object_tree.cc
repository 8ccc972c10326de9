#include "cacheismo/store/object_tree.h"

#include <algorithm>
#include <cstring>

#include "cacheismo/base/check.h"

namespace cacheismo::store {

// ---- Opening
// -------------------------------------------------------------------------------------

void ObjectTree::open(alloc::Arena& arena, Handle item, const Key& key, bool updates,
                      std::uint64_t bytes_max) {
  arena_ = &arena;
  opened_.item = item;
  updates_ = updates;
  bytes_max_ = bytes_max;
  expiry_ = item ? Seconds{Item(arena.chunk(item)).header().expiry} : never;
  if (updates) {
    hash_ = key.hash;
    key_bytes_ = key.bytes.size();
    std::memcpy(key_.data(), key.bytes.data(), key_bytes_);
  }
  refresh();
}

void ObjectTree::close() {
  arena_ = nullptr;
  last_at_ = nullptr;
  if (!updates_) return;
  reshaped_ = false;
  copies_.clear();
  orphans_.clear();
  moves_.clear();
  scratch_.reset();
}

/// Looks at the item anew: at the start, and after another object's commit.
void ObjectTree::refresh() {
  opened_.stale = false;
  last_at_ = nullptr;
  inline_ = {};
  root_ = inline_leaf;
  bytes_ = node_footprint(0);
  if (!opened_.item) return;
  const Item item(arena_->chunk(opened_.item));
  if (item.has(bits::split)) {
    root_ = item.split().first;
    bytes_ = item.split().bytes;
    return;
  }
  const MutableBytes leaf = item.inline_value();
  inline_ = {leaf.data(), static_cast<std::uint32_t>(leaf.size()), true};
  bytes_ = node_footprint(inline_.bytes);
}

// ---- Reading
// -------------------------------------------------------------------------------------

Node ObjectTree::node(NodeRef ref) const {
  if (is_copy(ref)) return view(ref & ~copy_mark);
  if (ref == inline_leaf) return inline_;
  const Piece piece(arena_->chunk(Handle{ref}));
  return {piece.value().data(), piece.value_bytes(), piece.is_leaf()};
}

Node ObjectTree::leftmost(NodeRef ref) const {
  Node at = node(ref);
  while (!at.leaf) at = node(child_at(at.data));
  return at;
}

ObjectEntry ObjectTree::found(const char* leaf_end, const char* at) {
  const EntryView entry = read_entry(true, at);
  last_at_ = at;
  last_next_ = entry.end();
  last_end_ = leaf_end;
  return {entry.key, entry.payload};
}

std::optional<Bytes> ObjectTree::find(Bytes key) {
  if (opened_.stale) refresh();
  const Probe probe(key);
  Node at = node(root_);
  while (!at.leaf) at = node(child_at(search_inner(at, probe).at));
  const LeafPlace place = search_leaf(at, probe);
  if (!place.equal) return std::nullopt;
  return read_entry(true, place.at).payload;
}

std::optional<ObjectEntry> ObjectTree::first(Bytes key, bool above) {
  if (opened_.stale) refresh();
  if (above && last_at_ != nullptr && last_next_ != last_end_ &&
      read_entry(true, last_at_).key == key)
    return found(last_end_, last_next_);
  const Probe probe(key);
  NodeRef beyond = 0;  // the nearest subtree on the right
  bool any_beyond = false;
  Node at = node(root_);
  while (!at.leaf) {
    const InnerPlace place = search_inner(at, probe);
    if (place.after != at.end()) {
      beyond = child_at(place.after);
      any_beyond = true;
    }
    at = node(child_at(place.at));
  }
  LeafPlace place = search_leaf(at, probe);
  if (place.equal && above) place.at = read_entry(true, place.at).end();
  if (place.at == at.end()) {
    if (!any_beyond) return std::nullopt;
    at = leftmost(beyond);
    place.at = at.data;
  }
  return found(at.end(), place.at);
}

std::optional<ObjectEntry> ObjectTree::last_before(Bytes key) {
  if (opened_.stale) refresh();
  const Probe probe(key);
  NodeRef behind = 0;
  bool any_behind = false;
  Node at = node(root_);
  while (!at.leaf) {
    const InnerPlace place = search_inner(at, probe);
    if (place.before != nullptr) {
      behind = child_at(place.before);
      any_behind = true;
    }
    at = node(child_at(place.at));
  }
  const char* const end = search_leaf(at, probe).at;
  if (end != at.data) {
    const Node part{at.data, static_cast<std::uint32_t>(end - at.data), true};
    return found(at.end(), last_entry(part));
  }
  if (!any_behind) return std::nullopt;
  at = node(behind);
  while (!at.leaf) at = node(child_at(last_entry(at)));
  return found(at.end(), last_entry(at));
}

// ---- The commit
// ----------------------------------------------------------------------------------

void ObjectTree::note_move(PieceHeader& header, Handle from, Handle to) {
  // `next` is unused in nodes. Here it tells the node's record, counted from 1.
  if (header.next != 0) {
    moves_[header.next - 1].to = to;
    return;
  }
  moves_.push_back({from, to});
  header.next = static_cast<std::uint32_t>(moves_.size());
}

// ---- Object
// --------------------------------------------------------------------------------------

Object::Object() : tree_(std::make_unique<ObjectTree>()) {}
Object::~Object() { CHECK(!is_open()); }

bool Object::is_open() const { return tree_->is_open(); }

std::optional<Bytes> Object::find(Bytes key) {
  CHECK(is_open());
  return tree_->find(key);
}

std::optional<ObjectEntry> Object::first_from(Bytes key) {
  CHECK(is_open());
  return tree_->first(key, false);
}

std::optional<ObjectEntry> Object::first_after(Bytes key) {
  CHECK(is_open());
  return tree_->first(key, true);
}

std::optional<ObjectEntry> Object::last_before(Bytes key) {
  CHECK(is_open());
  return tree_->last_before(key);
}

bool Object::put(Bytes key, Bytes value) {
  return put_unless(key, value, nullptr) == ObjectPut::done;
}

ObjectPut Object::put_unless(Bytes key, Bytes value, bool (*keeps)(Bytes old)) {
  CHECK(is_open());
  CHECK(tree_->updates());
  CHECK_LE(key.size(), limits::object_key_bytes_max);
  CHECK_LE(value.size(), limits::object_value_bytes_max);
  return tree_->put_unless(key, value, keeps);
}

ObjectErased Object::erase(Bytes key) {
  CHECK(is_open());
  CHECK(tree_->updates());
  return tree_->erase(key);
}

Seconds Object::expiry() const {
  CHECK(is_open());
  return tree_->expiry();
}

std::uint64_t Object::bytes() const {
  CHECK(is_open());
  return tree_->bytes();
}

}  // namespace cacheismo::store
