// Pipe: one direction of a connection: a byte stream with bounded buffers and bytes under way.
//
//      read_        arrived_                 written_
//   ....|###########|------ under way -------|..... room .....|
//       ^ receiver   ^ next segment to arrive ^ sender          read_ + capacity
//
//  1. read_ <= arrived_ <= written_ <= read_ + capacity. Offsets only grow; no byte is lost,
//     doubled or reordered.
//  2. Segments arrive in the order in which they were sent (arrival times never go back).
//  3. The end of the stream arrives after the last byte.
//
// What it is not: it schedules nothing and knows no host. Memory is held for bytes between read_
// and written_ only; an idle pipe holds at most keep_bytes.

#ifndef CACHEISMO_SIM_PIPE_H_
#define CACHEISMO_SIM_PIPE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cacheismo/base/bytes.h"

namespace cacheismo::sim {

class Pipe {
 public:
  /// Back to the state of a new pipe; memory is kept for the next use.
  void reset(std::uint64_t capacity_bytes);

  // ---- The sender's side ------------------------------------------------------------------------

  [[nodiscard]] std::uint64_t room() const { return capacity_ - (written_ - read_); }

  /// Appends bytes; they are not under way until send_until. Requires bytes.size() <= room().
  void write(Bytes bytes);

  /// Puts everything up to `offset` (at most written()) under way, to arrive at `arrival_ns` or
  /// with the segment before it, whichever is later. Returns the arrival; nullopt-like -1 when the
  /// segment joined one that arrives at the same instant, so that no further event is needed.
  std::int64_t send_until(std::uint64_t offset, std::int64_t arrival_ns);

  /// The stream ends after what has been written. As send_until.
  std::int64_t send_end(std::int64_t arrival_ns);

  [[nodiscard]] std::uint64_t written() const { return written_; }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] std::int64_t last_arrival_ns() const { return last_arrival_ns_; }

  /// The sender waits for room.
  bool sender_waits = false;
  /// A window update is on its way to the sender.
  bool window_under_way = false;

  // ---- The receiver's side ----------------------------------------------------------------------

  /// Lets everything arrive that is due. Returns the count of bytes that became readable.
  std::uint64_t arrive(std::int64_t now_ns);

  [[nodiscard]] std::uint64_t readable() const { return arrived_ - read_; }
  [[nodiscard]] bool at_end() const { return end_arrived_ && readable() == 0; }
  [[nodiscard]] bool end_arrived() const { return end_arrived_; }

  /// Moves out.size() bytes to `out`. Requires out.size() <= readable().
  void read(MutableBytes out);

  /// Forgets everything that is readable; the receiver is gone.
  void discard();

 private:
  struct Segment {
    std::uint64_t end = 0;
    std::int64_t arrival_ns = 0;
  };

  void grow(std::uint64_t bytes);
  void consume(std::uint64_t count);

  std::vector<char> ring_;  // its size is a power of two
  std::vector<Segment> segments_;
  std::size_t first_segment_ = 0;
  std::uint64_t capacity_ = 0;
  std::uint64_t read_ = 0;
  std::uint64_t arrived_ = 0;
  std::uint64_t under_way_ = 0;
  std::uint64_t written_ = 0;
  std::int64_t last_arrival_ns_ = 0;
  std::int64_t end_arrival_ns_ = 0;
  bool ended_ = false;
  bool end_arrived_ = false;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_PIPE_H_
