// Table: items in the arena, found by key, in the order of use. The store's body; Store has the
// verbs.
//
//   Index --handle--> item chunk --first--> piece chunk --> piece chunk
//                       |  ^
//                   AccessLog (live, dead)       ExpiryWheel (pages)
//
//  1. A live item is in the index and in the live log; a dead one (flushed) in the dead log only.
//  2. Memory for a chunk comes from the page that fits best; else chunks of the roomiest page, or
//     of those where items have just gone, are moved into other pages' holes; else the dead, then
//     the least recently used items go, one at a time.
//  3. Pinned items and drafts keep their place; a pinned item that is dropped becomes an orphan:
//     out of index and logs, its bytes kept until its last pin goes.
//  4. live_bytes_ is the sum of the chunks of live items, slots included.
//  5. An open object's item is not evicted; when its nodes move, its Object is told.
//  6. Whoever makes, changes or takes away a live item notes its key (note()); what an item expires
//     of by itself is no change.
//
// Cost: find reads the two lines of its key and, but for a false tag in 25, one item. An attempt to
// make room moves at most as many bytes as are needed out of each of nine pages, and comes after an
// eviction or where enough is free in sum; index and log add a page's worth. Outside the arena it
// keeps a record per pin and per draft, of which a node has at most two a connection.

#ifndef CACHEISMO_STORE_TABLE_H_
#define CACHEISMO_STORE_TABLE_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "cacheismo/alloc/arena.h"
#include "cacheismo/store/access_log.h"
#include "cacheismo/store/change_log.h"
#include "cacheismo/store/expiry_wheel.h"
#include "cacheismo/store/hot_keys.h"
#include "cacheismo/store/index.h"
#include "cacheismo/store/item.h"
#include "cacheismo/store/object.h"
#include "cacheismo/store/object_nodes.h"
#include "cacheismo/store/open_items.h"
#include "cacheismo/store/pieces.h"
#include "cacheismo/store/put_work.h"
#include "cacheismo/store/store.h"
#include "cacheismo/store/walks.h"

namespace cacheismo::store {

/// What a new item carries besides key and value.
struct ItemSpec {
  std::uint32_t client_flags = 0;
  Seconds expiry = never;
  std::uint64_t cas = 0;   ///< 0: none yet
  std::uint8_t state = 0;  ///< of bits::stale, token_sent, fetched
};

/// How an item's chunk is laid out.
struct ItemShape {
  std::uint8_t layout = 0;  ///< of bits::layout
  bool object = false;
  std::size_t inline_bytes = 0;
  SplitValue split = {};  ///< if layout has bits::split
};

struct NodeCopy;
using NodeRef = std::uint32_t;

/// What an item comes to in `bytes` of StoreStats: headers and slots included. Pieces are counted
/// as if all but the last had a page to themselves.
[[nodiscard]] constexpr std::uint64_t footprint(std::uint8_t layout, std::size_t key_bytes,
                                                std::uint64_t value_bytes) {
  const std::uint64_t fixed = item_bytes(layout, key_bytes, 0) + alloc::slot_bytes + value_bytes;
  if ((layout & bits::split) == 0) return fixed;
  return fixed + (value_bytes + piece_value_bytes_max - 1) / piece_value_bytes_max *
                     (sizeof(PieceHeader) + alloc::slot_bytes);
}

/// A long item has room for any CAS value from the start: readers hold it for long, and what they
/// hold cannot be moved to make room.
inline constexpr std::uint8_t split_layout = bits::split | bits::has_cas | bits::wide_cas;

/// What an item carries besides its value decides most of its layout.
[[nodiscard]] constexpr std::uint8_t layout_of(const ItemSpec& spec) {
  return static_cast<std::uint8_t>(cas_layout(spec.cas) |
                                   (spec.client_flags != 0 ? bits::has_flags : 0));
}

/// The layout of a new item, but for a CAS value that it may need.
[[nodiscard]] constexpr std::uint8_t layout_for(std::uint32_t client_flags, std::size_t key_bytes,
                                                std::uint64_t value_bytes) {
  const std::uint8_t flags = client_flags != 0 ? bits::has_flags : 0;
  const bool fits =
      value_bytes <= inline_item_bytes_max &&
      item_bytes(flags, key_bytes, static_cast<std::size_t>(value_bytes)) <= inline_item_bytes_max;
  return fits ? flags : flags | split_layout;
}

class Table {
 public:
  Table(std::span<char> region, const StoreOptions& options);

  [[nodiscard]] Index& index() { return index_; }
  [[nodiscard]] const Index& index() const { return index_; }
  [[nodiscard]] Item item(Handle handle) const { return Item(arena_.chunk(handle)); }
  [[nodiscard]] const Pieces& pieces() const { return pieces_; }
  [[nodiscard]] ItemView view(Handle handle) const;
  /// Its last access is looked up only here, by reading back in the log.
  void tell_last_access(ItemView& view) const;

