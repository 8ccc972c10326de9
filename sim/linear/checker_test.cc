// Goal: histories that one order explains are accepted, others are refused with a text that points
// at the reply that is wrong.
// Method: histories made by hand; times are small numbers.

#include <gtest/gtest.h>

#include "sim/linear/checker.h"

namespace cacheismo::linear {
namespace {

/// Builds histories line by line: h.set(1, 0, 2, "a") is client 1, called at 0, returned at 2.
class Lines {
 public:
  Lines& add(Operation operation) {
    history_.push_back(std::move(operation));
    return *this;
  }
  Lines& set(std::uint32_t client, std::int64_t call, std::int64_t end, const char* value) {
    return add({client, Verb::set, Outcome::stored, call, end, value});
  }
  Lines& set_unknown(std::uint32_t client, std::int64_t call, const char* value) {
    return add({client, Verb::set, Outcome::unknown, call, 0, value});
  }
  Lines& hit(std::uint32_t client, std::int64_t call, std::int64_t end, const char* value) {
    return add({client, Verb::get, Outcome::hit, call, end, value});
  }
  Lines& miss(std::uint32_t client, std::int64_t call, std::int64_t end) {
    return add({client, Verb::get, Outcome::miss, call, end});
  }
  Lines& remove(std::uint32_t client, std::int64_t call, std::int64_t end) {
    return add({client, Verb::remove, Outcome::deleted, call, end});
  }
  Lines& forget(std::int64_t call, std::int64_t end) {
    return add({0, Verb::forget, Outcome::forgotten, call, end});
  }
  [[nodiscard]] bool accepted(const CheckOptions& options = {}) const {
    const Result result = check(history_, options);
    EXPECT_NE(result.verdict, Verdict::undecided);
    EXPECT_EQ(result.text.empty(), result.verdict == Verdict::linearizable);
    return result.verdict == Verdict::linearizable;
  }
  [[nodiscard]] std::string text() const { return check(history_).text; }

