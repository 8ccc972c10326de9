// CopyDifference: whether two nodes have the same item, by what they tell of it.

#ifndef CACHEISMO_COPY_DIFFERENCE_H_
#define CACHEISMO_COPY_DIFFERENCE_H_

#include <cstdint>
#include <optional>

#include "cacheismo/node/item_form.h"

namespace cacheismo {

/// Two nodes count on by whole seconds of their own, and an item is under way for a moment.
inline constexpr std::uint32_t ttl_slack_seconds = 2;

/// An item that may be gone at one node and still be told by the other.
[[nodiscard]] bool is_about_to_expire(const node::ItemForm& item);

/// Why TO's answer for a key is not FROM's; null: it is. Both are digests, or both are items.
[[nodiscard]] const char* difference(const node::ItemForm& from,
                                     const std::optional<node::ItemForm>& to);

}  // namespace cacheismo

#endif  // CACHEISMO_COPY_DIFFERENCE_H_
