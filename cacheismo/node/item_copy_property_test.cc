// Goal: an item that goes from one store to another by its form is the same item there, and bytes
// that are no form are refused without harm. Method: seeded random values and objects are copied
// between two stores with other seeds and sizes, and written again; forms are cut and damaged, and
// what is still read must be written again exactly so; audits throughout.

#include "cacheismo/node/item_copy.h"

#include <cstdlib>
#include <memory>
#include <span>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"
#include "cacheismo/lua/codec.h"

namespace cacheismo::node {
namespace {

using store::Outcome;
using store::Seconds;

constexpr Seconds now{100};

struct Place {
  explicit Place(std::uint64_t seed, std::uint64_t bytes = 64 * MiB, bool evict = true)
      : arena(static_cast<char*>(std::calloc(bytes, 1)), std::free),
        store(std::span(arena.get(), bytes), {.limit_bytes = bytes,
                                              .item_bytes_max = 8 * MiB,
                                              .hash_seed = seed,
                                              .object_bytes_max = 16 * MiB,
                                              .evict = evict}) {}
  std::string form(Bytes key, FormOf what = FormOf::item, std::uint64_t bytes_max = 64 * MiB) {
    std::string out;
    return append_form(store, key, what, bytes_max, now, out) ? out : "none";
  }
  Result<void, StoreFormError> take(Bytes form) {
    const auto item = take_item(form);
    EXPECT_TRUE(item && form.empty());
    return store_form(store, *item, now);
  }

