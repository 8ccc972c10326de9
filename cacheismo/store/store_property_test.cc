// Goal: the store answers like a map with an exact LRU list, whatever the order of operations, and
// its memory is sound after each of them. Method: seeded random operations against a naive model;
// the model drops as many items from its tail as the store says that it evicted, so one wrong
// victim makes the two differ. Audits all along.

#include <algorithm>
#include <list>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"
#include "cacheismo/store/store.h"

namespace cacheismo::store {
namespace {

/// Fails a property and a plain test alike.
#define MUST(condition) \
  if (!(condition)) throw std::runtime_error("line " + std::to_string(__LINE__) + ": " #condition)

struct Entry {
  std::string key;
  std::string value;
  std::uint32_t flags = 0;
  Seconds expiry;
  int pins = 0;
  std::uint64_t version = 0;  ///< tells a pin of this value from one of an older value of the key
};

class Rig {
 public:
  Rig(std::uint64_t seed, std::uint64_t bytes, std::uint64_t item_max, bool evict = true)
      : prng_(seed),
        region_(bytes),
        store_(
            {region_.data(), region_.size()},
            {.limit_bytes = bytes, .item_bytes_max = item_max, .hash_seed = seed, .evict = evict}),
        evict_(evict),
        keys_(prng_.between(5, 3000)),
        size_max_(prng_.chance(1, 3)   ? 200
                  : prng_.chance(1, 2) ? 3000
                                       : item_max / 2),
        large_in_ten_(prng_.below(11)) {}

  void step() {
    switch (prng_.below(20)) {
      case 0: advance(); break;
      case 1: erase(); break;
      case 2: touch(); break;
      case 3: join(); break;
      case 4: draft(); break;
      case 5: pin(); break;
      case 6: unpin(); break;
      case 7: compare(); break;
      case 8:
        if (prng_.chance(1, 100)) flush();
        break;
      case 9:
      case 10:
      case 11:
      case 12: get(); break;
      case 13: store_.maintain({.items = 50}, now_); break;
      default: put();
    }
  }

  void check() {
    // What expired in this very second may wait for the next one.
    ++now_.value;
    const auto broken = store_.audit();
    if (broken) throw std::runtime_error(*broken);
    expire();
    for (const Entry& entry : lru_) {
      const auto item = store_.peek(store_.key(entry.key), now_);
      MUST(item.has_value());
      MUST(item->client_flags() == entry.flags);
      MUST(item->expiry() == entry.expiry);
      MUST(value_of(*item) == entry.value);
    }
    std::uint64_t user_bytes = 0;
    for (const Entry& entry : lru_) user_bytes += entry.key.size() + entry.value.size();
    for (int i = 0; i < 1000 && store_.maintain({.items = 1000}, now_); ++i) continue;
    MUST(store_.stats().items == lru_.size());
    MUST(store_.stats().user_bytes == user_bytes);
  }

  void finish() {
    while (!pins_.empty()) unpin();
    check();
    MUST(store_.stats().pinned_bytes == 0);
    MUST(store_.stats().draft_bytes == 0);
  }

  Store& store() { return store_; }
  std::uint64_t evictions() const { return evictions_; }

 private:
  using Place = std::list<Entry>::iterator;

  std::string any_key() { return "key:" + std::to_string(prng_.below(keys_)); }
  std::string any_value() {
    const std::uint64_t size =
        prng_.chance(large_in_ten_, 10) ? prng_.below(size_max_) : prng_.below(120);
    return std::string(static_cast<std::size_t>(size), static_cast<char>('a' + prng_.below(26)));
  }
  Seconds any_expiry() {
    return prng_.chance(3, 4) ? never
                              : Seconds{now_.value + static_cast<std::uint32_t>(prng_.below(30))};
  }
  std::string value_of(const ItemView& item) {
    std::string value(static_cast<std::size_t>(item.value_bytes()), 0);
    store_.copy_value(item, 0, value);
    return value;
  }

  Place find(const std::string& key) {
    expire();
    return std::find_if(lru_.begin(), lru_.end(), [&](const Entry& e) { return e.key == key; });
  }
  void expire() {
    lru_.remove_if([&](const Entry& e) { return e.expiry != never && e.expiry <= now_; });
  }
  void bump(Place place) { lru_.splice(lru_.begin(), lru_, place); }

  /// Takes what the store evicted since the last call from the model's tail.
  void follow_evictions() {
    expire();  // what has expired is reclaimed, not evicted
    for (; evictions_ < store_.stats().evictions; ++evictions_) {
      auto victim =
          std::find_if(lru_.rbegin(), lru_.rend(), [](const Entry& e) { return e.pins == 0; });
      MUST(victim != lru_.rend());
      lru_.erase(std::next(victim).base());
    }
  }
  void written(const std::string& key, const PutResult& result, Entry entry) {
    // The store lets go of the old value first, then makes room, then links the new one.
    const Place old = find(key);
    if (old != lru_.end()) lru_.erase(old);
    follow_evictions();
    if (result.outcome != Outcome::stored) return;
    entry.version = ++versions_;
    lru_.push_front(std::move(entry));
  }

  void put() {
    const std::string key = any_key();
    const PutRule rule{.mode = static_cast<Mode>(prng_.below(3)),
                       .client_flags = static_cast<std::uint32_t>(prng_.below(3)),
                       .expiry = any_expiry()};
    const std::string value = any_value();
    const Place old = find(key);
    const PutResult result = store_.put(store_.key(key), rule, value, now_);
    const bool exists = old != lru_.end();
    if ((rule.mode == Mode::add && exists) || (rule.mode == Mode::replace && !exists)) {
      MUST(result.outcome == Outcome::not_stored);
      if (exists) bump(old);
      return;
    }
    MUST(stored_or_refused(result));
    written(key, result, {key, value, rule.client_flags, rule.expiry, 0});
  }

  /// Without eviction a full store may refuse.
  bool stored_or_refused(const PutResult& result) const {
    return result.outcome == Outcome::stored || (!evict_ && result.outcome == Outcome::no_memory);
  }

  void get() {
    const std::string key = any_key();
    const Place place = find(key);
    const auto item = store_.get(store_.key(key), now_);
    MUST(item.has_value() == (place != lru_.end()));
    if (!item) return;
    MUST(value_of(*item) == place->value);
    bump(place);
  }

  void erase() {
    const std::string key = any_key();
    const Place place = find(key);
    const Outcome outcome = store_.remove(store_.key(key), {}, now_);
    MUST((outcome == Outcome::stored) == (place != lru_.end()));
    if (place != lru_.end()) lru_.erase(place);
  }

  void touch() {
    const std::string key = any_key();
    const Place place = find(key);
    const Seconds expiry = any_expiry();
    const auto item = store_.touch(store_.key(key), expiry, now_);
    MUST(item.has_value() == (place != lru_.end()));
    if (!item) return;
    place->expiry = expiry;
    bump(place);
  }

  void join() {
    const std::string key = any_key();
    const Place place = find(key);
    const bool front = prng_.chance(1, 2);
    const std::string value = any_value();
    const PutResult result =
        store_.put(store_.key(key), {.mode = front ? Mode::prepend : Mode::append}, value, now_);
    if (place == lru_.end()) {
      MUST(result.outcome == Outcome::not_stored);
      return;
    }
    if (result.outcome == Outcome::too_large) return;
    if (!evict_ && result.outcome == Outcome::no_memory) return;
    // Room for the joined value is made while the old one is held: it is no victim.
    MUST(result.outcome == Outcome::stored);
    Entry joined = *place;
    joined.value = front ? value + joined.value : joined.value + value;
    joined.pins = 0;
    joined.version = ++versions_;
    lru_.erase(place);
    follow_evictions();
    lru_.push_front(joined);
  }

  void draft() {
    const std::string key = any_key();
    const std::string value = any_value() + "x";
    auto begun = store_.begin(store_.key(key), value.size(), now_);
    MUST(begun.has_value());
    std::uint64_t offset = 0;
    while (offset < value.size()) {
      MutableBytes windows[3];
      const std::size_t count = store_.windows(*begun, offset, windows, now_);
      follow_evictions();
      if (!evict_ && count == 0) return store_.abandon(*begun);
      MUST(count > 0);
      for (std::size_t i = 0; i < count; ++i) {
        std::size_t part = std::min<std::size_t>(windows[i].size(), value.size() - offset);
        if (prng_.chance(1, 4)) part = 1 + static_cast<std::size_t>(prng_.below(part));
        std::copy_n(value.begin() + static_cast<long>(offset), part, windows[i].begin());
        offset += part;
        if (part < windows[i].size()) break;
      }
    }
    if (prng_.chance(1, 5)) return store_.abandon(*begun);
    const PutResult result = store_.commit(*begun, {}, now_);
    MUST(stored_or_refused(result));
    written(key, result, {key, value, 0, never, 0});
  }

  void pin() {
    const std::string key = any_key();
    const Place place = find(key);
    if (place == lru_.end() || pins_.size() >= 4) return;
    const auto item = store_.get(store_.key(key), now_);
    bump(place);
    ++place->pins;
    pins_.push_back({store_.pin(*item), place->value, key, place->version});
  }
  void unpin() {
    if (pins_.empty()) return;
    const Held held = pins_.back();
    pins_.pop_back();
    std::string seen;
    while (seen.size() < held.value.size()) {
      Bytes views[2];
      const std::size_t count = store_.views(held.pin, seen.size(), views);
      MUST(count > 0);
      for (std::size_t i = 0; i < count; ++i) seen += views[i];
    }
    MUST(seen == held.value);
    store_.unpin(held.pin);
    const Place place = find(held.key);
    if (place != lru_.end() && place->version == held.version) --place->pins;
  }

  void compare() {
    const std::string key = any_key();
    const Place place = find(key);
    auto item = store_.peek(store_.key(key), now_);
    // Without memory to keep it in, a CAS value is another one at each request.
    if (place == lru_.end() || place->pins > 0 || !evict_) return;
    const std::uint64_t cas = store_.cas(*item);
    ++place->pins;  // the item itself is no victim while room is made for its CAS value
    follow_evictions();
    --place->pins;
    MUST(store_.cas(*item) == cas);
    const std::string value = any_value();
    PutRule rule{.compare_cas = cas + 1};
    MUST(store_.put(store_.key(key), rule, value, now_).outcome == Outcome::exists);
    rule.compare_cas = cas;
    const PutResult result = store_.put(store_.key(key), rule, value, now_);
    MUST(stored_or_refused(result));
    written(key, result, {key, value, 0, never, 0});
    MUST(store_.put(store_.key(key), rule, value, now_).outcome == Outcome::exists);
  }

  void flush() {
    store_.flush(now_, now_);
    lru_.clear();
  }
  void advance() {
    now_.value += static_cast<std::uint32_t>(prng_.chance(1, 50) ? 5000 : prng_.below(3));
  }

  struct Held {
    Pin pin;
    std::string value;
    std::string key;
    std::uint64_t version;
  };

  Prng prng_;
  std::vector<char> region_;
  Store store_;
  bool evict_;
  std::uint64_t keys_;
  std::uint64_t size_max_;
  std::uint64_t large_in_ten_;  ///< of ten values, how many may be long
  std::list<Entry> lru_;        ///< most recent first
  std::vector<Held> pins_;
  Seconds now_{2};
  std::uint64_t evictions_ = 0;
  std::uint64_t versions_ = 0;
};

RC_GTEST_PROP(StoreProperty, AnswersLikeAMapWithAnExactLru, (std::uint64_t seed)) {
  Rig rig(seed, 1 * MiB, 128 * KiB);
  for (int i = 0; i < 3000; ++i) {
    rig.step();
    if (i % 100 == 0) rig.check();
  }
  rig.finish();
}

RC_GTEST_PROP(StoreProperty, WithoutEvictionForgetsOnlyWhatItRefused, (std::uint64_t seed)) {
  Rig rig(seed, 1 * MiB, 128 * KiB, false);
  for (int i = 0; i < 6000; ++i) {
    rig.step();
    if (i % 200 == 0) rig.check();
  }
  rig.finish();
}

TEST(StoreProperty, AHundredThousandStepsEvictTheRightItems) {
  std::uint64_t evictions = 0;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    Rig rig(seed, 1 * MiB, 64 * KiB);
    for (int i = 0; i < 100000; ++i) {
      rig.step();
      if (i % 10000 == 0) rig.check();
    }
    rig.finish();
    evictions += rig.evictions();
  }
  EXPECT_GT(evictions, 10000u);
}

}  // namespace
}  // namespace cacheismo::store
