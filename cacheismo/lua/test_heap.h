// TestHeap: a Heap over memory of its own, for tests.

#ifndef CACHEISMO_LUA_TEST_HEAP_H_
#define CACHEISMO_LUA_TEST_HEAP_H_

#include <cstddef>
#include <cstdlib>
#include <memory>

#include "cacheismo/lua/heap.h"

namespace cacheismo::lua {

class TestHeap {
 public:
  static constexpr std::size_t bytes = 64u << 20;
  TestHeap()
      : memory_(static_cast<char*>(std::aligned_alloc(Heap::page_bytes, bytes))),
        heap_({memory_.get(), bytes}) {}
  [[nodiscard]] Heap& heap() { return heap_; }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  std::unique_ptr<char, Free> memory_;
  Heap heap_;
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_TEST_HEAP_H_
