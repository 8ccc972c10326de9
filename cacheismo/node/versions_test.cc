// Goal: of what is taken for one key each is newer than all before, whatever was forgotten between.
// Method: named situations, and a random history judged by a map that forgets nothing.

#include "cacheismo/node/versions.h"

#include <map>
#include <optional>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace cacheismo::node {
namespace {

constexpr store::Seconds now{10};

Version at(std::uint64_t counter) { return {.epoch = 1, .counter = counter, .node = 5}; }

TEST(Version, IsComparedByEpochThenCounterThenNode) {
  EXPECT_LT((Version{1, 9, 9}), (Version{2, 0, 0}));
  EXPECT_LT((Version{1, 1, 9}), (Version{1, 2, 0}));
  EXPECT_LT((Version{1, 1, 1}), (Version{1, 1, 2}));
}

TEST(Version, IsReadAsItIsWritten) {
  const Version version{.epoch = 7, .counter = 1764132345000000, .node = ~std::uint64_t{0}};
  EXPECT_EQ(to_string(version), "7.1764132345000000.18446744073709551615");
  EXPECT_EQ(parse_version(to_string(version)), version);
}

TEST(Version, OfOtherTextIsNone) {
  for (const char* text : {"", "1", "1.2", "1.2.", "1..3", "1.2.3.4", "1.2.x", "-1.2.3", "+1.2.3",
                           "1.2.18446744073709551616", " 1.2.3"})
    EXPECT_EQ(parse_version(text), std::nullopt) << text;
}

TEST(VersionTable, AnOlderVersionLosesToWhatIsKnown) {
  VersionTable table({.entries_max = 4, .seconds_max = 60});
  table.take(at(20), 1, now);
  EXPECT_EQ(table.newer_than(at(19), 1), at(20));
  EXPECT_EQ(table.of(1), at(20));
  EXPECT_EQ(table.of(2), std::nullopt);
  EXPECT_EQ(table.newer_than(at(21), 1), std::nullopt);
}

TEST(VersionTable, TheSameVersionMayComeTwice) {
  VersionTable table({.entries_max = 4, .seconds_max = 60});
  table.take(at(20), 1, now);
  EXPECT_EQ(table.newer_than(at(20), 1), std::nullopt);
}

TEST(VersionTable, AFullTableForgetsTheOldestAndTakesNothingBelowIt) {
  VersionTable table({.entries_max = 2, .seconds_max = 60});
  table.take(at(20), 1, now);
  table.take(at(30), 2, now);
  table.take(at(40), 3, now);
  EXPECT_EQ(table.size(), 2u);
  EXPECT_EQ(table.newer_than(at(20), 1), at(20));
  EXPECT_EQ(table.newer_than(at(21), 1), std::nullopt);
  EXPECT_EQ(table.newer_than(at(19), 4), at(20));
  EXPECT_EQ(table.audit(), std::nullopt);
}

TEST(VersionTable, AKeyThatIsWrittenAgainIsForgottenLater) {
  VersionTable table({.entries_max = 2, .seconds_max = 60});
  table.take(at(20), 1, now);
  table.take(at(30), 2, now);
  table.take(at(40), 1, now);
  table.take(at(50), 3, now);
  EXPECT_EQ(table.floor(), at(30));
  EXPECT_EQ(table.newer_than(at(39), 1), at(40));
}

TEST(VersionTable, AnEntryLastsAMinuteAndNoLonger) {
  VersionTable table({.entries_max = 2, .seconds_max = 60});
  table.take(at(20), 1, now);
  table.forget({now.value + 60});
  EXPECT_EQ(table.size(), 1u);
  table.forget({now.value + 61});
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.newer_than(at(20), 1), at(20));
}

RC_GTEST_PROP(VersionTable, NeverTakesAnOlderVersionOfAKey, ()) {
  VersionTable table({.entries_max = 3, .seconds_max = 5});
  std::map<std::uint64_t, Version> newest;
  store::Seconds time{2};
  const int orders = *rc::gen::inRange(0, 200);
  for (int i = 0; i < orders; ++i) {
    time.value += *rc::gen::weightedElement<std::uint32_t>({{8, 0}, {2, 1}, {1, 7}});
    const std::uint64_t key = *rc::gen::inRange<std::uint64_t>(0, 6);
    const Version version{*rc::gen::inRange<std::uint64_t>(0, 3),
                          *rc::gen::inRange<std::uint64_t>(0, 40),
                          *rc::gen::inRange<std::uint64_t>(0, 2)};
    if (const auto newer = table.newer_than(version, key)) {
      RC_ASSERT(*newer >= version);
    } else {
      RC_ASSERT(!newest.contains(key) || newest[key] <= version);
      table.take(version, key, time);
      newest[key] = version;
    }
    RC_ASSERT(table.audit() == std::nullopt);
  }
}

}  // namespace
}  // namespace cacheismo::node
