// The orders of StorePlay: each does the same to the store and to the model, and compares.

#include <algorithm>
#include <array>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "fuzz/store_play.h"

namespace cacheismo::fuzz {
namespace {

constexpr std::size_t drafts_max = 3;
constexpr std::size_t pins_max = 5;

/// Seconds for which the store keeps a scan's place.
constexpr std::uint32_t scan_gap_max = 60;

bool joins(const store::PutRule& rule) {
  return rule.mode == Mode::append || rule.mode == Mode::prepend;
}

}  // namespace

void StorePlay::put_both(const std::string& key, const store::PutRule& rule,
                         const std::string& value) {
  const ModelItem* old = begin(key);
  const store::PutResult result = store_.put(store_.key(key), rule, value, now_);
  const Seen seen = this->seen(result.outcome == Outcome::no_memory, joins(rule) ? old : nullptr);
  CHECK_EQ(result.outcome, model_.put(key, rule, value, seen));
  if (result.outcome == Outcome::stored) check_written(key, result.item, rule.assign_cas);
}

void StorePlay::put() {
  const std::string key = any_key();
  const std::uint32_t choice = orders_.byte();
  store::PutRule rule;
  // set as often as all the others
  rule.mode = static_cast<Mode>(choice % 8 < 4 ? 0 : choice % 4 + 1);
  rule.client_flags = choice / 8 % 3;
  rule.invalidate = choice / 32 % 2 == 1;
  if (choice / 64 % 2 == 1) {
    rule.expiry = any_expiry();
    rule.assign_cas = maybe_assigned_cas();
    rule.vivify = maybe_expiry();
  }
  if (choice / 128 == 1) rule.compare_cas = maybe_compared_cas(begin(key));
  put_both(key, rule, any_value());
  check_item(key);
}

/// Many of one size.
void StorePlay::fill() {
  const std::uint32_t first = orders_.wide();
  const std::uint32_t count = orders_.byte();
  const std::string value = any_value();
  store::PutRule rule;
  rule.expiry = any_expiry();
  for (std::uint32_t i = 0; i < count; ++i) put_both("f" + std::to_string(first + i), rule, value);
}

void StorePlay::get() {
  const std::string key = any_key();
  ModelItem* item = begin(key);
  const std::array keys{store_.key(key), store_.key("another")};
  store_.prefetch(keys);
  const auto view = store_.get(keys[0], now_);
  CHECK_EQ(view.has_value(), item != nullptr && !item->object);
  if (!view) return;
  model_.get(*item);
  check_view(*view, *item);
}

void StorePlay::meta_get() {
  const std::string key = any_key();
  const std::uint32_t choice = orders_.byte();
  store::MetaGetRule rule;
  rule.last_access = true;
  rule.bump = choice % 2 == 0;
  if (choice / 2 % 2 == 1) rule.vivify = maybe_expiry();
  if (choice / 4 % 2 == 1) rule.recache_below_seconds = orders_.below(40);
  if (choice / 8 % 2 == 1) rule.new_expiry = maybe_expiry();
  if (choice / 16 % 2 == 1) rule.assign_cas = maybe_assigned_cas();
  const ModelItem* before = begin(key);
  const ModelItem copy = before != nullptr ? *before : ModelItem{};
  const store::MetaGet got = store_.meta_get(store_.key(key), rule, now_);
  const bool no_memory = before == nullptr && rule.vivify && !got.hit;
  const store::MetaGet expected = model_.meta_get(key, rule, seen(no_memory));
  CHECK_EQ(got.hit, expected.hit);
  CHECK_EQ(got.won, expected.won);
  CHECK_EQ(got.token_sent, expected.token_sent);
  CHECK_EQ(got.stale, expected.stale);
  CHECK_EQ(got.vivified, expected.vivified);
  if (!got.hit) return;
  if (got.vivified) return check_written(key, got.item, rule.assign_cas);
  // The state before is that of the item's fields; key and value are as they are now.
  CHECK_EQ(got.before.fetched(), copy.fetched);
  CHECK_EQ(got.before.last_access().value, copy.last_access.value);
  CHECK_EQ(got.before.expiry().value, copy.expiry.value);
  check_view(got.item, *model_.find(key));
}

void StorePlay::touch() {
  const std::string key = any_key();
  const Seconds expiry = any_expiry();
  ModelItem* item = begin(key);
  const auto view = store_.touch(store_.key(key), expiry, now_);
  CHECK_EQ(view.has_value(), item != nullptr);
  if (!view) return;
  model_.set_expiry(*item, expiry);
  model_.get(*item);
  check_view(*view, *item);
}

void StorePlay::arithmetic() {
  const std::string key = any_key();
  const std::uint32_t choice = orders_.byte();
  const ModelItem* old = begin(key);
  store::ArithmeticRule rule;
  rule.increment = choice % 2 == 0;
  rule.delta = choice / 2 % 4 == 3 ? ~std::uint64_t{0} : orders_.wide();
  if (choice / 8 % 2 == 1) rule.compare_cas = maybe_compared_cas(old);
  if (choice / 16 % 2 == 1) rule.assign_cas = maybe_assigned_cas();
  if (choice / 32 % 2 == 1) rule.vivify = any_expiry();
  if (choice / 64 % 2 == 1) rule.new_expiry = maybe_expiry();
  rule.initial = choice;
  const store::ArithmeticResult result = store_.arithmetic(store_.key(key), rule, now_);
  std::uint64_t number = 0;
  const Seen seen = this->seen(result.outcome == Outcome::no_memory, old);
  CHECK_EQ(result.outcome, model_.arithmetic(key, rule, seen, number));
  if (result.outcome != Outcome::stored) return check_item(key);
  CHECK_EQ(result.number, number);
  check_written(key, result.item, rule.assign_cas);
}

void StorePlay::remove() {
  const std::string key = any_key();
  const std::uint32_t choice = orders_.byte();
  const ModelItem* old = begin(key);
  store::RemoveRule rule;
  rule.invalidate = choice % 4 == 1;
  rule.clear_value = choice % 8 > 4;
  rule.client_flags = choice / 8 % 3;
  if (choice / 32 % 2 == 1) rule.compare_cas = maybe_compared_cas(old);
  if (choice / 64 % 2 == 1) rule.assign_cas = maybe_assigned_cas();
  if (choice / 128 == 1) rule.new_expiry = maybe_expiry();
  const std::uint64_t cas = old != nullptr ? old->cas : 0;
  const Outcome outcome = store_.remove(store_.key(key), rule, now_);
  CHECK_EQ(outcome, model_.remove(key, rule, seen(outcome == Outcome::no_memory, old)));
  ModelItem* kept = begin(key);
  const auto view = store_.peek(store_.key(key), now_);
  // Without memory for a CAS value, or while readers hold the item, the value is not kept.
  if (kept != nullptr && view && outcome == Outcome::stored && view->assigned_cas() != cas)
    model_.learn_cas(*kept, view->assigned_cas(), rule.assign_cas.value_or(0));
  check_item(key);
}

void StorePlay::give_cas() {
  const std::string key = any_key();
  ModelItem* item = begin(key);
  auto view = store_.peek(store_.key(key), now_);
  CHECK_EQ(view.has_value(), item != nullptr);
  if (!view) return;
  const std::uint64_t cas = store_.cas(*view);
  if (item->object) {
    CHECK_EQ(cas, 0u);
    return;
  }
  CHECK_NE(cas, 0u);
  model_.evict(seen(false).evictions, item);
  if (item->cas != 0) CHECK_EQ(cas, item->cas);
  if (item->cas == 0 && view->assigned_cas() != 0) {
    CHECK_EQ(cas, view->assigned_cas());
    model_.learn_cas(*item, cas, 0);
  }
  check_view(*view, *item);
}

void StorePlay::flush() {
  model_.begin(now_);
  // Now, or later, or (with a 255) not at all: which takes back one that waits.
  const std::uint32_t choice = orders_.byte();
  const Seconds at = choice < 128 ? now_ : Seconds{choice == 255 ? 0 : now_.value + choice - 128};
  store_.flush(at, now_);
  model_.flush(at);
  model_.begin(now_);
  flush_waits_ = at > now_;
}

void StorePlay::maintain() {
  model_.begin(now_);
  const std::uint32_t items = orders_.below(100);
  store_.maintain({.items = items}, now_);
}

void StorePlay::pass() {
  const std::uint32_t choice = orders_.byte();
  now_.value += choice < 200 ? choice % 3 : (choice - 199) * 60;
}

// ---- Values on their way
// -------------------------------------------------------------------------

void StorePlay::begin_draft() {
  if (drafts_.size() == drafts_max) return;
  Started started{.draft = {}, .key = any_key(), .value = any_value() + "x"};
  model_.begin(now_);
  const auto draft = store_.begin(store_.key(started.key), started.value.size(), now_);
  CHECK_EQ(draft.has_value(), model_.fits(started.key, started.value.size()));
  if (!draft) return;
  started.draft = *draft;
  drafts_.push_back(std::move(started));
}

void StorePlay::feed_draft() {
  if (drafts_.empty()) return;
  Started& started = drafts_[orders_.byte() % drafts_.size()];
  if (started.offset == started.value.size()) return;
  MutableBytes windows[4];
  const std::size_t wanted = 1 + orders_.below(4);
  model_.begin(now_);
  const std::size_t count =
      store_.windows(started.draft, started.offset, std::span(windows).first(wanted), now_);
  CHECK_LE(count, wanted);
  model_.evict(seen(count == 0).evictions);
  if (count == 0) {
    store_.abandon(started.draft);
    std::swap(started, drafts_.back());
    drafts_.pop_back();
    return;
  }
  // The last window is filled in part only, now and then.
  for (std::size_t i = 0; i < count; ++i) {
    CHECK(!windows[i].empty());
    const Bytes rest = Bytes(started.value).substr(static_cast<std::size_t>(started.offset));
    CHECK_LE(windows[i].size(), rest.size());
    std::size_t part = windows[i].size();
    if (i + 1 == count) part -= orders_.byte() % std::min<std::size_t>(part, 256);
    std::copy_n(rest.begin(), part, windows[i].begin());
    started.lent.push_back(windows[i].first(part));
    started.offset += part;
  }
}

void StorePlay::end_draft() {
  if (drafts_.empty()) return;
  std::swap(drafts_[orders_.byte() % drafts_.size()], drafts_.back());
  Started ended = std::move(drafts_.back());
  drafts_.pop_back();
  if (ended.offset < ended.value.size()) return store_.abandon(ended.draft);
  const std::uint32_t choice = orders_.byte();
  store::PutRule rule;
  rule.mode = static_cast<Mode>(choice % 8 < 4 ? 0 : choice % 4 + 1);
  rule.client_flags = choice / 8 % 2;
  const ModelItem* old = begin(ended.key);
  if (choice / 16 % 2 == 1) rule.expiry = any_expiry();
  if (choice / 32 % 4 == 1) rule.compare_cas = maybe_compared_cas(old);
  const store::PutResult result = store_.commit(ended.draft, rule, now_);
  const Seen seen = this->seen(result.outcome == Outcome::no_memory, joins(rule) ? old : nullptr);
  CHECK_EQ(result.outcome, model_.put(ended.key, rule, ended.value, seen));
  if (result.outcome == Outcome::stored) return check_written(ended.key, result.item);
  check_item(ended.key);
}

void StorePlay::pin() {
  const std::string key = any_key();
  ModelItem* item = begin(key);
  if (item == nullptr || item->object || pins_.size() == pins_max) return;
  const auto view = store_.peek(store_.key(key), now_);
  CHECK(view.has_value());
  pins_.push_back({store_.pin(*view), item->value, key, item->version});
  ++item->holds;
}

void StorePlay::look_at_pin() {
  if (pins_.empty()) return;
  const Held& held = pins_[orders_.byte() % pins_.size()];
  if (held.value.empty()) return;
  const std::size_t offset = orders_.wide() % held.value.size();
  Bytes views[3];
  const std::size_t count = store_.views(held.pin, offset, views);
  CHECK_GE(count, 1u);
  Bytes rest = Bytes(held.value).substr(offset);
  for (std::size_t i = 0; i < count; ++i) {
    CHECK(!views[i].empty());
    CHECK(rest.substr(0, views[i].size()) == views[i]);
    rest.remove_prefix(views[i].size());
  }
}

void StorePlay::unpin() {
  if (pins_.empty()) return;
  look_at_pin();
  std::swap(pins_[orders_.byte() % pins_.size()], pins_.back());
  const Held held = std::move(pins_.back());
  pins_.pop_back();
  store_.unpin(held.pin);
  ModelItem* item = model_.find(held.key);
  if (item != nullptr && item->version == held.version) --item->holds;
}

// ---- Scans
// ---------------------------------------------------------------------------------------

void StorePlay::visit(const store::ItemView& view) {
  const ModelItem* item = model_.find(view.key());
  CHECK(item != nullptr);
  check_view(view, *item);
  model_.unseen().erase(std::string(view.key()));
}

void StorePlay::scan() {
  model_.begin(now_);
  if (cursor_ != 0 && now_.value - scanned_at_.value >= scan_gap_max) cursor_ = 0;
  if (cursor_ == 0) model_.start_scan();
  scanned_at_ = now_;
  const std::uint32_t bound = orders_.byte();
  const store::ScanRule rule{.last_access = true,
                             .visits_max = store::ScanRule::visits_min + bound * 4,
                             .lines_max = 1 + bound};
  const store::Scanned scanned = store_.scan(cursor_, rule, *this, now_);
  CHECK_LE(scanned.lines, rule.lines_max);
  cursor_ = scanned.next;
  if (cursor_ == 0) CHECK(model_.unseen().empty());
}

}  // namespace cacheismo::fuzz
