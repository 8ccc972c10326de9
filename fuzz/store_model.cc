#include "fuzz/store_model.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <utility>

#include "cacheismo/base/check.h"

namespace cacheismo::fuzz {
namespace {

/// memcached's header with CAS, the key's NUL and the value's line end.
constexpr std::uint64_t foreign_header_bytes = 48 + 8 + 1 + 2;

/// The driver writes plain digits or no number at all.
std::optional<std::uint64_t> number_in(Bytes value) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) return std::nullopt;
  return number;
}

bool matches(const ModelItem& item, std::uint64_t cas) { return item.cas != 0 && item.cas == cas; }

}  // namespace

// ---- The list
// ------------------------------------------------------------------------------------

void StoreModel::begin(Seconds now) {
  CHECK(now >= now_);
  now_ = now;
  if (flush_at_ != store::never && flush_at_ <= now) {
    flush_at_ = next_expiry_ = store::never;
    while (!items_.empty()) erase(items_.begin());
  }
  if (next_expiry_ == store::never || next_expiry_ > now) return;
  next_expiry_ = store::never;
  for (Place place = items_.begin(); place != items_.end();) {
    const Place at = place++;
    if (at->expiry == store::never) continue;
    if (at->expiry <= now)
      erase(at);
    else if (next_expiry_ == store::never || at->expiry < next_expiry_)
      next_expiry_ = at->expiry;
  }
}

ModelItem* StoreModel::find(Bytes key) {
  const auto found = places_.find(key);
  return found == places_.end() ? nullptr : &*found->second;
}

bool StoreModel::fits(Bytes key, std::uint64_t value_bytes) const {
  return key.size() + value_bytes + foreign_header_bytes <= item_bytes_max_;
}

void StoreModel::insert(ModelItem item) {
  item.version = ++versions_;
  item.last_access = now_;
  item.holds = 0;
  if (item.expiry != store::never && (next_expiry_ == store::never || item.expiry < next_expiry_))
    next_expiry_ = item.expiry;
  user_bytes_ += item.key.size() + item.value_bytes();
  items_.push_front(std::move(item));
  CHECK(places_.emplace(items_.front().key, items_.begin()).second);
}

void StoreModel::erase(Place place) {
  user_bytes_ -= place->key.size() + place->value_bytes();
  unseen_.erase(place->key);
  places_.erase(place->key);
  items_.erase(place);
}

void StoreModel::bump(ModelItem& item) {
  item.last_access = now_;
  items_.splice(items_.begin(), items_, places_.find(item.key)->second);
}

bool StoreModel::evictable(const ModelItem* held) const {
  return std::any_of(items_.begin(), items_.end(),
                     [&](const ModelItem& item) { return item.holds == 0 && &item != held; });
}

void StoreModel::evict(std::uint64_t count, const ModelItem* held) {
  for (; count > 0; --count) {
    const auto victim = std::find_if(items_.rbegin(), items_.rend(), [&](const ModelItem& item) {
      return item.holds == 0 && &item != held;
    });
    CHECK(victim != items_.rend());
    erase(std::next(victim).base());
  }
}

void StoreModel::learn_cas(ModelItem& item, std::uint64_t cas, std::uint64_t assigned) {
  if (assigned != 0) {
    CHECK_EQ(cas, assigned);
  } else if (cas != 0) {
    CHECK_GT(cas, highest_cas_);
    highest_cas_ = cas;
  }
  item.cas = cas;
}

void StoreModel::start_scan() {
  unseen_.clear();
  for (const ModelItem& item : items_) unseen_.insert(item.key);
}

// ---- The verbs
// -----------------------------------------------------------------------------------

Outcome StoreModel::put(Bytes key, const store::PutRule& rule, Bytes value, const Seen& seen) {
  ModelItem* old = find(key);
  if (!fits(key, value.size())) return Outcome::too_large;
  ModelItem fresh{.key = std::string(key),
                  .value = std::string(value),
                  .client_flags = rule.client_flags,
                  .expiry = rule.expiry,
                  .last_access = now_};
  const bool joins = rule.mode == Mode::append || rule.mode == Mode::prepend;
  if (old == nullptr) {
    if (joins && !rule.vivify) return Outcome::not_stored;
    if (!joins && rule.compare_cas && rule.mode != Mode::add) return Outcome::not_found;
    if (rule.mode == Mode::replace) return Outcome::not_stored;
    if (joins) fresh.expiry = *rule.vivify;
  } else if (rule.mode == Mode::add) {
    bump(*old);
    return Outcome::not_stored;
  } else if (rule.compare_cas && !matches(*old, *rule.compare_cas)) {
    // The driver compares an item without a CAS value only with 1, which is old, or a huge one.
    const std::uint64_t known = old->cas != 0 ? old->cas : highest_cas_ + 1;
    if (!rule.invalidate || joins || *rule.compare_cas > known) return Outcome::exists;
    fresh.expiry = old->expiry;
    fresh.stale = true;
    fresh.token_sent = old->token_sent;
  }
  if (old != nullptr && joins && old->object) return Outcome::not_stored;
  if (old != nullptr && joins) {
    if (!fits(key, old->value.size() + value.size())) return Outcome::too_large;
    fresh.value = rule.mode == Mode::append ? old->value + fresh.value : fresh.value + old->value;
    fresh.client_flags = old->client_flags;
    fresh.expiry = old->expiry;
  }
  if (old != nullptr && !joins) {
    // It is gone before there is room for the new one: without room both are.
    const bool unseen = unseen_.contains(fresh.key);
    erase(places_.find(key)->second);
    if (unseen && !seen.no_memory) unseen_.insert(fresh.key);
    old = nullptr;
  }
  return change(old, std::move(fresh), seen);
}

