// Goal: the same seed, heap and runs give the same results in every process.
// Method: a program whose answer depends on every order that Lua takes from hashes and addresses.
// Its answer stands below; each process of this test has its code and its memory at other
// addresses.

#include <cstdint>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <lua.h>

#include "cacheismo/base/check.h"
#include "cacheismo/io/arena_memory.h"
#include "cacheismo/lua/heap.h"
#include "cacheismo/lua/map_host.h"
#include "cacheismo/lua/vm.h"

namespace cacheismo::lua {
namespace {

constexpr const char* program = R"lua(
local out = {}
local function say(text) out[#out + 1] = text end

-- Keys of every kind, in the order in which pairs() gives them.
local keys = {true, false, 1.5, -1, 1 << 40, "a", "b", ("long"):rep(20), ("text"):rep(30)}
local names = {}
for i, key in ipairs(keys) do names[key] = "k" .. i end
local function add(value, name) names[value] = name end
for i = 1, 20 do add({}, "t" .. i) end
for i = 1, 10 do add(function() return i end, "f" .. i) end
for i = 1, 5 do add(coroutine.create(function() end), "c" .. i) end
for _, name in ipairs({"assert", "error", "pcall", "next", "pairs", "ipairs", "type"}) do
  add(_G[name], name)
end
for _, name in ipairs({"rep", "find", "format", "gsub"}) do add(string[name], name) end
add(string.gmatch("a", "a"), "gmatch()")
add((pairs({})), "pairs()")
add((ipairs({})), "ipairs()")
add((utf8.codes("")), "codes()")
add(coroutine.wrap(function() end), "wrap()")
for _, name in pairs(names) do say(name) end

-- Comparators that contradict themselves.
local list = {}
for i = 1, 50 do list[i] = math.random(1000) end
pcall(table.sort, list, function(a, b) return (a * 7919) % 13 < (b * 104729) % 17 end)
say(table.concat(list, "."))

-- Garbage and collections in between move what comes later.
for i = 1, 20000 do local x = {i, {i}} end
local late = {}
for i = 1, 30 do late[{}] = i end
for _, i in pairs(late) do say(i) end

local text = table.concat(out, " ")
local hash = 5381
for i = 1, #text do hash = (hash * 33 + text:byte(i)) & 0xFFFFFFFF end
return hash
)lua";

std::int64_t answer(std::uint64_t seed) {
  const auto memory = io::ArenaMemory::reserve(16u << 20, std::size_t{1} << 32);
  CHECK(memory.has_value());
  MapHost host;
  Heap heap(memory->bytes());
  const auto vm = Vm::create(heap, seed, host);
  CHECK(vm->push_new_globals());
  CHECK(vm->load("program.lua", program).has_value());
  vm->begin({});
  int results = 0;
  EXPECT_EQ(vm->run(vm->state(), 0, &results), Ended::returned) << vm->message();
  return lua_tointeger(vm->state(), -1);
}

TEST(Vm, AnswersTheSameInEveryProcess) {
  EXPECT_EQ(answer(1), 53532251);
  EXPECT_EQ(answer(2), 203478295);
}

TEST(Vm, AnswersTheSameTwice) { EXPECT_EQ(answer(3), answer(3)); }

TEST(Vm, AnotherSeedIsAnotherOrder) { EXPECT_NE(answer(4), answer(5)); }

}  // namespace
}  // namespace cacheismo::lua
