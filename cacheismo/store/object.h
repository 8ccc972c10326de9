// Object: an item whose value is an ordered map, read and changed entry by entry where it lies.
//
//   Store::open(object, key, update) --> find, put, erase, ... --> Store::commit(object)
//                                           changes go to copies      all of them, or none
//
//  1. Keys and values are bytes: keys of at most limits::object_key_bytes_max, values of at most
//     limits::object_value_bytes_max. Entries are in the order of their keys, bytewise, a prefix
//     before what it is a prefix of.
//  2. Nothing of an object is changed before commit(), and then all of it is at once.
//  3. What an Object returns stays valid until its next change, and until the next verb of the
//     store.
//
// What it is not: it knows nothing of what entries mean, nor of nested tables (lua/ does).
//
// Cost: an entry is found in O(log n): up to 423 bytes of entries in one run, else in a tree of
// nodes of 512. A change copies the nodes on its way to memory of the Object, which it
// keeps for the next use (256 KiB at most) and of which one opening takes at most
// limits::object_scratch_bytes_max.

#ifndef CACHEISMO_STORE_OBJECT_H_
#define CACHEISMO_STORE_OBJECT_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "cacheismo/base/bytes.h"
#include "cacheismo/store/store.h"

namespace cacheismo::store {

enum class ObjectFound : std::uint8_t {
  object,   ///< opened
  missing,  ///< no such item; opened for update, as an empty object that commit creates
  value,    ///< the item is an ordinary value; not opened
};

enum class ObjectAccess : std::uint8_t {
  read,
  update,
  create,  ///< an update that starts empty; commit puts it in the place of whatever has the key
};

struct ObjectEntry {
  Bytes key;
  Bytes value;
};

enum class ObjectPut : std::uint8_t {
  done,
  kept,     ///< what is there stays
  refused,  ///< the object, or memory outside the arena, would exceed its bound; nothing done
};

struct ObjectErased {
  bool done = false;  ///< false: it would take too much memory outside the arena; nothing done
  bool found = false;
};

/// How changes become visible.
struct ObjectCommit {
  std::optional<Seconds> expiry = std::nullopt;  ///< none: it keeps its own (a new one: never)
  bool erase = false;                            ///< the whole object goes instead
};

class ObjectTree;

/// One object at a time, opened by Store::open(). Reusable; must be closed before it is destroyed.
class Object {
 public:
  Object();
  ~Object();
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  [[nodiscard]] bool is_open() const;

  // All others require that it is open. One that another Object erased meanwhile is empty.

  [[nodiscard]] std::optional<Bytes> find(Bytes key);
  /// The entry with the smallest key that is `key` or above.
  [[nodiscard]] std::optional<ObjectEntry> first_from(Bytes key);
  /// The smallest above `key`. Fast when the entry at `key` is the one last returned.
  [[nodiscard]] std::optional<ObjectEntry> first_after(Bytes key);
  /// The largest below `key`.
  [[nodiscard]] std::optional<ObjectEntry> last_before(Bytes key);

  // Changes require that it was opened for update, and sizes within the limits. `key` and `value`
  // must not be views of this object.

  /// False: the object, or memory outside the arena, would exceed its bound; nothing done.
  [[nodiscard]] bool put(Bytes key, Bytes value);
  /// put(), unless there is a value that `keeps` is true of. Null: of none.
  [[nodiscard]] ObjectPut put_unless(Bytes key, Bytes value, bool (*keeps)(Bytes old));
  [[nodiscard]] ObjectErased erase(Bytes key);

  /// As of the opening.
  [[nodiscard]] Seconds expiry() const;
  /// What the entries come to so far, nodes and all but not the item's own header, bytes.
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  friend class Store;
  std::unique_ptr<ObjectTree> tree_;
};

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_OBJECT_H_
