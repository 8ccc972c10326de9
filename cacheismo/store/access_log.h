// AccessLog: the exact order of use, as a log of accesses that is kept short.
//
//   oldest page                                                newest page
//   | 0 | a | 0 | b | 60s | c |  <->  ...  <->  | d | 0 | e | f |   |   |   |
//                                                             append --> ^
//   entry (4 bytes):  the handle of the item whose last access this was
//                     0: since used again, moved or gone
//                     a second (top bit set): entries behind it are of that second or of the 15
//                     after it; the page's `start` is one for its first entries
//
// An access clears the item's old entry and appends a new one. Nobody's neighbours are touched, as
// they are when an item is moved in a linked list: two misses of the cache saved, and the next
// victims lie side by side. Entries stay in order; what is cleared is won back by moving the rest
// of a few neighbouring pages together, oldest first, some entries with each access.
//
//  1. Each live item has one entry, at the place that its header names. No other entry names it.
//  2. Of two entries the one nearer to the newest end was accessed later.
//  3. Every page of the chain but the newest and those being compacted has a live entry.
//  4. With at least wanted_pages() pages some run of up to run_pages_max of them always fits in one
//     page fewer: an access never has to look for memory.
//  5. last_access() is exact, unless the log needs a page and finds none even so (all memory is
//     pinned, or many seconds were said and nothing was stored since): then it may be off.
//
// Pages are claimed from the arena. Of a page's header: heap_end = entries, free_bytes = live,
// hole = seconds, slot_count = 1 in a run, free_slot = 1 if kept for later, earliest_expiry =
// start, wheel_previous and wheel_next = the chain, towards the oldest and the newest.
//
// There are two logs: of the live items, and of the dead ones that a flush left for later.
// What it is not: it takes no memory that is in use; Table vacates a page for it (add_page).

#ifndef CACHEISMO_STORE_ACCESS_LOG_H_
#define CACHEISMO_STORE_ACCESS_LOG_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "cacheismo/alloc/arena.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/store/hot_keys.h"
#include "cacheismo/store/item.h"
#include "cacheismo/store/store.h"

namespace cacheismo::store {

class AccessLog {
 public:
  static constexpr std::uint32_t entries_per_page = alloc::page_bytes / sizeof(std::uint32_t);

  /// One of so many uses is noted in `hot`: one of each so many in a row, at a place drawn by
  /// chance, so that no pattern of the clients' makes it miss a key.
  static constexpr std::uint32_t uses_per_sample = 64;

  /// One that never appends (`appends` false) keeps no page for it. `hot`: null for no sample; must
  /// outlive the log.
  AccessLog(alloc::Arena& arena, bool appends, HotKeys* hot = nullptr, std::uint64_t seed = 0)
      : arena_(&arena), appends_(appends), hot_(hot), chance_(seed) {}

  /// A new item, the most recent. Requires has_room() before the item was made.
  void append(Handle handle, Seconds now) {
    ++live_;
    place_newest(Item(arena_->chunk(handle)), handle, now);
  }
  /// The item was used.
  void bump(Handle handle, Seconds now) {
    const Item used(arena_->chunk(handle));
    const std::uint64_t before = used.place();
    __builtin_prefetch(&entries(page_of(before))[index_of(before)], 1);
    settle();
    left_ = before;
    place_newest(used, handle, now);
  }
  void remove(Handle handle) {
    settle();
    --live_;
    clear(Item(arena_->chunk(handle)).place());
  }
  /// The item now lives at `to`; its header is already copied there.
  void moved(Handle to) {
    const std::uint64_t place = Item(arena_->chunk(to)).place();
    entries(page_of(place))[index_of(place)] = to.value;
  }

  /// The least recently used item; none when empty.
  [[nodiscard]] Handle oldest();
  /// The one that was used next after it; none at the end.
  [[nodiscard]] Handle after(Handle handle);
  [[nodiscard]] Seconds last_access(Handle handle) const;

  // A descent: a walk from the newest entry to the oldest, one at a time. What is used while it is
  // under way, or moved by compaction, may be met twice, or not at all.

