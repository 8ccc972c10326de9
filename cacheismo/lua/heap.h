// Heap: the memory of all scripts of one node, in one region that never grows.
//
//   region:  | page | page | page ... |      a page is 64 KiB
//            a page of small blocks holds blocks of one size class; a large block is a run of pages
//
//  1. Nothing is allocated outside of the region but the table of its pages.
//  2. used_bytes() is the sum of the blocks in use, rounded up to their size class.
//  3. The same calls give the same offsets in the region: with a region at the same address modulo
//     4 GiB, tables that are keyed by address iterate in the same order everywhere.
//  4. Memory of a page whose blocks are all free serves any size again.
//
// Cost: constant for small blocks; one look at the page table for large ones.

#ifndef CACHEISMO_LUA_HEAP_H_
#define CACHEISMO_LUA_HEAP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace cacheismo::lua {

class Heap {
 public:
  /// `region` outlives the heap, is used by nobody else, may be lazily backed and is aligned to 64
  /// KiB. Requires at least 1 MiB.
  explicit Heap(std::span<char> region);
  ~Heap();
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  /// nullptr: no room. Blocks are aligned to 16 bytes. Requires bytes > 0.
  [[nodiscard]] void* allocate(std::size_t bytes);
  void release(void* block, std::size_t bytes);
  /// As realloc: the block stays as it is where nullptr is returned. Shrinking never fails.
  [[nodiscard]] void* resize(void* block, std::size_t from_bytes, std::size_t to_bytes);

  [[nodiscard]] std::size_t used_bytes() const;
  [[nodiscard]] std::size_t region_bytes() const;

  /// Walks the page table and the free lists; the first broken invariant, or nullopt.
  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  struct Pages;
  std::unique_ptr<Pages> pages_;
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_HEAP_H_
