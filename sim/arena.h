// Arena: zeroed memory for one node. Pages that nobody touches cost nothing, so that a test may
// give a node many megabytes.

#ifndef CACHEISMO_SIM_ARENA_H_
#define CACHEISMO_SIM_ARENA_H_

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>

#include "cacheismo/base/check.h"

namespace cacheismo::sim {

class Arena {
 public:
  explicit Arena(std::size_t bytes)
      : memory_(static_cast<char*>(std::calloc(bytes, 1))), bytes_(bytes) {
    CHECK(memory_ != nullptr);
  }
  [[nodiscard]] std::span<char> bytes() const { return {memory_.get(), bytes_}; }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  std::unique_ptr<char, Free> memory_;
  std::size_t bytes_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_ARENA_H_
