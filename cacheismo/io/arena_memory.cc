#include "cacheismo/io/arena_memory.h"

#include <sys/mman.h>

namespace cacheismo::io {

Result<ArenaMemory, Error> ArenaMemory::reserve(std::size_t bytes) {
  void* region = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (region == MAP_FAILED) return failure(Error::no_resources);
  // A core dump should show the program, not gigabytes of its users' data.
  (void)madvise(region, bytes, MADV_DONTDUMP);
  return ArenaMemory({static_cast<char*>(region), bytes});
}

ArenaMemory::~ArenaMemory() {
  if (!bytes_.empty()) munmap(bytes_.data(), bytes_.size());
}

}  // namespace cacheismo::io
