#include "sim/sim_timers.h"

namespace cacheismo::sim {
namespace {

constexpr std::size_t dead_entries_min = 64;  // fewer are not worth a rebuild

}  // namespace

io::TimerId SimTimers::set(std::int64_t deadline_ns, io::TimerEvents& events) {
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  slots_[slot].events = &events;
  const std::uint32_t generation = ++slots_[slot].generation;
  heap_.push({deadline_ns, sequence_++, 0, 0, slot, generation});
  live_++;
  return {(static_cast<std::uint64_t>(generation) << 32) | (slot + 1)};
}

bool SimTimers::cancel(io::TimerId timer) {
  const std::uint32_t slot = static_cast<std::uint32_t>(timer.value) - 1;
  const std::uint32_t generation = static_cast<std::uint32_t>(timer.value >> 32);
  if (slot >= slots_.size() || slots_[slot].events == nullptr ||
      slots_[slot].generation != generation) {
    return false;
  }
  free_slot(slot);
  if (heap_.size() > 2 * live_ + dead_entries_min) {
    heap_.remove_if([this](const Event& entry) { return !is_live(entry); });
  }
  return true;
}

void SimTimers::clear() {
  for (std::uint32_t slot = 0; slot < slots_.size(); slot++) {
    if (slots_[slot].events != nullptr) free_slot(slot);
  }
}

std::optional<std::int64_t> SimTimers::next_ns() {
  while (!heap_.empty() && !is_live(heap_.top())) (void)heap_.pop();
  if (heap_.empty()) return std::nullopt;
  return heap_.top().time_ns;
}

std::optional<SimTimers::Due> SimTimers::take(std::int64_t now_ns, std::uint64_t sequence) {
  const auto next = next_ns();
  if (!next || *next > now_ns || heap_.top().tie >= sequence) return std::nullopt;
  const Event entry = heap_.pop();
  const Due due{{(static_cast<std::uint64_t>(entry.b) << 32) | (entry.a + 1)},
                slots_[entry.a].events,
                entry.time_ns};
  free_slot(entry.a);
  return due;
}

void SimTimers::free_slot(std::uint32_t slot) {
  slots_[slot].events = nullptr;
  free_.push_back(slot);
  live_--;
}

}  // namespace cacheismo::sim
