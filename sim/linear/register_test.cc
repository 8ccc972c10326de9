// Goal: the sequential register answers as one key of a cache does.
// Method: steps from known states, each outcome once.

#include <gtest/gtest.h>

#include "sim/linear/register.h"

namespace cacheismo::linear {
namespace {

Operation set(const std::string& value) {
  return {.verb = Verb::set, .outcome = Outcome::stored, .value = value};
}

class RegisterTest : public testing::Test {
 protected:
  State after(const State& from, const Operation& operation) {
    const auto next = machine.step(from, operation);
    EXPECT_TRUE(next.has_value()) << to_string(operation);
    return next.value_or(State{});
  }
  bool possible(const State& from, const Operation& operation) {
    return machine.step(from, operation).has_value();
  }

  Register machine;
};

TEST_F(RegisterTest, AbsentKeyAnswersWithMisses) {
  const State absent;
  EXPECT_EQ(after(absent, {.verb = Verb::get, .outcome = Outcome::miss}), absent);
  EXPECT_EQ(after(absent, {.verb = Verb::remove, .outcome = Outcome::not_found}), absent);
  EXPECT_EQ(after(absent, {.verb = Verb::incr, .outcome = Outcome::not_found, .number = 1}),
            absent);
  EXPECT_EQ(after(absent, {.verb = Verb::cas, .outcome = Outcome::not_found, .token = 1}), absent);
  EXPECT_FALSE(possible(absent, {.verb = Verb::get, .outcome = Outcome::hit, .value = ""}));
  EXPECT_FALSE(possible(absent, {.verb = Verb::remove, .outcome = Outcome::deleted}));
  EXPECT_FALSE(possible(absent, {.verb = Verb::add, .outcome = Outcome::not_stored}));
  EXPECT_FALSE(possible(absent, {.verb = Verb::cas, .outcome = Outcome::exists, .token = 1}));
}

TEST_F(RegisterTest, PresentKeyAnswersWithWhatWasWrittenLast) {
  const State a = after({}, set("a"));
  EXPECT_EQ(after(a, {.verb = Verb::get, .outcome = Outcome::hit, .value = "a"}), a);
  EXPECT_FALSE(possible(a, {.verb = Verb::get, .outcome = Outcome::hit, .value = "b"}));
  EXPECT_FALSE(possible(a, {.verb = Verb::get, .outcome = Outcome::miss}));
  EXPECT_EQ(after(a, {.verb = Verb::add, .outcome = Outcome::not_stored, .value = "b"}), a);
  EXPECT_EQ(machine.value_of(after(a, set("b"))), "b");
  EXPECT_EQ(after(a, {.verb = Verb::remove, .outcome = Outcome::deleted}), State{});
  EXPECT_EQ(after(a, {.verb = Verb::forget, .outcome = Outcome::forgotten}), State{});
}

TEST_F(RegisterTest, ReplaceNeedsWhatAddMustNotMeet) {
  const Operation replace{.verb = Verb::replace, .outcome = Outcome::stored, .value = "b"};
  const Operation refused{.verb = Verb::replace, .outcome = Outcome::not_stored, .value = "b"};
  const State a = after({}, set("a"));
  EXPECT_EQ(machine.value_of(after(a, replace)), "b");
  EXPECT_FALSE(possible(a, refused));
  EXPECT_EQ(after({}, refused), State{});
  EXPECT_FALSE(possible({}, replace));
  EXPECT_EQ(after({}, {.verb = Verb::replace, .value = "b"}), State{});
}

TEST_F(RegisterTest, ACountBeginsAtNothing) {
  const auto count = [](std::uint64_t result) {
    return Operation{
        .verb = Verb::count, .outcome = Outcome::number, .number = 2, .result = result};
  };
  const State two = after({}, count(2));
  EXPECT_EQ(machine.value_of(two), "2");
  EXPECT_EQ(machine.value_of(after(two, count(4))), "4");
  EXPECT_FALSE(possible(two, count(2)));
  EXPECT_FALSE(possible({}, count(4)));
  EXPECT_EQ(machine.value_of(after({}, {.verb = Verb::count, .number = 1})), "1");
}

TEST_F(RegisterTest, EmptyValueIsNotAbsence) {
  const State empty = after({}, set(""));
  EXPECT_EQ(after(empty, {.verb = Verb::get, .outcome = Outcome::hit, .value = ""}), empty);
  EXPECT_FALSE(possible(empty, {.verb = Verb::get, .outcome = Outcome::miss}));
}

TEST_F(RegisterTest, NumbersGrowAndOtherValuesDoNot) {
  const State seven = after({}, set("7"));
  const State ten =
      after(seven, {.verb = Verb::incr, .outcome = Outcome::number, .number = 3, .result = 10});
  EXPECT_EQ(machine.value_of(ten), "10");
  EXPECT_FALSE(
      possible(seven, {.verb = Verb::incr, .outcome = Outcome::number, .number = 3, .result = 11}));
  EXPECT_FALSE(possible(seven, {.verb = Verb::incr, .outcome = Outcome::not_a_number}));
  const State word = after({}, set("seven"));
  EXPECT_EQ(after(word, {.verb = Verb::incr, .outcome = Outcome::not_a_number}), word);
  EXPECT_FALSE(
      possible(word, {.verb = Verb::incr, .outcome = Outcome::number, .number = 3, .result = 3}));
}

TEST_F(RegisterTest, TokenNamesOneWrittenValue) {
  const State a = after({}, set("a"));
  const Operation told{.verb = Verb::gets, .outcome = Outcome::hit, .value = "a", .token = 5};
  const State known = after(a, told);
  EXPECT_EQ(known.token, 5u);
  EXPECT_EQ(after(known, told), known);
  Operation other = told;
  other.token = 6;
  EXPECT_FALSE(possible(known, other));
  const Operation cas{.verb = Verb::cas, .outcome = Outcome::stored, .value = "b", .token = 5};
  EXPECT_EQ(machine.value_of(after(known, cas)), "b");
  // A write that nobody asked about since has another token.
  EXPECT_FALSE(possible(after(known, set("a")), cas));
  Operation refused = cas;
  refused.outcome = Outcome::exists;
  EXPECT_FALSE(possible(known, refused));
  EXPECT_TRUE(possible(after(known, set("a")), refused));
}

TEST_F(RegisterTest, UnknownOutcomeDoesWhatTheStateAllows) {
  const State seven = after({}, set("7"));
  const State absent;
  EXPECT_EQ(after(seven, {.verb = Verb::remove}), absent);
  EXPECT_EQ(after(seven, {.verb = Verb::add, .value = "x"}), seven);
  EXPECT_EQ(machine.value_of(after(absent, {.verb = Verb::add, .value = "x"})), "x");
  EXPECT_EQ(machine.value_of(after(seven, {.verb = Verb::incr, .number = 1})), "8");
  EXPECT_EQ(after(absent, {.verb = Verb::incr, .number = 1}), absent);
  EXPECT_EQ(after(seven, {.verb = Verb::cas, .value = "x", .token = 4}), seven);
}

TEST_F(RegisterTest, SecondsToLiveBoundWhenAValueDies) {
  Operation mortal = set("a");
  mortal.seconds = 2;
  mortal.call_ns = 10;
  mortal.return_ns = 20;
  const State a = after({}, mortal);
  EXPECT_EQ(a.dies_from_ns, 1'000'000'010);
  EXPECT_EQ(a.dies_by_ns, 2'000'000'020);
  const State touched = after(a, {.verb = Verb::touch, .outcome = Outcome::touched});
  EXPECT_EQ(touched.dies_from_ns, never_ns);
  EXPECT_EQ(machine.value_of(touched), "a");
  const State looked_at = after(touched, {.verb = Verb::gat,
                                          .outcome = Outcome::hit,
                                          .call_ns = 30,
                                          .return_ns = 40,
                                          .value = "a",
                                          .seconds = 1});
  EXPECT_EQ(looked_at.dies_from_ns, 30);
  EXPECT_EQ(looked_at.dies_by_ns, 1'000'000'040);
  EXPECT_FALSE(possible({}, {.verb = Verb::touch, .outcome = Outcome::touched}));
  EXPECT_EQ(after(a, {.verb = Verb::flush, .outcome = Outcome::forgotten}), State{});
  // A number that grows lives for as long as it would have.
  Operation seven = set("7");
  seven.seconds = 1;
  const State number = after({}, seven);
  const State eight =
      after(number, {.verb = Verb::incr, .outcome = Outcome::number, .number = 1, .result = 8});
  EXPECT_EQ(eight.dies_by_ns, number.dies_by_ns);
}

}  // namespace
}  // namespace cacheismo::linear
