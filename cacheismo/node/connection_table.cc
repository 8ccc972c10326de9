#include "cacheismo/node/connection_table.h"

#include "cacheismo/base/check.h"

namespace cacheismo::node {

void NodeState::queue_turn(std::uint32_t slot) {
  connections->queue_turn(slot);
  if (turn_timer == io::TimerId{}) turn_timer = io.set_timer(io.now().monotonic, *turns);
}

std::uint32_t ConnectionTable::take() {
  if (free_.empty()) {
    chunks_.push_back(std::make_unique<std::array<Connection, chunk_slots>>());
    free_.reserve(slots_ + chunk_slots);
    for (std::uint32_t i = chunk_slots; i > 0; --i) free_.push_back(slots_ + i - 1);
    slots_ += chunk_slots;
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  ++open_;
  if (keep_recency_) link(slot);
  return slot;
}

void ConnectionTable::give(std::uint32_t slot) {
  CHECK_GT(open_, 0u);
  if (keep_recency_) unlink(slot);
  --open_;
  free_.push_back(slot);
}

void ConnectionTable::link(std::uint32_t slot) {
  Connection& connection = at(slot);
  connection.older = latest_;
  connection.newer = no_slot;
  if (latest_ == no_slot) {
    longest_ = slot;
  } else {
    at(latest_).newer = slot;
  }
  latest_ = slot;
}

void ConnectionTable::unlink(std::uint32_t slot) {
  const Connection& connection = at(slot);
  if (connection.older == no_slot) {
    longest_ = connection.newer;
  } else {
    at(connection.older).newer = connection.newer;
  }
  if (connection.newer == no_slot) {
    latest_ = connection.older;
  } else {
    at(connection.newer).older = connection.older;
  }
}

std::optional<std::string> ConnectionTable::audit() const {
  std::uint32_t used = 0;
  for (std::uint32_t slot = 0; slot < slots_; ++slot) used += at(slot).in_use() ? 1 : 0;
  if (used != open_) return "connections: open count differs from slots in use";
  if (open_ + free_.size() != slots_) return "connections: a slot is neither open nor free";
  for (const std::uint32_t slot : free_) {
    if (at(slot).in_use()) return "connections: a free slot is in use";
  }
  if (!keep_recency_) return std::nullopt;
  std::uint32_t linked = 0;
  for (std::uint32_t slot = longest_; slot != no_slot; slot = at(slot).newer) {
    if (!at(slot).in_use()) return "connections: a free slot is in the recency list";
    const std::uint32_t newer = at(slot).newer;
    if (newer != no_slot && at(newer).last_active() < at(slot).last_active())
      return "connections: the recency list is out of order";
    if (++linked > open_) return "connections: the recency list has a cycle";
  }
  if (linked != open_) return "connections: an open connection is not in the recency list";
  return std::nullopt;
}

}  // namespace cacheismo::node
