// TestVm: a Vm with its heap and a MapHost, for tests that run programs.
//
//   TestVm vm;
//   vm.run("return 1 + 1")     -> "2"
//   vm.run("error('no', 0)")   -> "error: no"
//   vm.run("while true do end") -> "out_of_steps: test.lua:1: stopped after ..."

#ifndef CACHEISMO_LUA_TEST_VM_H_
#define CACHEISMO_LUA_TEST_VM_H_

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>

#include <lauxlib.h>
#include <lua.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/check.h"
#include "cacheismo/lua/heap.h"
#include "cacheismo/lua/map_host.h"
#include "cacheismo/lua/vm.h"

namespace cacheismo::lua {

/// Page-aligned memory for a heap.
class TestRegion {
 public:
  explicit TestRegion(std::size_t bytes, std::size_t alignment = Heap::page_bytes)
      : memory_(static_cast<char*>(std::aligned_alloc(alignment, bytes))), bytes_(bytes) {
    CHECK(memory_ != nullptr);
  }
  ~TestRegion() { std::free(memory_); }
  TestRegion(const TestRegion&) = delete;
  TestRegion& operator=(const TestRegion&) = delete;
  [[nodiscard]] std::span<char> span() const { return {memory_, bytes_}; }

 private:
  char* memory_;
  std::size_t bytes_;
};

inline const char* name_of(Ended ended) {
  switch (ended) {
    case Ended::returned: return "returned";
    case Ended::yielded: return "yielded";
    case Ended::error: return "error";
    case Ended::out_of_steps: return "out_of_steps";
    case Ended::out_of_time: return "out_of_time";
    case Ended::out_of_memory: return "out_of_memory";
  }
  return "?";
}

class TestVm {
 public:
  static constexpr std::size_t default_heap_bytes = 32u << 20;

  explicit TestVm(std::size_t heap_bytes = default_heap_bytes, std::uint64_t seed = 7)
      : region_(heap_bytes), heap_(region_.span()), vm_(Vm::create(heap_, seed, host)) {
    CHECK(vm_ != nullptr);
  }
  ~TestVm() {
    vm_.reset();
    CHECK_EQ(heap_.used_bytes(), 0u);
  }

  /// Runs `source` in globals of its own. Results are joined by a comma.
  std::string run(Bytes source, bool frozen = false) {
    lua_State* lua = vm_->state();
    if (!vm_->push_new_globals()) return "no memory for globals";
    if (frozen && !vm_->freeze_globals()) return "no memory to freeze";
    const auto loaded = vm_->load("test.lua", source);
    if (!loaded) return "load: " + loaded.error();
    return run_top(lua, 0);
  }

  /// Runs the function below `arguments` values on top of `thread`.
  std::string run_top(lua_State* thread, int arguments) {
    vm_->begin(limits);
    return resume_top(thread, arguments);
  }

  std::string resume_top(lua_State* thread, int arguments) {
    int results = 0;
    ended = vm_->run(thread, arguments, &results);
    std::string text;
    for (int i = results; i > 0; --i) {
      text += i == results ? "" : ",";
      text += show(thread, -i);
    }
    lua_pop(thread, results);
    if (ended == Ended::returned) return text;
    if (ended == Ended::yielded) return "yielded: " + text;
    return std::string(name_of(ended)) + ": " + std::string(vm_->message());
  }

  /// Collects until nothing is waiting, from wherever the collector is.
  void collect_all() {
    for (int cycle = 0; cycle < 3; ++cycle)
      while (lua_gc(vm_->state(), LUA_GCSTEP, 0) == 0) {
      }
    while (vm_->collect_some()) {
    }
  }

  [[nodiscard]] Vm& vm() { return *vm_; }
  [[nodiscard]] Heap& heap() { return heap_; }

  MapHost host;
  Limits limits;
  Ended ended = Ended::returned;

 private:
  static std::string show(lua_State* lua, int index) {
    switch (lua_type(lua, index)) {
      case LUA_TNUMBER:
        if (lua_isinteger(lua, index) != 0) return std::to_string(lua_tointeger(lua, index));
        return std::to_string(lua_tonumber(lua, index));
      case LUA_TBOOLEAN: return lua_toboolean(lua, index) != 0 ? "true" : "false";
      case LUA_TSTRING: {
        std::size_t size = 0;
        const char* text = lua_tolstring(lua, index, &size);
        return {text, size};
      }
      default: return luaL_typename(lua, index);
    }
  }

  TestRegion region_;
  Heap heap_;
  std::unique_ptr<Vm> vm_;
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_TEST_VM_H_
