// Goal: objects are read and changed as object.h says, cost what MEMORY.md says, and live with the
// ordinary verbs as store.h says. Method: a small store, one situation a test; the property test
// covers the combinations.

#include "cacheismo/store/object.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/units.h"
#include "cacheismo/store/store.h"

namespace cacheismo::store {
namespace {

class ObjectTest : public testing::Test {
 protected:
  ObjectTest() { make({}); }

  void make(StoreOptions options) {
    store_.reset();
    if (options.limit_bytes == 0) options.limit_bytes = 2 * MiB;
    region_.assign(options.limit_bytes, 0);
    options.item_bytes_max = 256 * KiB;
    store_ = std::make_unique<Store>(std::span<char>(region_), options);
  }
  Key key(Bytes name) { return store_->key(name); }
  ObjectFound open(Object& object, Bytes name, ObjectAccess access = ObjectAccess::update) {
    return store_->open(object, key(name), access, now_);
  }
  /// Makes `count` entries, in a shuffled order.
  Outcome fill(Bytes name, int count, const std::string& value, ObjectCommit how = {}) {
    Object object;
    EXPECT_NE(open(object, name), ObjectFound::value);
    for (int i = 0; i < count; ++i) EXPECT_TRUE(object.put(field(i * 7919 % count), value));
    return store_->commit(object, how, now_);
  }
  static std::string field(int number) {
    std::string text = std::to_string(number);
    return "field" + std::string(6 - text.size(), '0') + text;
  }
  std::string at(Bytes name, Bytes entry) {
    Object object;
    const ObjectFound found = open(object, name, ObjectAccess::read);
    if (found != ObjectFound::object) return "(no object)";
    const auto value = object.find(entry);
    const std::string text = value ? std::string(*value) : "(no entry)";
    store_->close(object);
    return text;
  }
  int count(Bytes name) {
    Object object;
    if (open(object, name, ObjectAccess::read) != ObjectFound::object) return -1;
    int entries = 0;
    for (auto entry = object.first_from({}); entry; entry = object.first_after(entry->key))
      ++entries;
    store_->close(object);
    return entries;
  }
  Outcome put(Bytes name, Bytes value, PutRule rule = {}) {
    return store_->put(key(name), rule, value, now_).outcome;
  }
  void expect_sound() { EXPECT_EQ(store_->audit().value_or(""), ""); }

