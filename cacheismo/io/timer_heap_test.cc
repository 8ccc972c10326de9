// Goal: the order of (deadline, insertion) and the identity of ids survive any mix of adding,
// taking and cancelling. Method: named situations, then a property against a sorted list.

#include "cacheismo/io/timer_heap.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace cacheismo::io {
namespace {

constexpr std::uint64_t all = ~std::uint64_t{0};

MonotonicTime at(std::int64_t ns) { return MonotonicTime(Duration(ns)); }

TEST(TimerHeap, NothingIsDueBeforeItsDeadline) {
  TimerHeap heap;
  const TimerId id = heap.add(at(10), {});
  EXPECT_FALSE(heap.take_due(at(9), all));
  EXPECT_EQ(heap.next_deadline(), at(10));
  EXPECT_EQ(heap.take_due(at(10), all)->id, id);
  EXPECT_FALSE(heap.take_due(at(10), all));
  EXPECT_FALSE(heap.next_deadline());
}

TEST(TimerHeap, TimerAddedAfterTheTurnBeganWaits) {
  TimerHeap heap;
  const std::uint64_t turn = heap.sequence_end();
  const TimerId id = heap.add(at(1), {});
  EXPECT_FALSE(heap.take_due(at(5), turn));
  EXPECT_EQ(heap.take_due(at(5), heap.sequence_end())->id, id);
}

TEST(TimerHeap, IdOfATakenTimerIsDead) {
  TimerHeap heap;
  const TimerId first = heap.add(at(1), {});
  EXPECT_TRUE(heap.take_due(at(1), all));
  EXPECT_FALSE(heap.cancel(first));
  const TimerId second = heap.add(at(1), {});
  EXPECT_NE(first, second);
  EXPECT_FALSE(heap.cancel(first)) << "the slot has a new owner";
  EXPECT_TRUE(heap.cancel(second));
  EXPECT_FALSE(heap.cancel(second));
  EXPECT_FALSE(heap.cancel(TimerId{0}));
  EXPECT_EQ(heap.size(), 0u);
}

RC_GTEST_PROP(TimerHeapProperty, AgreesWithASortedList, ()) {
  struct Pending {
    MonotonicTime deadline;
    TimerId id;
  };
  TimerHeap heap;
  std::vector<Pending> model;  // sorted, equal deadlines in the order of insertion
  const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(
      rc::gen::pair(rc::gen::inRange(0, 4), rc::gen::inRange(0, 12)));
  std::int64_t now = 0;
  for (const auto& [verb, argument] : steps) {
    if (verb <= 1) {
      const MonotonicTime deadline = at(now + argument);
      const auto place =
          std::upper_bound(model.begin(), model.end(), deadline,
                           [](MonotonicTime time, const Pending& p) { return time < p.deadline; });
      model.insert(place, {deadline, heap.add(deadline, {})});
    } else if (verb == 2 && !model.empty()) {
      const auto victim = model.begin() + argument % static_cast<int>(model.size());
      RC_ASSERT(heap.cancel(victim->id));
      RC_ASSERT(!heap.cancel(victim->id));
      model.erase(victim);
    } else {
      now += argument;
      while (const auto due = heap.take_due(at(now), all)) {
        RC_ASSERT(!model.empty());
        RC_ASSERT(model.front().deadline <= at(now));
        RC_ASSERT(due->id == model.front().id);
        model.erase(model.begin());
      }
      if (!model.empty()) RC_ASSERT(model.front().deadline > at(now));
    }
    RC_ASSERT(heap.size() == model.size());
    RC_ASSERT(heap.next_deadline().has_value() == !model.empty());
    if (!model.empty()) RC_ASSERT(*heap.next_deadline() == model.front().deadline);
  }
}

}  // namespace
}  // namespace cacheismo::io
