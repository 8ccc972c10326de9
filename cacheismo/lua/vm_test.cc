// Goal: every run ends, says why, and leaves a Vm that goes on.
// Method: programs under small limits; what they return or how they ended is compared as text.

#include "cacheismo/lua/vm.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <lauxlib.h>
#include <lua.h>

#include "cacheismo/lua/test_vm.h"

namespace cacheismo::lua {
namespace {

#define EXPECT_STARTS(text, start) \
  EXPECT_EQ(std::string(text).substr(0, std::string(start).size()), start)

TEST(Vm, ReturnsWhatAScriptReturns) {
  TestVm vm;
  EXPECT_EQ(vm.run("return 1 + 1, 'a', nil, true, 0.5"), "2,a,nil,true,0.500000");
  EXPECT_EQ(vm.run("return"), "");
  EXPECT_EQ(vm.run("local t = {} for i = 1, 10 do t[i] = i * i end return table.concat(t, ' ')"),
            "1 4 9 16 25 36 49 64 81 100");
}

TEST(Vm, ASyntaxErrorNamesFileAndLine) {
  TestVm vm;
  EXPECT_EQ(vm.run("local a = 1\nlocal b = = 2"), "load: test.lua:2: unexpected symbol near '='");
  EXPECT_EQ(lua_gettop(vm.vm().state()), 0);
}

TEST(Vm, BytecodeIsRefused) {
  TestVm vm;
  EXPECT_STARTS(vm.run("\x1bLua"), "load: ");
}

TEST(Vm, AnErrorHasOneLineAndATraceback) {
  TestVm vm;
  EXPECT_EQ(vm.run("local function f() error('no\\n\\1good') end\nf()"),
            "error: test.lua:1: no  good");
  EXPECT_EQ(std::string(vm.vm().traceback()),
            "[C]: in global error\ntest.lua:1: in local f\ntest.lua:2: in the main chunk\n");
  EXPECT_EQ(vm.run("error('plain', 0)"), "error: plain");
  EXPECT_EQ(vm.run("local x = nil; return x.y"),
            "error: test.lua:1: attempt to index a nil value (local 'x')");
  EXPECT_EQ(vm.run("error(('x'):rep(10000), 0)").size(), std::string("error: ").size() + 400);
}

TEST(Vm, AnErrorObjectIsShownByItsTypeOrByTostring) {
  TestVm vm;
  EXPECT_EQ(vm.run("error({})"), "error: (error object is a table)");
  EXPECT_EQ(vm.run("error()"), "error: (error object is a nil)");
  EXPECT_EQ(vm.run("error(setmetatable({}, {__tostring = function() return 'mine' end}))"),
            "error: mine");
  EXPECT_EQ(vm.run("error(setmetatable({}, {__tostring = function() return {} end}))"),
            "error: (error object is a table)");
  EXPECT_EQ(vm.run("error(setmetatable({}, {__tostring = function() error('x') end}))"),
            "error: test.lua:1: x");
  EXPECT_STARTS(vm.run("error(setmetatable({}, {__tostring = function() while true do end end}))"),
                "out_of_steps: test.lua:1: stopped after");
}

// ---- Kills --------------------------------------------------------------------------------------

/// Programs that never end by themselves.
const std::vector<std::string> endless = {
    "while true do end",
    "repeat until false",
    "for i = 1, math.huge do end",
    "::again:: goto again",
    "local function f() return f() end f()",
    "while true do pcall(function() while true do end end) end",
    "while true do xpcall(function() while true do end end, function() while true do end end) end",
    "local function f() pcall(f) while true do end end f()",
    "local function handler() error('again') end while true do xpcall(error, handler) end",
    "while true do coroutine.wrap(function() while true do end end)() end",
    "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
    "while true do pcall(coroutine.wrap(function() while true do coroutine.yield() end end)) end",
    // One script in two lines. NOLINTNEXTLINE(bugprone-suspicious-missing-comma)
    "local f = function() while true do local x <close> = setmetatable({}, {__close = function() "
    "while true do end end}) end end pcall(f) pcall(f)",
    "local m = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) "
    "while true do pcall(function() return m[1] end) end",
    "local m = {} setmetatable(m, {__eq = function() while true do end end}) "
    "while true do pcall(function() return m == setmetatable({}, getmetatable(m)) end) end",
    "while true do string.find(('a'):rep(200), ('.-'):rep(30) .. 'b') end",
    "string.find(('a'):rep(30000), '.-.-.-.-b')",
    "string.find(('('):rep(300000), '%b()')",
    "string.rep('', 1 << 60)",
    "string.rep('x', -1) string.rep('', math.maxinteger, '')",
    "table.concat(setmetatable({}, {__len = function() return 1 << 40 end, __index = function() "
    "return '' end}))",
    "table.move({}, 1, 1 << 40, 2)",
    "table.insert(setmetatable({}, {__len = function() return 1 << 40 end}), 1, 1)",
    "table.remove(setmetatable({}, {__len = function() return 1 << 40 end}), 1)",
    "table.sort({3, 2, 1}, function() while true do end end)",
    "string.gsub(('a'):rep(100000), 'a', function() while true do end end)",
    "for _ in string.gmatch(('a'):rep(100000), '') do while true do end end",
    "for _ in next, setmetatable({}, {}) do end local t = {1} while next(t) do end",
    "while true do local t = setmetatable({}, {__close = function() end}) "
    "local ok = pcall(function() local x <close> = t error('e') end) end",
};

TEST(Vm, EveryEndlessProgramRunsOutOfSteps) {
  TestVm vm;
  vm.limits.steps = 200'000;
  for (const std::string& program : endless) {
    EXPECT_STARTS(vm.run(program), "out_of_steps: test.lua:1: stopped after 200000 steps")
        << program;
    EXPECT_EQ(vm.vm().steps(), 200'000) << program;
    EXPECT_EQ(vm.run("return 'alive'"), "alive") << program;
    EXPECT_EQ(vm.heap().audit(), std::nullopt) << program;
  }
}

TEST(Vm, EveryEndlessProgramRunsOutOfTime) {
  TestVm vm;
  vm.limits.steps = 1'000'000'000;
  vm.limits.time_ns = 20'000'000;
  vm.host.stopwatch_step = 1'000'000;
  for (const std::string& program : endless) {
    const std::string ended = vm.run(program);
    EXPECT_STARTS(ended, program.find("1 <<") != std::string::npos ||
                                 program.find("maxinteger") != std::string::npos
                             ? "out_of_"
                             : "out_of_time: test.lua:1: stopped after 20 ms")
        << program;
    EXPECT_EQ(vm.run("return 'alive'"), "alive") << program;
  }
}

const std::vector<std::string> greedy = {
    "local s = 'x' while true do s = s .. s end",
    "local t = {} for i = 1, 1 << 40 do t[i] = i end",
    "local t = {} while true do t[#t + 1] = {} end",
    "local s = ('x'):rep(1 << 28)",
    "local t = {} while true do pcall(function() t[#t + 1] = ('x'):rep(1 << 20) .. #t end) end",
    "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end",
    // One script in two lines. NOLINTNEXTLINE(bugprone-suspicious-missing-comma)
    "local t = {} pcall(function() while true do t[#t + 1] = string.format('%099d', #t) end end) "
    "while true do end",
    "return string.pack('c1000000000', '')",
    "local t = table.move({}, 1, 0, 1) for i = 1, 1 << 40 do t[i .. ''] = i end",
    "local function f() return coroutine.wrap(function() local t = {} while true do t[#t + 1] = "
    "('x'):rep(#t) end end)() end while true do pcall(f) end",
};

TEST(Vm, EveryGreedyProgramRunsOutOfMemory) {
  TestVm vm;
  vm.limits.steps = 1'000'000'000;
  vm.limits.heap_bytes = 4 << 20;
  for (const std::string& program : greedy) {
    EXPECT_STARTS(vm.run(program), "out_of_memory: test.lua:1: not enough memory") << program;
    EXPECT_EQ(vm.run("return 'alive'"), "alive") << program;
    EXPECT_EQ(vm.heap().audit(), std::nullopt) << program;
  }
}

TEST(Vm, TheHeapsEndKillsAsWell) {
  TestVm vm(2 << 20);
  vm.limits.steps = 1'000'000'000;
  vm.limits.heap_bytes = 1 << 30;
  for (const std::string& program : greedy) {
    EXPECT_STARTS(vm.run(program), "out_of_memory: test.lua:1: not enough memory") << program;
    vm.collect_all();
    EXPECT_EQ(vm.run("return 'alive'"), "alive") << program;
  }
}

TEST(Vm, AThousandKillsOfEachKindLeaveTheHeapAsItWas) {
  TestVm vm;
  vm.limits.steps = 20'000;
  vm.limits.heap_bytes = 100'000;
  const std::vector<std::string> programs = {
      "local t = {} pcall(function() for i = 1, 100 do t[i] = {i} end while true do end end)",
      "local s = 'x' while true do s = s .. s end",
      "coroutine.wrap(function() local x <close> = setmetatable({}, {__close = error}) "
      "while true do end end)()",
      "error({})",
  };
  for (const std::string& program : programs) {
    static_cast<void>(vm.run(program));
    vm.collect_all();
    const std::size_t before = vm.heap().used_bytes();
    for (int i = 0; i < 1'000; ++i) {
      EXPECT_NE(vm.run(program), "") << program;
      while (vm.vm().collect_some()) {
      }
    }
    vm.collect_all();
    EXPECT_EQ(vm.heap().used_bytes(), before) << program;
    EXPECT_EQ(lua_gettop(vm.vm().state()), 0);
  }
  EXPECT_EQ(vm.heap().audit(), std::nullopt);
}

TEST(Vm, NothingOfAKillReachesTheScript) {
  TestVm vm;
  vm.limits.steps = 20'000;
  EXPECT_EQ(vm.run("seen = nil\n"
                   "pcall(function() while true do end end)\n"
                   "seen = true")
                .substr(0, 12),
            "out_of_steps");
  // A handler, a __close and a coroutine's owner are not run again.
  vm.limits.steps = 1'000'000'000;
  for (const char* program :
       {"xpcall(function() while true do end end, function(e) log.info('seen') end)",
        "local x <close> = setmetatable({}, {__close = function() log.info('seen') end}) "
        "while true do end",
        "pcall(coroutine.wrap(function() while true do end end)) log.info('seen')",
        "local x <close> = setmetatable({}, {__close = log.info}) while true do end"}) {
    vm.limits.steps = 20'000;
    EXPECT_STARTS(vm.run(program), "out_of_steps");
    EXPECT_TRUE(vm.host.lines.empty()) << program;
  }
}

// ---- Depth --------------------------------------------------------------------------------------

TEST(Vm, DepthIsAnErrorThatAScriptMayCatch) {
  TestVm vm;
  vm.limits.steps = 100'000'000;
  EXPECT_STARTS(vm.run("local function f() return 1 + f() end return f()"),
                "error: test.lua:1: stack overflow");
  EXPECT_EQ(vm.run("local function f() return 1 + f() end return (pcall(f))"), "false");
  EXPECT_EQ(vm.run("local function f() return pcall(f) end return f()").substr(0, 4), "true");
  EXPECT_EQ(vm.run("local function f() return string.gsub('a', 'a', f) end return (pcall(f))"),
            "false");
  EXPECT_EQ(vm.run("local function f() return coroutine.wrap(f)() end return (pcall(f))"), "false");
  EXPECT_EQ(vm.run("local t = {} for i = 1, 3000 do t = setmetatable({}, {__index = t}) end "
                   "return (pcall(function() return t.x end))"),
            "false");
  EXPECT_EQ(vm.run("local m = setmetatable({}, {__index = function(t, k) return t[k] end}) "
                   "return (pcall(function() return m.x end))"),
            "false");
  EXPECT_EQ(vm.run("return xpcall(error, function() error() end)").substr(0, 5), "false");
  EXPECT_EQ(vm.run("local a = {} for i = 1, 30000 do a[i] = 1 end "
                   "return (pcall(function() return unpack(a), unpack(a) end))"),
            "true");
  EXPECT_EQ(vm.run("return (pcall(unpack, {}, 1, 1000000))"), "false");
}

TEST(Vm, AChainOfClosingCoroutinesDoesNotReachTheCStacksEnd) {
  TestVm vm;
  vm.limits.steps = 100'000'000;
  vm.limits.heap_bytes = 30 << 20;
  EXPECT_EQ(vm.run("local before for i = 1, 5000 do local inner = before "
                   "before = coroutine.create(function() "
                   "local x <close> = setmetatable({}, {__close = function() "
                   "if inner then coroutine.close(inner) end end}) coroutine.yield() end) "
                   "coroutine.resume(before) end return coroutine.close(before) ~= nil"),
            "true");
}

TEST(Vm, DeeplyNestedSourceIsASyntaxError) {
  TestVm vm;
  constexpr std::size_t depth = 1 << 17;
  EXPECT_STARTS(vm.run("return " + std::string(depth, '(')), "load: test.lua: C stack overflow");
  EXPECT_STARTS(vm.run("return " + std::string(depth, '{')), "load: test.lua: C stack overflow");
}

// ---- Threads ------------------------------------------------------------------------------------

int ask_host(lua_State* lua) { return lua_yield(lua, lua_gettop(lua)); }

TEST(Vm, AThreadYieldsToTheHostAndGoesOn) {
  TestVm test;
  Vm& vm = test.vm();
  lua_State* thread = vm.new_thread();
  ASSERT_NE(thread, nullptr);
  ASSERT_TRUE(vm.push_new_globals());
  push_function(vm.state(), ask_host);
  lua_setfield(vm.state(), -2, "ask");
  ASSERT_TRUE(vm.load("test.lua", "local a = ... local b = ask(a + 1) return b .. '!', a"));
  lua_xmove(vm.state(), thread, 1);
  lua_pushinteger(thread, 1);
  EXPECT_EQ(test.run_top(thread, 1), "yielded: 2");
  EXPECT_EQ(vm.running_thread(), nullptr);
  lua_pushstring(thread, "answer");
  EXPECT_EQ(test.resume_top(thread, 1), "answer!,1");
  vm.free_thread(thread);
}

TEST(Vm, AThreadThatFailsIsClosedAndMayBeUsedAgain) {
  TestVm test;
  Vm& vm = test.vm();
  lua_State* thread = vm.new_thread();
  for (const char* program :
       {"local x <close> = setmetatable({}, {__close = function() log.info('closed') end}) "
        "error('no')",
        "local x <close> = setmetatable({}, {__close = function() log.info('closed') end}) "
        "coroutine.yield()"}) {
    test.host.lines.clear();
    ASSERT_TRUE(vm.push_new_globals());
    ASSERT_TRUE(vm.load("test.lua", program));
    lua_xmove(vm.state(), thread, 1);
    EXPECT_STARTS(test.run_top(thread, 0), "error: test.lua:1: ");
    EXPECT_EQ(test.host.lines.size(), 1u);
    EXPECT_NE(vm.traceback().find("test.lua:1: in the main chunk"), Bytes::npos);
  }
  ASSERT_TRUE(vm.push_new_globals());
  ASSERT_TRUE(vm.load("test.lua", "return coroutine.running()"));
  lua_xmove(vm.state(), thread, 1);
  EXPECT_EQ(test.run_top(thread, 0), "nil,true");
  vm.free_thread(thread);
}

// ---- Garbage ------------------------------------------------------------------------------------

TEST(Vm, ARunMayMakeMuchMoreGarbageThanItMayHold) {
  TestVm vm(64u << 20);
  vm.limits.steps = 1'000'000'000;
  vm.limits.heap_bytes = 8 << 20;
  const std::string garbage =
      "local last for i = 1, 300000 do last = {i, tostring(i), {i}} end return last[1]";
  EXPECT_EQ(vm.run(garbage), "300000");
  // The same with 30 MB of live data.
  vm.limits.heap_bytes = 48 << 20;
  ASSERT_TRUE(vm.vm().push_new_globals());
  ASSERT_TRUE(vm.vm().load("live.lua", "live = {} for i = 1, 250000 do live[i] = {i} end"));
  EXPECT_EQ(vm.run_top(vm.vm().state(), 0), "");
  while (vm.vm().collect_some()) {
  }
  vm.limits.heap_bytes = 8 << 20;
  EXPECT_EQ(vm.run(garbage), "300000");
}

// ---- No memory ----------------------------------------------------------------------------------

TEST(Vm, NoRoomForAVmIsAnAnswer) {
  const TestRegion region(1 << 20);
  MapHost host;
  std::size_t smallest = 0;
  for (std::size_t taken = 0; taken < (1 << 20); taken += 4096) {
    Heap heap(region.span());
    void* rest = taken == 0 ? nullptr : heap.allocate(taken);
    {
      const auto vm = Vm::create(heap, 1, host);
      if (vm == nullptr) {
        smallest = smallest == 0 ? (1 << 20) - taken : smallest;
      } else {
        EXPECT_EQ(smallest, 0u) << "less room was enough";
      }
    }
    if (rest != nullptr) heap.release(rest, taken);
    EXPECT_EQ(heap.used_bytes(), 0u);
    EXPECT_EQ(heap.audit(), std::nullopt);
  }
  EXPECT_GT(smallest, 0u);
  EXPECT_LT(smallest, 200'000u);
}

TEST(Vm, LoadingAndRunningWithLittleMemoryFailsCleanly) {
  const TestRegion region(1 << 20);
  MapHost host;
  Heap heap(region.span());
  const auto vm = Vm::create(heap, 1, host);
  bool succeeded = false;
  for (std::size_t free_bytes = 0; !succeeded; free_bytes += 256) {
    ASSERT_LT(free_bytes, 300'000u);
    // Takes all but `free_bytes`, from large to small.
    std::vector<std::pair<void*, std::size_t>> taken;
    while (heap.region_bytes() - heap.used_bytes() > free_bytes) {
      std::size_t bytes = heap.region_bytes() - heap.used_bytes() - free_bytes;
      void* block = nullptr;
      while (bytes > 0 && (block = heap.allocate(bytes)) == nullptr) bytes /= 2;
      if (block == nullptr) break;
      taken.emplace_back(block, bytes);
    }
    if (vm->push_new_globals()) {
      if (vm->freeze_globals() && vm->load("a.lua",
                                           "local t = {} for i = 1, 100 do t[i] = {i} end "
                                           "return #t .. ''")) {
        int results = 0;
        vm->begin({});
        const Ended ended = vm->run(vm->state(), 0, &results);
        succeeded = ended == Ended::returned;
        if (!succeeded) {
          EXPECT_EQ(ended, Ended::out_of_memory);
        }
      }
    }
    lua_settop(vm->state(), 0);
    for (const auto& [block, bytes] : taken) heap.release(block, bytes);
    EXPECT_EQ(heap.audit(), std::nullopt);
    while (lua_gc(vm->state(), LUA_GCSTEP, 0) == 0) {
    }
  }
}

}  // namespace
}  // namespace cacheismo::lua
