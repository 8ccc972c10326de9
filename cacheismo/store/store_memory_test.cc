// Goal: where memory ends, every verb says so, harms nothing and loses no more than it may.
// Method: a store that may not evict is filled to the last byte, then n small items are given back;
// each verb runs for n = 0, 1, 2, ... so that every step in it that takes memory is the one that
// fails in some round. An audit follows each.

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/units.h"
#include "cacheismo/store/store.h"

namespace cacheismo::store {
namespace {

constexpr Seconds now{100};
constexpr int rounds = 24;

class FullStore {
 public:
  FullStore(Bytes target_value, int items_given_back) : region_(1 * MiB) {
    store_ = std::make_unique<Store>(std::span<char>(region_),
                                     StoreOptions{.limit_bytes = region_.size(),
                                                  .item_bytes_max = 512 * KiB,
                                                  .hash_seed = 1,
                                                  .evict = false});
    EXPECT_EQ(put("target", target_value), Outcome::stored);
    // So large that the items of other sizes, too, come into the same page of the access log.
    for (const std::size_t size : {std::size_t{400}, std::size_t{20}, std::size_t{0}}) {
      while (put(name(filled_), std::string(size, 'x')) == Outcome::stored) ++filled_;
    }
    // Spread over the pages: from the first items on, every 90th.
    for (int i = 0; i < items_given_back; ++i)
      EXPECT_EQ(store_->remove(store_->key(name(i * 90)), {}, now), Outcome::stored);
  }

  Store& operator*() { return *store_; }
  Store* operator->() { return store_.get(); }
  Outcome put(const std::string& key, Bytes value, const PutRule& rule = {}) {
    return store_->put(store_->key(key), rule, value, now).outcome;
  }
  std::string target() {
    const auto item = store_->peek(store_->key("target"), now);
    if (!item) return "(miss)";
    std::string value(static_cast<std::size_t>(item->value_bytes()), 0);
    store_->copy_value(*item, 0, value);
    return value;
  }
  /// Sound now, and all memory comes back.
  void expect_sound() {
    EXPECT_EQ(store_->audit().value_or(""), "");
    EXPECT_EQ(store_->stats().draft_bytes, 0u);
    store_->flush(now, now);
    while (store_->maintain({.items = 1000}, now)) continue;
    EXPECT_EQ(store_->audit().value_or(""), "");
    EXPECT_EQ(store_->stats().bytes, 0u);
    EXPECT_EQ(put("after", std::string(400 * KiB, 'a')), Outcome::stored);
  }

 private:
  static std::string name(int number) { return "filler" + std::to_string(number); }

  std::vector<char> region_;
  std::unique_ptr<Store> store_;
  int filled_ = 0;
};

/// Runs `verb` for every round; it returns whether it got the memory that it wanted. It must have
/// failed in the first round and succeeded in the last.
void sweep(Bytes target_value, const std::function<bool(FullStore&)>& verb) {
  bool succeeded = true;
  for (int n = 0; n < rounds; ++n) {
    SCOPED_TRACE(n);
    FullStore store(target_value, n);
    succeeded = verb(store);
    if (n == 0) {
      EXPECT_FALSE(succeeded);
    }
    store.expect_sound();
  }
  EXPECT_TRUE(succeeded);
}

TEST(StoreMemory, ASetThatFindsNoRoomLeavesNoOldValue) {
  sweep("old", [](FullStore& store) {
    const std::string value(2000, 'n');
    const Outcome outcome = store.put("target", value);
    EXPECT_EQ(store.target(), outcome == Outcome::stored ? value : "(miss)");
    return outcome == Outcome::stored;
  });
}

TEST(StoreMemory, AJoinThatFindsNoRoomKeepsTheOldValue) {
  for (const Mode mode : {Mode::append, Mode::prepend}) {
    sweep("old", [mode](FullStore& store) {
      const std::string part(1500, 'n');
      const Outcome outcome = store.put("target", part, {.mode = mode});
      const std::string joined = mode == Mode::append ? "old" + part : part + "old";
      EXPECT_EQ(store.target(), outcome == Outcome::stored ? joined : "old");
      return outcome == Outcome::stored;
    });
  }
}

TEST(StoreMemory, ACounterThatCannotGrowStays) {
  sweep("9", [](FullStore& store) {
    const ArithmeticResult result =
        store->arithmetic(store->key("target"), {.delta = 18446744073709551600u}, now);
    EXPECT_EQ(store.target(), result.outcome == Outcome::stored ? "18446744073709551609" : "9");
    return result.outcome == Outcome::stored;
  });
}

TEST(StoreMemory, ACasValueWithoutRoomIsForgottenAndMatchesNothing) {
  sweep("old", [](FullStore& store) {
    auto item = store->peek(store->key("target"), now);
    const std::uint64_t cas = store->cas(*item);
    EXPECT_NE(cas, 0u);
    EXPECT_EQ(store.target(), "old");
    const bool kept = item->assigned_cas() == cas;
    EXPECT_EQ(store.put("target", "new", {.compare_cas = cas}),
              kept ? Outcome::stored : Outcome::exists);
    EXPECT_EQ(store.target(), kept ? "new" : "old");
    return kept;
  });
}

TEST(StoreMemory, VivifyWithoutRoomIsAMiss) {
  sweep("old", [](FullStore& store) {
    const MetaGet got = store->meta_get(store->key("an absent key"), {.vivify = Seconds{500}}, now);
    EXPECT_EQ(got.hit, got.vivified);
    EXPECT_EQ(store->peek(store->key("an absent key"), now).has_value(), got.hit);
    return got.hit;
  });
}

TEST(StoreMemory, AValueThatCannotBeClearedStays) {
  // Nothing is smaller than the empty value, but flags that it did not have take room.
  sweep("", [](FullStore& store) {
    const Outcome outcome =
        store->remove(store->key("target"), {.clear_value = true, .client_flags = 5}, now);
    const auto item = store->peek(store->key("target"), now);
    EXPECT_TRUE(item.has_value());
    EXPECT_EQ(item->client_flags(), outcome == Outcome::stored ? 5u : 0u);
    return outcome == Outcome::stored;
  });
}

TEST(StoreMemory, ADraftThatFindsNoRoomIsAbandonedWhole) {
  sweep("old", [](FullStore& store) {
    constexpr std::uint64_t bytes = 3000;
    const auto draft = store->begin(store->key("target"), bytes, now);
    EXPECT_TRUE(draft.has_value());
    std::uint64_t offset = 0;
    MutableBytes window[1];
    while (offset < bytes && store->windows(*draft, offset, window, now) == 1) {
      std::fill(window[0].begin(), window[0].end(), 'd');
      offset += window[0].size();
    }
    if (offset < bytes) {
      store->abandon(*draft);
      EXPECT_EQ(store.target(), "old");
      return false;
    }
    const Outcome outcome = store->commit(*draft, {}, now).outcome;
    EXPECT_EQ(store.target(), outcome == Outcome::stored ? std::string(bytes, 'd') : "(miss)");
    return outcome == Outcome::stored;
  });
}

}  // namespace
}  // namespace cacheismo::store
