#include "cacheismo/io/timer_heap.h"

#include "cacheismo/base/check.h"

namespace cacheismo::io {

TimerId TimerHeap::add(MonotonicTime deadline, Purpose purpose) {
  std::uint32_t slot;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Entry& entry = entries_[slot];
  entry.purpose = purpose;
  entry.pending = true;
  heap_.push_back(Node{deadline, sequence_++, slot});
  rise(heap_.size() - 1);
  return TimerId{std::uint64_t{entry.generation} << 32 | slot};
}

bool TimerHeap::cancel(TimerId id) {
  const auto slot = static_cast<std::uint32_t>(id.value);
  if (slot >= entries_.size()) return false;
  const Entry& entry = entries_[slot];
  if (!entry.pending || entry.generation != id.value >> 32) return false;
  remove(entry.position);
  return true;
}

std::optional<TimerHeap::Due> TimerHeap::take_due(MonotonicTime now, std::uint64_t sequence_end) {
  if (heap_.empty()) return std::nullopt;
  const Node& first = heap_.front();
  if (first.deadline > now || first.sequence >= sequence_end) return std::nullopt;
  const Entry& entry = entries_[first.slot];
  const Due due{TimerId{std::uint64_t{entry.generation} << 32 | first.slot}, entry.purpose};
  remove(0);
  return due;
}

std::optional<MonotonicTime> TimerHeap::next_deadline() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().deadline;
}

void TimerHeap::place(std::size_t position, const Node& node) {
  heap_[position] = node;
  entries_[node.slot].position = static_cast<std::uint32_t>(position);
}

void TimerHeap::rise(std::size_t position) {
  const Node node = heap_[position];
  while (position > 0) {
    const std::size_t parent = (position - 1) / 2;
    if (!node.before(heap_[parent])) break;
    place(position, heap_[parent]);
    position = parent;
  }
  place(position, node);
}

void TimerHeap::sink(std::size_t position) {
  const Node node = heap_[position];
  for (;;) {
    std::size_t child = 2 * position + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].before(heap_[child])) ++child;
    if (!heap_[child].before(node)) break;
    place(position, heap_[child]);
    position = child;
  }
  place(position, node);
}

void TimerHeap::remove(std::size_t position) {
  const std::uint32_t slot = heap_[position].slot;
  Entry& entry = entries_[slot];
  CHECK(entry.pending);
  entry.pending = false;
  if (++entry.generation == 0) entry.generation = 1;
  free_.push_back(slot);

  const Node last = heap_.back();
  heap_.pop_back();
  if (position == heap_.size()) return;
  heap_[position] = last;
  rise(position);
  sink(entries_[last.slot].position);
}

}  // namespace cacheismo::io
