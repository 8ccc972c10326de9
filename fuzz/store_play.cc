#include "fuzz/store_play.h"

#include <cstdio>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/base/units.h"

namespace cacheismo::fuzz {

using store::ItemView;

StorePlay::StorePlay(Orders& orders)
    : orders_(orders),
      region_(1 * MiB + orders.below(3) * 128 * KiB),
      item_bytes_max_(32 * KiB << orders.below(4)),
      evict_(orders.below(4) != 3),
      store_({region_.data(), region_.size()}, {.limit_bytes = region_.size(),
                                                .item_bytes_max = item_bytes_max_,
                                                .hash_seed = orders.byte(),
                                                .evict = evict_}),
      model_(item_bytes_max_) {}

void StorePlay::obey() {
  const std::uint32_t order = orders_.byte();
  if (order >= 240) {
    order < 252 ? change_object() : read_object();
    return check();
  }
  switch (order % 24) {
    case 0:
    case 1:
    case 2: put(); break;
    case 3:
    case 4: fill(); break;
    case 5: get(); break;
    case 6: meta_get(); break;
    case 7: touch(); break;
    case 8: arithmetic(); break;
    case 9: remove(); break;
    case 10: begin_draft(); break;
    case 11:
    case 12: feed_draft(); break;
    case 13: end_draft(); break;
    case 14: pin(); break;
    case 15: look_at_pin(); break;
    case 16: unpin(); break;
    case 17: give_cas(); break;
    case 18: flush(); break;
    case 19:
    case 20: maintain(); break;
    case 21:
    case 22: scan(); break;
    default: pass();
  }
  check();
}

void StorePlay::finish() {
  while (!pins_.empty()) unpin();
  while (!drafts_.empty()) end_draft();
  // What expired in this very second may be reclaimed in the next.
  ++now_.value;
  std::vector<std::string> keys;
  model_.begin(now_);
  for (const ModelItem& item : model_.items()) keys.push_back(item.key);
  for (const std::string& key : keys) check_item(key);
  for (int i = 0; store_.maintain({.items = 1000}, now_); ++i) CHECK_LT(i, 1000);
  check();
  CHECK_EQ(store_.stats().items, model_.items().size());
  CHECK_EQ(store_.stats().user_bytes, model_.user_bytes());
  CHECK_EQ(store_.stats().pinned_bytes, 0u);
  CHECK_EQ(store_.stats().draft_bytes, 0u);
}

// ---- What orders are made of
// ---------------------------------------------------------------------

std::string StorePlay::any_key() {
  const std::uint32_t number = orders_.byte();
  std::string text = "k" + std::to_string(number);
  // Some are as long as may be.
  if (number % 16 == 15) text.resize(limits::key_bytes_max, '.');
  return text;
}

/// Around every size that the store treats differently: nothing, a number, one chunk, pieces.
std::string StorePlay::any_value() {
  constexpr std::uint32_t spans[] = {1, 20, 120, 700, 9000, 17000, 40000, 65536};
  const std::uint32_t choice = orders_.below(8);
  const std::uint32_t draw = choice < 3 ? orders_.byte() : orders_.wide();
  if (choice == 1) return std::to_string(draw % 2 == 0 ? draw : ~std::uint64_t{0} - draw);
  std::string value(draw % spans[choice], static_cast<char>('a' + letters_++ % 26));
  // So that bytes in the wrong order show.
  for (std::size_t i = 0; i < value.size(); i += 97) value[i] = static_cast<char>(i / 97);
  return value;
}

std::optional<Seconds> StorePlay::maybe_expiry() {
  const std::uint32_t choice = orders_.below(8);
  if (choice < 4) return std::nullopt;
  expiries_ = true;
  if (choice == 4) return Seconds{1};
  return Seconds{now_.value + (choice < 7 ? orders_.below(30) : orders_.wide())};
}

std::optional<std::uint64_t> StorePlay::maybe_assigned_cas() {
  if (orders_.below(6) != 5) return std::nullopt;
  // Above what the store itself counts up to.
  return (std::uint64_t{1} << 40) + ++assigned_;
}

std::optional<std::uint64_t> StorePlay::maybe_compared_cas(const ModelItem* item) {
  const std::uint32_t choice = orders_.below(12);
  if (choice < 6) return std::nullopt;
  if (item == nullptr || item->cas == 0) return choice < 9 ? 1 : ~std::uint64_t{0};
  // Mostly the right one, else one of its neighbours.
  return choice < 10 ? item->cas : item->cas + (choice == 10 ? 1 : ~std::uint64_t{0});
}

// ---- What every order does
// -----------------------------------------------------------------------

ModelItem* StorePlay::begin(Bytes key) {
  model_.begin(now_);
  return model_.find(key);
}

Seen StorePlay::seen(bool no_memory, const ModelItem* held) {
  const std::uint64_t before = evictions_;
  evictions_ = store_.stats().evictions;
  if (evictions_ > before) {
    CHECK(evict_);
    check_fullness();
  }
  if (no_memory && evict_) {
    // True only when there is no victim left, or values under way hold their half.
    const std::uint64_t drafted = store_.stats().draft_bytes;
    const std::uint64_t gone = evictions_ - before;
    model_.evict(gone, held);
    CHECK(drafted >= region_.size() / 4 || !model_.evictable(held));
    return {.no_memory = true, .evictions = 0};
  }
  return {.no_memory = no_memory, .evictions = evictions_ - before};
}

/// Nothing is evicted while half of the memory is free.
void StorePlay::check_fullness() const {
  if (expiries_ || !drafts_.empty() || !pins_.empty()) return;
  CHECK_GE(model_.user_bytes() + 40 * model_.items().size() + 2 * item_bytes_max_,
           region_.size() / 2);
}

std::string StorePlay::value_of(const ItemView& view) const {
  std::string value(static_cast<std::size_t>(view.value_bytes()), 0);
  store_.copy_value(view, 0, value);
  return value;
}

void StorePlay::check_view(const ItemView& view, const ModelItem& item) {
  CHECK(view.key() == item.key);
  CHECK_EQ(view.is_object(), item.object);
  CHECK_EQ(view.value_bytes(), item.value_bytes());
  if (!item.object) CHECK(value_of(view) == item.value);
  CHECK_EQ(view.client_flags(), item.client_flags);
  CHECK_EQ(view.expiry().value, item.expiry.value);
  CHECK_EQ(view.assigned_cas(), item.cas);
  CHECK_EQ(view.fetched(), item.fetched);
  CHECK_EQ(view.stale(), item.stale);
  CHECK_EQ(view.token_sent(), item.token_sent);
  // Last: the view ends with the next verb. A touch may have let the item expire.
  if (item.expiry != store::never && item.expiry <= now_) return;
  const auto looked_at = store_.peek(store_.key(item.key), now_);
  CHECK(looked_at.has_value());
  CHECK_EQ(looked_at->last_access().value, item.last_access.value);
  if (item.object) check_object(item);
}

void StorePlay::check_item(Bytes key) {
  const ModelItem* item = begin(key);
  const auto view = store_.peek(store_.key(key), now_);
  CHECK_EQ(view.has_value(), item != nullptr);
  if (view) check_view(*view, *item);
}

void StorePlay::check_written(Bytes key, const ItemView& view,
                              std::optional<std::uint64_t> assigned) {
  ModelItem* item = model_.find(key);
  CHECK(item != nullptr);
  model_.learn_cas(*item, view.assigned_cas(), assigned.value_or(0));
  check_view(view, *item);
}

void StorePlay::check() {
  const auto broken = store_.audit();
  if (broken) std::fprintf(stderr, "%s\n", broken->c_str());
  CHECK(!broken);
  const store::StoreStats stats = store_.stats();
  CHECK_GE(stats.bytes, stats.user_bytes);
  if (!expiries_ && !flush_waits_) {
    CHECK_EQ(stats.items, model_.items().size());
    CHECK_EQ(stats.user_bytes, model_.user_bytes());
  }
  for (const Started& started : drafts_) {
    std::size_t offset = 0;
    for (const MutableBytes lent : started.lent) {
      CHECK(Bytes(lent.data(), lent.size()) == Bytes(started.value).substr(offset, lent.size()));
      offset += lent.size();
    }
  }
}

}  // namespace cacheismo::fuzz
