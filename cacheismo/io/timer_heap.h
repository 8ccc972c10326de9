// TimerHeap: pending deadlines, earliest first, each removable by its id.
//
//   entries_   slot -> what to do, where it stands in the heap, its generation
//   heap_      [0] is the earliest; a binary heap of (deadline, sequence, slot)
//
//  1. heap_[entries_[s].position].slot == s for every pending slot s.
//  2. Two timers with one deadline come out in the order in which they went in.
//  3. An id is (generation << 32 | slot) with generation >= 1, so 0 names no timer and an id that
//     has fired or was cancelled is never mistaken for a later one.
//
// Cost: O(log n) to add, take and cancel, 48 bytes for each pending timer, no tombstones: a
// connection that moves its idle deadline a million times leaves nothing behind.

#ifndef CACHEISMO_IO_TIMER_HEAP_H_
#define CACHEISMO_IO_TIMER_HEAP_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "cacheismo/base/units.h"
#include "cacheismo/io/io.h"

namespace cacheismo::io {

class TimerHeap {
 public:
  /// What a timer is for: its owner's callback, or, when `events` is null, the deadline of the
  /// connect that runs on `stream`.
  struct Purpose {
    TimerEvents* events = nullptr;
    StreamId stream;
  };

  struct Due {
    TimerId id;
    Purpose purpose;
  };

  TimerId add(MonotonicTime deadline, Purpose purpose);

  /// False: it was taken or cancelled before.
  bool cancel(TimerId id);

  /// Takes the earliest timer if its deadline is not after `now` and it was added before
  /// `sequence_end`: a timer that is set in the past by a timer's callback waits for the next turn.
  [[nodiscard]] std::optional<Due> take_due(MonotonicTime now, std::uint64_t sequence_end);

  /// The earliest deadline, if any timer is pending.
  [[nodiscard]] std::optional<MonotonicTime> next_deadline() const;

  /// The sequence number that the next timer will get.
  [[nodiscard]] std::uint64_t sequence_end() const { return sequence_; }

  [[nodiscard]] std::size_t size() const { return heap_.size(); }

 private:
  struct Node {
    MonotonicTime deadline;
    std::uint64_t sequence;
    std::uint32_t slot;
    [[nodiscard]] bool before(const Node& other) const {
      return deadline != other.deadline ? deadline < other.deadline : sequence < other.sequence;
    }
  };
  struct Entry {
    Purpose purpose;
    std::uint32_t generation = 1;
    std::uint32_t position = 0;
    bool pending = false;
  };

  void place(std::size_t position, const Node& node);
  void rise(std::size_t position);
  void sink(std::size_t position);
  void remove(std::size_t position);

  std::vector<Node> heap_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  std::uint64_t sequence_ = 0;
};

}  // namespace cacheismo::io

#endif  // CACHEISMO_IO_TIMER_HEAP_H_
