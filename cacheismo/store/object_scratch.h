// Scratch: where changed nodes lie until they are committed: memory outside the arena, used again.
//
//   +-- 64 KiB block --+   +-- block --+
//   | node | node | .. |   | node | .. |     bytes are taken in a row and given back all at once
//   +------------------+   +-----------+
//
// Cost: no allocation once it has been as full before, up to kept_bytes.

#ifndef CACHEISMO_STORE_OBJECT_SCRATCH_H_
#define CACHEISMO_STORE_OBJECT_SCRATCH_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "cacheismo/base/units.h"

namespace cacheismo::store {

class Scratch {
 public:
  static constexpr std::size_t block_bytes = 64 * KiB;
  static constexpr std::size_t kept_bytes = 256 * KiB;

  /// Valid until reset(). Requires bytes <= block_bytes.
  [[nodiscard]] char* take(std::size_t bytes) {
    if (bytes > left_) next_block();
    char* const taken = next_;
    next_ += bytes;
    left_ -= bytes;
    return taken;
  }
  /// Taken, unusable ends of blocks included.
  [[nodiscard]] std::size_t used() const { return begun_ * block_bytes - left_; }
  void reset() {
    if (blocks_.size() > kept_bytes / block_bytes) blocks_.resize(kept_bytes / block_bytes);
    if (blocks_.empty()) return;
    begun_ = 1;
    next_ = blocks_[0].get();
    left_ = block_bytes;
  }

 private:
  void next_block() {
    if (begun_ == blocks_.size()) blocks_.push_back(std::make_unique<char[]>(block_bytes));
    next_ = blocks_[begun_++].get();
    left_ = block_bytes;
  }

  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t begun_ = 0;  ///< blocks in use
  char* next_ = nullptr;
  std::size_t left_ = 0;  ///< bytes, in the block begun last
};

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_OBJECT_SCRATCH_H_