  void begin_descent() { descent_ = {newest_, entries_per_page}; }
  [[nodiscard]] bool descending() const { return descent_.page != 0; }
  /// The next item. Looks at `entries_left` entries at most, and counts it down; none: they were
  /// used up, or the descent has ended.
  [[nodiscard]] Handle descend(std::uint32_t& entries_left);

  [[nodiscard]] std::uint64_t live() const { return live_; }

  // ---- Pages ------------------------------------------------------------------------------------

  /// Whether one item more could be appended, and used for ever after.
  [[nodiscard]] bool has_room() const { return pages_ >= wanted_pages(live_ + 1); }
  /// A page that was just claimed.
  void add_page(std::uint32_t page);
  /// The pages of the chain and those kept for it.
  [[nodiscard]] std::uint32_t pages() const { return pages_; }
  /// What stands in `page`, which belongs to one of the two logs, goes to `fresh`, just claimed.
  static void relocate(std::uint32_t page, std::uint32_t fresh, AccessLog& live, AccessLog& dead);

  /// Puts all of `other` behind this log's newest, and leaves it empty. O(1).
  void absorb(AccessLog& other);

  /// Entries that compaction has looked at so far.
  [[nodiscard]] std::uint64_t compacted() const { return compacted_; }

  /// Walks everything; the first broken invariant.
  [[nodiscard]] std::optional<std::string> audit();

 private:
  static constexpr std::uint32_t second_mark = std::uint32_t{1} << 31;
  static constexpr std::uint32_t seconds_span = 16;
  static constexpr std::uint32_t run_pages_max = 8;
  /// Pages that the chain may have above what it wants before they are won back.
  static constexpr std::uint32_t slack_pages = 2;
  /// Pages that an access looks at in search of a run, besides a 1024th of all: all of them come
  /// round before the newest page is full.
  static constexpr std::uint32_t search_pace = 4;
  /// Accesses from one bit of this work to the next: for enough entries that their misses overlap.
  static constexpr std::uint32_t batch = 16;
  /// Entries whose items are asked for together.
  static constexpr std::uint32_t overlapping = 32;

  struct Spot {
    std::uint32_t page = 0;
    std::uint32_t index = 0;
    bool operator==(const Spot&) const = default;
  };
  /// Neighbouring pages that are being put into one page fewer.
  struct Run {
    std::uint32_t begin = 0;  ///< 0: no run is under way
    std::uint32_t end = 0;    ///< the page behind it
    std::uint32_t pace = 0;   ///< entries with each access
    Spot from;                ///< the next entry
    Spot to;                  ///< where it goes, never behind `from`
    std::uint32_t from_second = 0;
    std::uint32_t to_second = 0;
    bool forgets_seconds = false;  ///< there is no room to say them
  };

  [[nodiscard]] static std::uint32_t page_of(std::uint64_t place) {
    return static_cast<std::uint32_t>(place / entries_per_page);
  }
  [[nodiscard]] static std::uint32_t index_of(std::uint64_t place) {
    return place % entries_per_page;
  }
  [[nodiscard]] static std::uint64_t place_of(Spot spot) {
    return std::uint64_t{spot.page} * entries_per_page + spot.index;
  }
  /// The second whose low bits an item has, of those that `said` stands for.
  [[nodiscard]] static std::uint32_t second_of(const Item& item, std::uint32_t said) {
    return said + (item.header().second - said) % seconds_span;
  }
  [[nodiscard]] static bool names_item(std::uint32_t entry) {
    return entry != 0 && entry < second_mark;
  }
  [[nodiscard]] alloc::PageHeader& header(std::uint32_t page) const {
    return arena_->page(page).header();
  }
  [[nodiscard]] std::uint32_t next(std::uint32_t page) const { return header(page).wheel_next; }
  [[nodiscard]] std::uint32_t* entries(std::uint32_t page) const {
    return reinterpret_cast<std::uint32_t*>(const_cast<char*>(arena_->page(page).base()));
  }
  [[nodiscard]] std::uint32_t wanted_pages(std::uint64_t live) const {
    const std::uint64_t needed = live + std::min(seconds_, live);
    return static_cast<std::uint32_t>(needed * 4 / (3 * std::uint64_t{entries_per_page})) + 3;
  }
  [[nodiscard]] bool running() const { return run_.begin != 0; }

