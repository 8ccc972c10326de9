// Mark: a counter for every fault and every rare branch of a run, so that a test can ask whether
// the simulation really did what it claims to do. A mark that stays at zero over many seeds is a
// lie in the fault table, and a test fails on it.

#ifndef CACHEISMO_SIM_MARK_H_
#define CACHEISMO_SIM_MARK_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace cacheismo::sim {

enum class Mark : std::uint8_t {
  cut_receive,          ///< a receive returned less than had arrived
  cut_send,             ///< a send took less than there was room for
  single_byte_receive,  ///< a receive of one byte while more had arrived
  buffer_full,          ///< a send waited because the reader did not read
  latency_tail,         ///< a segment took ten times its median or more
  clogged,              ///< a segment waited for a clogged link
  connection_reset,     ///< the network reset an established connection
  connect_refused,      ///< a connect was refused although somebody listened
  connect_black_holed,  ///< a connect vanished, and ran into its deadline
  accept_then_reset,    ///< a connection was reset as soon as it stood
  backlog_full,         ///< a connect met a full backlog and tried again
  accept_no_resources,  ///< an accept failed for want of a descriptor
  half_closed,          ///< one side said eof and the other went on sending
  reset_by_close,       ///< a close with unread bytes became a reset
  sent_to_closed,       ///< bytes arrived at a side that was gone
  cancelled_receive,    ///< a receive completed with cancelled
  cancelled_send,       ///< a send completed with cancelled
  paused,               ///< a host stood still
  wall_jumped_forward,  ///< a host's calendar jumped forward
  wall_jumped_back,     ///< a host's calendar jumped back
  drifting,             ///< a host's clock runs at another speed
  slow_processor,       ///< a host's callbacks cost more
  shuffled_ties,        ///< events of one instant in another order than they were made
  crashed,              ///< a host lost its memory
  restarted,            ///< a host that crashed came back
  reset_by_crash,       ///< a connection stood when one of its hosts crashed
  partitioned,          ///< two groups of hosts could not reach each other
  partitioned_one_way,  ///< one group could not reach the other, which still reached it
  held_by_partition,    ///< a segment waited for the end of a partition
  connect_partitioned,  ///< a connect vanished in a partition
};

inline constexpr std::size_t marks_count = static_cast<std::size_t>(Mark::connect_partitioned) + 1;

/// "cut_receive", ...
[[nodiscard]] const char* to_string(Mark mark);

class Marks {
 public:
  void hit(Mark mark) { counts_[static_cast<std::size_t>(mark)]++; }
  [[nodiscard]] std::uint64_t count(Mark mark) const {
    return counts_[static_cast<std::size_t>(mark)];
  }
  void add(const Marks& other) {
    for (std::size_t i = 0; i < marks_count; i++) counts_[i] += other.counts_[i];
  }

 private:
  std::array<std::uint64_t, marks_count> counts_ = {};
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_MARK_H_
