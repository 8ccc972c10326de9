// Goal: each verb decides as memcached does.
// Method: a small store, one situation a test; the property test covers the combinations.

#include "cacheismo/store/store.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/units.h"

namespace cacheismo::store {
namespace {

class StoreTest : public testing::Test {
 protected:
  StoreTest() { make({}); }

  void make(StoreOptions options) {
    store_.reset();
    region_.assign(2 * MiB, 0);
    options.limit_bytes = region_.size();
    if (options.item_bytes_max == 0) options.item_bytes_max = 1 * MiB;
    store_ = std::make_unique<Store>(std::span<char>(region_), options);
  }
  Outcome put(Bytes key, Bytes value, PutRule rule = {}) {
    return store_->put(store_->key(key), rule, value, now_).outcome;
  }
  std::string get(Bytes key) {
    const auto item = store_->get(store_->key(key), now_);
    if (!item) return "(miss)";
    std::string value(static_cast<std::size_t>(item->value_bytes()), 0);
    store_->copy_value(*item, 0, value);
    return value;
  }
  std::uint64_t cas(Bytes key) {
    auto item = store_->peek(store_->key(key), now_);
    return item ? store_->cas(*item) : 0;
  }
  ArithmeticResult count(Bytes key, ArithmeticRule rule) {
    return store_->arithmetic(store_->key(key), rule, now_);
  }
  MetaGet meta(Bytes key, MetaGetRule rule = {}) {
    return store_->meta_get(store_->key(key), rule, now_);
  }
  Outcome remove(Bytes key, RemoveRule rule = {}) {
    return store_->remove(store_->key(key), rule, now_);
  }