  /// What time it is for everything until the next call: which victims have expired anyway.
  void set_time(Seconds now) { now_ = now; }

  /// The live item, none if it has expired (which reclaims it) or does not exist.
  [[nodiscard]] Handle find(const Key& key);
  void touch_recency(Handle handle, Seconds now, bool fetched);
  void set_expiry(Handle handle, Seconds expiry);

  /// A new item with an inline value of `value_bytes`, whose bytes the caller writes. none: no
  /// memory. An item that has this key already must be dropped next.
  [[nodiscard]] Handle create(const Key& key, const ItemSpec& spec, std::size_t value_bytes,
                              Seconds now);
  /// The same with a value in the pieces that start at `first`, which then belong to the item.
  [[nodiscard]] Handle create_split(const Key& key, const ItemSpec& spec, Handle first,
                                    std::uint64_t value_bytes, Seconds now);
  /// Makes an item carry another value of `value_bytes`, which the caller writes, in the chunk that
  /// it has. False, and nothing happened: the chunk does not suit, or readers hold it.
  [[nodiscard]] bool rewrite(Handle handle, const ItemSpec& spec, std::size_t value_bytes,
                             Seconds now);
  /// Gives the item a CAS value, moving it if it has no place for one. none: no memory, unchanged.
  [[nodiscard]] Handle assign_cas(Handle handle, std::uint64_t cas);

  // Objects. As in Store; the item is known, or known to be missing.
  void open(ObjectTree& tree, Handle handle, const Key& key, bool updates);
  /// The object that is opened without an item will take the place of this one.
  void will_replace(ObjectTree& tree, Handle item);
  void close(ObjectTree& tree);
  [[nodiscard]] bool any_open() const { return !open_items_.none(); }
  [[nodiscard]] Outcome commit(ObjectTree& tree, const ObjectCommit& how, Seconds now);

  /// Takes a live item out of everything. Its memory is free, or will be with its last pin.
  void drop(Handle handle);

  /// The same for an item that another one of the same key takes the place of.
  void succeed(Handle old, Handle successor);

  /// A piece behind `previous` (none: the first), of at most `wanted` value bytes, pinned. none: no
  /// memory.
  [[nodiscard]] Handle add_piece(Handle previous, std::uint64_t wanted);

  // Pins, by item.
  void pin(Handle handle);
  void unpin(Handle handle);

  void flush();
  bool maintain(Budget budget, Seconds now);

  [[nodiscard]] HotKeys& hot_keys() { return hot_; }

  /// Changes are noted there from now on; null: nowhere.
  void record_changes(ChangeLog* log) { changes_ = log; }

  /// Who is about to store something says here what it needs and asks later what went for it.
  [[nodiscard]] PutWork& work() { return work_; }
  void reset_counters();
  [[nodiscard]] StoreStats stats() const;
  void note_draft_bytes(std::int64_t change) { draft_bytes_ += static_cast<std::uint64_t>(change); }
  [[nodiscard]] std::uint64_t draft_bytes() const { return draft_bytes_; }
  [[nodiscard]] std::uint64_t limit_bytes() const { return limit_bytes_; }
  /// A scan has gone from one line of the index to another; 0: to the end.
  void begin_descent() { live_.begin_descent(); }
  [[nodiscard]] bool descending() const { return live_.descending(); }
  [[nodiscard]] Handle descend(std::uint32_t& entries_left) { return live_.descend(entries_left); }
  void scanned(std::uint32_t from, std::uint32_t next) { walks_.step(from, next, now_, index_); }

  /// Drops the item that was used longest ago. Its bytes; 0: there is none that may go.
  [[nodiscard]] std::uint64_t drop_oldest();

  /// Walks everything; the first broken invariant. Drafts have so many pieces.
  [[nodiscard]] std::optional<std::string> audit(std::uint64_t draft_pieces);

