// Goal: an object that is created takes the place of what has its key, all or nothing; delete,
// touch and scan treat it as an item. Method: situations over a small store.

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/units.h"
#include "cacheismo/store/object.h"
#include "cacheismo/store/store.h"

namespace cacheismo::store {
namespace {

class ObjectCreate : public testing::Test {
 protected:
  ObjectCreate() { make(true); }
  ~ObjectCreate() override { EXPECT_EQ(store_->audit(), std::nullopt); }

  void make(bool evict) {
    store_.reset();
    region_.assign(1 * MiB, 0);
    store_ = std::make_unique<Store>(
        std::span<char>(region_),
        StoreOptions{.limit_bytes = region_.size(), .item_bytes_max = 512 * KiB, .evict = evict});
  }
  Outcome create(Bytes key, int entries, const ObjectCommit& how = {}) {
    EXPECT_EQ(store_->open(object_, store_->key(key), ObjectAccess::create, now_),
              ObjectFound::missing);
    for (int i = 0; i < entries; ++i)
      EXPECT_TRUE(object_.put("key" + std::to_string(i), std::string(100, 'v')));
    return store_->commit(object_, how, now_);
  }
  int entries(Bytes key) {
    if (store_->open(object_, store_->key(key), ObjectAccess::read, now_) != ObjectFound::object)
      return -1;
    int count = 0;
    for (auto entry = object_.first_from(""); entry; entry = object_.first_after(entry->key))
      ++count;
    store_->close(object_);
    return count;
  }

  std::vector<char> region_;
  std::unique_ptr<Store> store_;
  Object object_;
  Seconds now_{10};
};

TEST_F(ObjectCreate, ANewObjectAndOneInThePlaceOfAnother) {
  EXPECT_EQ(create("o", 3), Outcome::stored);
  EXPECT_EQ(entries("o"), 3);
  EXPECT_EQ(create("o", 200), Outcome::stored);
  EXPECT_EQ(entries("o"), 200);
  EXPECT_EQ(create("o", 1), Outcome::stored);
  EXPECT_EQ(entries("o"), 1);
  EXPECT_EQ(create("o", 0), Outcome::stored);
  EXPECT_EQ(entries("o"), 0);
  EXPECT_EQ(store_->stats().items, 1u);
}

TEST_F(ObjectCreate, InThePlaceOfAValue) {
  ASSERT_EQ(
      store_->put(store_->key("o"), {.expiry = {100}}, std::string(20'000, 'x'), now_).outcome,
      Outcome::stored);
  EXPECT_EQ(create("o", 3), Outcome::stored);
  EXPECT_EQ(entries("o"), 3);
  EXPECT_EQ(store_->peek(store_->key("o"), now_)->expiry(), never);
  EXPECT_EQ(store_->stats().items, 1u);
}

TEST_F(ObjectCreate, WhatWasThereStaysUntilTheCommitAndWhereItIsDiscarded) {
  EXPECT_EQ(create("o", 3), Outcome::stored);
  static_cast<void>(store_->open(object_, store_->key("o"), ObjectAccess::create, now_));
  EXPECT_TRUE(object_.put("other", "x"));
  store_->close(object_);
  EXPECT_EQ(entries("o"), 3);
}

TEST_F(ObjectCreate, WithoutMemoryWhatWasThereStays) {
  make(false);
  EXPECT_EQ(create("o", 3), Outcome::stored);
  for (int i = 0;; ++i) {
    const std::string key = "filler" + std::to_string(i);
    if (store_->put(store_->key(key), {}, std::string(400, 'f'), now_).outcome != Outcome::stored)
      break;
  }
  EXPECT_EQ(create("o", 500), Outcome::no_memory);
  EXPECT_EQ(entries("o"), 3);
}

TEST_F(ObjectCreate, ErasedAtItsCommitItTakesTheOldOneAlong) {
  EXPECT_EQ(create("o", 3), Outcome::stored);
  EXPECT_EQ(create("o", 5, {.erase = true}), Outcome::stored);
  EXPECT_EQ(entries("o"), -1);
  EXPECT_EQ(store_->stats().items, 0u);
}

TEST_F(ObjectCreate, AFullCacheEvictsOthersAndNotWhatIsReplaced) {
  for (int round = 0; round < 50; ++round) {
    EXPECT_EQ(create("o", 20 + round * 7 % 300), Outcome::stored);
    for (int i = 0; i < 100; ++i) {
      const std::string key = "filler" + std::to_string(round * 100 + i);
      EXPECT_EQ(store_->put(store_->key(key), {}, std::string(700, 'f'), now_).outcome,
                Outcome::stored);
      if (i % 20 == 0) {
        EXPECT_EQ(entries("o"), 20 + round * 7 % 300);
      }
    }
    ASSERT_EQ(store_->audit(), std::nullopt);
  }
}

TEST_F(ObjectCreate, AScanSaysWhichItemsAreObjects) {
  struct Seen final : Store::Visitor {
    void visit(const ItemView& item) override {
      (item.is_object() ? objects : values) += std::string(item.key());
    }
    std::string objects;
    std::string values;
  } seen;
  EXPECT_EQ(create("o", 3), Outcome::stored);
  EXPECT_EQ(store_->put(store_->key("v"), {}, "x", now_).outcome, Outcome::stored);
  const ScanRule rule{.visits_max = 100, .lines_max = 100};
  std::uint64_t cursor = 0;
  do cursor = store_->scan(cursor, rule, seen, now_).next;
  while (cursor != 0);
  EXPECT_EQ(seen.objects, "o");
  EXPECT_EQ(seen.values, "v");
}

TEST_F(ObjectCreate, DeleteAndTouchTreatItAsAnyItem) {
  for (const RemoveRule& rule :
       {RemoveRule{}, RemoveRule{.invalidate = true}, RemoveRule{.clear_value = true}}) {
    EXPECT_EQ(create("o", 3), Outcome::stored);
    const auto touched = store_->touch(store_->key("o"), Seconds{700}, now_);
    ASSERT_TRUE(touched);
    EXPECT_TRUE(touched->is_object());
    EXPECT_EQ(touched->expiry(), Seconds{700});
    EXPECT_EQ(store_->remove(store_->key("o"), rule, now_), Outcome::stored);
    EXPECT_FALSE(store_->peek(store_->key("o"), now_));
  }
}

}  // namespace
}  // namespace cacheismo::store
