// Clockwork: what everything in a simulated world shares: the time, the events to come, chance, the
// plan of faults, the journal and the marks.
//
//   EventHeap + now + Prng streams (network, faults) + FaultPlan + Journal + Marks
//
//  1. Time only moves when the world takes an event out of the heap.
//  2. Every draw goes through draw() or is noted by its drawer, so that the journal sees it.
//  3. The streams of chance are independent: drawing more in one does not shift another.
//
// What it is not: it decides nothing and handles no event.

#ifndef CACHEISMO_SIM_CLOCKWORK_H_
#define CACHEISMO_SIM_CLOCKWORK_H_

#include <array>
#include <cstdint>

#include "cacheismo/base/limits.h"
#include "cacheismo/base/prng.h"
#include "sim/event_heap.h"
#include "sim/fault_plan.h"
#include "sim/journal.h"
#include "sim/latency.h"
#include "sim/mark.h"

namespace cacheismo::sim {

/// Who handles an event and what `a` and `b` are.
enum class EventKind : std::uint16_t {
  // Handled by the network: a = channel, b = generation * 2 + side.
  request_arrives,  ///< a connect reaches its target
  answer_arrives,   ///< the target's answer reaches the connector
  bytes_arrive,     ///< bytes sent by `side` are due at the other one
  window_opens,     ///< `side` learns that there is room again
  reset_arrives,    ///< `side` learns that its connection is gone
  // Handled by host `host`: a = stream or listener slot, b = ticket.
  receive_ready,
  send_ready,
  connect_ready,
  connect_deadline,
  close_ready,
  accept_ready,
  timers_due,  ///< a and b unused
  // Handled by the world: a = fault class.
  fault_due,
};

/// The streams of chance of a world; hosts and workloads derive theirs from the seed too.
enum class Chance : std::uint32_t { network, faults, hosts, workload };

class Clockwork {
 public:
  Clockwork(std::uint64_t seed, const FaultPlan& fault_plan, JournalLines* lines)
      : plan(fault_plan),
        journal(lines),
        network(Prng(seed).derive(static_cast<std::uint64_t>(Chance::network))),
        faults(Prng(seed).derive(static_cast<std::uint64_t>(Chance::faults))) {}

  /// Makes `kind` happen at `time_ns`, or now if that has passed.
  void schedule(std::int64_t time_ns, EventKind kind, std::uint16_t host, std::uint32_t a,
                std::uint32_t b) {
    std::uint64_t tie = ++sequence_;
    if (plan.shuffle_ties != 0) tie |= (network.next() & 0xFFFFFF) << 40;
    heap.push(
        {time_ns < now_ns ? now_ns : time_ns, tie, static_cast<std::uint16_t>(kind), host, a, b});
  }

  /// Uniform in [0, bound) from the network's or the faults' stream, noted in the journal.
  std::uint64_t draw(Chance stream, std::uint64_t bound) {
    const std::uint64_t value = (stream == Chance::network ? network : faults).below(bound);
    journal.note(now_ns, Note::draw, 0, static_cast<std::uint32_t>(stream), 0, value);
    return value;
  }

  /// True `per_million` times in a million; draws nothing for 0.
  bool happens(Chance stream, std::uint64_t per_million) {
    return per_million > 0 && faulty() && draw(stream, 1'000'000) < per_million;
  }

  /// False once the plan's faults have ended.
  [[nodiscard]] bool faulty() const {
    return plan.until_ns == 0 || now_ns < static_cast<std::int64_t>(plan.until_ns);
  }

  /// One latency of the network, noted in the journal.
  std::int64_t latency() {
    if (plan.latency_ns == 0) return 0;
    const LatencyModel model{plan.latency_ns, plan.latency_spread_permille,
                             faulty() ? plan.latency_tail_per_million : 0};
    const std::int64_t drawn = draw_latency(model, network);
    if (drawn >= static_cast<std::int64_t>(plan.latency_ns) * 10) marks.hit(Mark::latency_tail);
    journal.note(now_ns, Note::draw, 0, static_cast<std::uint32_t>(Chance::network), 1,
                 static_cast<std::uint64_t>(drawn));
    return drawn;
  }

  std::int64_t now_ns = 0;
  EventHeap heap;
  FaultPlan plan;
  Journal journal;
  Marks marks;
  Prng network;
  Prng faults;
  /// What receive() lends, one for the whole world: only one callback runs at a time.
  std::array<char, limits::receive_bytes> lease;

 private:
  std::uint64_t sequence_ = 0;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_CLOCKWORK_H_
