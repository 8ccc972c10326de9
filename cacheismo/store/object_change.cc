// How ObjectTree changes: put and erase, and the splitting and joining of nodes that they lead to.
//
//   too large:   [ a b | c d ]   -->   [ a b ]  [ c d ]      at half, or where entries are appended
//   too small:   [ a ]  [ b c ]  -->   [ a b c ]             if they come to 3/4 of a node at most
//
// A Path is the way down to one node: its last level is the node's parent. Functions that go up
// shorten it.

#include <algorithm>
#include <cstring>

#include "cacheismo/base/check.h"
#include "cacheismo/base/units.h"
#include "cacheismo/store/object_tree.h"

namespace cacheismo::store {
namespace {

constexpr std::uint32_t small_node_bytes = node_bytes_max / 4;
constexpr std::uint32_t joined_node_bytes = node_bytes_max / 4 * 3;
/// So that a few changes more do not move the copy.
constexpr std::size_t spare_bytes = 128;

char* write_bytes(char* at, Bytes bytes) { return std::copy(bytes.begin(), bytes.end(), at); }

/// The entries' border nearest to the middle.
std::size_t middle(const Node& node) {
  std::size_t before = 0;
  for (const char* at = node.data; at != node.end();) {
    at = read_entry(node.leaf, at).end();
    const auto offset = static_cast<std::size_t>(at - node.data);
    if (2 * offset >= node.bytes)
      return before > 0 && (node.bytes - 2 * before < 2 * offset - node.bytes || at == node.end())
                 ? before
                 : offset;
    before = offset;
  }
  return before;
}

}  // namespace

// ---- Copies
// --------------------------------------------------------------------------------------

/// Enough for one change: it copies, cuts and adds at most a node a level, of 4 KiB each.
bool ObjectTree::scratch_left() const {
  return scratch_.used() + (depth_ + 2) * 12 * KiB <= limits::object_scratch_bytes_max;
}

NodeRef ObjectTree::add_copy(const Node& from, Handle origin, std::size_t more) {
  const std::size_t capacity = from.bytes + more;
  NodeCopy copy{.data = scratch_.take(capacity),
                .bytes = from.bytes,
                .capacity = static_cast<std::uint32_t>(capacity),
                .origin_bytes = from.bytes,
                .origin = origin,
                .fresh = {},
                .leaf = from.leaf};
  if (from.bytes > 0) std::memcpy(copy.data, from.data, from.bytes);
  copies_.push_back(copy);
  return copy_mark | static_cast<NodeRef>(copies_.size() - 1);
}

std::uint32_t ObjectTree::copy_path(const Probe& probe, Path& path) {
  last_at_ = nullptr;
  if (!is_copy(root_)) root_ = add_copy(node(root_), Handle{root_}, spare_bytes);
  std::uint32_t number = root_ & ~copy_mark;
  while (!copies_[number].leaf) {
    const Node inner = view(number);
    const EntryView entry = read_entry(false, search_inner(inner, probe).at);
    NodeRef child = child_of(entry);
    if (!is_copy(child)) {
      child = add_copy(node(child), Handle{child}, spare_bytes);
      std::memcpy(const_cast<char*>(entry.payload.data()), &child, sizeof child);
    }
    CHECK_LT(path.depth, depth_max);
    path.levels[path.depth++] = {number, static_cast<std::uint32_t>(entry.begin - inner.data)};
    number = child & ~copy_mark;
  }
  depth_ = path.depth;
  return number;
}

char* ObjectTree::splice(std::uint32_t number, std::size_t offset, std::size_t fewer,
                         std::size_t more) {
  NodeCopy& copy = copies_[number];
  const auto after = static_cast<std::uint32_t>(copy.bytes + more - fewer);
  const std::size_t rest = copy.bytes - offset - fewer;
  char* const old = copy.data;
  if (after > copy.capacity) {
    copy.capacity = after + after / 2;
    copy.data = scratch_.take(copy.capacity);
    std::memcpy(copy.data, old, offset);
  }
  std::memmove(copy.data + offset + more, old + offset + fewer, rest);
  bytes_ += node_footprint(after);
  bytes_ -= node_footprint(copy.bytes);
  copy.bytes = after;
  copy.changed = true;
  return copy.data + offset;
}

void ObjectTree::insert_child(std::uint32_t number, std::size_t offset, Bytes key, NodeRef child) {
  char* at = splice(number, offset, 0, inner_entry_bytes(key.size()));
  at = write_bytes(write_length(at, key.size()), key);
  std::memcpy(at, &child, sizeof child);
}

void ObjectTree::blank_first(std::uint32_t number) {
  const EntryView first = read_entry(false, view(number).data);
  const auto before = static_cast<std::size_t>(first.payload.data() - first.begin);
  *splice(number, 0, before, 1) = 0;
}

/// The node is not in the tree any more.
void ObjectTree::lose(NodeRef ref) {
  reshaped_ = true;
  bytes_ -= node_footprint(node(ref).bytes);
  Handle origin{ref};
  if (is_copy(ref)) {
    copy(ref).gone = true;
    origin = copy(ref).origin;
  }
  if (origin) orphans_.push_back(origin);
}

// ---- Changes
// -------------------------------------------------------------------------------------

ObjectPut ObjectTree::put_unless(Bytes key, Bytes value, bool (*keeps)(Bytes old)) {
  if (!scratch_left()) return ObjectPut::refused;
  const Probe probe(key);
  Path path;
  const std::uint32_t number = copy_path(probe, path);
  const LeafPlace place = search_leaf(view(number), probe);
  const auto offset = static_cast<std::size_t>(place.at - copies_[number].data);
  const std::size_t more = leaf_entry_bytes(key.size(), value.size());
  std::size_t fewer = 0;
  if (place.equal) {
    const EntryView old = read_entry(true, place.at);
    if (old.payload == value) return ObjectPut::done;
    if (keeps != nullptr && keeps(old.payload)) return ObjectPut::kept;
    if (old.payload.size() == value.size()) {
      write_bytes(const_cast<char*>(old.payload.data()), value);
      copies_[number].changed = true;
      return ObjectPut::done;
    }
    fewer = static_cast<std::size_t>(old.end() - old.begin);
  }
  // With a node's worth for what splitting may add.
  if (more > fewer && bytes_ + more - fewer + node_bytes_max > bytes_max_)
    return ObjectPut::refused;
  char* at = splice(number, offset, fewer, more);
  at = write_bytes(write_length(at, key.size()), key);
  write_bytes(write_length(at, value.size()), value);
  if (copies_[number].bytes > node_bytes_max)
    split_leaf(path, number, offset, more);
  else if (more < fewer && copies_[number].bytes < small_node_bytes)
    tidy(path, number);
  return ObjectPut::done;
}

ObjectErased ObjectTree::erase(Bytes key) {
  if (!scratch_left()) return {};
  const Probe probe(key);
  Path path;
  const std::uint32_t number = copy_path(probe, path);
  const LeafPlace place = search_leaf(view(number), probe);
  if (!place.equal) return {.done = true, .found = false};
  const EntryView old = read_entry(true, place.at);
  splice(number, static_cast<std::size_t>(place.at - copies_[number].data),
         static_cast<std::size_t>(old.end() - old.begin), 0);
  if (copies_[number].bytes < small_node_bytes) tidy(path, number);
  return {.done = true, .found = true};
}

// ---- Splitting
// -----------------------------------------------------------------------------------

void ObjectTree::raise_root(Path& path, std::uint32_t number) {
  const NodeRef root = add_copy({nullptr, 0, false}, Handle{}, node_bytes_max + spare_bytes);
  bytes_ += node_footprint(0);
  insert_child(root & ~copy_mark, 0, {}, copy_mark | number);
  root_ = root;
  path.levels[0] = {root & ~copy_mark, 0};
  path.depth = 1;
}

void ObjectTree::cut(Path& path, std::uint32_t number, std::size_t offset) {
  reshaped_ = true;
  if (path.depth == 0) raise_root(path, number);
  const Node whole = view(number);
  const Node left{whole.data, static_cast<std::uint32_t>(offset), whole.leaf};
  const Node right{left.end(), whole.bytes - left.bytes, whole.leaf};
  Bytes separator = read_entry(whole.leaf, right.data).key;
  if (whole.leaf)
    separator =
        separator.substr(0, parting_bytes(read_entry(true, last_entry(left)).key, separator));
  const std::size_t roomy = node_bytes_max + spare_bytes;
  const NodeRef made =
      add_copy(right, Handle{}, right.bytes < roomy ? roomy - right.bytes : spare_bytes);
  copy(made).changed = copy(made).adopted = true;
  copies_[number].bytes = left.bytes;
  copies_[number].changed = true;
  bytes_ += node_footprint(left.bytes) + node_footprint(right.bytes);
  bytes_ -= node_footprint(whole.bytes);
  const Level parent = path.levels[path.depth - 1];
  const Node above = view(parent.number);
  const char* const behind = read_entry(false, above.data + parent.offset).end();
  insert_child(parent.number, static_cast<std::size_t>(behind - above.data), separator, made);
  if (!whole.leaf) blank_first(made & ~copy_mark);
}

void ObjectTree::split_parent(Path& path) {
  const Level parent = path.levels[--path.depth];
  const Node above = view(parent.number);
  const char* const behind = read_entry(false, above.data + parent.offset).end();
  split_inner(path, parent.number, static_cast<std::size_t>(behind - above.data));
}

void ObjectTree::split_leaf(Path& path, std::uint32_t number, std::size_t at,
                            std::size_t entry_bytes) {
  const std::size_t end = at + entry_bytes;
  const std::size_t behind = copies_[number].bytes - end;
  if (at == 0 && behind == 0) return;
  if (behind == 0) {
    // Who appends one will append the next: the full leaf stays full.
    cut(path, number, at);
  } else if (entry_bytes <= node_bytes_max / 2) {
    cut(path, number, middle(view(number)));
  } else if (end <= node_bytes_max || at == 0) {
    cut(path, number, end);
  } else {
    if (entry_bytes + behind > node_bytes_max) cut(path, number, end);
    cut(path, number, at);
  }
  split_parent(path);
}

void ObjectTree::split_inner(Path& path, std::uint32_t number, std::size_t at) {
  const Node node = view(number);
  if (node.bytes <= node_bytes_max) return;
  std::size_t entries = 0;
  std::array<std::size_t, 4> last{};  // the offsets of the last entries, by their number modulo 4
  std::size_t second = 0;
  for (const char* entry = node.data; entry != node.end();) {
    last[entries % 4] = static_cast<std::size_t>(entry - node.data);
    if (entries == 2) second = last[2];
    ++entries;
    entry = read_entry(false, entry).end();
  }
  // Two children on each side, so that a tree of little is not deep.
  if (entries < 4) return;
  const std::size_t latest = last[(entries - 2) % 4];
  const bool appended = at == last[(entries - 1) % 4];
  cut(path, number, appended ? latest : std::clamp(middle(node), second, latest));
  split_parent(path);
}

// ---- Joining
// -------------------------------------------------------------------------------------

void ObjectTree::tidy(Path& path, std::uint32_t number) {
  while (path.depth > 0) {
    const Level parent = path.levels[path.depth - 1];
    const std::uint32_t bytes = copies_[number].bytes;
    if (bytes == 0) {
      lose(copy_mark | number);
      remove_child(parent.number, parent.offset);
    } else if (bytes >= small_node_bytes || !merge(path, number)) {
      return;
    }
    number = parent.number;
    --path.depth;
  }
  lower_root();
}

void ObjectTree::lower_root() {
  while (true) {
    const Node root = node(root_);
    if (root.leaf || root.bytes != inner_entry_bytes(0)) return;
    const NodeRef child = child_at(root.data);
    lose(root_);
    root_ = child;
  }
}

void ObjectTree::remove_child(std::uint32_t number, std::size_t offset) {
  const EntryView entry = read_entry(false, view(number).data + offset);
  splice(number, offset, static_cast<std::size_t>(entry.end() - entry.begin), 0);
  if (offset == 0 && copies_[number].bytes > 0) blank_first(number);
}

bool ObjectTree::merge(Path& path, std::uint32_t number) {
  const Level parent = path.levels[path.depth - 1];
  const Node above = view(parent.number);
  CHECK_EQ(child_at(above.data + parent.offset), copy_mark | number);
  EntryView left = read_entry(false, above.data + parent.offset);
  EntryView right = left;
  if (left.end() != above.end()) {
    right = read_entry(false, left.end());
  } else {
    if (parent.offset == 0) return false;
    left = read_entry(false, last_entry({above.data, parent.offset, false}));
  }
  const Node into = node(child_of(left));
  const Node from = node(child_of(right));
  // An inner node's first key is empty: what parts it from its neighbour stands above.
  const std::size_t skipped = into.leaf ? 0 : 1;
  const std::size_t named = into.leaf ? 0 : length_bytes(right.key.size()) + right.key.size();
  const std::size_t more = named + from.bytes - skipped;
  if (into.bytes + more > joined_node_bytes) return false;
  NodeRef target = child_of(left);
  if (!is_copy(target)) {
    target = add_copy(into, Handle{target}, more + spare_bytes);
    std::memcpy(const_cast<char*>(left.payload.data()), &target, sizeof target);
  }
  char* at = splice(target & ~copy_mark, into.bytes, 0, more);
  if (!into.leaf) at = write_bytes(write_length(at, right.key.size()), right.key);
  std::memcpy(at, from.data + skipped, from.bytes - skipped);
  copy(target).adopted = true;
  lose(child_of(right));
  remove_child(parent.number, static_cast<std::size_t>(right.begin - above.data));
  return true;
}

}  // namespace cacheismo::store
