// Index: key -> item, linear hashing over the arena's first pages.
//
//   pages [0, floor):  | head 0 | head 1 | ... | head buckets-1 |       4 bytes a bucket
//   head -> item -> hash_next -> item -> ... -> 0
//
//  1. Every live item is in the chain of its key's bucket, exactly once. A dead item (flushed) is
//     in none: that is how the two are told apart.
//  2. There are at most 1.25 items a bucket on average while pages can be had, so that a hit reads
//     one bucket and about 1.6 items.
//  3. It grows and shrinks by one bucket at a time: no request pays for more than a few buckets.
//
// Bucket b of `buckets` = 2^level + split_: a hash goes to its low level+1 bits, or to its low
// level bits if that bucket does not exist yet (Litwin, 1980). What it is not: it does not make
// room for its pages; Table vacates the page at the floor first.

#ifndef CACHEISMO_STORE_INDEX_H_
#define CACHEISMO_STORE_INDEX_H_

#include <cstdint>
#include <span>

#include "cacheismo/alloc/arena.h"
#include "cacheismo/store/item.h"
#include "cacheismo/store/store.h"

namespace cacheismo::store {

class Index {
 public:
  static constexpr std::uint32_t buckets_per_page = alloc::page_bytes / sizeof(std::uint32_t);

  /// Uses the arena's floor pages, of which there must be one.
  Index(alloc::Arena& arena, std::uint64_t hash_seed);

  [[nodiscard]] std::uint64_t hash(Bytes key) const;
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&heads()[bucket_of(hash)]); }
  /// Brings the heads of a batch, then the slots and the first lines of the items behind them.
  void prefetch(std::span<const Key> keys) const;

  [[nodiscard]] Handle find(const Key& key) const;
  void insert(Handle handle, std::uint64_t hash);
  /// False: the item is in no chain (it is dead).
  bool remove(Handle handle, std::uint64_t hash);
  /// The item at `from` now lives at `to`. False as above.
  bool moved(Handle from, Handle to, std::uint64_t hash);

  [[nodiscard]] std::uint64_t items() const { return items_; }
  [[nodiscard]] std::uint32_t buckets() const { return buckets_; }
  [[nodiscard]] Handle head(std::uint32_t bucket) const { return Handle{heads()[bucket]}; }

  [[nodiscard]] bool wants_growth() const { return items_ * 4 > std::uint64_t{buckets_} * 5; }
  [[nodiscard]] bool wants_shrinking() const {
    return buckets_ > buckets_per_page && items_ * 8 < std::uint64_t{buckets_} * 7;
  }
  /// The next bucket needs a page that the arena still has to give.
  [[nodiscard]] bool needs_page() const {
    return buckets_ == arena_->floor_pages() * buckets_per_page;
  }
  /// One more bucket. Requires !needs_page().
  void split_one();
  /// One bucket fewer.
  void merge_one();

  /// Forgets every item in O(1): one page of heads is left. The pages above it are the caller's to
  /// give back.
  void reset();

 private:
  [[nodiscard]] std::uint32_t* heads() const {
    return reinterpret_cast<std::uint32_t*>(arena_->floor_base());
  }
  [[nodiscard]] std::uint32_t bucket_of(std::uint64_t hash) const {
    const auto wide = static_cast<std::uint32_t>(hash & (2 * low_buckets_ - 1));
    return wide < buckets_ ? wide : static_cast<std::uint32_t>(hash & (low_buckets_ - 1));
  }
  [[nodiscard]] ItemHeader& at(Handle handle) const { return Item(arena_->chunk(handle)).header(); }

  alloc::Arena* arena_;
  std::uint64_t hash_seed_;
  std::uint64_t items_ = 0;
  std::uint64_t low_buckets_ = buckets_per_page;  ///< 2^level
  std::uint32_t buckets_ = buckets_per_page;
};

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_INDEX_H_
