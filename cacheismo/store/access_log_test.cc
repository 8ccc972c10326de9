// Goal: the access log keeps the exact order of use and the exact second of each, in little memory,
// whatever is used, removed, moved or flushed. Method: real items in an arena beside a std::list,
// with an audit after each step or each few thousand.

#include "cacheismo/store/access_log.h"

#include <algorithm>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cacheismo/base/prng.h"

namespace cacheismo::store {
namespace {

class Logged {
 public:
  explicit Logged(std::size_t pages)
      : region_((pages + 1) * alloc::page_bytes),
        arena_({region_.data(), region_.size()}, 1, chunk_bytes),
        live_(arena_, true),
        dead_(arena_, false) {}

  void insert() {
    while (!live_.has_room()) {
      const auto page = arena_.claim_empty();
      ASSERT_TRUE(page.has_value());
      live_.add_page(*page);
    }
    const auto taken = arena_.take(Kind::item, item_bytes(0, 4, 20));
    ASSERT_TRUE(taken.has_value());
    ItemHeader header{};
    header.key_bytes = 4;
    header.inline_code = 20;
    Item(arena_.chunk(*taken)).header() = header;
    live_.append(*taken, now_);
    order_.push_back({*taken, now_});
    where_[taken->value] = std::prev(order_.end());
    all_.push_back(taken->value);
  }
  void bump(std::uint64_t draw) {
    const auto it = pick(draw);
    live_.bump(it->handle, now_);
    unmet_.erase(it->handle.value);
    it->last_access = now_;
    order_.splice(order_.end(), order_, it);
  }
  void evict() {
    ASSERT_EQ(live_.oldest().value, order_.front().handle.value);
    forget(order_.begin());
  }
  void remove(std::uint64_t draw) { forget(pick(draw)); }
  /// To another chunk, as compaction of the arena does.
  void move(std::uint64_t draw) {
    const auto it = pick(draw);
    const auto to = arena_.take(Kind::item, item_bytes(0, 4, 20));
    if (!to) return;
    Item(arena_.chunk(*to)).header() = Item(arena_.chunk(it->handle)).header();
    live_.moved(*to);
    rename(it, *to);
  }
  /// All live ones die; their turn comes oldest first.
  void flush() {
    dead_.absorb(live_);
    flushed_.splice(flushed_.end(), order_);
    where_.clear();
    all_.clear();
    unmet_.clear();
  }
  void begin_descent() {
    live_.begin_descent();
    unmet_ = {all_.begin(), all_.end()};
  }
  /// In the end it has met all that were there and were not used since it began.
  void descend(std::uint32_t entries) {
    while (const Handle handle = live_.descend(entries)) {
      ASSERT_TRUE(where_.contains(handle.value));
      unmet_.erase(handle.value);
    }
    ASSERT_TRUE(live_.descending() || unmet_.empty());
  }
  void reclaim() {
    if (flushed_.empty()) {
      ASSERT_FALSE(dead_.oldest());
      return;
    }
    ASSERT_EQ(dead_.oldest().value, flushed_.front().handle.value);
    dead_.remove(flushed_.front().handle);
    arena_.release(flushed_.front().handle);
    flushed_.pop_front();
  }
  /// A log page goes elsewhere, as it must when the index grows into it.
  void relocate(std::uint64_t draw) {
    std::vector<std::uint32_t> pages;
    for (std::uint32_t page = 1; page < arena_.page_count(); ++page)
      if (arena_.claimed(page)) pages.push_back(page);
    const auto fresh = arena_.claim_empty();
    if (pages.empty() || !fresh) return;
    const std::uint32_t page = pages[draw % pages.size()];
    AccessLog::relocate(page, *fresh, live_, dead_);
    ASSERT_FALSE(arena_.claimed(page));
  }
  void pass(std::uint32_t seconds) { now_.value += seconds; }