  std::unique_ptr<char, decltype(&std::free)> arena;  // pages that nobody touches cost nothing
  store::Store store;
};

std::string text(Prng& prng, std::size_t size) {
  std::string made(size, '\0');
  for (char& byte : made) byte = static_cast<char>(prng.below(256));
  return made;
}

void put_value(Place& place, Prng& prng, Bytes key, std::size_t bytes) {
  store::PutRule rule;
  if (prng.chance(1, 2)) rule.client_flags = static_cast<std::uint32_t>(prng.next());
  if (prng.chance(1, 2))
    rule.expiry.value = now.value + 1 + static_cast<std::uint32_t>(prng.below(1000));
  ASSERT_EQ(place.store.put(place.store.key(key), rule, text(prng, bytes), now).outcome,
            Outcome::stored);
}

/// An object with `fields` fields, some of them tables of one field.
void put_object(Place& place, Prng& prng, Bytes key, std::uint64_t fields, std::size_t bytes_max) {
  store::Object object;
  std::uint64_t tables = 2;
  for (std::uint64_t i = 0; i < fields; ++i) {
    if (!object.is_open()) {
      const auto access = i == 0 ? store::ObjectAccess::create : store::ObjectAccess::update;
      (void)place.store.open(object, place.store.key(key), access, now);
    }
    lua::KeyBytes name(lua::root_table);
    name.set_integer(static_cast<std::int64_t>(i));
    lua::ValueBytes value;
    if (prng.chance(1, 8)) {
      lua::KeyBytes inner(tables);
      inner.set_string("x");
      value.set_boolean(true);
      ASSERT_TRUE(object.put(inner.bytes(), value.bytes()));
      value = {};
      value.set_table(tables++);
    } else {
      value.set_string(text(prng, prng.below(bytes_max)));
    }
    ASSERT_TRUE(object.put(name.bytes(), value.bytes()));
    if (i % 1000 == 999 || i + 1 == fields) {
      lua::KeyBytes next(lua::bookkeeping_table);
      next.set_string("n");
      value = {};
      value.set_integer(static_cast<std::int64_t>(tables));
      ASSERT_TRUE(object.put(next.bytes(), value.bytes()));
      ASSERT_EQ(place.store.commit(object, {.expiry = Seconds{now.value + 60}}, now),
                Outcome::stored);
    }
  }
}

void expect_same_after_copy(Place& from, Place& to, Bytes key) {
  const std::string form = from.form(key);
  const auto taken = to.take(form);
  ASSERT_TRUE(taken) << to_string(taken.error());
  EXPECT_EQ(to.form(key), form);
  EXPECT_EQ(to.form(key, FormOf::digest), from.form(key, FormOf::digest));
  EXPECT_NE(to.form(key, FormOf::digest), "none");
  ASSERT_EQ(to.store.audit(), std::nullopt);
}

RC_GTEST_PROP(ItemCopy, WhatIsCopiedIsTheSame, ()) {
  Prng prng(*rc::gen::arbitrary<std::uint64_t>());
  Place from(1);
  Place to(2);
  for (int i = 0; i < 20; ++i) {
    const std::string key = text(prng, 1 + prng.below(limits::key_bytes_max));
    if (prng.chance(1, 2)) {
      put_value(from, prng, key, prng.below(prng.chance(1, 4) ? 200'000 : 900));
    } else {
      put_object(from, prng, key, 1 + prng.below(prng.chance(1, 4) ? 3000 : 12), 100);
    }
    if (prng.chance(1, 3)) put_value(to, prng, key, 10);
    expect_same_after_copy(from, to, key);
  }
}

RC_GTEST_PROP(ItemCopy, DamagedBytesAreRefusedOrReadAsWhatTheySay, ()) {
  Prng prng(*rc::gen::arbitrary<std::uint64_t>());
  Place from(1);
  Place to(2);
  if (prng.chance(1, 2)) {
    put_value(from, prng, "key", prng.below(100));
  } else {
    put_object(from, prng, "key", 1 + prng.below(20), 40);
  }
  std::string form = from.form("key");
  for (int i = 0; i < 50; ++i) {
    std::string damaged = form;
    damaged[prng.below(damaged.size())] = static_cast<char>(prng.below(256));
    if (prng.chance(1, 3)) damaged.resize(prng.below(damaged.size()));
    Bytes rest = damaged;
    const auto item = take_item(rest);
    if (!item) continue;
    std::string again;
    append_item(*item, again);
    RC_ASSERT(again == Bytes(damaged).substr(0, damaged.size() - rest.size()));
    const std::string key(item->key);
    if (!store_form(to.store, *item, now) || item->kind == ItemForm::Kind::gone) continue;
    RC_ASSERT(to.store.audit() == std::nullopt);
    // An expiry in the same second is past; one at the end of the store's time is cut to it.
    const std::uint32_t seconds = item->seconds_to_live.value_or(1);
    if (seconds > 0 && seconds < 1u << 31) RC_ASSERT(to.form(key) == again);
  }
}

TEST(ItemCopy, AnObjectLargerThanOneUpdateMayChangeIsCopiedWhole) {
  Prng prng(7);
  Place from(1);
  Place to(2);
  put_object(from, prng, "map$large", 20'000, 900);
  ASSERT_GT(from.form("map$large").size(), 6 * MiB);
  expect_same_after_copy(from, to, "map$large");
}

TEST(ItemCopy, AnObjectThatDoesNotFitLeavesNoPart) {
  Prng prng(7);
  Place from(1);
  put_object(from, prng, "map$large", 20'000, 900);
  const std::string form = from.form("map$large");
  Place tiny(2, 8 * MiB);  // objects of 2 MiB
  put_value(tiny, prng, "map$large", 10);
  EXPECT_EQ(tiny.take(form).error(), StoreFormError::too_large);
  EXPECT_EQ(tiny.form("map$large"), "none");
  EXPECT_EQ(tiny.store.audit(), std::nullopt);
  Place full(3, 32 * MiB, false);
  for (int i = 0; i < 29; ++i) put_value(full, prng, "v" + std::to_string(i), 1 * MiB);
  EXPECT_EQ(full.take(form).error(), StoreFormError::no_memory);
  EXPECT_EQ(full.form("map$large"), "none");
  EXPECT_EQ(full.store.audit(), std::nullopt);
}

TEST(ItemCopy, WhatIsLongerThanItsPlaceIsOnlyNamed) {
  Prng prng(7);
  Place from(1);
  put_value(from, prng, "key", 1000);
  const std::string form = from.form("key", FormOf::item, 999);
  Bytes rest = form;
  const auto item = take_item(rest);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->kind, ItemForm::Kind::long_one);
  EXPECT_EQ(from.store.audit(), std::nullopt);
  EXPECT_EQ(from.take(form).error(), StoreFormError::malformed);
}

TEST(ItemCopy, WhatIsGoneIsRemoved) {
  Prng prng(7);
  Place to(1);
  put_value(to, prng, "key", 1000);
  std::string form;
  append_item({.kind = ItemForm::Kind::gone, .key = "key"}, form);
  EXPECT_TRUE(to.take(form));
  EXPECT_EQ(to.form("key"), "none");
}

TEST(ItemCopy, AnObjectWithACycleIsRefusedAndTheOldItemStays) {
  Prng prng(7);
  Place to(1);
  put_value(to, prng, "key", 5);
  const std::string before = to.form("key");
  std::string payload;
  lua::KeyBytes next(lua::bookkeeping_table);
  next.set_string("n");
  lua::KeyBytes field(lua::root_table);
  field.set_string("self");
  lua::ValueBytes three;
  three.set_integer(3);
  lua::ValueBytes self;
  self.set_table(lua::root_table);
  append_entry(next.bytes(), three.bytes(), payload);
  append_entry(field.bytes(), self.bytes(), payload);
  std::string form;
  append_item({.kind = ItemForm::Kind::object, .key = "key", .payload = payload}, form);
  EXPECT_EQ(to.take(form).error(), StoreFormError::malformed);
  EXPECT_EQ(to.form("key"), before);
}

}  // namespace
}  // namespace cacheismo::node
