#include "cacheismo/cluster/circuit.h"

#include <algorithm>

#include "cacheismo/base/check.h"

namespace cacheismo::cluster {

bool Circuit::admit(MonotonicTime now) {
  if (state_ == State::closed) [[likely]]
    return true;
  if (state_ == State::half_open || now < probe_at_) return false;
  state_ = State::half_open;
  return true;
}

void Circuit::success() {
  state_ = State::closed;
  failures_ = 0;
  pause_ = limits::peer_pause_min;
}

void Circuit::failed(MonotonicTime now) {
  if (state_ == State::open) return;  // of calls from before; the pause is running
  ++failures_;
  if (state_ == State::closed && failures_ < limits::peer_failures_max) return;
  state_ = State::open;
  const auto whole = static_cast<std::uint64_t>(pause_.count());
  probe_at_ = now + Duration(static_cast<std::int64_t>(random_.between(whole / 2, whole)));
  pause_ = std::min(2 * pause_, limits::peer_pause_max);
}

void Circuit::probe_withdrawn() {
  CHECK_EQ(state_, State::half_open);
  state_ = State::open;
}

std::optional<std::string> Circuit::audit() const {
  if (pause_ < limits::peer_pause_min || pause_ > limits::peer_pause_max)
    return "circuit: a pause outside of its limits";
  if (state_ == State::closed && failures_ >= limits::peer_failures_max)
    return "circuit: closed after too many failures";
  if (state_ != State::closed && failures_ < limits::peer_failures_max)
    return "circuit: open after too few failures";
  return std::nullopt;
}

const char* to_string(Circuit::State state) {
  switch (state) {
    case Circuit::State::closed: return "closed";
    case Circuit::State::open: return "open";
    case Circuit::State::half_open: return "half_open";
  }
  CHECK(false);
}

}  // namespace cacheismo::cluster
