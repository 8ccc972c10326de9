// ArenaMemory: the cache's memory, as one zeroed region of address space.
//
// Reserved at once, backed by the kernel page by page when first touched: a daemon with -m 1024
// starts with a few MB resident and grows with what is stored, by 2 MiB at a time where the kernel
// grants huge pages.

#ifndef CACHEISMO_IO_ARENA_MEMORY_H_
#define CACHEISMO_IO_ARENA_MEMORY_H_

#include <cstddef>
#include <span>
#include <utility>

#include "cacheismo/base/result.h"
#include "cacheismo/io/io.h"

namespace cacheismo::io {

class ArenaMemory {
 public:
  /// no_resources: the process may not have so much address space (RLIMIT_AS, strict overcommit).
  /// For a moment it takes `alignment` more. Requires a power of two, at least a page; 0: a page.
  [[nodiscard]] static Result<ArenaMemory, Error> reserve(std::size_t bytes,
                                                          std::size_t alignment = 0);

  ArenaMemory(ArenaMemory&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  ArenaMemory& operator=(ArenaMemory&&) = delete;
  ~ArenaMemory();

  [[nodiscard]] std::span<char> bytes() const { return bytes_; }

 private:
  explicit ArenaMemory(std::span<char> bytes) : bytes_(bytes) {}

  std::span<char> bytes_;
};

}  // namespace cacheismo::io

#endif  // CACHEISMO_IO_ARENA_MEMORY_H_
