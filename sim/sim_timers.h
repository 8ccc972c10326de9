// SimTimers: the timers of one simulated host, in the order of (deadline, the order of set).
//
// A cancelled timer stays in the heap as a dead entry until it comes up, or until dead entries
// outnumber the live ones: a server sets and cancels a timer per request.

#ifndef CACHEISMO_SIM_SIM_TIMERS_H_
#define CACHEISMO_SIM_SIM_TIMERS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "cacheismo/io/io.h"
#include "sim/event_heap.h"

namespace cacheismo::sim {

class SimTimers {
 public:
  struct Due {
    io::TimerId id;
    io::TimerEvents* events = nullptr;
    std::int64_t deadline_ns = 0;
  };

  [[nodiscard]] io::TimerId set(std::int64_t deadline_ns, io::TimerEvents& events);
  /// False: it has fired or was cancelled before.
  bool cancel(io::TimerId timer);

  /// Cancels all of them.
  void clear();

  /// The deadline of the earliest live timer.
  [[nodiscard]] std::optional<std::int64_t> next_ns();

  /// Takes the earliest timer that is due at `now_ns` and was set before `sequence` (a result of
  /// sequence()).
  [[nodiscard]] std::optional<Due> take(std::int64_t now_ns, std::uint64_t sequence);
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }

  [[nodiscard]] std::size_t live() const { return live_; }

 private:
  struct Slot {
    io::TimerEvents* events = nullptr;  ///< null: not set
    std::uint32_t generation = 0;
  };

  [[nodiscard]] bool is_live(const Event& entry) const {
    return slots_[entry.a].events != nullptr && slots_[entry.a].generation == entry.b;
  }
  void free_slot(std::uint32_t slot);

  EventHeap heap_;  // time_ns = deadline, tie = sequence, a = slot, b = generation
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::size_t live_ = 0;
  std::uint64_t sequence_ = 0;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_SIM_TIMERS_H_
