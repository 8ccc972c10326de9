// Goal: objects behave like maps that change all at once or not at all, whatever else happens in
// the store: eviction, moves of chunks, expiry, a full arena. Method: seeded random orders against
// std::map, many objects between ordinary items in a small arena; an audit after each commit. The
// model does not know who is evicted: what is missing must have been, and never while it was open.

#include <cstdio>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cacheismo/base/hash.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"
#include "cacheismo/store/object.h"
#include "cacheismo/store/store.h"

namespace cacheismo::store {
namespace {

/// Fails a property and a plain test alike; says so at once, as an open object ends the process.
void fail(int line, const std::string& what) {
  const std::string text = "line " + std::to_string(line) + ": " + what;
  std::fprintf(stderr, "%s\n", text.c_str());
  throw std::runtime_error(text);
}
#define MUST(condition) \
  if (!(condition)) fail(__LINE__, #condition)

using Map = std::map<std::string, std::string>;

class Rig {
 public:
  Rig(std::uint64_t seed, bool evict)
      : prng_(seed),
        region_(1 * MiB),
        store_({region_.data(), region_.size()}, {.limit_bytes = region_.size(),
                                                  .item_bytes_max = 128 * KiB,
                                                  .hash_seed = seed,
                                                  .evict = evict}),
        evict_(evict),
        objects_(prng_.between(1, 12)),
        fields_(prng_.chance(1, 3) ? 12 : prng_.between(20, 4000)),
        long_keys_in_ten_(prng_.below(6)),
        long_values_in_ten_(prng_.below(6)),
        growth_in_ten_(prng_.between(3, 9)) {}

  void step() {
    switch (prng_.below(12)) {
      case 0: ordinary(); break;
      case 1: remove(); break;
      case 2: read(); break;
      case 3: now_.value += static_cast<std::uint32_t>(prng_.below(4)); break;
      case 4: store_.maintain({.items = 50}, now_); break;
      case 5:
        if (prng_.chance(1, 30)) flush();
        break;
      default: update();
    }
    audit();
  }

  void finish() {
    for (std::uint64_t number = 0; number < objects_; ++number) compare(name(number));
    store_.flush(now_, now_);
    while (store_.maintain({.items = 1000}, now_)) continue;
    audit();
    MUST(store_.stats().bytes == 0);
    MUST(store_.stats().user_bytes == 0);
  }
  std::uint64_t refused() const { return refused_; }
  std::uint64_t committed() const { return committed_; }
  std::uint64_t evictions() const { return store_.stats().evictions; }

 private:
  struct Known {
    Map map;
    Seconds expiry;
  };

  static std::string name(std::uint64_t number) { return "object" + std::to_string(number); }
  void audit() {
    const auto broken = store_.audit();
    if (broken) fail(__LINE__, *broken);
  }
  std::string any_field() {
    std::string field = std::to_string(prng_.below(fields_));
    if (prng_.chance(1, 8)) field = "a long common beginning " + field;
    // Which keys are long is decided by the key, so that they are met again.
    if (hash64(field, 0) % 40 < long_keys_in_ten_) field.resize(512, '.');
    return prng_.chance(1, 200) ? std::string() : field;
  }
  std::string any_value() {
    const std::uint64_t most = prng_.chance(long_values_in_ten_, 10) ? 1024 : 30;
    return std::string(static_cast<std::size_t>(prng_.below(most + 1)),
                       static_cast<char>('a' + prng_.below(26)));
  }
  std::string any_object() { return name(prng_.below(objects_)); }

  /// Opens it and brings the model up to date; the map it must be equal to.
  ObjectFound open(Object& object, const std::string& key, ObjectAccess access) {
    const auto known = known_.find(key);
    if (known != known_.end() && known->second.expiry != never && known->second.expiry <= now_)
      known_.erase(known);
    const ObjectFound found = store_.open(object, store_.key(key), access, now_);
    MUST(found != ObjectFound::value);
    if (found == ObjectFound::missing) {
      MUST(known_.count(key) == 0 || evict_);
      known_.erase(key);
    } else {
      MUST(known_.count(key) == 1);
      MUST(object.expiry() == known_[key].expiry);
    }
    return found;
  }

  /// Opens an empty one that is to take the place of whatever has the key; whether something has.
  bool open_new(Object& object, const std::string& key) {
    const bool existed = store_.peek(store_.key(key), now_).has_value();
    MUST(store_.open(object, store_.key(key), ObjectAccess::create, now_) == ObjectFound::missing);
    MUST(!object.first_from({}).has_value());
    return existed;
  }

  void compare(const std::string& key) {
    Object object;
    if (open(object, key, ObjectAccess::read) == ObjectFound::missing) return;
    same(object, known_[key].map);
    store_.close(object);
  }

  void same(Object& object, const Map& map) {
    auto entry = object.first_from({});
    for (const auto& [key, value] : map) {
      MUST(entry.has_value());
      MUST(entry->key == key);
      MUST(entry->value == value);
      entry = object.first_after(key);
    }
    MUST(!entry.has_value());
  }

  void look(Object& object, const Map& map) {
    const std::string key = any_field();
    const auto at = map.find(key);
    const auto found = object.find(key);
    MUST(found.has_value() == (at != map.end()));
    if (found) MUST(*found == at->second);
    const auto from = map.lower_bound(key);
    const auto first = object.first_from(key);
    MUST(first.has_value() == (from != map.end()));
    if (first) MUST(first->key == from->first && first->value == from->second);
    const auto above = map.upper_bound(key);
    const auto after = object.first_after(key);
    MUST(after.has_value() == (above != map.end()));
    if (after) MUST(after->key == above->first && after->value == above->second);
    const auto before = object.last_before(key);
    MUST(before.has_value() == (from != map.begin()));
    if (before) MUST(before->key == std::prev(from)->first);
  }

  void read() {
    Object object;
    const std::string key = any_object();
    if (open(object, key, ObjectAccess::read) == ObjectFound::missing) return;
    for (int i = 0; i < 5; ++i) look(object, known_[key].map);
    if (prng_.chance(1, 10)) same(object, known_[key].map);
    store_.close(object, prng_.chance(1, 2) ? std::optional<Seconds>(now_) : std::nullopt);
  }

  void update() {
    Object& object = reused_;
    const std::string key = any_object();
    Object reader;
    const std::string read_key = any_object();
    const bool reads =
        prng_.chance(1, 4) && open(reader, read_key, ObjectAccess::read) == ObjectFound::object;
    const bool creates = prng_.chance(1, 12);
    const bool existed = creates ? open_new(object, key)
                                 : open(object, key, ObjectAccess::update) == ObjectFound::object;
    Known changed = existed && !creates ? known_[key] : Known{};
    const std::uint64_t changes = prng_.chance(1, 20) ? prng_.below(600) : prng_.below(6);
    for (std::uint64_t i = 0; i < changes; ++i) change(object, changed.map);
    if (prng_.chance(1, 10)) same(object, changed.map);
    if (prng_.chance(1, 8)) {
      store_.close(object);
    } else {
      commit(key, existed, changed);
    }
    if (!reads) return;
    if (known_.count(read_key) > 0)
      same(reader, known_[read_key].map);
    else
      MUST(!reader.first_from({}).has_value());
    store_.close(reader);
  }

  void change(Object& object, Map& map) {
    const std::string key = any_field();
    if (prng_.chance(growth_in_ten_, 10)) {
      const std::string value = any_value();
      const auto is_even = [](Bytes old) { return old.size() % 2 == 0; };
      if (prng_.chance(1, 4)) {
        const auto old = map.find(key);
        const bool kept = old != map.end() && is_even(old->second);
        switch (object.put_unless(key, value, is_even)) {
          case ObjectPut::done:
            MUST(!kept || old->second == value);
            map[key] = value;
            break;
          case ObjectPut::kept: MUST(kept); break;
          case ObjectPut::refused: break;
        }
      } else if (object.put(key, value)) {
        map[key] = value;
      }
    } else {
      const ObjectErased erased = object.erase(key);
      MUST(erased.done);
      MUST(erased.found == (map.erase(key) > 0));
    }
    look(object, map);
  }

  void commit(const std::string& key, bool existed, Known& changed) {
    ObjectCommit how;
    how.erase = prng_.chance(1, 40);
    if (prng_.chance(1, 10))
      how.expiry = Seconds{now_.value + 1 + static_cast<std::uint32_t>(prng_.below(20))};
    if (how.expiry) changed.expiry = *how.expiry;
    const Outcome outcome = store_.commit(reused_, how, now_);
    if (outcome == Outcome::no_memory) {
      ++refused_;
      MUST(!evict_ || known_.size() + fillers_ > 0);
      // All is as it was: the object is there, and as it was before.
      MUST(store_.peek(store_.key(key), now_).has_value() == existed);
      return compare(key);
    }
    MUST(outcome == Outcome::stored);
    ++committed_;
    if (how.erase) {
      known_.erase(key);
      MUST(!store_.peek(store_.key(key), now_).has_value());
      return;
    }
    known_[key] = changed;
    MUST(store_.peek(store_.key(key), now_)->is_object());
    if (prng_.chance(1, 10)) compare(key);
  }

  void remove() {
    const std::string key = any_object();
    if (prng_.chance(3, 4)) return;
    (void)store_.remove(store_.key(key), {}, now_);
    known_.erase(key);
  }

  void ordinary() {
    const std::uint64_t count = prng_.chance(1, 10) ? 200 : 5;
    for (std::uint64_t i = 0; i < count; ++i, ++fillers_) {
      const std::string key = "filler" + std::to_string(prng_.below(5000));
      const std::uint64_t size = prng_.chance(1, 8) ? prng_.below(30000) : prng_.below(300);
      (void)store_.put(store_.key(key), {}, std::string(static_cast<std::size_t>(size), 'x'), now_);
    }
  }
  void flush() {
    store_.flush(now_, now_);
    known_.clear();
  }

  Prng prng_;
  std::vector<char> region_;
  Store store_;
  bool evict_;
  std::uint64_t objects_;
  std::uint64_t fields_;
  std::uint64_t long_keys_in_ten_;
  std::uint64_t long_values_in_ten_;
  std::uint64_t growth_in_ten_;
  std::map<std::string, Known> known_;
  Object reused_;
  Seconds now_{2};
  std::uint64_t fillers_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t committed_ = 0;
};

RC_GTEST_PROP(ObjectProperty, ChangesLikeAMapAllAtOnce, (std::uint64_t seed)) {
  Rig rig(seed, true);
  for (int i = 0; i < 300; ++i) rig.step();
  rig.finish();
}

RC_GTEST_PROP(ObjectProperty, WithoutMemoryStaysAsItWas, (std::uint64_t seed)) {
  Rig rig(seed, false);
  for (int i = 0; i < 300; ++i) rig.step();
  rig.finish();
}

TEST(ObjectProperty, LongRunsEvictAndRefuse) {
  std::uint64_t evictions = 0;
  std::uint64_t refused = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    for (const bool evict : {true, false}) {
      Rig rig(seed, evict);
      for (int i = 0; i < 4000; ++i) rig.step();
      evictions += rig.evictions();
      refused += rig.refused();
      EXPECT_GT(rig.committed(), 1000u);
      rig.finish();
    }
  }
  EXPECT_GT(evictions, 1000u);
  EXPECT_GT(refused, 20u);
}

}  // namespace
}  // namespace cacheismo::store
