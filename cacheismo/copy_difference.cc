#include "cacheismo/copy_difference.h"

#include <algorithm>

namespace cacheismo {

using node::ItemForm;

namespace {

bool lives_as_long(const ItemForm& a, const ItemForm& b) {
  if (a.seconds_to_live.has_value() != b.seconds_to_live.has_value()) return false;
  const std::uint64_t one = a.seconds_to_live.value_or(0);
  const std::uint64_t other = b.seconds_to_live.value_or(0);
  return std::max(one, other) - std::min(one, other) <= ttl_slack_seconds;
}

}  // namespace

bool is_about_to_expire(const ItemForm& item) {
  return item.seconds_to_live && *item.seconds_to_live <= ttl_slack_seconds;
}

const char* difference(const ItemForm& from, const std::optional<ItemForm>& to) {
  if (!to) return is_about_to_expire(from) ? nullptr : "missing";
  if (from.payload != to->payload || from.client_flags != to->client_flags) return "another value";
  return lives_as_long(from, *to) ? nullptr : "another time to live";
}

}  // namespace cacheismo
