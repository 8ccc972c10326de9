// Recency: the exact order of use, a doubly linked list through the items themselves.
//
//   head (most recent) -> lru_next -> ... -> tail (least recent)
//   waiting: the last few bumps, not yet done            oldest | | | | newest
//
//  1. The order is as if every bump had been done at once: everything that looks at the list or
//     changes it otherwise does the waiting ones first.
//  2. An item whose bump waits is in the list.
//
// A bump touches the item's two neighbours, which were used at other times and lie anywhere: two
// cache misses, each behind that of a slot. Waiting lets them overlap with the next requests: when
// a bump comes, its neighbours' slots are prefetched; `step` bumps later, the neighbours; `step`
// later it is done.
//
// There are two of these lists: the live items, and the dead ones that a flush left for later.
// Cost: O(1) each.

#ifndef CACHEISMO_STORE_RECENCY_H_
#define CACHEISMO_STORE_RECENCY_H_

#include <array>

#include "cacheismo/alloc/arena.h"
#include "cacheismo/store/item.h"

namespace cacheismo::store {

class Recency {
 public:
  explicit Recency(alloc::Arena& arena) : arena_(&arena) {}

  [[nodiscard]] Handle head() {
    settle();
    return head_;
  }
  [[nodiscard]] Handle tail() {
    settle();
    return tail_;
  }

  void push_front(Handle handle) {
    settle();
    link_front(handle);
  }

  void remove(Handle handle) {
    settle();
    unlink(handle);
  }

  /// The item was used. Its header should be in the cache already.
  void bump(Handle handle) {
    const ItemHeader& header = at(handle);
    arena_->prefetch_slot(Handle{header.lru_previous});
    arena_->prefetch_slot(Handle{header.lru_next});
    waiting_[newest_++ % waiting_max] = handle;
    if (newest_ - oldest_ <= step) return;
    const ItemHeader& before = at(waiting_[(newest_ - 1 - step) % waiting_max]);
    arena_->prefetch_chunk(Handle{before.lru_previous});
    arena_->prefetch_chunk(Handle{before.lru_next});
    if (newest_ - oldest_ == waiting_max) settle_one();
  }

  /// Does the bumps that wait. Needed before an item's links are copied.
  void settle() {
    while (oldest_ != newest_) settle_one();
  }

  /// The item now lives at `to`; its links are already copied there. Requires settle() before.
  void moved(Handle from, Handle to) {
    const ItemHeader& header = at(to);
    if (const Handle previous{header.lru_previous})
      at(previous).lru_next = to.value;
    else if (head_ == from)
      head_ = to;
    if (const Handle next{header.lru_next})
      at(next).lru_previous = to.value;
    else if (tail_ == from)
      tail_ = to;
  }

  /// Puts all of `other` behind this list's tail and leaves it empty. O(1).
  void absorb(Recency& other) {
    settle();
    other.settle();
    if (!other.head_) return;
    if (tail_) {
      at(tail_).lru_next = other.head_.value;
      at(other.head_).lru_previous = tail_.value;
    } else {
      head_ = other.head_;
    }
    tail_ = other.tail_;
    other.head_ = other.tail_ = Handle{};
  }

 private:
  /// Memory answers some ten requests at a time and a request takes longer than a tenth of that.
  static constexpr std::uint32_t step = 4;
  static constexpr std::uint32_t waiting_max = 2 * step;

  [[nodiscard]] ItemHeader& at(Handle handle) const { return Item(arena_->chunk(handle)).header(); }

  void settle_one() {
    const Handle handle = waiting_[oldest_++ % waiting_max];
    if (handle == head_) return;
    unlink(handle);
    link_front(handle);
  }

  void link_front(Handle handle) {
    ItemHeader& header = at(handle);
    header.lru_previous = 0;
    header.lru_next = head_.value;
    if (head_) at(head_).lru_previous = handle.value;
    head_ = handle;
    if (!tail_) tail_ = handle;
  }

  void unlink(Handle handle) {
    const ItemHeader& header = at(handle);
    const Handle previous{header.lru_previous};
    const Handle next{header.lru_next};
    if (previous)
      at(previous).lru_next = next.value;
    else
      head_ = next;
    if (next)
      at(next).lru_previous = previous.value;
    else
      tail_ = previous;
  }

  alloc::Arena* arena_;
  Handle head_;
  Handle tail_;
  std::array<Handle, waiting_max> waiting_;
  std::uint32_t oldest_ = 0;
  std::uint32_t newest_ = 0;  ///< newest_ - oldest_ bumps wait
};

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_RECENCY_H_
