// Goal: what the simulated world is built on does exactly what the determinism of a run needs.
// Method: unit tests on values; no world is involved.

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/prng.h"
#include "sim/clockwork.h"
#include "sim/event_heap.h"
#include "sim/fault_plan.h"
#include "sim/journal.h"
#include "sim/latency.h"

namespace cacheismo::sim {
namespace {

TEST(EventHeap, LeavesInOrderOfTimeThenTie) {
  EventHeap heap;
  Prng chance(1);
  for (std::uint64_t tie = 0; tie < 5000; tie++) {
    heap.push({static_cast<std::int64_t>(chance.below(50)), tie, 0, 0, 0, 0});
  }
  Event last{-1, 0, 0, 0, 0, 0};
  while (!heap.empty()) {
    const Event event = heap.pop();
    ASSERT_TRUE(event.time_ns > last.time_ns ||
                (event.time_ns == last.time_ns && event.tie > last.tie));
    last = event;
  }
}

TEST(EventHeap, RemovingKeepsTheOrderOfTheRest) {
  EventHeap heap;
  for (std::uint64_t tie = 0; tie < 1000; tie++) {
    heap.push({static_cast<std::int64_t>((tie * 7919) % 1000), tie, 0, 0, 0, 0});
  }
  heap.remove_if([](const Event& event) { return event.time_ns % 2 == 1; });
  EXPECT_EQ(heap.size(), 500u);
  for (std::int64_t time = 0; time < 1000; time += 2) EXPECT_EQ(heap.pop().time_ns, time);
}

TEST(Journal, HashDoesNotDependOnWhetherLinesAreKept) {
  struct Lines final : JournalLines {
    void line(Bytes text) override { kept.emplace_back(text); }
    std::vector<std::string> kept;
  } lines;
  Journal quiet;
  Journal loud(&lines);
  for (Journal* journal : {&quiet, &loud}) {
    journal->note(1'500'000'000, Note::received, 3, 4, 5, 0xABCD);
    journal->note(1'500'000'001, Note::closed, 3, 4, 0, 0);
  }
  EXPECT_EQ(quiet.hash(), loud.hash());
  ASSERT_EQ(lines.kept.size(), 2u);
  EXPECT_EQ(lines.kept[0], "1.500000000 h3 received 4 5 000000000000abcd");
}

TEST(Journal, OrderAndEveryNumberMatter) {
  const auto hash = [](std::int64_t time, std::uint32_t host, std::uint32_t a, std::uint32_t b,
                       std::uint64_t value) {
    Journal journal;
    journal.note(time, Note::sent, host, a, b, value);
    return journal.hash();
  };
  std::vector<std::uint64_t> hashes = {hash(0, 0, 0, 0, 0), hash(1, 0, 0, 0, 0),
                                       hash(0, 1, 0, 0, 0), hash(0, 0, 1, 0, 0),
                                       hash(0, 0, 0, 1, 0), hash(0, 0, 0, 0, 1)};
  std::sort(hashes.begin(), hashes.end());
  EXPECT_EQ(std::unique(hashes.begin(), hashes.end()), hashes.end());
}

TEST(Latency, MedianSpreadAndTailAreWhatTheModelSays) {
  Prng chance(7);
  std::vector<std::int64_t> drawn;
  for (int i = 0; i < 100'000; i++) {
    drawn.push_back(draw_latency({50'000, 400, 10'000}, chance));
  }
  std::sort(drawn.begin(), drawn.end());
  EXPECT_NEAR(static_cast<double>(drawn[50'000]), 50'000, 1'000);
  // One standard deviation above the median is 2^0.4 of it, the 84th percentile.
  EXPECT_NEAR(static_cast<double>(drawn[84'134]), 50'000 * 1.3195, 1'500);
  EXPECT_GT(drawn[99'900], 500'000);
  EXPECT_GT(drawn[0], 0);
}

TEST(Latency, IsTheSameOnEveryMachine) {
  Prng chance(42);
  const LatencyModel model{1'000'000, 500, 100'000};
  std::uint64_t mixed = 0;
  for (int i = 0; i < 1000; i++) {
    mixed = mixed * 31 + static_cast<std::uint64_t>(draw_latency(model, chance));
  }
  Prng again(42);
  std::uint64_t mixed_again = 0;
  for (int i = 0; i < 1000; i++) {
    mixed_again = mixed_again * 31 + static_cast<std::uint64_t>(draw_latency(model, again));
  }
  EXPECT_EQ(mixed, mixed_again);
}

TEST(FaultPlan, PrintsAndParsesBack) {
  for (std::uint64_t seed = 0; seed < 200; seed++) {
    const FaultPlan plan = draw_fault_plan(Prng(seed));
    const auto parsed = parse_fault_plan(print(plan));
    ASSERT_TRUE(parsed) << parsed.error();
    EXPECT_EQ(*parsed, plan);
  }
  EXPECT_EQ(print(FaultPlan{}), "");
}

TEST(FaultPlan, NamesOfClassesAndFieldsMix) {
  const auto plan = parse_fault_plan("reset,clog latency_ns=7");
  ASSERT_TRUE(plan);
  EXPECT_GT(plan->reset_every_ns, 0u);
  EXPECT_GT(plan->clog_every_ns, 0u);
  EXPECT_EQ(plan->latency_ns, 7u);
}

TEST(FaultPlan, SaysWhatItDoesNotKnow) {
  EXPECT_EQ(parse_fault_plan("rest").error(), "unknown fault class: rest");
  EXPECT_EQ(parse_fault_plan("latency_ms=1").error(), "unknown fault field: latency_ms=1");
  EXPECT_EQ(parse_fault_plan("latency_ns=1x").error(), "not a number: latency_ns=1x");
  EXPECT_EQ(parse_fault_plan("cuts=3").error(),
            "cuts is 0 (whole), 1 (byte by byte) or 2 (random)");
}

TEST(FaultPlan, SwarmEnablesEachClassInAboutHalfOfTheSeeds) {
  for (const FaultClass& known : fault_classes()) {
    int enabled = 0;
    for (std::uint64_t seed = 0; seed < 400; seed++) {
      const FaultPlan plan = draw_fault_plan(Prng(seed));
      FaultPlan with = plan;
      known.enable(with);
      enabled += with == plan ? 1 : 0;
    }
    EXPECT_GT(enabled, 150) << known.name;
    EXPECT_LT(enabled, 250) << known.name;
  }
}

}  // namespace
}  // namespace cacheismo::sim