  std::vector<char> region_;
  std::unique_ptr<Store> store_;
  Seconds now_{100};
};

// ---- Reading and changing -------------------------------------------------------------------

TEST_F(ObjectTest, AMissingOneOpensEmptyForUpdateAndNotAtAllToRead) {
  Object object;
  EXPECT_EQ(open(object, "o", ObjectAccess::read), ObjectFound::missing);
  EXPECT_FALSE(object.is_open());
  EXPECT_EQ(open(object, "o"), ObjectFound::missing);
  EXPECT_TRUE(object.is_open());
  EXPECT_FALSE(object.find("a"));
  EXPECT_FALSE(object.first_from({}));
  EXPECT_FALSE(object.last_before("z"));
  store_->close(object);
  EXPECT_EQ(store_->stats().items, 0u);
}

TEST_F(ObjectTest, ChangesShowInsideAtOnceAndOutsideWithTheCommit) {
  Object object;
  (void)open(object, "o");
  EXPECT_TRUE(object.put("a", "1"));
  EXPECT_EQ(object.find("a"), "1");
  EXPECT_EQ(at("o", "a"), "(no object)");
  EXPECT_EQ(store_->commit(object, {}, now_), Outcome::stored);
  EXPECT_FALSE(object.is_open());
  EXPECT_EQ(at("o", "a"), "1");
  (void)open(object, "o");
  EXPECT_TRUE(object.put("a", "22"));
  EXPECT_TRUE(object.erase("a").found);
  EXPECT_FALSE(object.erase("a").found);
  EXPECT_EQ(at("o", "a"), "1");
  store_->close(object);
  EXPECT_EQ(at("o", "a"), "1");
  expect_sound();
}

TEST_F(ObjectTest, EntriesAreInTheOrderOfBytesAndAPrefixComesFirst) {
  Object object;
  (void)open(object, "o");
  const std::vector<std::string> in_order{"",
                                          std::string(1, '\0'),
                                          std::string(9, '\0'),
                                          "a",
                                          std::string("a\0", 2),
                                          "aa",
                                          "abcdefgh",
                                          "abcdefghi",
                                          "abcdefgi",
                                          "b",
                                          "\x7f",
                                          "\xff"};
  for (std::size_t i = in_order.size(); i-- > 0;) EXPECT_TRUE(object.put(in_order[i], "v"));
  EXPECT_EQ(store_->commit(object, {}, now_), Outcome::stored);
  (void)open(object, "o", ObjectAccess::read);
  auto entry = object.first_from({});
  for (const std::string& name : in_order) {
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->key, name);
    EXPECT_EQ(object.find(name), "v");
    entry = object.first_after(name);
  }
  EXPECT_FALSE(entry);
  for (std::size_t i = 1; i < in_order.size(); ++i)
    EXPECT_EQ(object.last_before(in_order[i])->key, in_order[i - 1]);
  EXPECT_EQ(object.first_from("ab")->key, "abcdefgh");
  store_->close(object);
}

TEST_F(ObjectTest, TheLongestKeysAndValuesGoInAndComeOut) {
  const std::string value(limits::object_value_bytes_max, 'v');
  Object object;
  (void)open(object, "o");
  for (int i = 0; i < 40; ++i) {
    std::string name(limits::object_key_bytes_max, 'k');
    name.replace(500, 11, field(i));
    EXPECT_TRUE(object.put(name, value));
  }
  EXPECT_EQ(store_->commit(object, {}, now_), Outcome::stored);
  EXPECT_EQ(count("o"), 40);
  expect_sound();
}

TEST_F(ObjectTest, ALargeOneShrinksBackIntoItsItem) {
  EXPECT_EQ(fill("o", 5000, "some value"), Outcome::stored);
  EXPECT_EQ(count("o"), 5000);
  expect_sound();
  Object object;
  (void)open(object, "o");
  for (int i = 3; i < 5000; ++i) EXPECT_TRUE(object.erase(field(i)).found);
  EXPECT_EQ(store_->commit(object, {}, now_), Outcome::stored);
  expect_sound();
  EXPECT_EQ(count("o"), 3);
  while (store_->maintain({.items = 1000}, now_)) continue;
  EXPECT_LT(store_->stats().bytes, 120u);
}

TEST_F(ObjectTest, AppendedEntriesFillTheirNodes) {
  Object object;
  for (int i = 0; i < 5000; ++i) {
    if (i % 100 == 0) (void)open(object, "o");
    EXPECT_TRUE(object.put(field(i), "some value"));
    if (i % 100 == 99) EXPECT_EQ(store_->commit(object, {}, now_), Outcome::stored);
  }
  // 23 bytes an entry; nodes, their links and the levels above them are the rest.
  EXPECT_LT(store_->stats().bytes, 5000u * 23 * 110 / 100);
  EXPECT_EQ(count("o"), 5000);
}

TEST_F(ObjectTest, OneThatWouldExceedItsBoundRefusesAndStaysUsable) {
  make({.limit_bytes = 4 * MiB, .object_bytes_max = 64 * KiB});
  Object object;
  (void)open(object, "o");
  int stored = 0;
  while (object.put(field(stored), std::string(500, 'x'))) ++stored;
  EXPECT_GT(stored, 100);
  EXPECT_LE(object.bytes(), 64 * KiB);
  EXPECT_FALSE(object.find(field(stored)));
  EXPECT_TRUE(object.put(field(0), std::string(500, 'y'))) << "it does not grow";
  EXPECT_EQ(store_->commit(object, {}, now_), Outcome::stored);
  EXPECT_EQ(count("o"), stored);
}

TEST_F(ObjectTest, AnUpdateThatNeedsTooMuchOutsideTheArenaRefuses) {
  make({.limit_bytes = 64 * MiB});
  Object object;
  (void)open(object, "o");
  int stored = 0;
  while (stored < 20000 && object.put(field(stored), std::string(1000, 'x'))) ++stored;
  EXPECT_LT(stored, 20000);
  EXPECT_FALSE(object.erase(field(0)).done);
  EXPECT_EQ(store_->commit(object, {}, now_), Outcome::stored);
  (void)open(object, "o");
  EXPECT_TRUE(object.put(field(stored), "goes on"));
  EXPECT_EQ(store_->commit(object, {}, now_), Outcome::stored);
  EXPECT_EQ(count("o"), stored + 1);
}

// ---- Memory -------------------------------------------------------------------------------------

TEST_F(ObjectTest, ASmallOneCostsLittleMoreThanItsEntries) {
  Object object;
  (void)open(object, "quota$alice");
  EXPECT_TRUE(object.put("limit", "10000"));
  EXPECT_TRUE(object.put("period", "hour"));
  EXPECT_TRUE(object.put("used", "12345"));
  EXPECT_EQ(store_->commit(object, {}, now_), Outcome::stored);
  // Beside these: 9.3 bytes at most in the index, and 5.3 in the access log.
  EXPECT_EQ(store_->stats().bytes, 12u + 2 + 11 + 35);
}

TEST_F(ObjectTest, WithoutMemoryACommitLeavesAllAsItWas) {
  for (int given_back = 0; given_back < 24; ++given_back) {
    make({.limit_bytes = 1 * MiB, .evict = false});
    ASSERT_EQ(fill("o", 500, "before", {.expiry = Seconds{500}}), Outcome::stored);
    int fillers = 0;
    for (const std::size_t size : {std::size_t{400}, std::size_t{20}})
      while (put("filler" + std::to_string(fillers), std::string(size, 'x')) == Outcome::stored)
        ++fillers;
    for (int i = 0; i < given_back; ++i)
      (void)store_->remove(key("filler" + std::to_string(i * 50)), {}, now_);
    const std::uint64_t bytes = store_->stats().bytes;
    Object object;
    (void)open(object, "o");
    for (int i = 0; i < 500; i += 3)
      EXPECT_TRUE(object.put(field(i), "a longer value than it was"));
    ++now_.value;
    const Outcome outcome = store_->commit(object, {.expiry = Seconds{900}}, now_);
    expect_sound();
    EXPECT_EQ(count("o"), 500);
    if (outcome == Outcome::stored) {
      EXPECT_GT(given_back, 0);
      EXPECT_EQ(at("o", field(0)), "a longer value than it was");
      continue;
    }
    EXPECT_EQ(outcome, Outcome::no_memory);
    EXPECT_EQ(at("o", field(0)), "before");
    EXPECT_EQ(store_->stats().bytes, bytes);
    EXPECT_EQ(store_->peek(key("o"), now_)->expiry(), Seconds{500});
    EXPECT_EQ(store_->peek(key("o"), now_)->last_access(), Seconds{now_.value - 1});
  }
}

TEST_F(ObjectTest, ALargeOneIsEvictedWholeAndItsMemoryUsedAgain) {
  EXPECT_EQ(fill("old", 10000, "some value"), Outcome::stored);
  EXPECT_EQ(put("new", "x"), Outcome::stored);
  std::uint64_t evictions = 0;
  for (int i = 0; evictions == 0; ++i) {
    (void)put("filler" + std::to_string(i), std::string(1000, 'x'));
    evictions = store_->stats().evictions;
  }
  EXPECT_EQ(evictions, 1u);
  EXPECT_EQ(count("old"), -1);
  expect_sound();
  for (int i = 0; i < 200; ++i) (void)put("more" + std::to_string(i), std::string(1000, 'x'));
  EXPECT_EQ(store_->stats().evictions, 1u) << "the nodes go before any other item";
  expect_sound();
}

TEST_F(ObjectTest, ADeletedOneIsGivenBackInSlices) {
  EXPECT_EQ(fill("o", 10000, "some value"), Outcome::stored);
  EXPECT_EQ(store_->remove(key("o"), {}, now_), Outcome::stored);
  EXPECT_EQ(store_->stats().bytes, 0u);
  int slices = 0;
  while (store_->maintain({.items = 20}, now_)) {
    ++slices;
    if (slices % 5 == 0) expect_sound();
  }
  EXPECT_GT(slices, 10);
  expect_sound();
}

// ---- Time -----------------------------------------------------------------------------------

TEST_F(ObjectTest, ACommitKeepsTheExpiryUnlessItSetsOne) {
  EXPECT_EQ(fill("o", 3, "v", {.expiry = Seconds{200}}), Outcome::stored);
  EXPECT_EQ(fill("o", 3, "w"), Outcome::stored);
  EXPECT_EQ(store_->peek(key("o"), now_)->expiry(), Seconds{200});
  EXPECT_EQ(fill("o", 3, "longer", {.expiry = never}), Outcome::stored);
  EXPECT_EQ(store_->peek(key("o"), now_)->expiry(), never);
  EXPECT_EQ(fill("o", 3, "x", {.expiry = Seconds{150}}), Outcome::stored);
  now_ = Seconds{150};
  EXPECT_EQ(count("o"), -1);
}

TEST_F(ObjectTest, OneThatExpiresOrIsFlushedWhileItIsOpenStaysUntilItIsClosed) {
  EXPECT_EQ(fill("o", 3, "v", {.expiry = Seconds{200}}), Outcome::stored);
  EXPECT_EQ(fill("p", 3, "v"), Outcome::stored);
  store_->flush(Seconds{200}, now_);
  Object object;
  (void)open(object, "o");
  now_ = Seconds{300};
  EXPECT_FALSE(store_->get(key("o"), now_));
  EXPECT_FALSE(store_->peek(key("o"), now_));
  EXPECT_EQ(object.find(field(1)), "v");
  EXPECT_EQ(store_->commit(object, {.expiry = Seconds{400}}, now_), Outcome::stored);
  EXPECT_EQ(count("o"), -1) << "the flush that was due comes now";
  EXPECT_EQ(count("p"), -1);
  expect_sound();
}

TEST_F(ObjectTest, ReadingCountsAsAnAccessWhereAskedFor) {
  EXPECT_EQ(fill("o", 3, "v"), Outcome::stored);
  now_ = Seconds{110};
  Object object;
  (void)open(object, "o", ObjectAccess::read);
  store_->close(object);
  EXPECT_EQ(store_->peek(key("o"), now_)->last_access(), Seconds{100});
  (void)open(object, "o", ObjectAccess::read);
  store_->close(object, now_);
  EXPECT_EQ(store_->peek(key("o"), now_)->last_access(), Seconds{110});
}

// ---- Several at a time ----------------------------------------------------------------------

TEST_F(ObjectTest, ReadersGoOnOverTheCommitOfAnother) {
  EXPECT_EQ(fill("a", 300, "v"), Outcome::stored);
  EXPECT_EQ(fill("b", 3, "v"), Outcome::stored);
  Object reader;
  Object same;
  Object writer;
  (void)open(reader, "a", ObjectAccess::read);
  (void)open(same, "b", ObjectAccess::read);
  (void)open(writer, "b");
  EXPECT_EQ(reader.first_from({})->key, field(0));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(writer.put(field(i), "another value"));
  EXPECT_EQ(store_->commit(writer, {}, now_), Outcome::stored);
  EXPECT_EQ(reader.first_after(field(0))->key, field(1));
  EXPECT_EQ(same.find(field(99)), "another value");
  (void)open(writer, "b");
  EXPECT_EQ(store_->commit(writer, {.expiry = std::nullopt, .erase = true}, now_), Outcome::stored);
  EXPECT_FALSE(same.find(field(99)));
  store_->close(reader);
  store_->close(same);
  EXPECT_EQ(count("b"), -1);
}

// ---- Ordinary verbs -------------------------------------------------------------------------

TEST_F(ObjectTest, VerbsThatShowAValueMissIt) {
  EXPECT_EQ(fill("o", 3, "v"), Outcome::stored);
  EXPECT_FALSE(store_->get(key("o"), now_));
  EXPECT_FALSE(store_->meta_get(key("o"), {}, now_).hit);
  EXPECT_FALSE(store_->meta_get(key("o"), {.vivify = Seconds{500}}, now_).hit);
  EXPECT_EQ(store_->arithmetic(key("o"), {}, now_).outcome, Outcome::not_numeric);
  auto view = store_->peek(key("o"), now_);
  ASSERT_TRUE(view);
  EXPECT_TRUE(view->is_object());
  EXPECT_FALSE(view->contiguous());
  EXPECT_EQ(store_->cas(*view), 0u);
  EXPECT_EQ(count("o"), 3);
}

TEST_F(ObjectTest, VerbsThatStoreTakeItsPlaceOrDoNot) {
  EXPECT_EQ(fill("o", 3, "v"), Outcome::stored);
  EXPECT_EQ(put("o", "x", {.mode = Mode::add}), Outcome::not_stored);
  EXPECT_EQ(put("o", "x", {.mode = Mode::append}), Outcome::not_stored);
  EXPECT_EQ(put("o", "x", {.mode = Mode::prepend}), Outcome::not_stored);
  EXPECT_EQ(put("o", "x", {.compare_cas = 1}), Outcome::exists);
  EXPECT_EQ(count("o"), 3);
  EXPECT_EQ(put("o", "x", {.mode = Mode::replace}), Outcome::stored);
  Object object;
  EXPECT_EQ(open(object, "o"), ObjectFound::value);
  EXPECT_FALSE(object.is_open());
  EXPECT_FALSE(store_->peek(key("o"), now_)->is_object());
  expect_sound();
}

using ObjectDeathTest = ObjectTest;

TEST_F(ObjectDeathTest, WritingBesideAnOpenOneIsAProgrammersError) {
  Object object;
  (void)open(object, "o");
  EXPECT_DEATH((void)put("k", "v"), "any_open");
  Object second;
  EXPECT_DEATH((void)open(second, "p"), "updating_");
  store_->close(object);
}

}  // namespace
}  // namespace cacheismo::store
