// Journal: everything that happened in a run, as one running hash and, if wanted, as lines.
//
//   note(time, kind, host, a, b, value) -> hash, and "12.000345678 h1 receive stream=3 ..."
//
//  1. Every event that is handled, every draw of the world and the bytes of every completion are
//     noted. Two runs with the same hash did the same thing in the same order.
//  2. The hash does not depend on whether lines are kept, on the compiler or on an address.
//
// Not a cryptographic hash: it is compared with itself, not with an adversary's.
// Cost: three multiplications a note when no lines are kept.

#ifndef CACHEISMO_SIM_JOURNAL_H_
#define CACHEISMO_SIM_JOURNAL_H_

#include <bit>
#include <cstdint>

#include "cacheismo/base/bytes.h"

namespace cacheismo::sim {

enum class Note : std::uint8_t {
  draw,         ///< a = stream of chance, value = what was drawn
  connect,      ///< a = stream, b = channel
  connected,    ///< a = stream, value = 0 or 1 + io::Error
  refused,      ///< a = channel
  accepted,     ///< a = stream, b = channel
  accept_fail,  ///< a = listener, value = 1 + io::Error
  arrived,      ///< a = channel, b = direction, value = bytes
  received,     ///< a = stream, b = count, value = hash of the bytes
  receive_end,  ///< a = stream, value = 1 + io::Error
  sent,         ///< a = stream, b = count, value = hash of the bytes
  send_end,     ///< a = stream, value = 1 + io::Error
  window,       ///< a = channel, b = direction
  reset,        ///< a = channel, b = side that learns of it
  shutdown,     ///< a = stream
  closed,       ///< a = stream
  timer,        ///< a = timer slot, value = deadline
  fault,        ///< a = FaultClass, value = what was chosen
  request,      ///< a = client, b = request, value = hash of its bytes
  reply,        ///< a = client, b = request, value = hash of what it said
  end,          ///< value = the last state of a stream of chance
  ring,         ///< the host can read another ring; value = its epoch
};

/// "draw", "connect", ...
[[nodiscard]] const char* to_string(Note note);

/// Where the lines go, one call a line without its newline.
class JournalLines {
 public:
  virtual ~JournalLines() = default;
  virtual void line(Bytes text) = 0;
};

class Journal {
 public:
  /// `lines` may be null; otherwise it must outlive the journal.
  explicit Journal(JournalLines* lines = nullptr) : lines_(lines) {}

  void note(std::int64_t time_ns, Note kind, std::uint32_t host, std::uint32_t a, std::uint32_t b,
            std::uint64_t value) {
    mix(static_cast<std::uint64_t>(time_ns) ^ (static_cast<std::uint64_t>(kind) << 56));
    mix((static_cast<std::uint64_t>(a) << 32) ^ b ^ (static_cast<std::uint64_t>(host) << 20));
    mix(value);
    notes_++;
    if (lines_ != nullptr) write_line(time_ns, kind, host, a, b, value);
  }

  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] std::uint64_t notes() const { return notes_; }
  [[nodiscard]] bool keeps_lines() const { return lines_ != nullptr; }

 private:
  void mix(std::uint64_t word) { hash_ = std::rotl((hash_ ^ word) * 0x9E3779B97F4A7C15u, 29); }
  void write_line(std::int64_t time_ns, Note kind, std::uint32_t host, std::uint32_t a,
                  std::uint32_t b, std::uint64_t value);

  std::uint64_t hash_ = 0x243F6A8885A308D3u;  // the first digits of pi: any non-zero start will do
  std::uint64_t notes_ = 0;
  JournalLines* lines_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_JOURNAL_H_
