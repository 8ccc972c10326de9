// Host: what scripts reach outside of the Lua heap: objects, items, time and the log. The node
// implements it; tests and `cacheismo test` do so with a map.
//
//   script --proxy--> State (one object's entries)      Host --> store, clock, log
//
//  1. Nothing here throws, and nothing here runs a script.
//  2. What a State returns is a view, valid until the next call of any State or of the Host.
//  3. One call of a script opens at most one State for writing. Its changes are seen by nobody else
//     until commit(); release() of a State that was not committed discards them.
//
// What it is not: it knows no Lua values. Keys and values of entries are bytes (codec.h).

#ifndef CACHEISMO_LUA_HOST_H_
#define CACHEISMO_LUA_HOST_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"

namespace cacheismo::lua {

/// One entry of an object.
struct Entry {
  Bytes key;
  Bytes value;
};

/// Bounds of one entry, bytes. Longer strings are cut into several entries (stored_table.h).
inline constexpr std::size_t entry_key_bytes_max = 512;
inline constexpr std::size_t entry_value_bytes_max = 1024;

/// An object's entries, in the order of their keys' bytes.
class State {
 public:
  [[nodiscard]] virtual std::optional<Bytes> find(Bytes key) = 0;
  /// The entry with the smallest key >= `key`, or > `key`.
  [[nodiscard]] virtual std::optional<Entry> first_from(Bytes key) = 0;
  [[nodiscard]] virtual std::optional<Entry> first_after(Bytes key) = 0;
  /// The entry with the largest key < `key`.
  [[nodiscard]] virtual std::optional<Entry> last_before(Bytes key) = 0;
  /// Require a State opened for writing. False: the object would become larger than is allowed, or
  /// the call has changed too much of it; nothing was done.
  [[nodiscard]] bool put(Bytes key, Bytes value) {
    return put_unless(key, value, nullptr) == Put::done;
  }
  enum class Put : std::uint8_t { done, kept, refused };
  /// put(), unless there is a value that `keeps` is true of. Null: of none.
  [[nodiscard]] virtual Put put_unless(Bytes key, Bytes value, bool (*keeps)(Bytes old)) = 0;
  /// True: there was one. With `done` false nothing was done, for the reasons of put().
  struct Erased {
    bool done = true;
    bool found = false;
  };
  virtual Erased erase(Bytes key) = 0;

 protected:
  ~State() = default;
};

enum class Access : std::uint8_t {
  read,
  update,
  create,  ///< an update that starts with no entries and no expiry, whatever has the key now
};

enum class Found : std::uint8_t {
  object,
  missing,  ///< no such item; for an update the State is empty, and commit creates the object
  value,    ///< an ordinary item has this key
};

/// What commit() does besides writing the changes.
struct Commit {
  /// Seconds from now until the object expires; 0 or less: never. None: what remains is kept.
  std::optional<std::int64_t> expire_after_seconds;
  bool erase = false;  ///< the object goes, whatever was changed
};

enum class Committed : std::uint8_t { done, no_memory, too_large };

/// One item as the original script interface shows it.
struct ItemCopy {
  std::string value;
  std::uint32_t client_flags = 0;
  std::int64_t expiry_unix_seconds = 0;  ///< 0: never
};

/// A key that is used much, and about how often lately.
struct HotKey {
  std::string key;
  std::uint64_t uses = 0;
};

/// A node of the cluster, as its ring knows it.
struct RingNode {
  std::string name;
  std::string address;  ///< "host:port"
  std::string state;    ///< "joining", "active", "leaving"
  bool self = false;
};

enum class Level : std::uint8_t { debug, info, warn, error };

class Host {
 public:
  struct Opened {
    Found found = Found::missing;
    /// Null for a value (unless it is to be created), and for a missing object opened to read.
    State* state = nullptr;
    /// Seconds until it expires, 0: never.
    std::uint32_t expires_in_seconds = 0;
  };
  /// Several may be open to read at the same time, up to open_states_max in all; nullopt above. A
  /// key is at most 250 bytes.
  static constexpr std::size_t open_states_max = 64;
  [[nodiscard]] virtual std::optional<Opened> open(Bytes key, Access access) = 0;
  /// Ends a State that was opened for writing: all of its changes, or none of them and the object
  /// is as it was.
  [[nodiscard]] virtual Committed commit(State& state, const Commit& how) = 0;
  /// Closes a State, discarding its changes if it was opened for writing. `used`: it served a call
  /// that was answered, which counts as an access.
  virtual void release(State& state, bool used) = 0;

