// Door: a script's source, which may be anybody's.
//
// It is loaded and run under small limits. It must end, within its steps; the heap must be sound;
// what another script has must be as it was; and a second Vm with the same seed must say the same.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>

#include <lua.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/check.h"
#include "cacheismo/lua/heap.h"
#include "cacheismo/lua/map_host.h"
#include "cacheismo/lua/vm.h"

namespace cacheismo {
namespace {

constexpr std::size_t region_bytes = 4u << 20;
constexpr lua::Limits limits = {.steps = 50'000, .time_ns = 1, .heap_bytes = 1u << 20};

/// What every script may rely on, whatever another one has done.
constexpr Bytes witness = R"lua(
local t = {}
for _, library in ipairs({"string", "table", "math", "utf8", "coroutine", "os", "log"}) do
  t[#t + 1] = type(_G[library])
end
t[#t + 1] = ("ab"):rep(2) .. ("x"):upper() .. string.format("%d", 3) .. math.floor(2.5)
t[#t + 1] = tostring(getmetatable("")) .. tostring(getmetatable(string)) .. tostring(mine)
t[#t + 1] = table.concat({1, 2, 3}, ";") .. #table.pack(pcall(error)) .. coroutine.wrap(type)(1)
return table.concat(t, " ")
)lua";
constexpr Bytes testimony =
    "table table table table table table table ababX32 falsefalsecanary 1;2;31number";

std::span<char> region() {
  static char* const memory =
      static_cast<char*>(std::aligned_alloc(lua::Heap::page_bytes, region_bytes));
  return {memory, region_bytes};
}

/// Runs the function on top of the main thread.
std::string outcome(lua::Vm& vm, const lua::Limits& of) {
  vm.begin(of);
  int results = 0;
  const lua::Ended ended = vm.run(vm.state(), 0, &results);
  std::string text = std::to_string(static_cast<int>(ended)) + " " + std::to_string(vm.steps());
  if (ended != lua::Ended::returned) return text + " " + std::string(vm.message());
  std::size_t size = 0;
  const char* first = results > 0 && lua_type(vm.state(), -results) == LUA_TSTRING
                          ? lua_tolstring(vm.state(), -results, &size)
                          : nullptr;
  if (first != nullptr) text = std::string(first, size);
  lua_pop(vm.state(), results);
  return text;
}

std::string play(Bytes source) {
  lua::MapHost host;  // its stopwatch stands still: only steps count
  lua::Heap heap(region());
  std::string said;
  {
    const auto vm = lua::Vm::create(heap, 1, host);
    CHECK(vm->push_new_globals());
    lua_pushstring(vm->state(), "canary");
    lua_setfield(vm->state(), -2, "mine");
    CHECK(vm->freeze_globals());
    CHECK(vm->load("witness.lua", witness).has_value());

    CHECK(vm->push_new_globals());
    const auto loaded = vm->load("script.lua", source);
    said = loaded ? outcome(*vm, limits) : loaded.error();
    CHECK_LE(vm->steps(), limits.steps);
    CHECK(!heap.audit());
    CHECK_EQ(lua_gettop(vm->state()), 1);

    CHECK(outcome(*vm, {}) == testimony);
    while (vm->collect_some()) {
    }
  }
  CHECK_EQ(heap.used_bytes(), 0u);
  return said;
}

}  // namespace
}  // namespace cacheismo

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cacheismo;
  const Bytes source(reinterpret_cast<const char*>(data), size);
  CHECK(play(source) == play(source));
  return 0;
}
