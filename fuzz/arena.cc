// Door: the allocator, used as the store uses it, by an owner that does whatever the input says.
//
// The first byte is the number of pages; each further order takes, releases, pins, unpins, empties
// a page into others or moves the floor. The model knows every chunk's bytes and nothing else.
// After each order:
//   the chunks lie inside their pages, at even addresses, and no two of them overlap
//   each has the bytes and the kind that were put there; a pinned one has not moved
//   a page holds the model's chunks and no others, and claims no more room than they leave
//   a refusal is true: no page that takes chunks had the room, and none was untouched
//   free memory is poisoned (ASan), and the arena's own audit finds nothing

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/alloc/arena.h"
#include "cacheismo/alloc/poison.h"
#include "cacheismo/base/bytes.h"
#include "cacheismo/base/check.h"
#include "fuzz/orders.h"

namespace cacheismo::alloc {
namespace {

/// How far a page's room may be from what its place in the arena's order says.
constexpr std::size_t order_step = 16;

/// A test chunk starts with its own size.
std::uint32_t size_of(Kind, const char* chunk) {
  std::uint16_t bytes;
  std::memcpy(&bytes, chunk, sizeof bytes);
  return bytes;
}

bool poisoned([[maybe_unused]] const char* address) {
#if defined(CACHEISMO_ASAN)
  return __asan_address_is_poisoned(address) != 0;
#else
  return true;
#endif
}

class Owner {
 public:
  explicit Owner(std::size_t pages)
      : region_((pages + 1) * page_bytes), arena_({region_.data(), region_.size()}, 1, size_of) {}

  void obey(fuzz::Orders& orders) {
    const std::uint32_t what = orders.below(16);
    if (what < 6) return take(orders, what % 2 == 0 ? 200 : chunk_bytes_max);
    if (what < 10) return release(orders);
    switch (what) {
      case 10: return pin(orders);
      case 11:
      case 12: return unpin(orders);
      case 13: return gather(orders);
      case 14: return raise_floor();
      default:
        if (arena_.floor_pages() > 1) arena_.lower_floor();
    }
  }

  void check() const {
    const auto broken = arena_.audit();
    if (broken) std::fprintf(stderr, "%s\n", broken->c_str());
    CHECK(!broken);
    std::map<const char*, const char*> intervals;  // begin -> end
    std::map<std::uint32_t, std::size_t> used;     // by page, slots included
    std::map<std::uint32_t, std::size_t> count;
    for (const auto& [value, chunk] : chunks_) {
      const Handle handle{value};
      const char* begin = arena_.chunk(handle);
      CHECK(arena_.kind(handle) == chunk.kind);
      CHECK(Bytes(begin, chunk.bytes.size()) == chunk.bytes);
      CHECK(intervals.emplace(begin, begin + even(chunk.bytes.size())).second);
      used[handle.page()] += even(chunk.bytes.size()) + slot_bytes;
      ++count[handle.page()];
      if (chunk.pinned_at != nullptr) CHECK(begin == chunk.pinned_at);
    }
    check_intervals(intervals);
    for (std::uint32_t page = arena_.floor_pages(); page < arena_.page_count(); ++page) {
      if (arena_.untouched(page)) {
        CHECK_EQ(count[page], 0u);
        continue;
      }
      std::size_t slots = 0;
      for (std::uint32_t slot = 0; slot < slots_max; ++slot) {
        if (!arena_.page(page).used(slot)) continue;
        ++slots;
        CHECK(chunks_.contains(page << 8 | slot));
      }
      CHECK_EQ(slots, count[page]);
      CHECK_LE(arena_.room(page) + used[page], page_bytes);
      if (slots == 0) CHECK_EQ(arena_.room(page), page_bytes);
      CHECK_EQ(arena_.pinned(page), pinned_in(page));
    }
  }

 private:
  [[nodiscard]] bool pinned_in(std::uint32_t page) const {
    return std::any_of(pins_.begin(), pins_.end(),
                       [page](Handle handle) { return handle.page() == page; });
  }

  struct Chunk {
    std::string bytes;
    Kind kind;
    const char* pinned_at = nullptr;  ///< where it was when it was pinned, if it is
  };

  void check_intervals(const std::map<const char*, const char*>& intervals) const {
    const char* last_end = region_.data();
    for (const auto& [begin, end] : intervals) {
      CHECK(begin >= last_end);
      const auto offset = static_cast<std::size_t>(begin - arena_.floor_base());
      CHECK_EQ(offset % 2, 0u);
      CHECK_GE(offset / page_bytes, arena_.floor_pages());
      CHECK_EQ(offset / page_bytes,
               (offset + static_cast<std::size_t>(end - begin) - 1) / page_bytes);
      last_end = end;
    }
    CHECK(last_end <= region_.data() + region_.size());
  }

  void take(fuzz::Orders& orders, std::size_t bytes_max) {
    const std::size_t bytes = 2 + orders.wide() % (bytes_max - 1);
    const Kind kind = bytes % 3 == 0 ? Kind::piece : Kind::item;
    const auto handle = arena_.take(kind, bytes);
    if (handle) return put(*handle, kind, bytes);
    check_refusal(even(bytes) + slot_bytes);
  }

