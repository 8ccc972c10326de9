// OutputBuffer: replies of one connection, in request order, that wait to be sent.
//
//   block:  [ sent | VALUE a 0 9000\r\n | \r\n VALUE b ... | free ]     leased,
//                  ^begin               ^cut                ^end          limits::output_bytes
//   cut:                                `-> 9000 bytes of a pinned value, in the store's memory
//
//  1. Bytes between begin and end, with the pinned values at the cuts, are what is still to be
//     sent, in this order. Cuts are in ascending order of their place.
//  2. A cut holds one pin of the store, or a copy, given back when its last byte was taken or by
//     clear().
//  3. Writing requires room(); whoever executes requests checks it first (reply_room()).
//  4. Bytes handed to a send are never moved; more may be appended behind them meanwhile.
//
// Cost: appending is a memcpy. A block is leased while there is something to send, never when idle.

#ifndef CACHEISMO_NODE_OUTPUT_BUFFER_H_
#define CACHEISMO_NODE_OUTPUT_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/node/block_pool.h"
#include "cacheismo/store/store.h"

namespace cacheismo::node {

/// A value between two pieces of the block: pinned in the store, or a copy of its own.
struct Cut {
  std::uint32_t at = 0;  ///< the value comes before the block's byte at this offset
  store::Pin pin;
  std::uint64_t value_bytes = 0;
  char* copy = nullptr;  ///< null: pinned
};

struct OutputBlock {
  std::uint32_t begin;
  std::uint32_t end;
  std::uint32_t cut_begin;
  std::uint32_t cut_end;
  std::uint64_t cut_sent;      ///< bytes of the first cut's value that were taken
  std::uint64_t pinned_bytes;  ///< of all values at the cuts, those that were sent included
  Cut cuts[limits::output_cuts_max];
  char bytes[limits::output_bytes - 32 - sizeof(Cut) * limits::output_cuts_max];
};
static_assert(sizeof(OutputBlock) == limits::output_bytes);

using OutputPool = BlockPool<OutputBlock>;

class OutputBuffer {
 public:
  [[nodiscard]] bool leased() const { return block_ != nullptr; }
  [[nodiscard]] bool empty() const {
    return block_ == nullptr ||
           (block_->begin == block_->end && block_->cut_begin == block_->cut_end);
  }
  [[nodiscard]] bool holds_pins() const {
    return block_ != nullptr && block_->cut_begin < block_->cut_end;
  }

  void lease(OutputPool& pool) {
    if (block_ != nullptr) return;
    block_ = pool.take();
    reset();
  }
  /// Unpins what is left and gives the block back.
  void clear(OutputPool& pool, store::Store& store);

  // ---- Writing; requires leased() ---------------------------------------------------------------

  [[nodiscard]] std::size_t room() const { return sizeof(block_->bytes) - block_->end; }
  /// Another value may be pinned.
  [[nodiscard]] bool cut_room() const {
    return block_->cut_end < limits::output_cuts_max &&
           block_->pinned_bytes < limits::output_pinned_bytes_max;
  }
  /// Any single reply fits.
  [[nodiscard]] bool reply_room() const { return room() >= limits::reply_bytes_max && cut_room(); }

  /// Where the next bytes go; advance_to() says how far they went.
  [[nodiscard]] char* cursor() { return block_->bytes + block_->end; }
  void advance_to(const char* end) {
    const auto to = static_cast<std::size_t>(end - block_->bytes);
    CHECK_LE(to, sizeof(block_->bytes));
    block_->end = static_cast<std::uint32_t>(to);
  }
  void append(Bytes bytes) {
    CHECK_LE(bytes.size(), room());
    std::memcpy(cursor(), bytes.data(), bytes.size());
    block_->end += static_cast<std::uint32_t>(bytes.size());
  }
  /// A copy of `bytes` follows, outside of the block. Requires cut_room() and bytes.
  void append_copy(Bytes bytes);
  /// The value follows what has been appended so far. Requires cut_room() and value_bytes > 0.
  void append_pinned(store::Pin pin, std::uint64_t value_bytes);

  /// A place in the output. What is appended behind it can be taken back until it is offered to a
  /// send.
  struct Mark {
    std::uint32_t end = 0;
    std::uint32_t cut_end = 0;
    std::uint64_t pinned_bytes = 0;
  };
  [[nodiscard]] Mark mark() const { return {block_->end, block_->cut_end, block_->pinned_bytes}; }
  /// Removes what was appended behind `mark`, and returns it.
  [[nodiscard]] std::string take_back(const Mark& mark, store::Store& store);

  // ---- Sending ----------------------------------------------------------------------------------

  /// What is to be sent, as views; returns how many of `out` were filled.
  [[nodiscard]] std::size_t views(const store::Store& store, std::span<Bytes> out) const;
  /// The first `n` bytes were taken. Requires that views() covered them.
  void taken(std::size_t n, store::Store& store);
  /// Forgets the places of what was sent. Requires empty() and no outstanding send.
  void reset() {
    block_->begin = block_->end = block_->cut_begin = block_->cut_end = 0;
    block_->cut_sent = block_->pinned_bytes = 0;
  }

 private:
  OutputBlock* block_ = nullptr;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_OUTPUT_BUFFER_H_
