// Recency: the exact order of use, a doubly linked list through the items themselves.
//
//   head (most recent) -> lru_next -> ... -> tail (least recent)
//
// There are two of them: the live items, and the dead ones that a flush left for later reclaiming.
// Cost: O(1) each; a bump touches the item, its two neighbours and the head.

#ifndef CACHEISMO_STORE_RECENCY_H_
#define CACHEISMO_STORE_RECENCY_H_

#include "cacheismo/alloc/arena.h"
#include "cacheismo/store/item.h"

namespace cacheismo::store {

class Recency {
 public:
  explicit Recency(alloc::Arena& arena) : arena_(&arena) {}

  [[nodiscard]] Handle head() const { return head_; }
  [[nodiscard]] Handle tail() const { return tail_; }

  void push_front(Handle handle) {
    ItemHeader& header = at(handle);
    header.lru_previous = 0;
    header.lru_next = head_.value;
    if (head_) at(head_).lru_previous = handle.value;
    head_ = handle;
    if (!tail_) tail_ = handle;
  }

  void remove(Handle handle) {
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

  void bump(Handle handle) {
    if (handle == head_) return;
    remove(handle);
    push_front(handle);
  }

  /// The item now lives at `to`; its links are already copied there.
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
  [[nodiscard]] ItemHeader& at(Handle handle) const { return Item(arena_->chunk(handle)).header(); }

  alloc::Arena* arena_;
  Handle head_;
  Handle tail_;
};

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_RECENCY_H_
