// The reference lines against brute force on small traces: a list that is searched from end to end
// for the ideal LRU, every policy there is for PFOO-L.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>
#include <utility>
#include <vector>

#include "bench/hitrate/ideal_lru.h"
#include "bench/hitrate/pfoo.h"
#include "bench/hitrate/replay.h"

namespace cacheismo::hitrate {
namespace {

constexpr std::uint32_t keys = 4;
constexpr std::uint64_t forever = ~std::uint64_t{0};

/// Short traces on few keys, sizes of 1 to 6 bytes, with sets, deletes and short ttls.
rc::Gen<std::vector<Request>> traces(std::size_t length_max) {
  // At its full size, or inRange() would hardly leave 0 in such short traces.
  const auto request = rc::gen::resize(
      rc::kNominalSize,
      rc::gen::build<Request>(
          rc::gen::set(&Request::time_seconds, rc::gen::inRange(0u, 3u)),  // the step, for now
          rc::gen::set(&Request::key_id, rc::gen::inRange(0u, keys)),
          rc::gen::set(&Request::value_bytes, rc::gen::inRange(0u, 6u)),
          rc::gen::set(&Request::ttl_seconds,
                       rc::gen::weightedElement<std::uint32_t>({{2, 0}, {1, 1}, {1, 3}, {1, 6}})),
          rc::gen::set(&Request::key_bytes, rc::gen::just<std::uint16_t>(1)),
          rc::gen::set(&Request::op, rc::gen::weightedElement<Op>(
                                         {{8, Op::get}, {2, Op::set}, {1, Op::remove}}))));
  return rc::gen::map(rc::gen::resize(static_cast<int>(length_max),
                                      rc::gen::container<std::vector<Request>>(request)),
                      [](std::vector<Request> trace) {
                        std::uint32_t time = 0;
                        for (Request& one : trace) one.time_seconds = time += one.time_seconds;
                        return trace;
                      });
}

std::uint64_t expiry_of(const Request& request) {
  return request.ttl_seconds == 0 ? forever
                                  : std::uint64_t{request.time_seconds} + request.ttl_seconds;
}

class ListLru final : public Cache {
 public:
  explicit ListLru(std::uint64_t capacity) : capacity_(capacity) {}

  bool get(const Request& request) override {
    const auto found = find(request);
    if (found == items_.end()) return false;
    items_.splice(items_.begin(), items_, found);
    return true;
  }
  void set(const Request& request) override {
    remove(request);
    if (request.bytes() > capacity_) return;
    items_.push_front({request.key_id, request.bytes(), expiry_of(request)});
    while (used() > capacity_) items_.pop_back();
  }
  void remove(const Request& request) override {
    const auto found = find(request);
    if (found != items_.end()) items_.erase(found);
  }
  [[nodiscard]] std::uint64_t used() const {
    std::uint64_t sum = 0;
    for (const Item& item : items_) sum += item.bytes;
    return sum;
  }

 private:
  struct Item {
    std::uint32_t key_id;
    std::uint64_t bytes;
    std::uint64_t expiry;
  };
  std::list<Item>::iterator find(const Request& request) {
    items_.remove_if([&](const Item& item) { return item.expiry <= request.time_seconds; });
    return std::find_if(items_.begin(), items_.end(),
                        [&](const Item& item) { return item.key_id == request.key_id; });
  }
  std::list<Item> items_;
  std::uint64_t capacity_;
};

/// The best that any policy can do: tries every subset of items to keep after each request.
class EveryPolicy {
 public:
  EveryPolicy(const std::vector<Request>& trace, std::uint64_t capacity, std::size_t from)
      : trace_(trace), capacity_(capacity), from_(from) {}

  /// (most hits, most bytes of hits), by two policies perhaps.
  std::pair<std::uint64_t, std::uint64_t> best() { return best(0, State(keys)); }

 private:
  using Held = std::pair<std::uint64_t, std::uint64_t>;  ///< bytes (0: not held), expiry
  using State = std::vector<Held>;

  std::pair<std::uint64_t, std::uint64_t> best(std::size_t i, State state) {
    if (i == trace_.size()) return {0, 0};
    const auto known = memo_.find({i, state});
    if (known != memo_.end()) return known->second;
    const State before = state;
    const Request& request = trace_[i];
    Held& held = state[request.key_id];
    const bool hit = request.op == Op::get && held.first > 0 && held.second > request.time_seconds;
    if (request.op == Op::remove) {
      held = {};
    } else if (!hit) {
      held = {request.bytes(), expiry_of(request)};
    }
    std::pair<std::uint64_t, std::uint64_t> most{0, 0};
    for (unsigned keep = 0; keep < (1u << keys); ++keep) {
      State kept(keys);
      std::uint64_t used = 0;
      for (std::uint32_t key = 0; key < keys; ++key) {
        if ((keep >> key & 1) == 0) continue;
        kept[key] = state[key];
        used += state[key].first;
      }
      if (used > capacity_) continue;
      const auto rest = best(i + 1, kept);
      most = {std::max(most.first, rest.first), std::max(most.second, rest.second)};
    }
    if (hit && i >= from_) {
      most.first += 1;
      most.second += request.bytes();
    }
    memo_[{i, before}] = most;
    return most;
  }

