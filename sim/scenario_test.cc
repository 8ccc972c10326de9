// Goal: the simulation does what its fault table says, and its oracles see what they are there for.
// Method: whole runs over many seeds; bugs planted between the node and its Io.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/fault_plan.h"
#include "sim/mark.h"
#include "sim/oracle.h"
#include "sim/sabotage.h"
#include "sim/scenario.h"
#include "sim/shrink.h"

namespace cacheismo::sim {
namespace {

std::string told(const Report& report) {
  std::string text = "seed " + std::to_string(report.seed) + " " + print(report.plan);
  for (const std::string& violation : report.violations) text += "\n" + violation;
  return text;
}

// A mark or tally that stays at zero is a fault that is claimed and not simulated, or a branch of
// the oracles that judges nothing.
TEST(Scenario, EveryFaultAndRareBranchIsReachedAndNoOracleObjects) {
  Marks marks;
  std::vector<std::uint64_t> tallies(tallies_count);
  for (std::uint64_t seed = 1; seed <= 24; seed++) {
    const Report report =
        run_scenario({.seed = seed, .length = std::chrono::milliseconds(2500), .clients = 12});
    ASSERT_TRUE(report.violations.empty()) << told(report);
    marks.add(report.marks);
    for (std::size_t i = 0; i < tallies_count; i++) tallies[i] += report.tallies[i];
  }
  for (std::size_t i = 0; i < marks_count; i++) {
    EXPECT_GT(marks.count(static_cast<Mark>(i)), 0u) << to_string(static_cast<Mark>(i));
  }
  for (std::size_t i = 0; i < tallies_count; i++) {
    EXPECT_GT(tallies[i], 0u) << to_string(static_cast<Tally>(i));
  }
}

TEST(Scenario, CalmRunLosesNoConnection) {
  FaultPlan plan = calm_plan();
  plan.until_ns = 1;
  const Report report =
      run_scenario({.seed = 3, .length = std::chrono::seconds(1), .clients = 8, .plan = plan});
  EXPECT_TRUE(report.violations.empty()) << told(report);
  EXPECT_EQ(report.tallies[static_cast<std::size_t>(Tally::connect_failures)], 0u);
}

TEST(Scenario, SameSeedSameHashAndAnotherSeedAnother) {
  const ScenarioOptions options{.seed = 11, .length = std::chrono::milliseconds(300), .clients = 8};
  ScenarioOptions other = options;
  other.seed = 12;
  const std::uint64_t hash = run_scenario(options).hash;
  EXPECT_EQ(hash, run_scenario(options).hash);
  EXPECT_NE(hash, run_scenario(other).hash);
}

TEST(Scenario, KeepingTheJournalDoesNotChangeTheRun) {
  struct Counter final : JournalLines {
    void line(Bytes) override { lines++; }
    std::uint64_t lines = 0;
  } counter;
  ScenarioOptions options{.seed = 5, .length = std::chrono::milliseconds(200), .clients = 4};
  const std::uint64_t hash = run_scenario(options).hash;
  options.journal = &counter;
  EXPECT_EQ(hash, run_scenario(options).hash);
  EXPECT_GT(counter.lines, 1000u);
}

TEST(Shrink, FindsASmallerRunThatStillFails) {
  FaultPlan plan = calm_plan();
  plan.drift_ppm_max = 100;
  plan.slow_factor_max = 2;
  ScenarioOptions options{.seed = 1,
                          .length = std::chrono::milliseconds(1000),
                          .clients = 8,
                          .plan = plan,
                          .sabotage = Sabotage::drop_byte};
  while (run_scenario(options).violations.empty()) ASSERT_LT(options.seed++, 10u);
  const ScenarioOptions shrunk = shrink(options);
  EXPECT_FALSE(run_scenario(shrunk).violations.empty());
  EXPECT_EQ(shrunk.plan->drift_ppm_max, 0u);
  EXPECT_EQ(shrunk.plan->slow_factor_max, 0u);
  EXPECT_LT(shrunk.clients, 8u);
  EXPECT_LT(shrunk.length, options.length);
}

class PlantedBug : public testing::TestWithParam<int> {};

TEST_P(PlantedBug, IsCaughtWithinAFewSeeds) {
  const Sabotage sabotage = static_cast<Sabotage>(GetParam());
  for (std::uint64_t seed = 1; seed <= 12; seed++) {
    const Report report = run_scenario({.seed = seed,
                                        .length = std::chrono::milliseconds(5000),
                                        .clients = 12,
                                        .plan = calm_plan(),
                                        .sabotage = sabotage});
    if (!report.violations.empty()) return;
  }
  FAIL() << to_string(sabotage) << " went unnoticed";
}

INSTANTIATE_TEST_SUITE_P(All, PlantedBug,
                         testing::Range(1, static_cast<int>(first_cluster_sabotage)),
                         [](const auto& bug) {
                           return std::string(to_string(static_cast<Sabotage>(bug.param)));
                         });

}  // namespace
}  // namespace cacheismo::sim
