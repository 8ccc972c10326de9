// Store: the cache itself: items, index, recency, expiry, eviction, in one region of memory.
//
//   node --verbs--> Store --chunks--> alloc, inside the region [----- limit bytes -----]
//
// Every verb is one atomic step on values: bytes, numbers and a time in; an outcome out. It reads
// no clock, makes no system call, allocates nothing outside the region except what its head says.
//
//  1. Everything that grows with data (items, index, expiry, pins) lives in the region.
//  2. Eviction takes the least recently used item of the whole cache, whatever its size.
//  3. A put fails for memory only when nothing evictable is left (or eviction is off).
//  4. The work of one verb is bounded: growth, expiry, flush and compaction are sliced.
//  5. Pinned and drafted memory never moves and is not reused until released.
//
// What it is not: it knows no protocol text, no connection and no reply.
// audit() walks everything and names the first broken invariant.

#ifndef CACHEISMO_STORE_STORE_H_
#define CACHEISMO_STORE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/base/result.h"
#include "cacheismo/store/store_stats.h"

namespace cacheismo::store {

/// Seconds on the store's own clock, which the caller keeps: it must never go back. The caller's
/// clock starts at 2 or above, so that 1 is always in the past and 0 is free to mean "never".
struct Seconds {
  std::uint32_t value = 0;
  // clang-tidy 14 takes the 0 that a defaulted <=> compares with for a null pointer.
  auto operator<=>(const Seconds&) const = default;  // NOLINT(modernize-use-nullptr)
};

/// As an expiry: the item never expires.
inline constexpr Seconds never{0};

/// The last expiry that an item can have, 68 years on; any later one is taken for it.
inline constexpr Seconds last_second{0x7FFF'FFFF};

struct StoreOptions {
  std::uint64_t limit_bytes = 0;     ///< -m; at most the region's size; may be changed later
  std::uint64_t item_bytes_max = 0;  ///< -I: key + value + item header, as memcached counts
  std::uint64_t hash_seed = 0;
  /// What an object's nodes may come to; never more than a quarter of limit_bytes.
  std::uint64_t object_bytes_max = limits::object_bytes_max;
  bool evict = true;  ///< false (-M): a full store refuses instead
  /// CAS values are counted from here. One life of a store after another must not begin at the
  /// same place where clients may keep a value across lives.
  std::uint64_t last_cas = 0;
};

/// A key and its hash, so that many keys can be hashed and prefetched before any is looked up.
/// Borrowed: the bytes must live through the verb. At most limits::key_bytes_max bytes.
struct Key {
  Bytes bytes;
  std::uint64_t hash = 0;
};

enum class Outcome : std::uint8_t {
  stored,       ///< written (or counted, deleted, touched)
  not_found,    ///< no such item
  not_stored,   ///< add on an existing item; replace, append, prepend on a missing one
  exists,       ///< the CAS value did not match
  too_large,    ///< above item_bytes_max
  no_memory,    ///< nothing evictable is left
  not_numeric,  ///< arithmetic on a value that is not a decimal number
};

/// A look at one item. Valid until the next verb; copy out what must last longer.
class ItemView {
 public:
  [[nodiscard]] Bytes key() const { return key_; }
  /// An object has no value to be read: see object.h. get(), meta_get() and arithmetic never show
  /// one.
  [[nodiscard]] bool is_object() const { return object_; }
  /// Of an object: what its nodes take in memory.
  [[nodiscard]] std::uint64_t value_bytes() const { return value_bytes_; }
  [[nodiscard]] std::uint32_t client_flags() const { return client_flags_; }
  [[nodiscard]] Seconds expiry() const { return expiry_; }
  /// Told by peek(), and by meta_get() and scan() where asked for; else 0.
  [[nodiscard]] Seconds last_access() const { return last_access_; }
  /// The CAS value as far as one was assigned, 0 if not; Store::cas() assigns one.
  [[nodiscard]] std::uint64_t assigned_cas() const { return cas_; }
  /// The value, where it lies in one run of memory (always, below store's piece size).
  [[nodiscard]] std::optional<Bytes> contiguous() const {
    return in_pieces_ || object_ ? std::nullopt : std::optional<Bytes>(value_);
  }
  [[nodiscard]] bool fetched() const { return fetched_; }        ///< read since it was stored
  [[nodiscard]] bool stale() const { return stale_; }            ///< md I made it so
  [[nodiscard]] bool token_sent() const { return token_sent_; }  ///< someone won the recache
  [[nodiscard]] bool copied() const { return copied_; }          ///< see Store::mark_copied

 private:
  friend class Store;
  friend class Table;
  Bytes key_;
  Bytes value_;
  std::uint64_t value_bytes_ = 0;
  std::uint64_t cas_ = 0;
  std::uint32_t handle_ = 0;
  std::uint32_t client_flags_ = 0;
  Seconds expiry_;
  Seconds last_access_;
  bool in_pieces_ = false;
  bool object_ = false;
  bool fetched_ = false;
  bool stale_ = false;
  bool token_sent_ = false;
  bool copied_ = false;
};

enum class Mode : std::uint8_t { set, add, replace, append, prepend };

/// How a value is to be written: the common part of the classic storage commands and of ms.
struct PutRule {
  Mode mode = Mode::set;
  std::uint32_t client_flags = 0;
  Seconds expiry = never;  ///< append and prepend keep the old one
  /// Write only over this CAS value (cas, ms C)
  std::optional<std::uint64_t> compare_cas = std::nullopt;
  std::optional<std::uint64_t> assign_cas = std::nullopt;  ///< give the item this CAS value (ms E)
  bool invalidate = false;  ///< ms I: an older compare_cas stores, but stale
  /// append/prepend on a miss: create with this expiry
  std::optional<Seconds> vivify = std::nullopt;
};

struct PutResult {
  Outcome outcome = Outcome::stored;
  ItemView item = {};  ///< after the write, when outcome is stored
};

/// A value on its way in: memory that is reserved piece by piece while its bytes arrive. Must end
/// in commit() or abandon().
struct Draft {
  std::uint32_t handle = 0;
};

/// A value on its way out: its bytes stay as they are even if the item is deleted, overwritten or
/// evicted meanwhile. Must end in unpin().
struct Pin {
  std::uint32_t handle = 0;
};

struct MetaGetRule {
  bool bump = true;          ///< false: leave recency, `fetched` and last access
  bool last_access = false;  ///< l: tell it, in MetaGet::before
  /// N: on a miss create an empty item with this expiry
  std::optional<Seconds> vivify = std::nullopt;
  /// R: win when less than this is left
  std::optional<std::uint32_t> recache_below_seconds = std::nullopt;
  std::optional<Seconds> new_expiry = std::nullopt;        ///< T
  std::optional<std::uint64_t> assign_cas = std::nullopt;  ///< E, for a vivified item
};

struct MetaGet {
  bool hit = false;         ///< also true for the empty item that vivify has just made
  bool won = false;         ///< W: this reader is to recompute the value
  bool token_sent = false;  ///< Z: another reader won before
  bool stale = false;       ///< X
  bool vivified = false;
  ItemView before;  ///< state before this access: fetched, last_access, expiry
  ItemView item;    ///< state after it
};

struct ArithmeticRule {
  bool increment = true;
  std::uint64_t delta = 1;
  std::optional<std::uint64_t> compare_cas = std::nullopt;
  std::optional<std::uint64_t> assign_cas = std::nullopt;
  /// ma N: on a miss create with this expiry and `initial`
  std::optional<Seconds> vivify = std::nullopt;
  std::uint64_t initial = 0;                         ///< ma J
  std::optional<Seconds> new_expiry = std::nullopt;  ///< ma T
};

struct ArithmeticResult {
  Outcome outcome = Outcome::stored;
  std::uint64_t number = 0;
  ItemView item = {};  ///< after the step, when outcome is stored
};

struct RemoveRule {
  std::optional<std::uint64_t> compare_cas = std::nullopt;
  std::optional<std::uint64_t> assign_cas = std::nullopt;  ///< md E: with invalidate or clear_value
  bool invalidate = false;         ///< md I: keep the item, mark it stale, new CAS value
  bool clear_value = false;        ///< md x: keep the item with an empty value
  std::uint32_t client_flags = 0;  ///< md F, with clear_value
  std::optional<Seconds> new_expiry = std::nullopt;  ///< md T, with invalidate or clear_value
};

/// What maintain() may do before it returns. A flushed item that is reclaimed counts as one.
struct Budget {
  std::uint32_t items = 0;
  static constexpr std::uint32_t expired_item = 2;  ///< it is found in the index first
  static constexpr std::uint32_t index_line = 12;   ///< its ten items are read, and placed anew
};

/// What one call of scan() is after, and what it may do before it returns.
struct ScanRule {
  /// As few as one line of the index can hold.
  static constexpr std::uint32_t visits_min = 10;

  Bytes prefix = {};             ///< only keys that start with it
  bool last_access = false;      ///< tell it, at the price of looking through a page of the log
  std::uint32_t visits_max = 0;  ///< at least visits_min
  std::uint32_t lines_max = 0;   ///< lines of the index to look at, 10 items at most each; not 0
};

struct Scanned {
  std::uint64_t next = 0;   ///< cursor of the next call; 0: everything has been seen
  std::uint32_t lines = 0;  ///< lines that were looked at
};

/// What drop_oldest() has dropped.
struct Dropped {
  std::uint64_t bytes = 0;
  std::uint32_t items = 0;
};

class ChangeLog;
struct HotKey;
class Table;
class Body;
class Object;
struct ObjectCommit;
enum class ObjectFound : std::uint8_t;
enum class ObjectAccess : std::uint8_t;

class Store {
 public:
  /// `region` must stay valid and is used by nobody else. Requires limit_bytes within
  /// [limits::arena_bytes_min, limits::arena_bytes_max] and at most region.size().
  Store(std::span<char> region, const StoreOptions& options);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // ---- Keys -------------------------------------------------------------------------------------

  [[nodiscard]] Key key(Bytes bytes) const;
  /// Brings the index lines of `key` into the cache; call it for a batch before the look-ups.
  void prefetch(const Key& key) const;
  /// The same for a batch about to be looked up, and the items that the lines name: their
  /// misses overlap. Best with 8 to 32 keys.
  void prefetch(std::span<const Key> keys) const;

  // ---- Reading ----------------------------------------------------------------------------------

  /// get: counts as an access. nullopt on a miss.
  [[nodiscard]] std::optional<ItemView> get(const Key& key, Seconds now);
  /// Looks without any effect on recency; an expired or flushed item is a miss.
  [[nodiscard]] std::optional<ItemView> peek(const Key& key, Seconds now);
  /// Marks an item as one of several copies: it is in its view until another value takes its place.
  void mark_copied(const Key& key, Seconds now);
  /// mg with its flags.
  [[nodiscard]] MetaGet meta_get(const Key& key, const MetaGetRule& rule, Seconds now);
  /// touch, gat: new expiry, counts as an access; returns the item, nullopt on a miss.
  [[nodiscard]] std::optional<ItemView> touch(const Key& key, Seconds expiry, Seconds now);

  /// The item's CAS value, unique per write. Assigned on first request, hence not const: it may
  /// move memory, so `item` and every other view are refreshed or dead; `item` is refreshed. 0 for
  /// an object, never else. Values grow in the order of writes to one key.
  [[nodiscard]] std::uint64_t cas(ItemView& item);

  /// Copies value bytes [offset, offset + out.size()) of `item`. Requires them within the value.
  void copy_value(const ItemView& item, std::uint64_t offset, MutableBytes out) const;

  /// Holds a value's bytes in place, for sends without a copy.
  [[nodiscard]] Pin pin(const ItemView& item);
  void unpin(Pin pin);
  /// Fills `out` with views of the pinned value from `offset` on; returns how many were filled. The
  /// views are valid until unpin. Requires offset < value bytes.
  [[nodiscard]] std::size_t views(Pin pin, std::uint64_t offset, std::span<Bytes> out) const;

  // ---- Writing ----------------------------------------------------------------------------------

  /// Writes a value that has arrived whole.
  [[nodiscard]] PutResult put(const Key& key, const PutRule& rule, Bytes value, Seconds now);

  /// Starts a value of `value_bytes` that arrives in parts. Nothing is visible and the old value
  /// stays until commit. too_large, no_memory. Requires value_bytes > 0.
  [[nodiscard]] Result<Draft, Outcome> begin(const Key& key, std::uint64_t value_bytes,
                                             Seconds now);
  /// Fills `out` with windows of the draft from `offset` on, taking memory (and evicting) as
  /// needed, so that an announced length alone takes none. Returns how many were filled; 0 means
  /// that no memory is left and the draft must be abandoned. Windows do not move until the draft
  /// ends.
  [[nodiscard]] std::size_t windows(Draft draft, std::uint64_t offset, std::span<MutableBytes> out,
                                    Seconds now);
  /// Ends a draft whose every byte has been written: the same decision as put. The draft is gone
  /// whatever the outcome.
  [[nodiscard]] PutResult commit(Draft draft, const PutRule& rule, Seconds now);
  void abandon(Draft draft);

  [[nodiscard]] ArithmeticResult arithmetic(const Key& key, const ArithmeticRule& rule,
                                            Seconds now);

  /// delete, md.
  [[nodiscard]] Outcome remove(const Key& key, const RemoveRule& rule, Seconds now);

  /// Kills everything stored before `at` is reached, at that moment: flush_all with `at` = now
  /// takes effect before it returns. A later call replaces one that has not taken effect yet.
  void flush(Seconds at, Seconds now);

  /// Drops what was used longest ago, until `bytes` (key + value + overhead) are gone or
  /// `items_max` items are; what is pinned stays.
  Dropped drop_oldest(std::uint64_t bytes, std::uint32_t items_max, Seconds now);

  // ---- Objects ----------------------------------------------------------------------------------

  // An item is an ordinary value or an object (object.h). To the verbs above an object is an item
  // without a value: get() and meta_get() miss it (and meta_get() does not vivify then); peek(),
  // touch(), scan() and flush() treat it as any item, and views of it say is_object(). put() with
  // set or replace takes its place; add, append and prepend do not store; arithmetic() says
  // not_numeric; remove() deletes it, also with invalidate or clear_value; a compare_cas never
  // matches. copy_value() and pin() must not be called for it.

  /// Opens the object of `key`, if it is one. Any number may be open to read, one for update. Until
  /// all are closed no verb that writes may be called but the commit of an object: only get, peek,
  /// meta_get without vivify, scan, and what belongs to pins. Requires that `object` is not open.
  [[nodiscard]] ObjectFound open(Object& object, const Key& key, ObjectAccess access, Seconds now);
  /// Makes all changes of an object that was opened for update visible, or none: stored or
  /// no_memory. Stored counts as an access, and creates an object that was missing. Others that are
  /// open stay so; those of the same key see the changes. Closes `object`, whatever the outcome.
  [[nodiscard]] Outcome commit(Object& object, const ObjectCommit& how, Seconds now);
  /// Discards the changes, if any. With `used` it counts as an access at that time.
  void close(Object& object, std::optional<Seconds> used = std::nullopt);

  // ---- Upkeep -----------------------------------------------------------------------------------

  /// Bounded upkeep: expired and flushed items, index growth. True: more work is waiting.
  bool maintain(Budget budget, Seconds now);

  /// Changes limit_bytes. False: out of the region's bounds, or below what cannot be evicted.
  bool set_limit(std::uint64_t limit_bytes, Seconds now);

  /// The keys that are used most, the most used first, by a sample of the uses: hot_keys.h.
  [[nodiscard]] std::vector<HotKey> hot_keys(std::size_t limit, Seconds now);
  /// From now on `log` hears of every item that is made, changed or taken away, but of none whose
  /// time has come. Null: nobody does.
  void record_changes(ChangeLog* log);

  /// Visits items in the order of a cursor that survives changes: every item present throughout is
  /// seen at least once. The cursor starts at 0; one that is not gone on with for a minute is
  /// forgotten and may miss items. A call does no more than `rule` says, however few items match.
  /// Some 60 ns for an item that does not.
  class Visitor {
   public:
    virtual void visit(const ItemView& item) = 0;

   protected:
    ~Visitor() = default;
  };
  [[nodiscard]] Scanned scan(std::uint64_t cursor, const ScanRule& rule, Visitor& visitor,
                             Seconds now);

  /// A descent visits items from the most recently used one on. There is one at a time. What is
  /// used or moved while it is under way may be visited twice, or not at all.
  void begin_descent();
  /// Looks at `entries_max` accesses at most. False: it has ended.
  bool descend(std::uint32_t entries_max, Visitor& visitor, Seconds now);

  [[nodiscard]] StoreStats stats() const;
  void reset_stats();

  /// Walks the whole region; the first broken invariant, or nullopt.
  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  std::unique_ptr<Body> body_;
};

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_STORE_H_