  // Items, for the original interface and store.*. Requires that no State is open where it changes
  // items; looking at them and scan() may happen meanwhile.
  [[nodiscard]] virtual std::optional<ItemCopy> get_item(Bytes key) = 0;
  /// False: no memory, or too large.
  [[nodiscard]] virtual bool put_item(Bytes key, const ItemCopy& item) = 0;
  [[nodiscard]] virtual bool delete_item(Bytes key) = 0;
  /// Up to `limit` keys that start with `prefix`, from a cursor (0: the start) on; looks at a
  /// bounded number of items. Returns the next cursor, 0 at the end. Every key present throughout
  /// is seen at least once.
  class KeyVisitor {
   public:
    virtual void visit(Bytes key) = 0;

   protected:
    ~KeyVisitor() = default;
  };
  [[nodiscard]] virtual std::uint64_t scan(Bytes prefix, std::uint64_t cursor, std::uint32_t limit,
                                           KeyVisitor& visitor) = 0;

  /// The keys that are used most, the most used first: a sample (store/hot_keys.h).
  [[nodiscard]] virtual std::vector<HotKey> hot_keys(std::size_t /*limit*/) const { return {}; }

  /// Drops the items and objects that were used longest ago, until `bytes` of memory are free of
  /// them or `items_max` are gone. No items: there are none left.
  struct Evicted {
    std::uint64_t bytes = 0;
    std::uint32_t items = 0;
  };
  virtual Evicted evict_oldest(std::uint64_t bytes, std::uint32_t items_max) = 0;

  // The ring, for scripts that ask other nodes. What stands here is a node's without a cluster.
  /// The node that owns what is placed by these bytes; empty: there is no cluster.
  [[nodiscard]] virtual std::string ring_owner(Bytes) { return {}; }
  /// Up to `count` different nodes, the owner first, then those that would follow it.
  [[nodiscard]] virtual std::vector<std::string> ring_owners(Bytes, std::size_t) { return {}; }
  /// All nodes, by name.
  [[nodiscard]] virtual std::vector<RingNode> ring_nodes() { return {}; }
  /// Why this node may not change the item any more that a call came to it for, as its owner; null:
  /// it may.
  [[nodiscard]] virtual const char* why_not_owner(Bytes /*item_key*/, Bytes /*placed_by*/) {
    return nullptr;
  }
  /// This node's name in the ring.
  [[nodiscard]] virtual std::string ring_self() { return {}; }
  [[nodiscard]] virtual std::uint64_t ring_epoch() { return 0; }
  /// What a set to another node is of that makes the item there the same as it is here, with flags,
  /// time to live and all fields; nullopt: there is none. The failure says why it cannot be sent.
  struct ItemToSend {
    std::string key;
    std::string value;
    std::uint32_t client_flags = 0;
    std::uint32_t ttl_seconds = 0;  ///< 0: it does not expire
  };
  [[nodiscard]] virtual Result<std::optional<ItemToSend>, std::string> item_to_send(Bytes) {
    return failure(std::string("this node speaks to no other"));
  }
  /// The key of a set that brings the state of an item to another node.
  static constexpr Bytes replica_key = "cluster:replica";
  /// Its value, for the state that the item has now; each time under a newer version. The failure
  /// says why it cannot be sent. `before`: what this has packed before, if that is to be sent once
  /// more; no bytes where another node's state, or a later one of this, has taken its place.
  struct PackedItem {
    std::string bytes;
    bool here = false;  ///< there is such an item; of pack_value(): it is so here, too
  };
  [[nodiscard]] virtual Result<PackedItem, std::string> pack_item(Bytes, Bytes /*before*/) {
    return failure(std::string("this node speaks to no other"));
  }
  /// The same for what the item is to be, here as well if `store`.
  struct NewValue {
    std::optional<Bytes> value;  ///< none: the item is to be gone
    std::uint32_t client_flags = 0;
    std::uint32_t ttl_seconds = 0;  ///< 0: it does not expire
    bool store = false;
  };
  [[nodiscard]] virtual PackedItem pack_value(Bytes, const NewValue&) { return {}; }

  /// Nanoseconds since 1970; constant while one call runs.
  [[nodiscard]] virtual std::int64_t wall_ns() = 0;
  /// Nanoseconds since the node's start, likewise.
  [[nodiscard]] virtual std::int64_t monotonic_ns() = 0;
  /// Nanoseconds of a clock that runs while a script runs, for the limit on its time. A simulated
  /// host returns monotonic_ns(): there only steps count.
  [[nodiscard]] virtual std::int64_t stopwatch_ns() = 0;

  /// One line of the log; `text` may hold any bytes.
  virtual void log(Level level, Bytes event, Bytes text) = 0;
  /// What scripts say below `level` is not logged from now on.
  virtual void set_log_level(Level level) = 0;

 protected:
  ~Host() = default;
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_HOST_H_