  void check() {
    ASSERT_EQ(arena_.audit().value_or(""), "");
    ASSERT_EQ(live_.audit().value_or(""), "");
    ASSERT_EQ(dead_.audit().value_or(""), "");
    ASSERT_EQ(live_.live(), order_.size());
    ASSERT_EQ(live_.pages() + dead_.pages(), arena_.stats().claimed_pages);
  }
  void check_order(bool seconds = true) {
    check();
    Handle handle = live_.oldest();
    for (const Entry& entry : order_) {
      ASSERT_EQ(handle.value, entry.handle.value);
      if (seconds) {
        ASSERT_EQ(live_.last_access(handle).value, entry.last_access.value);
      }
      handle = live_.after(handle);
    }
    ASSERT_FALSE(handle);
  }
  void check_descent() {
    live_.begin_descent();
    std::uint32_t entries = ~std::uint32_t{0};
    for (auto it = order_.rbegin(); it != order_.rend(); ++it)
      ASSERT_EQ(live_.descend(entries).value, it->handle.value);
    ASSERT_FALSE(live_.descend(entries));
    ASSERT_FALSE(live_.descending());
  }
  [[nodiscard]] std::size_t items() const { return all_.size(); }
  [[nodiscard]] std::size_t dead_items() const { return flushed_.size(); }
  [[nodiscard]] std::uint32_t log_pages() const { return live_.pages(); }
  [[nodiscard]] std::uint64_t compacted() const { return live_.compacted(); }

 private:
  struct Entry {
    Handle handle;
    Seconds last_access;
  };
  using It = std::list<Entry>::iterator;

  It pick(std::uint64_t draw) { return where_.at(all_[draw % all_.size()]); }
  void forget(It it) {
    live_.remove(it->handle);
    unmet_.erase(it->handle.value);
    arena_.release(it->handle);
    where_.erase(it->handle.value);
    std::erase(all_, it->handle.value);
    order_.erase(it);
  }
  void rename(It it, Handle to) {
    arena_.release(it->handle);
    where_.erase(it->handle.value);
    *std::find(all_.begin(), all_.end(), it->handle.value) = to.value;
    if (unmet_.erase(it->handle.value) > 0) unmet_.insert(to.value);
    it->handle = to;
    where_[to.value] = it;
  }