  std::vector<char> region_;
  std::unique_ptr<Store> store_;
  Seconds now_{100};
};

TEST_F(StoreTest, ModesDecideByWhetherTheItemExists) {
  EXPECT_EQ(put("k", "x", {.mode = Mode::replace}), Outcome::not_stored);
  EXPECT_EQ(put("k", "x", {.mode = Mode::append}), Outcome::not_stored);
  EXPECT_EQ(put("k", "b", {.mode = Mode::add}), Outcome::stored);
  EXPECT_EQ(put("k", "x", {.mode = Mode::add}), Outcome::not_stored);
  EXPECT_EQ(put("k", "c", {.mode = Mode::append}), Outcome::stored);
  EXPECT_EQ(put("k", "a", {.mode = Mode::prepend}), Outcome::stored);
  EXPECT_EQ(get("k"), "abc");
  EXPECT_EQ(put("k", "z", {.mode = Mode::replace}), Outcome::stored);
  EXPECT_EQ(get("k"), "z");
}

TEST_F(StoreTest, CasChangesWithTheValueAndNotWithTheExpiry) {
  put("k", "1");
  const std::uint64_t first = cas("k");
  EXPECT_EQ(cas("k"), first);
  EXPECT_EQ(store_->peek(store_->key("k"), now_)->assigned_cas(), first);
  EXPECT_TRUE(store_->touch(store_->key("k"), Seconds{500}, now_));
  EXPECT_EQ(cas("k"), first);
  put("k", "2");
  const std::uint64_t second = cas("k");
  EXPECT_GT(second, first);
  (void)count("k", {});
  EXPECT_GT(cas("k"), second);
}

TEST_F(StoreTest, CompareNeedsTheValueThatWasHandedOut) {
  EXPECT_EQ(put("k", "x", {.compare_cas = 1}), Outcome::not_found);
  put("k", "1");
  EXPECT_EQ(put("k", "x", {.compare_cas = 0}), Outcome::exists);
  const std::uint64_t held = cas("k");
  EXPECT_EQ(put("k", "2", {.compare_cas = held}), Outcome::stored);
  EXPECT_EQ(put("k", "3", {.compare_cas = held}), Outcome::exists);
  EXPECT_EQ(put("k", "3", {.assign_cas = 77}), Outcome::stored);
  EXPECT_EQ(cas("k"), 77u);
  EXPECT_EQ(put("k", "4", {.mode = Mode::append, .compare_cas = 76}), Outcome::exists);
  EXPECT_EQ(put("k", "4", {.mode = Mode::append, .compare_cas = 77}), Outcome::stored);
}

TEST_F(StoreTest, AnItemThatNobodyAskedACasOfMatchesNothing) {
  put("k", "1");
  for (const std::uint64_t guess : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
    EXPECT_EQ(put("k", "2", {.compare_cas = guess}), Outcome::exists) << guess;
    EXPECT_EQ(remove("k", {.compare_cas = guess}), Outcome::exists) << guess;
    EXPECT_EQ(count("k", {.compare_cas = guess}).outcome, Outcome::exists) << guess;
  }
  EXPECT_EQ(get("k"), "1");
}

TEST_F(StoreTest, ALongValueKeepsItsCasWhileAReaderHoldsIt) {
  put("k", std::string(10000, 'x'));
  const auto item = store_->peek(store_->key("k"), now_);
  const Pin reader = store_->pin(*item);
  const std::uint64_t held = cas("k");
  EXPECT_EQ(cas("k"), held);
  EXPECT_EQ(put("k", "2", {.compare_cas = held}), Outcome::stored);
  Bytes view[1];
  EXPECT_EQ(store_->views(reader, 9999, view), 1u);
  EXPECT_EQ(view[0], "x");
  EXPECT_GT(store_->stats().pinned_bytes, 10000u);
  store_->unpin(reader);
  EXPECT_EQ(store_->stats().pinned_bytes, 0u);
}

TEST_F(StoreTest, AFailedAddCountsAsAUse) {
  put("old", "v");
  put("kept", "v");
  for (int i = 0; store_->stats().evictions == 0; ++i) {
    put("k" + std::to_string(i), std::string(500, 'x'));
    EXPECT_EQ(put("kept", "w", {.mode = Mode::add}), Outcome::not_stored);
  }
  EXPECT_EQ(get("old"), "(miss)");
  EXPECT_EQ(get("kept"), "v");
}

TEST_F(StoreTest, AppendKeepsFlagsAndExpiryAndChangesCas) {
  put("k", "a", {.client_flags = 9, .expiry = Seconds{200}});
  const std::uint64_t before = cas("k");
  EXPECT_EQ(put("k", "b", {.mode = Mode::append, .client_flags = 1, .expiry = Seconds{300}}),
            Outcome::stored);
  const auto item = store_->peek(store_->key("k"), now_);
  EXPECT_EQ(item->client_flags(), 9u);
  EXPECT_EQ(item->expiry(), Seconds{200});
  EXPECT_GT(cas("k"), before);
  EXPECT_EQ(put("new", "n", {.mode = Mode::append, .vivify = Seconds{150}}), Outcome::stored);
  EXPECT_EQ(store_->peek(store_->key("new"), now_)->expiry(), Seconds{150});
}

TEST_F(StoreTest, ACasValueThatAClientAssignsIsKeptWhole) {
  constexpr std::uint64_t wide = 0xFEDCBA9876543210;
  put("k", "value", {.assign_cas = wide});
  EXPECT_EQ(store_->peek(store_->key("k"), now_)->assigned_cas(), wide);
  put("n", "value", {.client_flags = 7, .assign_cas = 5});
  EXPECT_EQ(store_->remove(store_->key("n"), {.assign_cas = wide, .invalidate = true}, now_),
            Outcome::stored);
  const auto item = store_->peek(store_->key("n"), now_);
  EXPECT_EQ(item->assigned_cas(), wide);
  EXPECT_EQ(item->client_flags(), 7u);
  EXPECT_TRUE(item->stale());
  EXPECT_EQ(item->contiguous(), "value");
  EXPECT_EQ(store_->audit(), std::nullopt);
}

TEST_F(StoreTest, MetaGetTellsTheStateBeforeItsOwnAccess) {
  put("k", "v");
  now_ = Seconds{107};
  EXPECT_FALSE(meta("k", {.bump = false}).item.fetched());
  const MetaGet first = meta("k", {.last_access = true});
  EXPECT_FALSE(first.before.fetched());
  EXPECT_EQ(first.before.last_access(), Seconds{100});
  now_ = Seconds{109};
  const MetaGet second = meta("k", {.last_access = true, .new_expiry = Seconds{500}});
  EXPECT_TRUE(second.before.fetched());
  EXPECT_EQ(second.before.last_access(), Seconds{107});
  EXPECT_EQ(second.before.expiry(), never);
  EXPECT_EQ(second.item.expiry(), Seconds{500});
}

TEST_F(StoreTest, AnItemIsGoneAtItsExpiry) {
  put("k", "v", {.expiry = Seconds{105}});
  now_ = Seconds{104};
  EXPECT_EQ(get("k"), "v");
  now_ = Seconds{105};
  EXPECT_EQ(get("k"), "(miss)");
  EXPECT_EQ(store_->stats().expired_on_access, 1u);
  EXPECT_EQ(put("k", "v", {.expiry = Seconds{1}}), Outcome::stored);
  EXPECT_EQ(get("k"), "(miss)");
}

TEST_F(StoreTest, ExpiredMemoryComesBackWithoutAnAccess) {
  for (int i = 0; i < 1000; ++i) put("k" + std::to_string(i), "v", {.expiry = Seconds{105}});
  now_ = Seconds{106};
  int calls = 0;
  while (store_->maintain({.items = 100}, now_)) ++calls;
  EXPECT_EQ(store_->stats().items, 0u);
  EXPECT_GE(calls, 10);  // the budget was kept
  EXPECT_EQ(store_->stats().expired_unfetched, 1000u);
}

TEST_F(StoreTest, TouchToThePastReturnsTheItemOnceMore) {
  put("k", "v");
  EXPECT_TRUE(store_->touch(store_->key("k"), Seconds{1}, now_));
  EXPECT_EQ(get("k"), "(miss)");
}

TEST_F(StoreTest, AFlushThatHasBecomeDueIsNotTakenBackByALaterOne) {
  put("a", "v");
  store_->flush(Seconds{110}, now_);
  now_ = Seconds{120};
  store_->flush(Seconds{200}, now_);
  EXPECT_EQ(get("a"), "(miss)");
  put("b", "v");
  EXPECT_EQ(get("b"), "v");
  now_ = Seconds{200};
  EXPECT_EQ(get("b"), "(miss)");
}

TEST_F(StoreTest, FlushKillsWhatCameBeforeAndNothingAfter) {
  put("a", "v");
  store_->flush(now_, now_);
  put("b", "v");
  EXPECT_EQ(get("a"), "(miss)");
  EXPECT_EQ(get("b"), "v");
  store_->flush(Seconds{110}, now_);
  now_ = Seconds{109};
  put("c", "v");
  EXPECT_EQ(get("c"), "v");
  now_ = Seconds{110};
  put("d", "v");
  EXPECT_EQ(get("b"), "(miss)");
  EXPECT_EQ(get("c"), "(miss)");
  EXPECT_EQ(get("d"), "v");
}

TEST_F(StoreTest, TheOldestAreDroppedUntilEnoughBytesAreGone) {
  for (const char* key : {"a", "b", "c", "d"}) put(key, std::string(1'000, 'v'));
  EXPECT_EQ(get("a"), std::string(1'000, 'v'));
  EXPECT_EQ(store_->drop_oldest(0, 10, now_).items, 0u);
  const Dropped two = store_->drop_oldest(1'500, 10, now_);
  EXPECT_EQ(two.items, 2u);
  EXPECT_GT(two.bytes, 2'000u);
  EXPECT_EQ(get("b"), "(miss)");
  EXPECT_EQ(get("c"), "(miss)");
  EXPECT_EQ(store_->drop_oldest(~std::uint64_t{0}, 1, now_).items, 1u);
  EXPECT_EQ(get("d"), "(miss)");
  EXPECT_EQ(store_->drop_oldest(~std::uint64_t{0}, 10, now_).items, 1u);
  EXPECT_EQ(store_->drop_oldest(1, 10, now_).items, 0u);
}

TEST_F(StoreTest, ArithmeticWrapsUpAndStopsAtZero) {
  put("k", "18446744073709551615");
  EXPECT_EQ(count("k", {.delta = 2}).number, 1u);
  put("k", "10");
  EXPECT_EQ(count("k", {.increment = false, .delta = 1}).number, 9u);
  EXPECT_EQ(get("k"), "9");
  EXPECT_EQ(count("k", {.increment = false, .delta = 100}).number, 0u);
  EXPECT_EQ(count("missing", {}).outcome, Outcome::not_found);
}

TEST_F(StoreTest, ArithmeticReadsNumbersLikeStrtoull) {
  for (const Bytes good : {" 10", "10 x", "+10", "10\t"}) {
    put("k", good);
    EXPECT_EQ(count("k", {}).number, 11u) << good;
  }
  for (const Bytes bad : {"", "10x", "-5", "0x10", "x", "18446744073709551616"}) {
    put("k", bad);
    EXPECT_EQ(count("k", {}).outcome, Outcome::not_numeric) << bad;
  }
}

TEST_F(StoreTest, ArithmeticKeepsFlagsAndExpiry) {
  put("k", "5", {.client_flags = 7, .expiry = Seconds{200}});
  const ArithmeticResult result = count("k", {.delta = 100});
  EXPECT_EQ(result.item.client_flags(), 7u);
  EXPECT_EQ(result.item.expiry(), Seconds{200});
  EXPECT_EQ(count("k", {.new_expiry = Seconds{300}}).item.expiry(), Seconds{300});
  EXPECT_EQ(count("new", {.vivify = Seconds{150}, .initial = 13}).number, 13u);
  EXPECT_EQ(get("new"), "13");
}

TEST_F(StoreTest, VivifyMakesAnEmptyItemAndOneWinner) {
  const MetaGet first = meta("k", {.vivify = Seconds{130}});
  EXPECT_TRUE(first.hit && first.won && first.vivified);
  const MetaGet second = meta("k", {.vivify = Seconds{130}});
  EXPECT_TRUE(second.hit && second.token_sent && !second.won);
  EXPECT_EQ(get("k"), "");
}

TEST_F(StoreTest, RecacheWinsOnceBelowItsLimit) {
  put("k", "v", {.expiry = Seconds{130}});
  EXPECT_FALSE(meta("k", {.recache_below_seconds = 30}).won);
  EXPECT_TRUE(meta("k", {.recache_below_seconds = 31}).won);
  EXPECT_FALSE(meta("k", {.recache_below_seconds = 31}).won);
  put("forever", "v");
  EXPECT_FALSE(meta("forever", {.recache_below_seconds = 1000}).won);
}

TEST_F(StoreTest, InvalidatedItemsAreStaleUntilTheirWinnerStores) {
  put("k", "old", {.expiry = Seconds{200}});
  const std::uint64_t before = cas("k");
  EXPECT_EQ(remove("k", {.invalidate = true, .new_expiry = Seconds{130}}), Outcome::stored);
  EXPECT_GT(cas("k"), before);
  const MetaGet winner = meta("k");
  EXPECT_TRUE(winner.stale && winner.won && !winner.token_sent);
  const MetaGet loser = meta("k");
  EXPECT_TRUE(loser.stale && !loser.won && loser.token_sent);
  EXPECT_EQ(get("k"), "old");
  // An older token stores, but stays stale and keeps the expiry.
  EXPECT_EQ(put("k", "mid", {.expiry = Seconds{900}, .compare_cas = before, .invalidate = true}),
            Outcome::stored);
  EXPECT_TRUE(meta("k").stale);
  EXPECT_EQ(meta("k").item.expiry(), Seconds{130});
  EXPECT_EQ(put("k", "new", {.compare_cas = cas("k") + 1, .invalidate = true}), Outcome::exists);
  EXPECT_EQ(put("k", "new"), Outcome::stored);
  EXPECT_FALSE(meta("k").stale);
}

TEST_F(StoreTest, ClearingAValueResetsFlagsAndExpiry) {
  put("k", "v", {.client_flags = 5, .expiry = Seconds{200}});
  EXPECT_EQ(remove("k", {.clear_value = true}), Outcome::stored);
  const auto item = store_->peek(store_->key("k"), now_);
  EXPECT_EQ(item->value_bytes(), 0u);
  EXPECT_EQ(item->client_flags(), 0u);
  EXPECT_EQ(item->expiry(), never);
  EXPECT_EQ(remove("k", {.clear_value = true, .client_flags = 6, .new_expiry = Seconds{300}}),
            Outcome::stored);
  EXPECT_EQ(store_->peek(store_->key("k"), now_)->client_flags(), 6u);
  EXPECT_EQ(store_->peek(store_->key("k"), now_)->expiry(), Seconds{300});
}

TEST_F(StoreTest, LongestValueIsTheOneMemcachedTakes) {
  const std::string value(1 * MiB, 'x');
  EXPECT_EQ(put("k", value), Outcome::too_large);
  EXPECT_EQ(put("k", Bytes(value).substr(200)), Outcome::stored);
  EXPECT_FALSE(store_->begin(store_->key("k"), value.size(), now_));
}

TEST_F(StoreTest, WithoutEvictionAFullStoreRefuses) {
  make({.evict = false});
  int stored = 0;
  while (put("k" + std::to_string(stored), std::string(1000, 'x')) == Outcome::stored) ++stored;
  EXPECT_GT(stored, 1500);
  EXPECT_EQ(store_->stats().evictions, 0u);
  EXPECT_EQ(get("k0"), std::string(1000, 'x'));
  EXPECT_EQ(store_->audit(), std::nullopt);
}

TEST_F(StoreTest, EvictsTheLeastRecentlyUsed) {
  put("old", "v");
  put("used", "v");
  for (int i = 0; store_->stats().evictions == 0; ++i) {
    put("k" + std::to_string(i), std::string(500, 'x'));
    (void)get("used");
  }
  EXPECT_EQ(get("old"), "(miss)");
  EXPECT_EQ(get("used"), "v");
}

TEST_F(StoreTest, AnnouncedLengthAloneTakesNoMemory) {
  make({.item_bytes_max = 2 * MiB});
  put("k", "v");
  const auto draft = store_->begin(store_->key("big"), 1900 * KiB, now_);
  ASSERT_TRUE(draft);
  EXPECT_EQ(store_->stats().draft_bytes, 0u);
  EXPECT_EQ(get("k"), "v");
  store_->abandon(*draft);
}

TEST_F(StoreTest, DraftsMayHoldHalfTheMemoryAndNoMore) {
  make({.item_bytes_max = 2 * MiB});
  put("k", "v");
  const auto draft = store_->begin(store_->key("big"), 1900 * KiB, now_);
  std::uint64_t offset = 0;
  MutableBytes window[1];
  while (store_->windows(*draft, offset, window, now_) == 1) offset += window[0].size();
  EXPECT_GE(offset, 1 * MiB);
  EXPECT_LT(offset, 1 * MiB + 8 * KiB);
  store_->abandon(*draft);
  EXPECT_EQ(store_->stats().draft_bytes, 0u);
  EXPECT_EQ(get("k"), "v");
  EXPECT_EQ(store_->audit(), std::nullopt);
}

TEST_F(StoreTest, ADraftThatIsCompleteCanBeReadFromTheStartAgain) {
  const auto draft = store_->begin(store_->key("big"), 100'000, now_);
  MutableBytes window[1];
  std::uint64_t offset = 0;
  for (; offset < 100'000; offset += window[0].size()) {
    ASSERT_EQ(store_->windows(*draft, offset, window, now_), 1u);
    std::fill(window[0].begin(), window[0].end(), static_cast<char>('a' + offset % 26));
  }
  std::string value;
  while (value.size() < 100'000) {
    ASSERT_EQ(store_->windows(*draft, value.size(), window, now_), 1u);
    value.append(window[0].data(), window[0].size());
  }
  ASSERT_EQ(store_->commit(*draft, {}, now_).outcome, Outcome::stored);
  EXPECT_EQ(get("big"), value);
}

}  // namespace
}  // namespace cacheismo::store