  /// Clears the entry that the last bump has left, whose line has come by now.
  void settle() {
    if (left_ == 0) return;
    const std::uint64_t place = left_;
    left_ = 0;
    clear(place);
  }
  void clear(std::uint64_t place) {
    const std::uint32_t page = page_of(place);
    entries(page)[index_of(place)] = 0;
    if (--header(page).free_bytes == 0) drop_if_empty(page);
  }
  void place_newest(const Item& item, Handle handle, Seconds now) {
    // Room for a second, too.
    if (room_ < 2) start_page(now);
    if (now.value - second_ >= seconds_span) say_second(now);
    item.set_place(next_place_++, now.value % seconds_span);
    *next_entry_++ = handle.value;
    --room_;
    ++newest_header_->heap_end;
    ++newest_header_->free_bytes;
    if (--until_due_ == 0) do_due(item, now);
  }

  void say_second(Seconds now);
  /// What is due with this use of `item`: a bit of work, a sample, or both. They share one count,
  /// which costs a use one subtraction.
  void do_due(const Item& item, Seconds now);
  /// What keeps the log short, a little at a time.
  void work();
  void start_page(Seconds now);
  void make_spare();
  void drop_if_empty(std::uint32_t page);
  void unlink(std::uint32_t page);
  void free_page(std::uint32_t page);
  void replace(std::uint32_t page, std::uint32_t fresh);
  /// Entries go behind those that the newest page has.
  void go_on_in_newest();

  void search();
  /// Looks for a run among all pages; false if there is none.
  [[nodiscard]] bool search_all(bool forget_seconds);
  /// The page behind `count` pages that fit in one fewer; 0 if they do not.
  [[nodiscard]] std::uint32_t end_of_run(std::uint32_t page, std::uint32_t count,
                                         bool forget_seconds) const;
  void begin_run(std::uint32_t page, std::uint32_t end, std::uint32_t count, bool forget_seconds);
  void compact(std::uint32_t count);
  /// The entry just before `from` is a second, which holds from there on.
  void take_second();
  /// The entries of from.page before `end`.
  void compact_to(std::uint32_t end);
  /// One that needs more than the next place: a page begun, or its second said.
  void move_entry(std::uint32_t entry);
  void note_moved(std::uint32_t count);
  void put(std::uint32_t entry, std::uint32_t second);
  void leave_page();
  void prefetch(std::uint32_t end) const;
  /// All of the run is done, or the rest of it stays as it is.
  void end_run();

  alloc::Arena* arena_;
  bool appends_;
  std::uint64_t live_ = 0;
  std::uint64_t left_ = 0;     ///< a place that is still to be cleared; 0: none
  std::uint64_t seconds_ = 0;  ///< entries that are one
  std::uint32_t oldest_ = 0;   ///< page
  std::uint32_t newest_ = 0;   ///< page
  // Where the next entry goes, in the newest page.
  alloc::PageHeader* newest_header_ = nullptr;
  std::uint32_t* next_entry_ = nullptr;
  std::uint64_t next_place_ = 0;
  std::uint32_t room_ = 0;  ///< entries
  std::uint32_t pages_ = 0;
  std::uint32_t spare_ = 0;  ///< the first of the pages kept, chained by wheel_next
  std::uint32_t spares_ = 0;
  std::uint32_t second_ = 0;  ///< the one that holds at the newest end
  Spot cursor_;               ///< no item's entry is older than this
  Spot descent_;              ///< the entry before this is the next one
  std::uint32_t hand_ = 0;    ///< the page where the search goes on
  std::uint32_t count_ = 2;   ///< pages of the runs that it looks for
  Run run_;
  HotKeys* hot_;
  Prng chance_;
  std::uint32_t until_due_ = batch;               ///< accesses
  std::uint32_t due_after_ = batch;               ///< what until_due_ has begun with
  std::uint32_t until_work_ = batch;              ///< accesses, at the beginning of that
  std::uint32_t until_sample_ = uses_per_sample;  ///< likewise
  std::uint32_t behind_sample_ = 0;  ///< accesses of its row of uses_per_sample that come after it
  std::uint64_t compacted_ = 0;
};

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_ACCESS_LOG_H_
