// EventHeap: what happens next in the simulated world.
//
//   push(event) ->  [ 4-ary heap of 32-byte events ]  -> pop(): the least (time, tie)
//
//  1. Events leave in the order of (time_ns, tie). Ties are unique, so the order is total and does
//     not depend on the heap's shape, the compiler or an address.
//  2. An event is plain data: a kind and three numbers. Whoever handles it checks that what it
//     names still exists (a ticket or generation travels in `b`), so nothing is ever removed from
//     the middle.
//
// What it is not: it knows no clock and calls nobody.
// Cost: no allocation once it has reached its size; four children share two cache lines.

#ifndef CACHEISMO_SIM_EVENT_HEAP_H_
#define CACHEISMO_SIM_EVENT_HEAP_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace cacheismo::sim {

struct Event {
  std::int64_t time_ns = 0;  ///< since the start of the world
  std::uint64_t tie = 0;     ///< unique; orders events of the same instant
  std::uint16_t kind = 0;    ///< an EventKind
  std::uint16_t host = 0;
  std::uint32_t a = 0;
  std::uint32_t b = 0;
};

static_assert(sizeof(Event) == 32);

class EventHeap {
 public:
  void push(const Event& event);

  /// The least event. Requires !empty().
  [[nodiscard]] const Event& top() const { return events_.front(); }

  /// Removes and returns the least event. Requires !empty().
  Event pop();

  [[nodiscard]] bool empty() const { return events_.empty(); }
  [[nodiscard]] std::size_t size() const { return events_.size(); }

  /// Removes every event for which `gone(event)` is true. O(n).
  template <class Predicate>
  void remove_if(Predicate gone) {
    std::erase_if(events_, gone);
    rebuild();
  }

 private:
  static bool before(const Event& x, const Event& y) {
    return x.time_ns != y.time_ns ? x.time_ns < y.time_ns : x.tie < y.tie;
  }
  void sift_down(std::size_t index, const Event& event);
  void rebuild();

  std::vector<Event> events_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_EVENT_HEAP_H_
