// Goal: what stands in a .calls file is asked, and what is wrong in it is said with its line.
// Method: texts; then a run of a cluster with a script of its own, one that works and one that
// does not.

#include "sim/own_scripts.h"

#include <string>

#include <gtest/gtest.h>

#include "sim/scenario.h"

namespace cacheismo::sim {
namespace {

TEST(OwnScripts, LinesAreCallsAndNumbersAreDrawn) {
  const auto calls = parse_calls("a.calls", "# head\n\nq:take:u<3> q:left:u<1>\nplain");
  ASSERT_TRUE(calls.has_value()) << calls.error();
  ASSERT_EQ(calls->size(), 2u);
  Prng chance(1);
  bool seen[3] = {};
  for (int i = 0; i < 50; i++) {
    const std::string call = drawn_call(calls->front(), chance);
    ASSERT_EQ(call.size(), std::string("q:take:u0 q:left:u0").size());
    EXPECT_TRUE(call.ends_with(" q:left:u0"));
    seen[call[8] - '0'] = true;
  }
  EXPECT_TRUE(seen[0] && seen[1] && seen[2]);
  EXPECT_EQ(drawn_call("plain", chance), "plain");
}

TEST(OwnScripts, WhatIsWrongIsSaidWithItsLine) {
  EXPECT_EQ(parse_calls("a.calls", "x:y:z\nx:y:<ten>\n").error(),
            "a.calls line 2: `<` begins a number to be drawn, as in <10>: write it as %3C");
  EXPECT_EQ(parse_calls("a.calls", "x:y:<0>").error().substr(0, 14), "a.calls line 1");
  EXPECT_EQ(parse_calls("a.calls", "x\ty").error(),
            "a.calls line 1: a control character: write it as %0A and the like");
  EXPECT_FALSE(read_own_scripts("/nothing/there").has_value());
}

std::uint64_t counted(const Report& report, const std::string& name) {
  for (const Report::Counted& one : report.cluster) {
    if (one.name == name) return one.count;
  }
  return 0;
}

ScenarioOptions options_with(const std::string& source) {
  ScenarioOptions options{.seed = 1, .length = std::chrono::seconds(1), .clients = 6};
  options.plan = calm_plan();
  options.nodes = 3;
  options.own.scripts.push_back({.name = "tally.lua", .source = source});
  options.own.calls = {"tally:hit:t<4>", "tally:hit:t<4> tally:hits:t<4>"};
  return options;
}

TEST(OwnScripts, TheyRunInACluster) {
  const Report report = run_scenario(options_with(R"(
local tally = object.type("tally")
function tally.default() return { hits = 0 } end
function tally.update.hit(self) self.hits = self.hits + 1 return self.hits end
function tally.read.hits(self) return self.hits end
)"));
  EXPECT_TRUE(report.violations.empty()) << report.violations.front();
  EXPECT_GT(counted(report, "calls"), 100u);
  EXPECT_EQ(counted(report, "call_errors"), 0u);
}

TEST(OwnScripts, TheExampleRunsUnderFaults) {
  auto own = read_own_scripts("examples/voting");
  ASSERT_TRUE(own.has_value()) << own.error();
  for (std::uint64_t seed = 1; seed <= 10; seed++) {
    ScenarioOptions options{.seed = seed, .length = std::chrono::seconds(1), .clients = 6};
    options.nodes = 3;
    options.own = *own;
    const Report report = run_scenario(options);
    EXPECT_TRUE(report.violations.empty()) << "seed " << seed << report.violations.front();
    EXPECT_EQ(counted(report, "call_errors"), 0u);
  }
}

TEST(OwnScripts, AnErrorOfAScriptIsCountedAndItsTextIsTold) {
  const Report report = run_scenario(options_with(R"(
local tally = object.type("tally")
function tally.default() return { hits = 0 } end
function tally.update.hit(self) error("out of ink", 0) end
function tally.read.hits(self) return self.hits end
)"));
  EXPECT_TRUE(report.violations.empty()) << report.violations.front();
  EXPECT_GT(counted(report, "call_errors"), 100u);
  EXPECT_NE(report.node.find("out of ink"), std::string::npos) << report.node;
}

TEST(OwnScripts, AScriptThatDoesNotLoadIsAViolation) {
  const Report report = run_scenario(options_with("this is no Lua"));
  ASSERT_FALSE(report.violations.empty());
  EXPECT_NE(report.violations.front().find("does not start: "), std::string::npos)
      << report.violations.front();
}

}  // namespace
}  // namespace cacheismo::sim
