// Goal: no call of the store does work that grows with the cache.
// Method: the scenarios of the bench with two sizes of cache, work counted and not timed: one bound
// for both.

#include "bench/pauses/pauses.h"

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"

namespace cacheismo::pauses {
namespace {

TEST(Pauses, WorkOfACallIsBoundedWhateverTheSizeOfTheCache) {
  for (const std::uint64_t items : {std::uint64_t{20'000}, std::uint64_t{80'000}}) {
    for (const Scenario& scenario : play(items, false)) {
      for (std::size_t verb = 0; verb < verbs; ++verb) {
        const Row& row = scenario.rows[verb];
        SCOPED_TRACE(scenario.name + ' ' + verb_names[verb] + ' ' + std::to_string(items));
        // A put of 9 KB takes the place of some 80 items of 100 bytes; upkeep has its budget.
        const bool upkeep = static_cast<Verb>(verb) == Verb::maintain;
        EXPECT_LE(row.max.items, upkeep ? limits::upkeep_items : 160u);
        EXPECT_LE(row.max.pages_moved, 24u);
        EXPECT_LE(row.max.bytes_copied, 64u * 1024);
        EXPECT_LE(row.max.index_steps,
                  upkeep ? limits::upkeep_items / store::Budget::index_line + 1 : 200u);
        EXPECT_LE(row.max.log_steps, 256u);
        EXPECT_LE(row.max.lines, limits::scan_lines_per_turn);
        if (static_cast<Verb>(verb) == Verb::get || static_cast<Verb>(verb) == Verb::flush ||
            static_cast<Verb>(verb) == Verb::scan) {
          EXPECT_LE(row.max.items, 1u);
          EXPECT_EQ(row.max.bytes_copied, 0u);
          EXPECT_EQ(row.max.index_steps, 0u);
        }
      }
    }
  }
}

TEST(Pauses, EveryScenarioDoesTheWorkThatItIsNamedAfter) {
  const std::vector<Scenario> played = play(20'000, false);
  ASSERT_EQ(played.size(), 7u);
  const auto max = [&](std::size_t scenario, Verb verb) {
    return played[scenario].rows[static_cast<std::size_t>(verb)].max;
  };
  EXPECT_GT(max(0, Verb::put).index_steps, 0u);
  EXPECT_GT(max(1, Verb::put).items, 1u);
  EXPECT_GT(max(1, Verb::put).bytes_copied, 0u);
  EXPECT_GT(max(2, Verb::maintain).items, 100u);
  EXPECT_GT(max(3, Verb::maintain).items, 100u);
  EXPECT_GT(max(4, Verb::maintain).index_steps, 20u);
  EXPECT_EQ(max(5, Verb::scan).lines, limits::scan_lines_per_turn);
  EXPECT_GT(played[5].rows[static_cast<std::size_t>(Verb::scan)].calls, 20u);
  EXPECT_GT(played[6].rows[static_cast<std::size_t>(Verb::control)].calls, 20'000u);
}

}  // namespace
}  // namespace cacheismo::pauses