  const std::vector<Request>& trace_;
  std::uint64_t capacity_;
  std::size_t from_;
  std::map<std::pair<std::size_t, State>, std::pair<std::uint64_t, std::uint64_t>> memo_;
};

RC_GTEST_PROP(Bounds, TheIdealLruIsAListOfByteExactSize, ()) {
  const auto trace = *traces(60);
  const auto capacity = *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<std::uint64_t>(0, 20));
  IdealLru ideal(keys, capacity);
  ListLru list(capacity);
  for (std::size_t i = 0; i < trace.size(); ++i) {
    const auto one = std::span(trace).subspan(i, 1);
    RC_ASSERT(replay(one, 0, ideal) == replay(one, 0, list));
    RC_ASSERT(ideal.used_bytes() == list.used());
    RC_ASSERT(ideal.used_bytes() <= capacity);
  }
}

RC_GTEST_PROP(Bounds, NoPolicyHasMoreHitsThanPfooL, ()) {
  const auto trace = *traces(14);
  const auto capacity = *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<std::uint64_t>(0, 24));
  const auto from = *rc::gen::elementOf(std::vector<std::size_t>{0, trace.size() / 3});
  const auto best = EveryPolicy(trace, capacity, from).best();
  const Tally bound = PfooL(trace, keys).bound(capacity, from, trace.size());
  RC_ASSERT(bound.hits >= best.first);
  RC_ASSERT(bound.hit_bytes >= best.second);
  RC_ASSERT(bound.hits <= bound.gets);
  RC_ASSERT(bound.hit_bytes <= bound.get_bytes);
}

Request get(std::uint32_t key_id, std::uint32_t bytes) {
  return {.key_id = key_id, .value_bytes = bytes - 1, .key_bytes = 1};
}

TEST(Bounds, PfooLTakesTheCheapestIntervals) {
  // Intervals of 1 request x 3 bytes, 1 x 1 and 5 x 2, in 7 requests.
  const std::vector<Request> trace = {get(0, 2), get(1, 3), get(1, 3), get(2, 1),
                                      get(2, 1), get(0, 2), get(3, 9)};
  const PfooL pfoo(trace, keys);
  const auto hits = [&](std::uint64_t capacity) {
    return pfoo.bound(capacity, 0, trace.size()).hits;
  };
  EXPECT_EQ(hits(0), 0u);
  EXPECT_EQ(hits(1), 1u);  // space 7, but only one is no larger than the cache
  EXPECT_EQ(hits(2), 2u);  // space 14 for 1 and 10; 3 bytes are too large
  EXPECT_EQ(hits(3), 3u);  // space 21 for 1 + 3 + 10
  // Counted from request 4 on, the one of 10 costs 4.
  EXPECT_EQ(pfoo.bound(2, 4, trace.size()).hits, 2u);
  EXPECT_EQ(pfoo.bound(2, 4, trace.size()).gets, 3u);
}

TEST(Bounds, PfooLCountsTheLastBytesInPart) {
  const std::vector<Request> trace = {get(0, 10), get(1, 10), get(0, 10), get(1, 10)};
  const Tally bound = PfooL(trace, keys).bound(10, 0, 4);  // space 40 for two intervals of 20
  EXPECT_EQ(bound.hits, 2u);
  EXPECT_EQ(bound.hit_bytes, 20u);
  const Tally less = PfooL(trace, keys).bound(10, 1, 4);  // space 30 for 20 and 20
  EXPECT_EQ(less.hits, 1u);
  EXPECT_EQ(less.hit_bytes, 16u);
}

TEST(Bounds, WarmUpEndsWhereTheIdealLruFirstEvicts) {
  const std::vector<Request> trace = {get(0, 4), get(1, 4), get(0, 4), get(2, 4), get(2, 4),
                                      get(2, 4), get(2, 4), get(2, 4), get(2, 4), get(2, 4)};
  EXPECT_EQ(warmup_requests(trace, keys, 8), 3u);
  EXPECT_EQ(warmup_requests(trace, keys, 4), 1u);
  EXPECT_EQ(warmup_requests(trace, keys, 100), 5u);  // never full: half
}

TEST(Replay, AMissedGetIsFollowedByASetAndWarmUpIsCountedApart) {
  const std::vector<Request> trace = {
      get(0, 4),
      get(0, 4),
      {.key_id = 1, .value_bytes = 3, .key_bytes = 1, .op = Op::set},
      get(1, 4),
      {.key_id = 1, .value_bytes = 3, .key_bytes = 1, .op = Op::remove},
      get(1, 4),
      get(2, 2)};
  IdealLru lru(keys, 100);
  const Tallies tallies = replay(trace, 2, lru);
  EXPECT_EQ(tallies.warmup, (Tally{.gets = 2, .hits = 1, .get_bytes = 8, .hit_bytes = 4}));
  EXPECT_EQ(tallies.measured, (Tally{.gets = 3, .hits = 1, .get_bytes = 10, .hit_bytes = 4}));
  EXPECT_DOUBLE_EQ(tallies.measured.object_miss_ratio(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(tallies.measured.byte_miss_ratio(), 0.6);
}

}  // namespace
}  // namespace cacheismo::hitrate
