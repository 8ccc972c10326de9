// InputBuffer: received bytes of one connection that cannot be executed yet.
//
//   leased by the Io:  [ request ][ request ][ req          executed where they lie, not copied
//                                             ^^^
//   InputBuffer:                             [req]          until the rest has come
//
//  1. Empty means that no memory is held.
//  2. Up to limits::pending_input_bytes it is one pooled block; up to limits::backlog_block_bytes
//     one large pooled block; above that (only a multi-get line can be longer) heap memory that
//     doubles.
//  3. The two larger kinds are counted across all connections and bounded by
//     limits::input_backlog_bytes_max: append() refuses beyond it and the connection is closed.
//
// Cost: one memcpy per append; removing from the front moves nothing.

#ifndef CACHEISMO_NODE_INPUT_BUFFER_H_
#define CACHEISMO_NODE_INPUT_BUFFER_H_

#include <cstddef>
#include <cstdint>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/node/block_pool.h"

namespace cacheismo::node {

struct SmallInputBlock {
  char bytes[limits::pending_input_bytes];
};
struct LargeInputBlock {
  char bytes[limits::backlog_block_bytes];
};

/// The memory behind all InputBuffers of a node.
class InputMemory {
 public:
  /// nullptr: the bound of invariant 3 is reached. `capacity` becomes what the memory really holds.
  [[nodiscard]] char* take(std::size_t& capacity);
  void give(char* bytes, std::size_t capacity);

  /// Bytes held by blocks of the two larger kinds.
  [[nodiscard]] std::size_t backlog_bytes() const { return backlog_bytes_; }
  [[nodiscard]] std::size_t leased_bytes() const {
    return backlog_bytes_ + small_.leased() * sizeof(SmallInputBlock);
  }
  [[nodiscard]] std::size_t buffers() const { return small_.leased() + backlog_count_; }
  [[nodiscard]] std::size_t free_bytes() const {
    return small_.free() * sizeof(SmallInputBlock) + large_.free() * sizeof(LargeInputBlock);
  }

 private:
  BlockPool<SmallInputBlock> small_;
  BlockPool<LargeInputBlock> large_;
  std::size_t backlog_bytes_ = 0;
  std::size_t backlog_count_ = 0;
};

class InputBuffer {
 public:
  [[nodiscard]] bool empty() const { return begin_ == end_; }
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] Bytes bytes() const { return Bytes(data_ + begin_, end_ - begin_); }

  /// False: no memory within the bound; the buffer is unchanged.
  [[nodiscard]] bool append(InputMemory& memory, Bytes bytes);
  /// Drops bytes from the front. Emptied, it gives its memory back. Requires n <= size().
  void remove_prefix(InputMemory& memory, std::size_t n);
  /// Keeps the first `n` bytes only. Requires 0 < n <= size().
  void truncate(std::size_t n);
  void clear(InputMemory& memory);

 private:
  char* data_ = nullptr;
  std::uint32_t begin_ = 0;
  std::uint32_t end_ = 0;
  std::uint32_t capacity_ = 0;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_INPUT_BUFFER_H_
