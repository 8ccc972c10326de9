// Goal: what scripts store passes, whatever it is; what they cannot have stored does not. Method:
// scripts fill objects of a MapHost's kind through the entries themselves, then single entries are
// damaged.

#include "cacheismo/lua/object_check.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

namespace cacheismo::lua {
namespace {

using Entries = std::map<std::string, std::string>;

std::string key(TableNumber table, Bytes field) {
  KeyBytes made(table);
  made.set_string(field);
  return std::string(made.bytes());
}
std::string key(TableNumber table, std::int64_t field) {
  KeyBytes made(table);
  made.set_integer(field);
  return std::string(made.bytes());
}
std::string integer(std::int64_t value) {
  ValueBytes made;
  made.set_integer(value);
  return std::string(made.bytes());
}
std::string text(Bytes value) {
  ValueBytes made;
  made.set_string(value);
  return std::string(made.bytes());
}
std::string table(TableNumber number) {
  ValueBytes made;
  made.set_table(number);
  return std::string(made.bytes());
}
std::string long_text(TableNumber number, std::uint64_t bytes) {
  ValueBytes made;
  made.set_long_string(number, bytes);
  return std::string(made.bytes());
}

bool passes(const Entries& entries) {
  ObjectCheck check;
  for (const auto& [name, value] : entries) {
    if (!check.take(name, value)) return false;
  }
  return check.finish();
}

/// { limit = 5, items = { a = "x" }, text = 2500 bytes }
Entries sample() {
  return {{key(0, "n"), integer(4)},
          {key(0, "v"), integer(2)},
          {key(1, "limit"), integer(5)},
          {key(1, "items"), table(2)},
          {key(1, "text"), long_text(3, 2500)},
          {key(2, "a"), text("x")},
          {key(3, 1), text(std::string(1000, 'a'))},
          {key(3, 2), text(std::string(1000, 'b'))},
          {key(3, 3), text(std::string(500, 'c'))}};
}

TEST(ObjectCheck, WhatScriptsStorePasses) {
  EXPECT_TRUE(passes(sample()));
  EXPECT_TRUE(passes({}));
  EXPECT_TRUE(passes({{key(0, "n"), integer(3)}, {key(1, 1), table(2)}})) << "an empty table";
  EXPECT_TRUE(
      passes({{key(0, "n"), integer(1000)}, {key(1, 1), table(600)}, {key(600, 1), text("")}}))
      << "a table whose number takes several bytes";
}

TEST(ObjectCheck, ACycleIsRefused) {
  Entries entries = sample();
  entries[key(2, "a")] = table(2);
  EXPECT_FALSE(passes(entries));
  entries[key(2, "a")] = table(1);
  EXPECT_FALSE(passes(entries));
}

TEST(ObjectCheck, ATableInTwoPlacesIsRefused) {
  Entries entries = sample();
  entries[key(1, "again")] = table(2);
  EXPECT_FALSE(passes(entries));
}

TEST(ObjectCheck, ATableThatNobodyRefersToIsRefused) {
  Entries entries = sample();
  entries.erase(key(1, "items"));
  EXPECT_FALSE(passes(entries));
}

TEST(ObjectCheck, ANumberThatIsNotTakenYetIsRefused) {
  Entries entries = sample();
  entries[key(0, "n")] = integer(3);
  EXPECT_FALSE(passes(entries));
  entries.erase(key(0, "n"));
  EXPECT_FALSE(passes(entries));
}

TEST(ObjectCheck, ALongStringThatIsNotAsLongAsItSaysIsRefused) {
  Entries entries = sample();
  entries.erase(key(3, 3));
  EXPECT_FALSE(passes(entries));
  entries = sample();
  entries[key(3, 4)] = text("d");
  EXPECT_FALSE(passes(entries));
  entries = sample();
  entries.erase(key(3, 1));
  EXPECT_FALSE(passes(entries));
}

TEST(ObjectCheck, TablesThatAreNestedTooDeeplyAreRefused) {
  for (const std::int64_t depth : {std::int64_t{checked_depth_max}, checked_depth_max + 1L}) {
    Entries entries{{key(0, "n"), integer(depth + 2)}};
    for (std::int64_t i = 1; i <= depth; ++i)
      entries[key(static_cast<TableNumber>(i), 1)] = table(static_cast<TableNumber>(i) + 1);
    EXPECT_EQ(passes(entries), depth == checked_depth_max) << depth;
  }
}

TEST(ObjectCheck, BytesThatNoFieldIsWrittenAsAreRefused) {
  EXPECT_FALSE(passes({{"", text("x")}}));
  EXPECT_FALSE(passes({{std::string("\x01\x99", 2), text("x")}}));
  EXPECT_FALSE(passes({{std::string("\xF1\x05\x80", 3), text("x")}})) << "a short number, long";
  EXPECT_FALSE(passes({{key(1, "a"), ""}}));
  EXPECT_FALSE(passes({{key(1, "a"), std::string("\x11\x02", 2)}})) << "a small integer, long";
  EXPECT_FALSE(passes({{key(1, "a"), std::string("\x7F", 1)}}));
}

}  // namespace
}  // namespace cacheismo::lua
