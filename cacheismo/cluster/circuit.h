// Circuit: whether a peer that has failed is asked at all.
//
//              failures_max in a row
//     closed ------------------------> open <-----------+
//        ^                              | pause over,   | the probe fails: pause doubled
//        |                              v and a call    |
//        +---- any success ---------- half_open --------+
//                                     one call is the probe
//
//  1. While it is open, nothing is let through before the pause is over; while it is half open,
//     nothing but the probe.
//  2. A pause lasts between a half and the whole of its length, by chance, so that many nodes do
//     not probe one peer at the same instant.
//
// What it is not: it does not change who owns a key; a peer that is left alone keeps its keys.

#ifndef CACHEISMO_CLUSTER_CIRCUIT_H_
#define CACHEISMO_CLUSTER_CIRCUIT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "cacheismo/base/limits.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"

namespace cacheismo::cluster {

class Circuit {
 public:
  enum class State : std::uint8_t { closed, open, half_open };

  explicit Circuit(Prng random) : random_(random) {}

  /// Whether a call may be made now. Where that call is the probe, the circuit is half open after.
  [[nodiscard]] bool admit(MonotonicTime now);
  /// The peer has answered.
  void success();
  /// It has not: a connect, a connection or a call failed.
  void failed(MonotonicTime now);
  /// The probe was taken back before a byte of it was sent: the next call will be it.
  void probe_withdrawn();

  [[nodiscard]] State state() const { return state_; }
  /// When the next probe is let through, while open.
  [[nodiscard]] MonotonicTime probe_at() const { return probe_at_; }
  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  State state_ = State::closed;
  std::uint32_t failures_ = 0;  ///< in a row
  Duration pause_ = limits::peer_pause_min;
  MonotonicTime probe_at_;
  Prng random_;
};

/// "closed", "open", "half_open".
[[nodiscard]] const char* to_string(Circuit::State state);

}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_CIRCUIT_H_