  std::vector<char> region_;
  alloc::Arena arena_;
  AccessLog live_;
  AccessLog dead_;
  Seconds now_{2};
  std::list<Entry> order_;  ///< oldest first
  std::list<Entry> flushed_;
  std::unordered_map<std::uint32_t, It> where_;
  std::vector<std::uint32_t> all_;
  std::set<std::uint32_t> unmet_;  ///< by the descent
};

TEST(AccessLog, AnEmptyOneHasNoOldest) {
  Logged logged(20);
  logged.check_order();
  logged.check_descent();
  logged.reclaim();
}

TEST(AccessLog, ADescentGoesFromTheLatestUseToTheOldest) {
  Logged logged(400);
  Prng prng(6);
  for (int i = 0; i < 5'000; ++i) logged.insert();
  for (int i = 0; i < 20'000; ++i) logged.bump(prng.next());
  logged.check_descent();
}

TEST(AccessLog, UniformUseOfManyItemsStaysShortAndInOrder) {
  Logged logged(800);
  for (int i = 0; i < 40'000; ++i) logged.insert();
  Prng prng(1);
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 40'000; ++i) logged.bump(prng.below(40'000));
    logged.check_order();
  }
  // 4 bytes an entry, three quarters in use.
  EXPECT_LE(logged.log_pages(), 40'000 * 4 / 3 / AccessLog::entries_per_page + 4);
  // What an access pays for it, in entries looked at.
  EXPECT_LE(logged.compacted(), 400'000u * 8);
}

TEST(AccessLog, AFewHotItemsAmongColdOnes) {
  Logged logged(800);
  for (int i = 0; i < 20'000; ++i) logged.insert();
  Prng prng(2);
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 40'000; ++i) logged.bump(prng.below(8) == 0 ? prng.next() : prng.below(50));
    logged.check_order();
  }
  EXPECT_LE(logged.log_pages(), 20'000 * 4 / 3 / AccessLog::entries_per_page + 4);
}

TEST(AccessLog, SecondsStayExactWhenUseIsSlow) {
  Logged logged(400);
  for (int i = 0; i < 6'000; ++i) {
    logged.insert();
    logged.pass(7);
  }
  Prng prng(3);
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 6'000; ++i) {
      logged.bump(prng.next());
      logged.pass(static_cast<std::uint32_t>(prng.chance(1, 20) ? prng.below(5'000) : 17));
      if (prng.chance(1, 3)) {
        logged.evict();
        logged.insert();
      }
    }
    logged.check_order();
  }
}

TEST(AccessLog, SecondsStayExactWhenEachUseNeedsOne) {
  for (const std::uint32_t gap : {16u, 17u, 31u, 47u}) {
    Logged logged(400);
    Prng prng(gap);
    for (int i = 0; i < 4'000; ++i) {
      logged.insert();
      logged.pass(gap);
    }
    for (int i = 0; i < 40'000; ++i) {
      logged.bump(prng.next());
      logged.pass(gap);
    }
    logged.check_order();
  }
}

TEST(AccessLog, OrderStaysExactWhereSecondsFindNoRoom) {
  // Stored at once, so without a second to say, and then used a second each.
  Logged logged(800);
  for (int i = 0; i < 20'000; ++i) logged.insert();
  Prng prng(5);
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 20'000; ++i) {
      logged.bump(prng.next());
      logged.pass(31);
    }
    logged.check_order(false);
  }
  for (int i = 0; i < 2'000; ++i) logged.remove(prng.next());
  for (int i = 0; i < 30'000; ++i) logged.bump(prng.next());
  logged.check_order(false);
}

RC_GTEST_PROP(AccessLogProperty, EqualsAListWhateverHappens, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  const auto items_max = *rc::gen::inRange<std::size_t>(1, 9'000);
  const auto hot = *rc::gen::inRange<std::uint64_t>(1, 10'000);
  const auto pause = *rc::gen::element<std::uint64_t>(1, 3, 100'000);
  const auto descends = *rc::gen::arbitrary<bool>();
  const auto disturbed = *rc::gen::arbitrary<bool>();
  Logged logged(600);
  Prng prng(seed);
  for (int step = 0; step < 60'000; ++step) {
    if (prng.chance(1, pause)) logged.pass(static_cast<std::uint32_t>(prng.below(40)));
    if (logged.items() < items_max && prng.chance(1, 2)) {
      logged.insert();
    } else if (logged.items() > 0) {
      const std::uint64_t draw = prng.below(4) == 0 ? prng.next() : prng.below(hot);
      switch (prng.below(disturbed ? 24u : 12u)) {
        case 0: logged.evict(); break;
        case 1: logged.remove(draw); break;
        case 12:
        case 13: logged.move(draw); break;
        case 14:
          if (prng.chance(1, 8)) logged.relocate(draw);
          break;
        case 15:
          if (prng.chance(1, 1'000)) logged.flush();
          break;
        default: logged.bump(draw); break;
      }
    }
    if (logged.dead_items() > 0) logged.reclaim();
    if (prng.chance(1, 3'000)) logged.begin_descent();
    if (descends) logged.descend(static_cast<std::uint32_t>(prng.below(20)));
    if (prng.chance(1, 500)) logged.check();
    if (prng.chance(1, 10'000)) logged.check_order();
    RC_ASSERT(!::testing::Test::HasFatalFailure());
  }
  logged.check_order();
  while (logged.dead_items() > 0) logged.reclaim();
  while (logged.items() > 0) logged.evict();
  logged.check_order();
}

}  // namespace
}  // namespace cacheismo::store