  void put(Handle handle, Kind kind, std::size_t bytes) {
    CHECK(handle);
    Chunk chunk{std::string(bytes, static_cast<char>('a' + fills_++ % 26)), kind};
    const auto size = static_cast<std::uint16_t>(bytes);
    std::memcpy(chunk.bytes.data(), &size, sizeof size);
    std::memcpy(arena_.chunk(handle), chunk.bytes.data(), bytes);
    CHECK(chunks_.emplace(handle.value, std::move(chunk)).second);
  }

  void check_refusal(std::size_t need) const {
    CHECK_EQ(arena_.stats().untouched_pages, 0u);
    for (std::uint32_t page = arena_.floor_pages(); page < arena_.page_count(); ++page) {
      if (page == unbinned_) continue;
      CHECK_LT(arena_.room(page), need + order_step);
    }
  }

  std::map<std::uint32_t, Chunk>::iterator pick(fuzz::Orders& orders) {
    return std::next(chunks_.begin(), orders.wide() % static_cast<long>(chunks_.size()));
  }

  void release(fuzz::Orders& orders) {
    if (chunks_.empty()) return;
    const auto gone = pick(orders);
    const char* begin = arena_.chunk(Handle{gone->first});
    const std::size_t bytes = gone->second.bytes.size();
    if (gone->second.pinned_at != nullptr) return;
    arena_.release(Handle{gone->first});
    chunks_.erase(gone);
    // Its first bytes may hold its size; poison is laid in granules of 8.
    for (std::size_t i = 16; i + 8 <= bytes; ++i) CHECK(poisoned(begin + i));
  }

  void pin(fuzz::Orders& orders) {
    if (chunks_.empty()) return;
    auto& [value, chunk] = *pick(orders);
    if (chunk.pinned_at != nullptr) return;
    pins_.push_back(Handle{value});
    arena_.pin(pins_.back());
    chunk.pinned_at = arena_.chunk(pins_.back());
  }

  void unpin(fuzz::Orders& orders) {
    if (pins_.empty()) return;
    const auto held = std::next(pins_.begin(), orders.byte() % static_cast<long>(pins_.size()));
    arena_.unpin(*held);
    chunks_.at(held->value).pinned_at = nullptr;
    pins_.erase(held);
  }

  /// Moves chunks of the roomiest page elsewhere until it has room for one of some size.
  void gather(fuzz::Orders& orders) {
    const auto page = arena_.roomiest();
    CHECK(page);
    for (std::uint32_t n = arena_.floor_pages(); n < arena_.page_count(); ++n) {
      if (arena_.untouched(n)) continue;
      CHECK_LT(arena_.room(n), arena_.room(*page) + order_step);
    }
    const std::size_t bytes = 2 + orders.wide() % (chunk_bytes_max - 1);
    const std::size_t need = even(bytes) + slot_bytes;
    unbin(*page);
    while (arena_.room(*page) < need && move_one(*page)) continue;
    rebin(*page);
    if (arena_.room(*page) < need) return;
    const Handle handle = arena_.take_in(*page, Kind::item, bytes);
    CHECK_EQ(handle.page(), *page);
    put(handle, Kind::item, bytes);
  }

  /// Moves a chunk of this page, which is in no bin, to another. False: none may, or no room.
  bool move_one(std::uint32_t page) {
    auto from = chunks_.lower_bound(page << 8);
    while (from != chunks_.end() && from->second.pinned_at != nullptr) ++from;
    if (from == chunks_.end() || Handle{from->first}.page() != page) return false;
    const Chunk chunk = from->second;
    const auto to = arena_.take(chunk.kind, chunk.bytes.size());
    if (!to) {
      check_refusal(even(chunk.bytes.size()) + slot_bytes);
      return false;
    }
    CHECK_NE(to->page(), page);
    std::memcpy(arena_.chunk(*to), arena_.chunk(Handle{from->first}), chunk.bytes.size());
    arena_.release(Handle{from->first});
    chunks_.erase(from);
    CHECK(chunks_.emplace(to->value, chunk).second);
    return true;
  }

  void raise_floor() {
    const std::uint32_t page = arena_.floor_pages();
    if (page + 2 >= arena_.page_count()) return;
    if (!arena_.untouched(page)) {
      if (arena_.pinned(page)) return;
      unbin(page);
      while (move_one(page)) continue;
      if (!arena_.page(page).empty()) return rebin(page);
      unbinned_.reset();
    }
    arena_.raise_floor();
    // The page is the owner's now, every byte of it.
    std::memset(arena_.floor_base() + page * page_bytes, 0xA5, page_bytes);
  }

  void unbin(std::uint32_t page) {
    arena_.unbin(page);
    unbinned_ = page;
  }
  void rebin(std::uint32_t page) {
    arena_.rebin(page);
    unbinned_.reset();
  }

  std::vector<char> region_;
  Arena arena_;
  std::map<std::uint32_t, Chunk> chunks_;  // by handle
  std::vector<Handle> pins_;
  std::optional<std::uint32_t> unbinned_;
  std::uint32_t fills_ = 0;
};

}  // namespace
}  // namespace cacheismo::alloc

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cacheismo;
  fuzz::Orders orders(Bytes(reinterpret_cast<const char*>(data), size));
  alloc::Owner owner(4 + orders.below(12));
  while (!orders.empty()) {
    owner.obey(orders);
    owner.check();
  }
  return 0;
}
