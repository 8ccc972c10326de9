// ItemCopy: items of a store <-> their byte form (item_form.h).
//
//   Store --append_form()--> bytes ~~~> bytes --store_form()--> another Store
//
//  1. Writing the form of an item leaves the item, its place in the LRU included, as it was.
//  2. What store_form() takes becomes visible whole, in the place of whatever had the key. What is
//     too large or finds no memory leaves nothing at its key, as a set does; what is malformed
//     changes nothing. There is never a part of an object.
//
// Cost: a copy of the payload. An object that is longer than one update may change is written by
// several commits, without a turn of the node between them.

#ifndef CACHEISMO_NODE_ITEM_COPY_H_
#define CACHEISMO_NODE_ITEM_COPY_H_

#include <cstdint>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"
#include "cacheismo/node/item_form.h"
#include "cacheismo/store/object.h"
#include "cacheismo/store/store.h"

namespace cacheismo::node {

/// What of an item is asked for.
enum class FormOf : std::uint8_t { item, digest };

/// Appends the form of the item at `key`, or of its digest. An item that takes more than
/// `bytes_max` in memory is only named (long_one). False: there is none, nothing was appended.
bool append_form(store::Store& store, Bytes key, FormOf what, std::uint64_t bytes_max,
                 store::Seconds now, std::string& out);

enum class StoreFormError : std::uint8_t {
  malformed,  ///< an object that no script could have stored, or a kind that is no item's
  too_large,  ///< for a value of this node (-I) or an object (--object-max)
  no_memory,  ///< nothing evictable is left
};
[[nodiscard]] const char* to_string(StoreFormError error);

/// Stores an item, or removes it (gone).
[[nodiscard]] Result<void, StoreFormError> store_form(store::Store& store, const ItemForm& item,
                                                      store::Seconds now);

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_ITEM_COPY_H_