 private:
  [[nodiscard]] std::optional<Handle> take(Kind kind, std::size_t bytes);
  /// A page with `need` bytes of room, made by moving chunks out of it where none has them.
  [[nodiscard]] std::optional<std::uint32_t> make_room(std::size_t need);
  [[nodiscard]] bool gather(std::uint32_t page, std::size_t need, std::size_t most);
  [[nodiscard]] bool move_chunk(Handle from);
  void move_item_links(Handle from, Handle to);
  [[nodiscard]] bool evict_one();
  /// The item that was used longest ago and may go.
  [[nodiscard]] Handle oldest();
  /// Nobody holds it.
  [[nodiscard]] bool may_go(Handle handle) const {
    return !item(handle).has(bits::pinned) && !open_items_.include(handle);
  }
  /// The page's chunks to others, so that the index may have it. False: not possible now.
  [[nodiscard]] bool vacate(std::uint32_t page);
  /// The end of a long piece into another page, as a piece of its own. False: nothing done.
  [[nodiscard]] bool split_off(Handle from);
  [[nodiscard]] bool make_room_for(Handle from);
  void grow_index();
  [[nodiscard]] bool merge_one();
  [[nodiscard]] bool grow_log();
  /// A page just claimed, emptied if none was. nullopt: not possible now.
  [[nodiscard]] std::optional<std::uint32_t> empty_page();
  [[nodiscard]] bool vacate_log_page(std::uint32_t page);
  /// A page of the index that it does not use any more, back to the chunks. False: none.
  bool give_back_index_page();
  [[nodiscard]] Handle make(const Key& key, const ItemSpec& spec, const ItemShape& shape,
                            Seconds now);
  // The parts of a commit; see object_commit.cc.
  [[nodiscard]] bool commit_in_place(ObjectTree& tree);
  void finish_commit(Handle handle, const ObjectCommit& how, Seconds now);
  [[nodiscard]] bool take_nodes(ObjectTree& tree, const ItemShape& shape);
  [[nodiscard]] bool take_item(ObjectTree& tree, const ItemShape& shape, const ObjectCommit& how,
                               Seconds now, Handle& fresh);
  void lay_out(const Item& to, Bytes key, const ItemShape& shape) const;
  void end_moves(ObjectTree& tree) const;
  void node_moved(Handle from, Handle to);
  [[nodiscard]] Handle settle(ObjectTree& tree, const ItemShape& shape, Handle fresh);
  [[nodiscard]] Handle settle_leaves(ObjectTree& tree);
  [[nodiscard]] Handle settle_node(ObjectTree& tree, NodeRef ref, Handle parent);
  void write_node(const NodeCopy& copy, Handle handle);
  /// False: readers hold all that stands in the way.
  [[nodiscard]] bool insert(Handle handle, std::uint64_t hash);
  void unlink(Handle handle);
  [[nodiscard]] static Seconds bounded(Seconds expiry) { return std::min(expiry, last_second); }
  void put_expiry(Handle handle, Seconds expiry) {
    item(handle).header().expiry = bounded(expiry).value;
    wheel_.note(handle.page(), bounded(expiry));
  }
  /// An item that has changed, or is about to go.
  void note(Handle handle) const {
    if (changes_ != nullptr) [[unlikely]]
      tell_change(handle);
  }
  void tell_change(Handle handle) const;
  [[nodiscard]] bool expired(const Item& item) const;
  void count_reclaimed(const Item& item);
  void count_evicted(Handle handle);
  void count_put();
  void free_memory(Handle handle);
  void drop_dead(Handle handle);
  void reclaim_expired(std::uint32_t page, Seconds now, std::uint32_t& left);
  [[nodiscard]] std::uint64_t footprint_of(Handle handle) const;
  [[nodiscard]] std::optional<std::string> audit_item(Handle handle) const;
  /// Chunks, counted by those who own them and by the pages that they lie in.
  struct Census {
    std::uint64_t items = 0;
    std::uint64_t pieces = 0;
    std::uint64_t pinned = 0;
    bool operator==(const Census&) const = default;
    void operator+=(const Census& other) {
      items += other.items;
      pieces += other.pieces;
      pinned += other.pinned;
    }
    [[nodiscard]] std::string text() const {
      return std::to_string(items) + " items, " + std::to_string(pieces) + " pieces, " +
             std::to_string(pinned) + " pinned";
    }
  };
  [[nodiscard]] Census chunks_of(Handle handle) const;
  [[nodiscard]] Census chunks_in_pages() const;

  alloc::Arena arena_;
  Index index_;
  HotKeys hot_;
  AccessLog live_;
  AccessLog dead_;
  ExpiryWheel wheel_;
  Pieces pieces_;
  ObjectNodes nodes_;
  OpenItems open_items_;
  ObjectTree* committing_ = nullptr;  ///< while chunks are taken for it
  bool updating_ = false;             ///< an object is open for update
  bool evict_;
  Seconds now_;
  std::uint64_t limit_bytes_;
  std::uint64_t object_bytes_max_;
  std::uint64_t live_bytes_ = 0;
  std::uint64_t user_bytes_ = 0;
  std::uint64_t draft_bytes_ = 0;
  std::uint64_t orphan_bytes_ = 0;
  std::uint64_t compact_above_ = 0;  ///< free bytes that make moving chunks worth a try
  Walks walks_;
  struct PinCount {
    std::uint32_t count = 0;
    bool orphan = false;
  };
  std::unordered_map<std::uint32_t, PinCount> pins_;  ///< looked up by handle only, never iterated
  std::array<std::uint32_t, 8> victims_{};  ///< pages that the last evictions freed memory in
  std::uint32_t victims_noted_ = 0;
  ChangeLog* changes_ = nullptr;  ///< null: nobody listens
  PutWork work_;
  EvictionTally evictions_per_put_;
  EvictionTally surplus_per_put_;
  StoreStats counters_;
};

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_TABLE_H_
