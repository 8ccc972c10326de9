// BlockPool: blocks of one size that connections lease while they have something to hold.
//
//   take() <- [ hot ][ warm ][ cold ... ]   last given, first taken, so that the same few blocks
//   give() ->                               stay in the processor's cache
//
//  1. leased() blocks are out, at most kFreeMax wait here; what is given above that goes back to
//     the heap, so a burst's memory does not stay.
//  2. A taken block's bytes are not initialised.
//
// What it is not: it sets no bound on how many are out; connections do, each holds one at most.

#ifndef CACHEISMO_NODE_BLOCK_POOL_H_
#define CACHEISMO_NODE_BLOCK_POOL_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"

namespace cacheismo::node {

template <class Block>
class BlockPool {
 public:
  BlockPool() { free_.reserve(kFreeMax); }
  ~BlockPool() { CHECK_EQ(leased_, 0u); }
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  [[nodiscard]] Block* take() {
    ++leased_;
    if (free_.empty()) return std::make_unique_for_overwrite<Block>().release();
    Block* block = free_.back().release();
    free_.pop_back();
    return block;
  }

  void give(Block* block) {
    CHECK_GT(leased_, 0u);
    --leased_;
    std::unique_ptr<Block> owned(block);
    if (free_.size() < kFreeMax) free_.push_back(std::move(owned));
  }

  [[nodiscard]] std::size_t leased() const { return leased_; }
  [[nodiscard]] std::size_t free() const { return free_.size(); }

 private:
  static constexpr std::size_t kFreeMax = limits::free_block_bytes_max / sizeof(Block) == 0
                                              ? 1
                                              : limits::free_block_bytes_max / sizeof(Block);

  std::vector<std::unique_ptr<Block>> free_;
  std::size_t leased_ = 0;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_BLOCK_POOL_H_