 private:
  History history_;
};

TEST(Checker, NothingHappened) { EXPECT_TRUE(Lines().accepted()); }

TEST(Checker, ReadAfterWriteSeesIt) {
  EXPECT_TRUE(Lines().set(1, 0, 1, "a").hit(2, 2, 3, "a").accepted());
  EXPECT_FALSE(Lines().set(1, 0, 1, "a").hit(2, 2, 3, "b").accepted());
  EXPECT_FALSE(Lines().set(1, 0, 1, "a").miss(2, 2, 3).accepted());
}

TEST(Checker, OverlappingReadSeesOldOrNew) {
  EXPECT_TRUE(Lines().set(1, 0, 1, "a").set(1, 2, 9, "b").hit(2, 3, 4, "a").accepted());
  EXPECT_TRUE(Lines().set(1, 0, 1, "a").set(1, 2, 9, "b").hit(2, 3, 4, "b").accepted());
}

TEST(Checker, CallAtTheInstantOfAReturnOverlapsIt) {
  EXPECT_TRUE(Lines().set(1, 0, 5, "a").miss(2, 5, 6).accepted());
  EXPECT_FALSE(Lines().set(1, 0, 5, "a").miss(2, 6, 7).accepted());
}

TEST(Checker, NewValueThatWasSeenDoesNotBecomeOldAgain) {
  EXPECT_FALSE(
      Lines().set(1, 0, 1, "a").set(1, 2, 9, "b").hit(2, 3, 4, "b").hit(3, 5, 6, "a").accepted());
  EXPECT_TRUE(
      Lines().set(1, 0, 1, "a").set(1, 2, 9, "b").hit(2, 3, 5, "b").hit(3, 4, 6, "a").accepted());
}

TEST(Checker, StaleReadIsRefused) {
  EXPECT_FALSE(Lines().set(1, 0, 1, "a").set(2, 2, 3, "b").hit(3, 4, 5, "a").accepted());
}

TEST(Checker, LostUpdateIsRefused) {
  const auto incr = [](std::uint32_t client, std::int64_t call, std::int64_t end,
                       std::uint64_t result) {
    return Operation{.client = client,
                     .verb = Verb::incr,
                     .outcome = Outcome::number,
                     .call_ns = call,
                     .return_ns = end,
                     .number = 1,
                     .result = result};
  };
  EXPECT_TRUE(Lines().set(1, 0, 1, "0").add(incr(1, 2, 5, 2)).add(incr(2, 2, 5, 1)).accepted());
  EXPECT_FALSE(Lines().set(1, 0, 1, "0").add(incr(1, 2, 5, 1)).add(incr(2, 2, 5, 1)).accepted());
}

TEST(Checker, TwoClientsDoNotBothWinOneToken) {
  const auto gets = [](std::uint32_t client, std::int64_t call) {
    return Operation{client, Verb::gets, Outcome::hit, call, call + 1, "a", 7};
  };
  const auto cas = [](std::uint32_t client, Outcome outcome, const char* value) {
    return Operation{client, Verb::cas, outcome, 10, 20, value, 7};
  };
  Lines lines;
  lines.set(1, 0, 1, "a").add(gets(1, 2)).add(gets(2, 4)).add(cas(1, Outcome::stored, "b"));
  EXPECT_TRUE(Lines(lines).add(cas(2, Outcome::exists, "c")).accepted());
  EXPECT_FALSE(Lines(lines).add(cas(2, Outcome::stored, "c")).accepted());
}

TEST(Checker, TwoClientsDoNotBothAdd) {
  const auto add = [](std::uint32_t client, Outcome outcome) {
    return Operation{client, Verb::add, outcome, 0, 9, client == 1 ? "a" : "b"};
  };
  EXPECT_TRUE(Lines().add(add(1, Outcome::not_stored)).add(add(2, Outcome::stored)).accepted());
  EXPECT_FALSE(Lines().add(add(1, Outcome::stored)).add(add(2, Outcome::stored)).accepted());
  EXPECT_FALSE(
      Lines().add(add(1, Outcome::not_stored)).add(add(2, Outcome::not_stored)).accepted());
}

TEST(Checker, DeletedValueDoesNotComeBack) {
  EXPECT_TRUE(Lines().set(1, 0, 1, "a").remove(2, 2, 3).miss(3, 4, 5).accepted());
  EXPECT_FALSE(Lines().set(1, 0, 1, "a").remove(2, 2, 3).hit(3, 4, 5, "a").accepted());
  // Nor when the cache may forget: losing is not bringing back.
  EXPECT_FALSE(Lines()
                   .set(1, 0, 1, "a")
                   .remove(2, 2, 3)
                   .hit(3, 4, 5, "a")
                   .accepted({.may_forget_from_ns = 0}));
}

TEST(Checker, UnknownWriteHappensLateOrNever) {
  Lines lines;
  lines.set(1, 0, 1, "a").set_unknown(2, 2, "b");
  EXPECT_TRUE(Lines(lines).hit(3, 100, 101, "a").accepted());
  EXPECT_TRUE(Lines(lines).hit(3, 100, 101, "b").accepted());
  EXPECT_TRUE(Lines(lines).hit(3, 50, 51, "a").hit(3, 100, 101, "b").accepted());
  EXPECT_FALSE(Lines(lines).hit(3, 50, 51, "b").hit(3, 100, 101, "a").accepted());
  EXPECT_FALSE(Lines(lines).miss(3, 100, 101).accepted());
}

TEST(Checker, UnknownWriteDoesNotHappenBeforeItsCallOrTwice) {
  EXPECT_FALSE(Lines().set(1, 0, 1, "a").hit(3, 2, 3, "b").set_unknown(2, 4, "b").accepted());
  EXPECT_FALSE(Lines()
                   .set_unknown(2, 0, "b")
                   .hit(3, 1, 2, "b")
                   .remove(1, 3, 4)
                   .hit(3, 5, 6, "b")
                   .accepted());
}

TEST(Checker, ReadWithoutReplyIsNoEvidence) {
  EXPECT_TRUE(Lines().add({.client = 1, .verb = Verb::get, .call_ns = 3}).accepted());
}

TEST(Checker, CrashTakesTheKeyOnceAndForCertain) {
  Lines lines;
  lines.set(1, 0, 1, "a").forget(10, 20);
  EXPECT_TRUE(Lines(lines).hit(2, 15, 16, "a").miss(2, 21, 22).accepted());
  EXPECT_FALSE(Lines(lines).hit(2, 21, 22, "a").accepted());
  EXPECT_FALSE(Lines(lines).miss(2, 5, 6).accepted());
  EXPECT_FALSE(Lines(lines).set(1, 21, 22, "b").miss(2, 23, 24).accepted());
}

TEST(Checker, ForgetfulCacheLosesFromAnInstantOnAndAnyNumberOfTimes) {
  Lines lines;
  lines.set(1, 0, 1, "a").miss(2, 10, 11).set(1, 12, 13, "b").miss(2, 14, 15);
  EXPECT_FALSE(lines.accepted());
  EXPECT_TRUE(lines.accepted({.may_forget_from_ns = 5}));
  EXPECT_TRUE(lines.accepted({.may_forget_from_ns = 11}));
  EXPECT_FALSE(lines.accepted({.may_forget_from_ns = 12}));
}

TEST(Checker, LossIsNotBeforeAReplyThatReturnedBeforeIt) {
  // The delete that overlaps the instant may find nothing, but not before a read that returned.
  Lines lines;
  lines.set(1, 0, 1, "a").hit(2, 2, 3, "a").add({3, Verb::remove, Outcome::not_found, 2, 9});
  EXPECT_TRUE(lines.accepted({.may_forget_from_ns = 5}));
  EXPECT_TRUE(lines.accepted({.may_forget_from_ns = 9}));
  EXPECT_FALSE(lines.accepted({.may_forget_from_ns = 10}));
  lines.hit(2, 10, 11, "a");
  EXPECT_FALSE(lines.accepted({.may_forget_from_ns = 5}));
}

TEST(Checker, TextPointsAtTheReplyThatIsWrong) {
  const std::string text = Lines()
                               .set(1, 1'000'000, 2'000'000, "a")
                               .set(2, 3'000'000, 4'000'000, "b")
                               .hit(3, 5'000'000, 6'000'000, "a")
                               .set(1, 7'000'000, 8'000'000, "c")
                               .text();
  EXPECT_NE(text.find("> 5ms..6ms client 3 get: \"a\"\n"), std::string::npos) << text;
  EXPECT_NE(text.find("  3ms..4ms client 2 set \"b\": stored -> value \"b\"\n"), std::string::npos)
      << text;
  EXPECT_EQ(text.find("\"c\""), std::string::npos) << text;
}

TEST(Checker, TextOfALongHistoryIsItsEnd) {
  Lines lines;
  for (int i = 0; i < 100; i++) lines.set(1, 10 * i, 10 * i + 5, i % 2 == 0 ? "a" : "b");
  const std::string text = lines.hit(2, 1000, 1001, "a").text();
  EXPECT_NE(text.find("(77 earlier operations)"), std::string::npos) << text;
  EXPECT_LT(text.size(), 4000u);
}

TEST(Checker, GivesUpAfterSoManySteps) {
  Lines lines;
  const char* const values[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  for (std::uint32_t i = 0; i < 10; i++) lines.set(i, 0, 100, values[i]);
  lines.miss(11, 101, 102);
  History history;
  EXPECT_FALSE(lines.accepted());
  for (std::uint32_t i = 0; i < 10; i++) {
    history.push_back({i, Verb::set, Outcome::stored, 0, 100, values[i]});
  }
  history.push_back({11, Verb::get, Outcome::miss, 101, 102});
  const Result result = check(history, {.steps_max = 50});
  EXPECT_EQ(result.verdict, Verdict::undecided);
  EXPECT_EQ(result.steps, 50u);
}

TEST(Checker, ManyWritesWithoutReplyAreCheap) {
  History history;
  for (int i = 0; i < 200; i++) {
    const std::string value = std::to_string(i);
    history.push_back({1, Verb::set, Outcome::unknown, 10 * i, 0, value});
    history.push_back({2, Verb::remove, Outcome::unknown, 10 * i, 0});
    history.push_back({.client = 3, .verb = Verb::incr, .call_ns = 10 * i, .number = 1});
  }
  history.push_back({4, Verb::get, Outcome::hit, 5000, 5001, "17"});
  history.push_back({4, Verb::get, Outcome::hit, 5002, 5003, "150"});
  const Result result = check(history);
  EXPECT_EQ(result.verdict, Verdict::linearizable);
  EXPECT_LT(result.steps, 300'000u);
}

TEST(Checker, LongHistoryOfFewClientsIsCheap) {
  History history;
  std::int64_t now = 0;
  for (int i = 0; i < 2000; i++) {
    const std::string value = std::to_string(i);
    history.push_back({1, Verb::set, Outcome::stored, now, now + 10, value});
    history.push_back({2, Verb::get, Outcome::hit, now + 2, now + 12, value});
    history.push_back({3, Verb::get, Outcome::hit, now + 11, now + 19, value});
    now += 20;
  }
  const Result result = check(history);
  EXPECT_EQ(result.verdict, Verdict::linearizable);
  EXPECT_LT(result.steps, 20'000u);
}

TEST(Checker, InAForkEachOwnerAnswersForItselfAndTheSecondOneRemains) {
  const CheckOptions fork{.may_forget_from_ns = 10, .forks = {{.from_ns = 10, .to_ns = 20}}};
  Lines both;
  both.set(1, 0, 1, "a").miss(2, 11, 12).set(2, 13, 14, "b").hit(1, 15, 16, "a");
  EXPECT_FALSE(both.accepted({.may_forget_from_ns = 10}));
  EXPECT_TRUE(both.accepted(fork));
  Lines after = both;
  EXPECT_TRUE(after.hit(1, 21, 22, "b").accepted(fork));
  after = both;
  EXPECT_FALSE(after.hit(1, 21, 22, "a").accepted(fork));
  after = both;
  EXPECT_TRUE(after.miss(1, 21, 22).accepted(fork));
  EXPECT_FALSE(after.hit(1, 23, 24, "b").accepted(fork));
}

TEST(Checker, WhatWasGoneBeforeAForkDoesNotComeBackInIt) {
  const CheckOptions fork{.may_forget_from_ns = 10, .forks = {{.from_ns = 10, .to_ns = 20}}};
  EXPECT_FALSE(Lines().set(1, 0, 1, "a").remove(1, 2, 3).hit(2, 11, 12, "a").accepted(fork));
  EXPECT_FALSE(Lines()
                   .set(1, 0, 1, "a")
                   .set(1, 2, 3, "b")
                   .miss(2, 11, 12)
                   .hit(2, 13, 14, "a")
                   .accepted(fork));
}

TEST(Checker, AValueThatMovesMayGetAnotherToken) {
  const auto gets = [](std::int64_t at, std::uint64_t token) {
    return Operation{1, Verb::gets, Outcome::hit, at, at + 1, "a", token};
  };
  Lines lines;
  lines.set(1, 0, 1, "a").add(gets(2, 5));
  lines.add({1, Verb::cas, Outcome::exists, 12, 13, "b", 5}).add(gets(14, 6));
  EXPECT_FALSE(lines.accepted());
  EXPECT_TRUE(lines.accepted({.may_renumber_from_ns = 10}));
}

TEST(Checker, AValueIsGoneBehindItsSecondsAndMayBeInTheLast) {
  const CheckOptions options{.second_ns = 100};
  Lines lines;
  lines.add({1, Verb::set, Outcome::stored, 0, 10, "a", 0, 0, 0, 2}).hit(1, 20, 30, "a");
  Lines early = lines;
  EXPECT_FALSE(early.miss(1, 90, 95).accepted(options));
  Lines late = lines;
  EXPECT_TRUE(late.hit(1, 150, 160, "a").miss(1, 165, 170).accepted(options));
  EXPECT_FALSE(late.hit(1, 175, 180, "a").accepted(options));
  EXPECT_FALSE(lines.hit(1, 215, 220, "a").accepted(options));
  EXPECT_TRUE(lines.accepted({.second_ns = 100, .expiry_slack_ns = 10}));
}

}  // namespace
}  // namespace cacheismo::linear
