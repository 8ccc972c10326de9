// Goal: whoever reads the log learns of every change behind its position, or that it has missed
// something; and the store notes every change of an item, and nothing where nobody listens.
// Method: each rule by an example; then random writes to a small store that evicts, with readers of
// any pace that keep a copy by nothing but the log: a copy must equal the store whenever its reader
// has caught up.

#include "cacheismo/store/change_log.h"

#include <map>
#include <optional>
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

constexpr std::uint64_t first = 1000;

void note(ChangeLog& log, Bytes key) { log.note(key, hash64(key, 0)); }

/// The keys from `position` on, a flush as "*"; "lost" if they are not known any more.
std::vector<std::string> read(const ChangeLog& log, std::uint64_t position) {
  std::vector<std::string> keys;
  if (position < log.begin()) return {"lost"};
  while (const auto change = log.at(position)) {
    keys.push_back(change->key.empty() ? "*" : change->key);
    position = change->next;
  }
  EXPECT_EQ(position, log.end());
  EXPECT_EQ(log.audit(), std::nullopt);
  return keys;
}

TEST(ChangeLog, KeysAreToldInOrderFromAnyPositionOn) {
  ChangeLog log(first);
  EXPECT_EQ(log.end(), first);
  note(log, "a");
  const std::uint64_t between = log.end();
  note(log, "bb");
  EXPECT_EQ(read(log, first), (std::vector<std::string>{"a", "bb"}));
  EXPECT_EQ(read(log, between), std::vector<std::string>{"bb"});
  EXPECT_TRUE(read(log, log.end()).empty());
}

TEST(ChangeLog, AKeyThatChangesAgainIsToldOnceUntilSomebodyKnows) {
  ChangeLog log(first);
  for (int i = 0; i < 1000; ++i) note(log, "counter");
  EXPECT_EQ(read(log, first), std::vector<std::string>{"counter"});
  const std::uint64_t read_to = log.end();
  log.told(read_to);
  for (int i = 0; i < 1000; ++i) note(log, "counter");
  EXPECT_EQ(read(log, read_to), std::vector<std::string>{"counter"});
  EXPECT_EQ(read(log, first), (std::vector<std::string>{"counter", "counter"}));
}

TEST(ChangeLog, WhoIsToldLessThanAnotherStillHearsOfEverything) {
  ChangeLog log(first);
  note(log, "a");
  const std::uint64_t slow = log.end();
  note(log, "b");
  log.told(log.end());
  log.told(slow);
  note(log, "b");
  EXPECT_EQ(read(log, slow), (std::vector<std::string>{"b", "b"}));
}

TEST(ChangeLog, AKeyThatChangesBehindAFlushIsToldBehindIt) {
  ChangeLog log(first);
  note(log, "a");
  log.note_flush();
  note(log, "a");
  EXPECT_EQ(read(log, first), (std::vector<std::string>{"a", "*", "a"}));
}

TEST(ChangeLog, WhatIsForgottenIsKnownToBeMissing) {
  ChangeLog log(first, 1024);
  for (int i = 0; i < 5000; ++i) note(log, "key" + std::to_string(i));
  EXPECT_EQ(read(log, first), std::vector<std::string>{"lost"});
  EXPECT_LE(log.end() - log.begin(), 1024u);
  const auto keys = read(log, log.begin());
  EXPECT_GE(keys.size(), 100u);
  EXPECT_EQ(keys.back(), "key4999");
}

TEST(ChangeLog, TheLongestKeysFitRoundTheEnd) {
  ChangeLog log(first, 1024);
  for (int i = 0; i < 100; ++i) {
    const std::string key = std::string(248, 'k') + std::to_string(10 + i % 90);
    const std::uint64_t at = log.end();
    note(log, key);
    log.told(log.end());
    EXPECT_EQ(read(log, at), std::vector<std::string>{key});
  }
}

TEST(ChangeLog, PositionsThatWereMadeUpAreAnswered) {
  ChangeLog log(first, 1024);
  for (int i = 0; i < 300; ++i) note(log, std::string(1 + i % 250, static_cast<char>(i)));
  for (std::uint64_t at = 0; at < log.end() + 100; ++at) {
    if (const auto change = log.at(at)) {
      EXPECT_LE(change->next, log.end());
    }
  }
  log.told(log.end() + 5);
  EXPECT_EQ(log.audit(), std::nullopt);
}

/// A store, and copies of it that are kept by reading its log.
class Copied {
 public:
  explicit Copied(Prng prng) : prng_(prng) {
    store_.record_changes(&log_);
    for (Reader& reader : readers_) reader.position = log_.end();
  }

