// Goal: the oracle of replicated keys objects to what replication rules out, and to nothing else.
// Method: histories written by hand, of holders 0 and 1; first those that may happen, each of them
// one step away from one that may not.

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/cluster/copied_key.h"

namespace cacheismo::sim {
namespace {

using Told = CopiedKey::Told;
using Value = std::optional<std::string>;

constexpr CopiedKey::Time never = linear::never_ns;
const Value nothing = std::nullopt;

class CopiedKeyTest : public testing::Test {
 protected:
  /// From `call` to `end`; never: there was no reply.
  void write(const Value& value, CopiedKey::Time call, CopiedKey::Time end, Told told) {
    const std::size_t number = key_.begin_write(value, call);
    if (end != never) key_.end_write(number, told, end);
  }
  /// The rule that objects first; empty: none does.
  std::string broken() {
    const auto wrong = key_.judge(options_);
    if (wrong.empty()) return "";
    for (const char* rule : {"invented", "returned", "lost", "agreement"}) {
      if (wrong.front().find(rule) != std::string::npos) return rule;
    }
    return wrong.front();
  }

  CopiedKey key_{"r0"};
  CopiedKey::Options options_{.eras = {{{0, never}, {0, 1}}}};
};

TEST_F(CopiedKeyTest, NothingIsThereBeforeAnythingIsWritten) {
  key_.read(1, 2, nothing);
  key_.look(0, 3, nothing);
  EXPECT_EQ(broken(), "");
}

TEST_F(CopiedKeyTest, WhatNobodyHasWrittenIsInvented) {
  write("a", 5, 8, Told::complete);
  key_.read(1, 9, "a");
  EXPECT_EQ(broken(), "");
  key_.read(9, 10, "b");
  EXPECT_EQ(broken(), "invented");
}

TEST_F(CopiedKeyTest, WhatIsReadBeforeItIsWrittenIsInvented) {
  write("a", 5, 8, Told::complete);
  key_.read(1, 4, "a");
  EXPECT_EQ(broken(), "invented");
}

TEST_F(CopiedKeyTest, AWriteThatNobodyConfirmsMayBeReadOrNotOrLater) {
  write("a", 1, 2, Told::complete);
  write("b", 3, never, Told::nothing);
  write("c", 4, 5, Told::nothing);
  for (const char* value : {"b", "a", "c", "a"}) key_.read(10, 11, value);
  write("d", 20, 21, Told::complete);
  key_.read(30, 31, "b");
  key_.read(32, 33, "c");
  EXPECT_EQ(broken(), "");
  key_.read(34, 35, "a");
  EXPECT_EQ(broken(), "returned");
}

TEST_F(CopiedKeyTest, OfTwoWritesAtTheSameTimeEitherMayBeTheNewer) {
  write("a", 1, 10, Told::complete);
  write("b", 9, 20, Told::complete);
  key_.read(30, 31, "a");
  EXPECT_EQ(broken(), "");
  key_.read(32, 33, "b");
  EXPECT_EQ(broken(), "");
}

TEST_F(CopiedKeyTest, AReadThatBeganBeforeTheNewerWriteWasOverMayShowTheOlder) {
  write("a", 1, 2, Told::complete);
  write("b", 3, 10, Told::complete);
  key_.read(9, 30, "a");
  EXPECT_EQ(broken(), "");
  key_.read(11, 12, "a");
  EXPECT_EQ(broken(), "returned");
}

TEST_F(CopiedKeyTest, ADeletedValueDoesNotComeBack) {
  write("a", 1, 2, Told::complete);
  write(nothing, 3, 4, Told::complete);
  key_.read(5, 6, nothing);
  EXPECT_EQ(broken(), "");
  key_.look(1, 7, "a");
  EXPECT_EQ(broken(), "returned");
}

TEST_F(CopiedKeyTest, ADeleteOfWhichNotAllKnowPromisesNothing) {
  write("a", 1, 2, Told::complete);
  write(nothing, 3, 4, Told::partly);
  key_.read(5, 6, "a");
  key_.read(7, 8, nothing);
  key_.look(0, 9, nothing);
  key_.look(1, 9, "a");
  EXPECT_EQ(broken(), "");
}

TEST_F(CopiedKeyTest, AWriteThatOneHolderHasIsPassedByTheNextThatAllHave) {
  write("a", 1, 2, Told::partly);
  write("b", 3, 4, Told::complete);
  key_.read(5, 6, "b");
  EXPECT_EQ(broken(), "");
  key_.read(7, 8, "a");
  EXPECT_EQ(broken(), "returned");
}

TEST_F(CopiedKeyTest, UnlessThatHolderHasForgottenIt) {
  write("a", 1, 2, Told::partly);
  write("b", 3, 4, Told::complete);
  key_.lost(0, {5, 5});
  key_.read(7, 8, "a");
  EXPECT_EQ(broken(), "");
}

TEST_F(CopiedKeyTest, WhatAllHadIsLostOnlyIfAllLostIt) {
  write("a", 1, 2, Told::complete);
  key_.lost(0, {3, 3});
  key_.lost(1, {5, 6});
  key_.read(4, 7, nothing);
  key_.look(0, 8, nothing);
  EXPECT_EQ(broken(), "");
}

TEST_F(CopiedKeyTest, WhatOneHolderStillHasIsNotLost) {
  write("a", 1, 2, Told::complete);
  key_.lost(0, {3, 3});
  key_.look(0, 8, nothing);
  EXPECT_EQ(broken(), "");
  key_.read(4, 7, nothing);
  EXPECT_EQ(broken(), "lost");
}

TEST_F(CopiedKeyTest, AHolderThatLostItLaterIsNotWhoWasAsked) {
  write("a", 1, 2, Told::complete);
  key_.lost(0, {9, 9});
  key_.lost(1, {0, 0});
  key_.look(1, 8, nothing);
  EXPECT_EQ(broken(), "lost");
}

TEST_F(CopiedKeyTest, AFlushThatMayHappenAtAnyTimeExplainsALoss) {
  write("a", 1, 2, Told::complete);
  key_.lost(0, {1, never});
  key_.lost(1, {1, never});
  key_.read(100, 101, nothing);
  EXPECT_EQ(broken(), "");
}

TEST_F(CopiedKeyTest, AnEarlierDeleteDoesNotExplainALoss) {
  write(nothing, 1, 2, Told::complete);
  write("a", 3, 4, Told::complete);
  key_.read(5, 6, nothing);
  EXPECT_EQ(broken(), "lost");
}

TEST_F(CopiedKeyTest, ADeleteAtTheSameTimeOrWithoutAReplyDoes) {
  write(nothing, 1, never, Told::nothing);
  write("a", 3, 4, Told::complete);
  key_.read(5, 6, nothing);
  EXPECT_EQ(broken(), "");
}

TEST_F(CopiedKeyTest, WhereMemoryIsShortAnythingMayBeGoneButNothingComesBack) {
  options_.may_lose = true;
  write("a", 1, 2, Told::complete);
  write("b", 3, 4, Told::complete);
  key_.read(5, 6, nothing);
  key_.look(0, 7, "b");
  key_.look(1, 7, nothing);
  EXPECT_EQ(broken(), "");
  key_.read(8, 9, "a");
  EXPECT_EQ(broken(), "returned");
}

TEST_F(CopiedKeyTest, HoldersAgreeOnWhatAllHave) {
  write("a", 1, 10, Told::complete);
  write("b", 2, 11, Told::complete);
  key_.look(0, 20, "a");
  key_.look(1, 21, "a");
  EXPECT_EQ(broken(), "");
  EXPECT_EQ(key_.counts().agreed, 1u);
  key_.look(0, 22, "b");
  EXPECT_EQ(broken(), "agreement");
}

TEST_F(CopiedKeyTest, HoldersAgreeAboutADeleteThatAllHave) {
  write("a", 1, 10, Told::complete);
  write(nothing, 2, 11, Told::complete);
  key_.look(0, 20, nothing);
  key_.look(1, 21, nothing);
  EXPECT_EQ(broken(), "");
  key_.look(0, 22, "a");
  EXPECT_EQ(broken(), "agreement");
}

TEST_F(CopiedKeyTest, AHolderThatHasForgottenMayHaveTakenTheOtherOrder) {
  write("a", 1, 10, Told::complete);
  write("b", 2, 11, Told::complete);
  key_.lost(0, {5, 5});
  key_.look(0, 20, "a");
  key_.look(1, 21, "b");
  EXPECT_EQ(broken(), "");
}

TEST_F(CopiedKeyTest, LooksBetweenWhichSomethingWasWrittenNeedNotAgree) {
  write("a", 1, 2, Told::complete);
  key_.look(0, 20, "a");
  write("b", 21, 22, Told::complete);
  key_.look(1, 23, "b");
  EXPECT_EQ(broken(), "");
}

TEST_F(CopiedKeyTest, WhileTheRingChangesEverythingMayHappenButForInventions) {
  options_.eras = {{{0, 4}, {0, 1}}, {{51, never}, {1, 2}}};
  write("a", 1, 2, Told::complete);
  write("b", 10, 20, Told::complete);
  key_.read(25, 26, "a");
  key_.read(27, 28, nothing);
  key_.read(60, 61, "a");
  key_.look(2, 70, nothing);
  EXPECT_EQ(broken(), "");
  key_.read(29, 30, "c");
  EXPECT_EQ(broken(), "invented");
}

TEST_F(CopiedKeyTest, WhatIsCompleteUnderTheNextRingIsNewerThanAllThatWasBefore) {
  options_.eras = {{{0, 4}, {0, 1}}, {{51, never}, {1, 2}}};
  write("a", 1, 2, Told::complete);
  write("b", 60, 61, Told::complete);
  key_.look(2, 62, "b");
  EXPECT_EQ(broken(), "");
  key_.look(1, 63, "a");
  EXPECT_EQ(broken(), "returned");
}

TEST_F(CopiedKeyTest, ThoseWhoHoldItUnderTheNextRingAreAsked) {
  options_.eras = {{{0, 4}, {0, 1}}, {{51, never}, {1, 2}}};
  write("a", 60, 61, Told::complete);
  key_.lost(1, {62, 62});
  key_.lost(0, {62, 62});
  key_.look(1, 63, nothing);
  EXPECT_EQ(broken(), "");
  key_.read(64, 65, nothing);
  EXPECT_EQ(broken(), "lost");
}

TEST_F(CopiedKeyTest, BeforeTheRingChangesEverythingIsJudged) {
  options_.eras = {{{0, 50}, {0, 1}}, {{60, never}, {0, 1}}};
  write("a", 1, 2, Told::complete);
  key_.read(25, 26, nothing);
  EXPECT_EQ(broken(), "lost");
}

TEST_F(CopiedKeyTest, OnceAllIsQuietTheNextCompleteWriteIsTheNewestOfAll) {
  options_.eras = {{{0, 4}, {0, 1}}, {{51, never}, {0, 1}}};
  options_.quiet_from_ns = 51;
  write("a", 1, never, Told::nothing);
  write(nothing, 6, never, Told::nothing);
  key_.look(0, 55, "a");
  key_.look(1, 56, nothing);
  write("b", 60, 61, Told::complete);
  key_.look(0, 70, "b");
  EXPECT_EQ(broken(), "");
  key_.look(1, 71, "a");
  EXPECT_EQ(broken(), "returned");
}

TEST_F(CopiedKeyTest, OnceAllIsQuietNoOlderDeleteExplainsALoss) {
  options_.eras = {{{0, 4}, {0, 1}}, {{51, never}, {0, 1}}};
  options_.quiet_from_ns = 51;
  write(nothing, 6, never, Told::nothing);
  write("b", 60, 61, Told::complete);
  key_.look(1, 71, nothing);
  EXPECT_EQ(broken(), "lost");
}

}  // namespace
}  // namespace cacheismo::sim
