// ConnectionTable: every connection of a node, at addresses that never change.
//
//   chunks:  [ 64 Connections ][ 64 Connections ] ...     slot = chunk * 64 + place
//   free:    last closed, first used again
//   turns:   slot, slot, slot                             wait to go on with input they have
//   recency: longest inactive <-> ... <-> latest active   only kept when there is an idle timeout
//
//  1. A slot is free, or its connection is in use; open() + free = slots made so far.
//  2. A turn may be left over from a connection that has closed; take_turn() of the next one in
//     that slot ignores it.
//  3. Chunks are kept for the next connections: at 256 bytes each the most that were ever open.

#ifndef CACHEISMO_NODE_CONNECTION_TABLE_H_
#define CACHEISMO_NODE_CONNECTION_TABLE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/node/connection.h"

namespace cacheismo::node {

inline constexpr std::uint32_t no_slot = 0xFFFFFFFF;

class ConnectionTable {
 public:
  explicit ConnectionTable(bool keep_recency) : keep_recency_(keep_recency) {}

  /// A free connection and its slot.
  [[nodiscard]] std::uint32_t take();
  void give(std::uint32_t slot);

  [[nodiscard]] Connection& at(std::uint32_t slot) {
    return (*chunks_[slot / chunk_slots])[slot % chunk_slots];
  }
  [[nodiscard]] const Connection& at(std::uint32_t slot) const {
    return (*chunks_[slot / chunk_slots])[slot % chunk_slots];
  }
  /// Slots made so far; those of them that are in_use() are open.
  [[nodiscard]] std::uint32_t slots() const { return slots_; }
  [[nodiscard]] std::uint32_t open() const { return open_; }

  // ---- Turns ------------------------------------------------------------------------------------

  void queue_turn(std::uint32_t slot) { turns_.push_back(slot); }
  /// Those that waited, in order, and an empty queue for those who will wait again. `turns` must be
  /// empty; its memory is used for them.
  void take_turns(std::vector<std::uint32_t>& turns) { turns_.swap(turns); }
  [[nodiscard]] bool turns_waiting() const { return !turns_.empty(); }

  // ---- Recency ----------------------------------------------------------------------------------

  /// The connection has just said something.
  void touch(std::uint32_t slot) {
    if (!keep_recency_ || slot == latest_) return;
    unlink(slot);
    link(slot);
  }
  /// The longest inactive, or no_slot (also if recency is not kept).
  [[nodiscard]] std::uint32_t longest_inactive() const { return longest_; }

  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  static constexpr std::uint32_t chunk_slots = 64;

  void link(std::uint32_t slot);
  void unlink(std::uint32_t slot);

  std::vector<std::unique_ptr<std::array<Connection, chunk_slots>>> chunks_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> turns_;
  std::uint32_t slots_ = 0;
  std::uint32_t open_ = 0;
  std::uint32_t longest_ = no_slot;
  std::uint32_t latest_ = no_slot;
  bool keep_recency_;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_CONNECTION_TABLE_H_