  void write() {
    const Key key = store_.key(keys_[prng_.below(keys_.size())]);
    const Seconds expiry = prng_.chance(1, 4)
                               ? Seconds{now_.value + static_cast<std::uint32_t>(prng_.below(30))}
                               : never;
    const std::string value(prng_.chance(1, 8) ? prng_.below(40'000) : prng_.below(40), 'v');
    const std::string text = std::to_string(prng_.below(1000)) + value;
    switch (prng_.below(12)) {
      case 0: static_cast<void>(store_.remove(key, {}, now_)); break;
      case 1: static_cast<void>(store_.touch(key, expiry, now_)); break;
      case 2: static_cast<void>(store_.put(key, {.mode = Mode::append}, "+", now_)); break;
      case 3: static_cast<void>(store_.put(key, {.client_flags = 5}, text, now_)); break;
      case 4: static_cast<void>(store_.put(key, {}, "7", now_)); break;
      case 5: static_cast<void>(store_.arithmetic(key, {.vivify = never}, now_)); break;
      case 6: write_object(key, text); break;
      case 7: static_cast<void>(store_.meta_get(key, {.vivify = expiry}, now_)); break;
      case 8: static_cast<void>(store_.meta_get(key, {.new_expiry = expiry}, now_)); break;
      case 9: {
        const RemoveRule rule{.invalidate = true, .clear_value = true, .new_expiry = expiry};
        static_cast<void>(store_.remove(key, rule, now_));
        break;
      }
      default: static_cast<void>(store_.put(key, {.expiry = expiry}, text, now_)); break;
    }
    if (prng_.chance(1, 400)) store_.flush(now_, now_);
    if (prng_.chance(1, 100)) static_cast<void>(store_.drop_oldest(1000, 10, now_));
    if (prng_.chance(1, 20)) static_cast<void>(store_.maintain({.items = 20}, now_));
    if (prng_.chance(1, 20)) ++now_.value;
  }

  void read_some() {
    for (Reader& reader : readers_)
      if (prng_.chance(1, 10)) read(reader, prng_.below(30));
  }

  /// All catch up; the first key for which a copy is not as the store.
  std::optional<std::string> difference() {
    for (Reader& reader : readers_) {
      read(reader, ~std::uint64_t{0});
      for (const std::string& key : keys_) {
        const auto copy = reader.items.find(key);
        const auto item = shown(key);
        const bool expired = copy != reader.items.end() && copy->second.expiry != never &&
                             copy->second.expiry <= now_;
        const bool has = copy != reader.items.end() && !expired;
        if (has != item.has_value() || (has && !(copy->second == *item))) return key;
      }
    }
    if (auto broken = log_.audit()) return broken;
    return store_.audit();
  }

 private:
  struct Shown {
    std::string value;
    std::uint32_t flags = 0;
    Seconds expiry;
    bool operator==(const Shown&) const = default;
  };
  struct Reader {
    std::uint64_t position = 0;
    std::map<std::string, Shown> items;
  };

  std::optional<Shown> shown(const std::string& key) {
    const auto item = store_.peek(store_.key(key), now_);
    if (!item) return std::nullopt;
    Shown seen{.value = {}, .flags = item->client_flags(), .expiry = item->expiry()};
    if (!item->is_object()) {
      seen.value.resize(item->value_bytes());
      store_.copy_value(*item, 0, MutableBytes(seen.value.data(), seen.value.size()));
      return seen;
    }
    Object object;
    EXPECT_EQ(store_.open(object, store_.key(key), ObjectAccess::read, now_), ObjectFound::object);
    if (const auto entry = object.first_from({}))
      seen.value = "object " + std::string(entry->value);
    store_.close(object);
    return seen;
  }

  void write_object(const Key& key, const std::string& text) {
    Object object;
    const auto access = prng_.chance(1, 3) ? ObjectAccess::create : ObjectAccess::update;
    if (store_.open(object, key, access, now_) == ObjectFound::value) return;
    static_cast<void>(object.put("field", Bytes(text).substr(0, 900)));
    const ObjectCommit how{.expiry = std::nullopt, .erase = prng_.chance(1, 10)};
    static_cast<void>(store_.commit(object, how, now_));
  }

  void read(Reader& reader, std::uint64_t changes) {
    if (reader.position < log_.begin()) {  // as a copier does: once through everything
      reader.position = log_.end();
      reader.items.clear();
      for (const std::string& key : keys_)
        if (auto item = shown(key)) reader.items[key] = *item;
    }
    for (; changes > 0; --changes) {
      const auto change = log_.at(reader.position);
      if (!change) break;
      reader.position = change->next;
      if (change->key.empty()) {
        reader.items.clear();
      } else if (auto item = shown(change->key)) {
        reader.items[change->key] = *item;
      } else {
        reader.items.erase(change->key);
      }
    }
    log_.told(reader.position);
  }

  static std::vector<std::string> names() {
    std::vector<std::string> keys;
    for (int i = 0; i < 300; ++i) keys.push_back("key" + std::to_string(i));
    return keys;
  }

  Prng prng_;
  std::vector<std::string> keys_ = names();
  std::vector<char> region_ = std::vector<char>(1 * MiB);
  Store store_{std::span<char>(region_),
               {.limit_bytes = region_.size(), .item_bytes_max = 64 * KiB, .hash_seed = 1}};
  ChangeLog log_{first, 4096};
  Seconds now_{100};
  std::vector<Reader> readers_ = std::vector<Reader>(3);
};

RC_GTEST_PROP(ChangeLog, WhoHasReadItAllHasWhatTheStoreHas, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  RC_LOG() << "seed " << seed << '\n';
  Copied copied{Prng(seed)};
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 200; ++i) {
      copied.write();
      copied.read_some();
    }
    RC_ASSERT(copied.difference() == std::nullopt);
  }
}

}  // namespace
}  // namespace cacheismo::store
