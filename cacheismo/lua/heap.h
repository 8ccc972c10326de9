// Heap: the memory of all scripts of one node, in one region that never grows.
//
//   region:  | page | page | page ... |      a page is 4 KiB
//            a page of small blocks:  | block | block | ... |   of one size class, up to 2 KiB
//            a large block:           a run of whole pages
//
//   size classes:  16, 32, ... 256, then four to each doubling up to 1,024, then 1,280 and 2,048
//
//  1. Nothing is allocated outside of the region but the table of its pages, 48 bytes each.
//  2. used_bytes() is the sum of the blocks in use, rounded up to their size class or to pages.
//  3. The same calls give the same offsets in the region: with a region at the same address modulo
//     4 GiB, tables that are keyed by address iterate in the same order everywhere.
//  4. A page whose blocks are all free is free at once, joins its free neighbours, and serves any
//     size again.
//  5. Free memory is never written, and with AddressSanitizer it is poisoned.
//
// What it is not: a general allocator. It knows no threads, and its blocks' sizes come from
// outside.
//
// Cost: about 40 instructions for a small block; for a large one a look at the list of free runs
// that are long enough.

#ifndef CACHEISMO_LUA_HEAP_H_
#define CACHEISMO_LUA_HEAP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace cacheismo::lua {

namespace heap_pages {
struct Pages;
}

class Heap {
 public:
  static constexpr std::size_t page_bytes = 4096;

  /// `region` outlives the heap, is used by nobody else, may be lazily backed and is aligned to a
  /// page. Requires 1 MiB to 16 GiB; what is no whole page stays unused.
  explicit Heap(std::span<char> region);
  ~Heap();
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  /// nullptr: no room. Blocks are aligned to 16 bytes. Requires bytes > 0.
  [[nodiscard]] void* allocate(std::size_t bytes);
  /// Requires a block in use, and the bytes that it was last asked to have.
  void release(void* block, std::size_t bytes);
  /// As realloc: the block stays as it is where nullptr is returned. Shrinking never fails.
  /// Requires to_bytes > 0.
  [[nodiscard]] void* resize(void* block, std::size_t from_bytes, std::size_t to_bytes);

  [[nodiscard]] std::size_t used_bytes() const;
  [[nodiscard]] std::size_t region_bytes() const;

  /// Walks the page table and the lists; the first broken invariant, or nullopt.
  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  std::unique_ptr<heap_pages::Pages> pages_;
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_HEAP_H_
