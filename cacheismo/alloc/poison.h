// poison: tells AddressSanitizer which bytes of the arena hold nothing; nothing in other builds.
//
// ASan tracks 8-byte granules and chunks are 2-byte aligned, so the edges of a hole stay readable:
// a stray access is caught in all but the first and last 7 bytes.

#ifndef CACHEISMO_ALLOC_POISON_H_
#define CACHEISMO_ALLOC_POISON_H_

#include <cstddef>
#include <cstdint>

#if defined(__SANITIZE_ADDRESS__)
#define CACHEISMO_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CACHEISMO_ASAN 1
#endif
#endif

#if defined(CACHEISMO_ASAN)
#include <sanitizer/asan_interface.h>
#endif

namespace cacheismo::alloc {

#if defined(CACHEISMO_ASAN)
inline void poison(const char* begin, std::size_t bytes) {
  const auto first = (reinterpret_cast<std::uintptr_t>(begin) + 7) & ~std::uintptr_t{7};
  const auto last = (reinterpret_cast<std::uintptr_t>(begin) + bytes) & ~std::uintptr_t{7};
  if (first < last) ASAN_POISON_MEMORY_REGION(reinterpret_cast<void*>(first), last - first);
}
inline void unpoison(const char* begin, std::size_t bytes) {
  const auto first = reinterpret_cast<std::uintptr_t>(begin) & ~std::uintptr_t{7};
  const auto last = (reinterpret_cast<std::uintptr_t>(begin) + bytes + 7) & ~std::uintptr_t{7};
  ASAN_UNPOISON_MEMORY_REGION(reinterpret_cast<void*>(first), last - first);
}
#else
inline void poison(const char*, std::size_t) {}
inline void unpoison(const char*, std::size_t) {}
#endif

}  // namespace cacheismo::alloc

#endif  // CACHEISMO_ALLOC_POISON_H_
