#include "sim/event_heap.h"

#include <algorithm>

#include "cacheismo/base/check.h"

namespace cacheismo::sim {

void EventHeap::push(const Event& event) {
  std::size_t index = events_.size();
  events_.push_back(event);
  while (index > 0) {
    const std::size_t parent = (index - 1) / 4;
    if (!before(event, events_[parent])) break;
    events_[index] = events_[parent];
    index = parent;
  }
  events_[index] = event;
}

Event EventHeap::pop() {
  CHECK(!events_.empty());
  const Event least = events_.front();
  const Event last = events_.back();
  events_.pop_back();
  if (!events_.empty()) sift_down(0, last);
  return least;
}

void EventHeap::sift_down(std::size_t index, const Event& event) {
  const std::size_t size = events_.size();
  while (true) {
    const std::size_t first = index * 4 + 1;
    if (first >= size) break;
    std::size_t least = first;
    for (std::size_t child = first + 1; child < std::min(first + 4, size); child++) {
      if (before(events_[child], events_[least])) least = child;
    }
    if (!before(events_[least], event)) break;
    events_[index] = events_[least];
    index = least;
  }
  events_[index] = event;
}

void EventHeap::rebuild() {
  for (std::size_t index = events_.size(); index-- > 0;) {
    const Event event = events_[index];
    sift_down(index, event);
  }
}

}  // namespace cacheismo::sim