void StoreModel::get(ModelItem& item) {
  item.fetched = true;
  bump(item);
}

store::MetaGet StoreModel::meta_get(Bytes key, const store::MetaGetRule& rule, const Seen& seen) {
  store::MetaGet result;
  ModelItem* item = find(key);
  if (item == nullptr) {
    if (!rule.vivify) return result;
    evict(seen.evictions);
    if (seen.no_memory) return result;
    insert({.key = std::string(key), .value = {}, .expiry = *rule.vivify, .token_sent = true});
    result.hit = result.won = result.vivified = true;
    return result;
  }
  if (item->object) return result;
  result.hit = true;
  if (rule.new_expiry) set_expiry(*item, *rule.new_expiry);
  result.token_sent = item->token_sent;
  result.stale = item->stale;
  const std::uint32_t expiry = item->expiry.value;
  const bool due = rule.recache_below_seconds && expiry != 0 &&
                   (expiry <= now_.value || expiry - now_.value < *rule.recache_below_seconds);
  result.won = !item->token_sent && (item->stale || due);
  if (result.won) item->token_sent = true;
  if (rule.bump) get(*item);
  return result;
}

void StoreModel::set_expiry(ModelItem& item, Seconds expiry) {
  item.expiry = expiry;
  if (expiry != store::never && (next_expiry_ == store::never || expiry < next_expiry_))
    next_expiry_ = expiry;
}

Outcome StoreModel::arithmetic(Bytes key, const store::ArithmeticRule& rule, const Seen& seen,
                               std::uint64_t& number) {
  ModelItem* old = find(key);
  ModelItem fresh{.key = std::string(key), .value = {}};
  if (old == nullptr) {
    if (!rule.vivify) return Outcome::not_found;
    number = rule.initial;
    fresh.expiry = *rule.vivify;
  } else {
    if (rule.compare_cas && !matches(*old, *rule.compare_cas)) return Outcome::exists;
    const auto before = number_in(old->value);
    if (!before) return Outcome::not_numeric;
    number = rule.increment ? *before + rule.delta : *before - std::min(*before, rule.delta);
    fresh = *old;
    fresh.expiry = rule.new_expiry.value_or(old->expiry);
  }
  fresh.value = std::to_string(number);
  return change(old, std::move(fresh), seen);
}

Outcome StoreModel::remove(Bytes key, const store::RemoveRule& rule, const Seen& seen) {
  ModelItem* old = find(key);
  if (old == nullptr) return Outcome::not_found;
  if (rule.compare_cas && !matches(*old, *rule.compare_cas)) return Outcome::exists;
  if ((!rule.invalidate && !rule.clear_value) || old->object) {
    erase(places_.find(key)->second);
    return Outcome::stored;
  }
  if (rule.clear_value) {
    ModelItem fresh{.key = std::string(key), .value = {}, .client_flags = rule.client_flags};
    fresh.expiry = rule.new_expiry.value_or(store::never);
    const Outcome outcome = change(old, std::move(fresh), seen);
    if (outcome != Outcome::stored) return outcome;
    old = find(key);
  } else {
    if (rule.new_expiry) set_expiry(*old, *rule.new_expiry);
    // Room for a CAS value may have cost something.
    evict(seen.evictions, old);
  }
  if (rule.invalidate) {
    old->stale = true;
    old->token_sent = false;
  }
  return Outcome::stored;
}

Outcome StoreModel::commit(Bytes key, const Entries& entries, std::optional<Seconds> expiry,
                           const Seen& seen) {
  ModelItem* old = find(key);
  evict(seen.evictions, old);
  if (seen.no_memory) return Outcome::no_memory;
  if (old == nullptr) {
    insert({.key = std::string(key), .value = {}, .object = true});
    old = find(key);
    old->expiry = store::never;
  }
  old->entries = entries;
  old->version = ++versions_;
  if (expiry) set_expiry(*old, *expiry);
  get(*old);
  return Outcome::stored;
}

void StoreModel::learn_bytes(ModelItem& item, std::uint64_t object_bytes) {
  user_bytes_ += object_bytes - item.object_bytes;
  item.object_bytes = object_bytes;
}

Outcome StoreModel::change(ModelItem* old, ModelItem fresh, const Seen& seen) {
  evict(seen.evictions, old);
  if (seen.no_memory) return Outcome::no_memory;
  const bool unseen = unseen_.contains(fresh.key);
  if (old != nullptr) erase(places_.find(fresh.key)->second);
  if (unseen) unseen_.insert(fresh.key);
  insert(std::move(fresh));
  return Outcome::stored;
}

}  // namespace cacheismo::fuzz
