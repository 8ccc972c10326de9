// OpenItems: the items whose objects are open: they are not evicted, and told when they move.
//
//   OpenItems --> OpenItem <--> OpenItem ...      in the openers' own memory; a few at most

#ifndef CACHEISMO_STORE_OPEN_ITEMS_H_
#define CACHEISMO_STORE_OPEN_ITEMS_H_

#include "cacheismo/store/item.h"

namespace cacheismo::store {

struct OpenItem {
  Handle item;         ///< none: it does not exist, or not any more
  bool stale = false;  ///< views of its bytes must be taken anew
  OpenItem* next = nullptr;
};

class OpenItems {
 public:
  void add(OpenItem& opened) {
    opened.next = first_;
    first_ = &opened;
  }
  void remove(OpenItem& opened) {
    for (OpenItem** link = &first_; *link != nullptr; link = &(*link)->next) {
      if (*link != &opened) continue;
      *link = opened.next;
      return;
    }
  }
  [[nodiscard]] bool none() const { return first_ == nullptr; }
  [[nodiscard]] bool include(Handle item) const {
    for (const OpenItem* opened = first_; opened != nullptr; opened = opened->next)
      if (opened->item == item) return true;
    return false;
  }
  /// It is now at `to`; none: it is gone.
  void moved(Handle item, Handle to) {
    for (OpenItem* opened = first_; opened != nullptr; opened = opened->next)
      if (opened->item == item) opened->item = to;
  }
  /// One of them is committed: what was seen of others may change or lie elsewhere.
  void make_stale() {
    for (OpenItem* opened = first_; opened != nullptr; opened = opened->next) opened->stale = true;
  }

 private:
  OpenItem* first_ = nullptr;
};

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_OPEN_ITEMS_H_
