// Goal: a script reaches what it may reach, and nothing else.
// Method: a walk over everything that is reachable from the globals, against a list; then one test
// for each way out that is known.

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/lua/test_vm.h"
#include "cacheismo/lua/vm.h"

namespace cacheismo::lua {
namespace {

/// All there is. What is not here must not be there.
const std::string allowed = R"(_VERSION assert coroutine
coroutine.close coroutine.create coroutine.isyieldable coroutine.resume coroutine.running
coroutine.status coroutine.wrap coroutine.yield error getmetatable ipairs log
log.debug log.error log.info log.warn math
math.abs math.acos math.asin math.atan math.ceil math.cos math.deg math.exp math.floor math.fmod
math.huge math.log math.max math.maxinteger math.min math.mininteger math.modf math.pi math.rad
math.random math.sin math.sqrt math.tan math.tointeger math.type math.ult next os
os.clock os.date os.time pairs pcall rawequal rawget rawlen select setmetatable string
string.byte string.char string.find string.format string.gmatch string.gsub string.len string.lower
string.match string.pack string.packsize string.rep string.reverse string.sub string.unpack
string.upper table
table.concat table.insert table.move table.pack table.remove table.sort table.unpack tonumber
tostring type unpack utf8
utf8.char utf8.charpattern utf8.codepoint utf8.codes utf8.len utf8.offset xpcall
)";

std::string words_sorted(std::string text) {
  std::vector<std::string> words;
  std::string word;
  for (const char byte : text + " ") {
    if (byte != ' ' && byte != '\n') {
      word += byte;
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, ""));
    }
  }
  std::sort(words.begin(), words.end());
  std::string joined;
  for (const std::string& one : words) joined += one + "\n";
  return joined;
}

/// From the outside, with the debugger's means: tables, their metatables, and functions' upvalues.
class Walk {
 public:
  explicit Walk(lua_State* lua) : lua_(lua) { lua_newtable(lua_); }

  /// Visits the fields of the table on top of the stack, under the names they have for a script.
  void fields(const std::string& prefix) {
    lua_pushnil(lua_);
    while (lua_next(lua_, -2) != 0) {
      const std::string name = prefix + lua_tostring(lua_, -2);
      if (name != "_G" && name != "string._G") {
        names += name + "\n";
        if (lua_type(lua_, -1) == LUA_TFUNCTION) {
          // Light functions are those without upvalues.
          if (lua_getupvalue(lua_, -1, 1) == nullptr)
            light += name + "\n";
          else
            lua_pop(lua_, 1);
        }
        if (lua_type(lua_, -1) == LUA_TTABLE) library(name);
        if (lua_type(lua_, -1) == LUA_TUSERDATA || lua_type(lua_, -1) == LUA_TTHREAD)
          strange += name + "\n";
      }
      lua_pop(lua_, 1);
    }
  }

  std::string names;
  std::string light;
  std::string strange;

 private:
  void library(const std::string& name) {
    if (lua_getmetatable(lua_, -1) == 0) {
      strange += name + " can be written\n";
      return;
    }
    lua_getfield(lua_, -1, "__index");
    fields(name + ".");
    lua_pop(lua_, 2);
  }

  lua_State* lua_;
};

TEST(Sandbox, HasTheNamesOfTheListAndNoOthers) {
  TestVm test;
  ASSERT_TRUE(test.vm().push_new_globals());
  lua_State* lua = test.vm().state();
  Walk walk(lua);
  lua_pushvalue(lua, -2);
  walk.fields("");
  EXPECT_EQ(words_sorted(walk.names), words_sorted(allowed));
  EXPECT_EQ(walk.light, "");
  EXPECT_EQ(walk.strange, "");
  lua_settop(lua, 0);
}

TEST(Sandbox, AFrozenScriptSeesTheSameNames) {
  TestVm vm;
  EXPECT_EQ(vm.run("return type(string.rep), type(_G), _G == _G._G, rawget(_G, 'string')", true),
            "function,table,true,nil");
  EXPECT_EQ(vm.run("return next(_G)", true), "nil");
}

TEST(Sandbox, WhatIsDangerousIsAbsent) {
  TestVm vm;
  for (const char* name : {"load",         "loadstring",     "loadfile",        "dofile",
                           "require",      "module",         "package",         "io",
                           "debug",        "collectgarbage", "rawset",          "print",
                           "warn",         "setfenv",        "getfenv",         "newproxy",
                           "jit",          "string.dump",    "os.execute",      "os.exit",
                           "os.getenv",    "os.remove",      "os.rename",       "os.tmpname",
                           "os.setlocale", "os.difftime",    "math.randomseed", "string.gfind",
                           "table.getn"}) {
    EXPECT_EQ(vm.run(std::string("return type(") + name + ")"), "nil") << name;
    if (std::string(name).find('.') == std::string::npos)
      EXPECT_EQ(vm.run(std::string("return ") + name, true),
                std::string("error: test.lua:1: undefined global '") + name + "'");
  }
}

TEST(Sandbox, FrozenGlobalsAreAnErrorThatNamesThem) {
  TestVm vm;
  EXPECT_EQ(vm.run("undefined()", true), "error: test.lua:1: undefined global 'undefined'");
  EXPECT_EQ(vm.run("mistake = 1", true), "error: test.lua:1: cannot set global 'mistake'");
  EXPECT_EQ(vm.run("string = nil", true), "error: test.lua:1: cannot set global 'string'");
  EXPECT_EQ(vm.run("_G.x = 1", true), "error: test.lua:1: cannot set global 'x'");
  EXPECT_EQ(vm.run("_ENV[1] = 1", true), "error: test.lua:1: cannot set global '1'");
  EXPECT_EQ(vm.run("table.insert(_G, 1)", true), "error: cannot set global '1'");
  EXPECT_EQ(vm.run("setmetatable(_G, {})", true),
            "error: test.lua:1: cannot change a protected metatable");
  EXPECT_EQ(vm.run("return getmetatable(_G)", true), "false");
}

TEST(Sandbox, AScriptDefinesItsOwnGlobalsUntilTheyAreFrozen) {
  TestVm test;
  Vm& vm = test.vm();
  lua_State* lua = vm.state();
  ASSERT_TRUE(vm.push_new_globals());
  lua_pushvalue(lua, -1);
  ASSERT_TRUE(vm.load("test.lua", "x = 1; function f() x = x + 1 return x end"));
  EXPECT_EQ(test.run_top(lua, 0), "");
  lua_getfield(lua, -1, "f");
  EXPECT_EQ(test.run_top(lua, 0), "2");
  ASSERT_TRUE(vm.freeze_globals());
  lua_getfield(lua, -1, "f");
  EXPECT_EQ(test.run_top(lua, 0), "error: test.lua:1: cannot set global 'x'");
  ASSERT_TRUE(vm.load("test.lua", "return x, _G.x"));
  EXPECT_EQ(test.run_top(lua, 0), "2,2");
  EXPECT_EQ(lua_gettop(lua), 0);
}

TEST(Sandbox, OneScriptCannotChangeWhatAnotherSees) {
  TestVm vm;
  for (const char* attempt : {
           "string.rep = nil",
           "('').rep = nil",
           "rawset(string, 'rep', nil)",
           "getmetatable('').__index = {}",
           "getmetatable('').__index.rep = nil",
           "getmetatable(string).__index.rep = nil",
           "setmetatable(string, {})",
           "setmetatable('', {})",
           "table.insert(string, 1)",
           "table.sort(string, function() end) string.rep.x = 1",
           "for k in pairs(string) do string[k] = nil end error()",
           "for k, v in next, string do string[k] = nil end error()",
           "table.move({1, 2, 3}, 1, 3, 1, string)",
           "coroutine.wrap = nil",
           "string.gsub('a', '.', function() string.rep = nil end)",
       }) {
    EXPECT_EQ(vm.run(attempt).substr(0, 6), "error:") << attempt;
    EXPECT_EQ(vm.run("return ('ab'):rep(2), string.rep('x', 2)"), "abab,xx") << attempt;
  }
  EXPECT_EQ(vm.run("global = 1 string = nil return global, string"), "1,nil");
  EXPECT_EQ(vm.run("return global, type(string)"), "nil,table");
}

TEST(Sandbox, MetatablesCanDoNothingLater) {
  TestVm vm;
  EXPECT_EQ(vm.run("setmetatable({}, {__gc = error})"),
            "error: test.lua:1: __gc is not available to scripts");
  EXPECT_EQ(vm.run("setmetatable({}, {__mode = 'k'})"),
            "error: test.lua:1: __mode is not available to scripts");
  // Set afterwards, it is never looked at.
  EXPECT_EQ(vm.run("local m = {} for i = 1, 10 do setmetatable({}, m) end "
                   "m.__gc = function() log.info('gc') end"),
            "");
  vm.collect_all();
  EXPECT_TRUE(vm.host.lines.empty());
  EXPECT_EQ(vm.run("local m = {} local t = setmetatable({}, m) m.__mode = 'kv' "
                   "for i = 1, 100 do t[i] = {} end for i = 1, 100000 do local x = {i} end "
                   "return #t"),
            "100");
}

TEST(Sandbox, NoAddressReachesAScript) {
  TestVm vm;
  EXPECT_EQ(vm.run("return tostring({}), tostring(print), tostring(error), tostring(pairs)"),
            "table,nil,function,function");
  EXPECT_EQ(vm.run("return tostring(coroutine.create(error))"), "thread");
  EXPECT_EQ(vm.run("return tostring(setmetatable({}, {__name = 'quota'}))"), "quota");
  EXPECT_EQ(vm.run("return ('%s|%s|%10s'):format({}, error, {})"), "table|function|     table");
  EXPECT_EQ(vm.run("return ('%5.1s|%%s|%d'):format({}, 7)"), "    t|%s|7");
  EXPECT_EQ(vm.run("return ('%p'):format({})"),
            "error: test.lua:1: invalid conversion '%p' to 'format'");
  EXPECT_EQ(vm.run("return ('%-20p'):format('')"),
            "error: test.lua:1: invalid conversion '%p' to 'format'");
  EXPECT_EQ(vm.run("return select(2, pcall(error, {})) == nil"), "false");
  for (const char* program :
       {"return table.concat({{}})", "return {} .. ''", "return #error", "return {} < {}",
        "return ('x'):rep({})", "return ('%q'):format({})", "return ('%d'):format({})",
        "return 1 + error", "return {}()", "return math.floor({})", "for i = 1, {} do end"}) {
    EXPECT_EQ(vm.run(program).find("0x"), std::string::npos) << vm.run(program);
  }
}

TEST(Sandbox, TostringMayBeOverriddenWithinTheLimits) {
  TestVm vm;
  EXPECT_EQ(vm.run("return tostring(setmetatable({}, {__tostring = function() return 'x' end}))"),
            "x");
  EXPECT_EQ(
      vm.run("return ('%s'):format(setmetatable({}, {__tostring = function() return 'x' end}))"),
      "x");
  EXPECT_EQ(vm.run("return tostring(setmetatable({}, {__tostring = function() return 1 end}))"),
            "1");
  EXPECT_EQ(vm.run("return tostring(setmetatable({}, {__tostring = function() return {} end}))"),
            "error: test.lua:1: '__tostring' must return a string");
}

TEST(Sandbox, ThreadsOfTheHostAreOutOfReach) {
  TestVm vm;
  EXPECT_EQ(vm.run("return coroutine.running()"), "nil,true");
  EXPECT_EQ(vm.run("return coroutine.isyieldable()"), "false");
  EXPECT_EQ(vm.run("return pcall(coroutine.yield)"),
            "false,attempt to yield from outside a coroutine");
  EXPECT_EQ(vm.run("return coroutine.wrap(function() return select('#', coroutine.running()), "
                   "type(coroutine.running()), coroutine.isyieldable() end)()"),
            "2,thread,true");
  EXPECT_EQ(vm.run("local co co = coroutine.create(function() return coroutine.close(co) end) "
                   "return coroutine.resume(co)"),
            "false,test.lua:1: cannot close a running coroutine");
  EXPECT_EQ(vm.run("local co = coroutine.wrap(function(...) local a = coroutine.yield(...) "
                   "return a end) return co(1, 2), co(3)"),
            "1,3");
  EXPECT_EQ(vm.run("return pcall(coroutine.wrap(function() error({}) end))"), "false,table");
}

TEST(Sandbox, CostsAreWhatTheWorkIs) {
  TestVm vm;
  const auto cost = [&](const std::string& program) {
    vm.limits.steps = 100'000'000;
    vm.limits.heap_bytes = 24 << 20;
    const std::string result = vm.run("local big = ('x'):rep(1000000) " + program);
    EXPECT_EQ(vm.ended, Ended::returned) << program << " -> " << result;
    return vm.vm().steps();
  };
  const std::int64_t base = cost("");
  const auto costs_about = [&](const char* program, std::int64_t steps) {
    const std::int64_t extra = cost(program) - base;
    EXPECT_GE(extra, steps / 2) << program;
    EXPECT_LE(extra, steps * 3) << program;
  };
  costs_about("local n = #big:upper()", 80'000);
  costs_about("local n = big:byte(500000)", 2);
  costs_about("local n = select('#', big:byte(1, 4000))", 4'000);
  costs_about("local n = big:find('y', 1, true)", 62'500);
  costs_about("local n = big:find('y')", 62'500);
  costs_about("local n = big:find('y+')", 3'000'000);
  costs_about("local n = utf8.len(big)", 1'000'000);
  costs_about("local n = big == big .. ''", 4'000);
  costs_about("local n = big < big .. ''", 16'000);
  costs_about(
      "local t = {} for i = 1, 10000 do t[i] = i end for i = 1, 10000 do t[i] = nil end "
      "for i = 1, 10 do next(t) end",
      125'000);
  costs_about("local t = table.pack(big:byte(1, 10000)) table.sort(t)", 200'000);
  costs_about("local n = tonumber(big)", 62'500);
}

TEST(Sandbox, PatternsAreBounded) {
  TestVm vm;
  EXPECT_EQ(vm.run("return ('x'):find(('[a]'):rep(400))"),
            "error: test.lua:1: a pattern may have at most 1024 bytes");
  EXPECT_EQ(vm.run("return ('abc'):rep(1000):find(('abc'):rep(1000), 1, true)"), "1,3000");
}

TEST(Sandbox, FindWithoutAPatternIsAsLuas) {
  TestVm vm;
  EXPECT_EQ(vm.run("return ('hello'):find('l')"), "3,3");
  EXPECT_EQ(vm.run("return ('hello'):find('l', 4)"), "4,4");
  EXPECT_EQ(vm.run("return ('hello'):find('l', -1)"), "nil");
  EXPECT_EQ(vm.run("return ('hello'):find('l', -2)"), "4,4");
  EXPECT_EQ(vm.run("return ('hello'):find('h', -99)"), "1,1");
  EXPECT_EQ(vm.run("return ('hello'):find('h', math.mininteger)"), "1,1");
  EXPECT_EQ(vm.run("return ('hello'):find('')"), "1,0");
  EXPECT_EQ(vm.run("return ('hello'):find('', 6)"), "6,5");
  EXPECT_EQ(vm.run("return ('hello'):find('', 7)"), "nil");
  EXPECT_EQ(vm.run("return ('a.b'):find('.', 2, true)"), "2,2");
  EXPECT_EQ(vm.run("return ('a.b'):find('%.')"), "2,2");
  EXPECT_EQ(vm.run("return (''):find('')"), "1,0");
}

TEST(Sandbox, RandomNumbersComeFromTheVmsSeed) {
  const std::string program =
      "local t = {} for i = 1, 5 do t[i] = math.random(1000) end t[6] = math.random(-5, 5) "
      "t[7] = math.random() t[8] = math.random(0) return table.concat(t, ' ')";
  TestVm one(TestVm::default_heap_bytes, 1);
  TestVm two(TestVm::default_heap_bytes, 1);
  TestVm other(TestVm::default_heap_bytes, 2);
  const std::string first = one.run(program);
  EXPECT_EQ(first, two.run(program));
  EXPECT_NE(first, other.run(program));
  EXPECT_NE(first, one.run(program));
  EXPECT_EQ(one.run("for i = 1, 1000 do local r = math.random(3) assert(r >= 1 and r <= 3) end "
                    "return math.random(5, 5), math.type(math.random(math.mininteger, "
                    "math.maxinteger))"),
            "5,integer");
  EXPECT_EQ(one.run("math.random(2, 1)"),
            "error: test.lua:1: bad argument #2 to 'random' (interval is empty)");
}

TEST(Sandbox, TimesAreTheHosts) {
  TestVm vm;
  vm.host.now_ns = 1'700'000'000'987'654'321;  // 2023-11-14 22:13:20 UTC, a Tuesday
  EXPECT_EQ(vm.run("return os.time()"), "1700000000");
  EXPECT_EQ(vm.run("return os.date()"), "Tue Nov 14 22:13:20 2023");
  EXPECT_EQ(vm.run("return os.date('!%Y-%m-%dT%H:%M:%S %j %p %I %y %A %B %a %b %w %u %%')"),
            "2023-11-14T22:13:20 318 PM 10 23 Tuesday November Tue Nov 2 2 %");
  EXPECT_EQ(
      vm.run("local t = os.date('*t', 0) return t.year, t.month, t.day, t.hour, t.min, t.sec, "
             "t.wday, t.yday, t.isdst"),
      "1970,1,1,0,0,0,5,1,false");
  EXPECT_EQ(vm.run("return os.time{year=1970, month=1, day=1, hour=0}"), "0");
  EXPECT_EQ(vm.run("return os.time{year=2024, month=2, day=29}"), "1709208000");
  EXPECT_EQ(vm.run("return os.time{year=2023, month=14, day=-1, hour=12}"), "1706616000");
  EXPECT_EQ(vm.run("return os.time(os.date('*t', 1700000000))"), "1700000000");
  EXPECT_EQ(vm.run("return os.date('%Y', -1), os.date('%F', -62167219200)"), "1969,0-01-01");
  EXPECT_EQ(vm.run("os.date('%Q')"),
            "error: test.lua:1: bad argument #1 to 'date' (invalid conversion specifier)");
  EXPECT_EQ(vm.run("os.date('%')").substr(0, 6), "error:");
  EXPECT_EQ(vm.run("os.date('%Y', 1 << 60)"),
            "error: test.lua:1: date result cannot be represented");
  EXPECT_EQ(vm.run("os.time{year=1 << 60, month=1, day=1}"),
            "error: test.lua:1: field 'year' is out-of-bound");
  EXPECT_EQ(vm.run("os.time{year=2000}"), "error: test.lua:1: field 'month' missing in date table");
  EXPECT_EQ(vm.run("return os.clock() > 0"), "true");
}

TEST(Sandbox, TheLogTakesABoundedNumberOfBoundedLines) {
  TestVm vm;
  EXPECT_EQ(vm.run("log.info('hello') log.warn({}) log.error(('x'):rep(10000))"), "");
  ASSERT_EQ(vm.host.lines.size(), 3u);
  EXPECT_EQ(vm.host.lines[0], "script hello");
  EXPECT_EQ(vm.host.lines[1], "script table");
  EXPECT_EQ(vm.host.lines[2].size(), log_text_bytes_max + 7);
  vm.host.lines.clear();
  EXPECT_EQ(vm.run("for i = 1, 100 do log.debug(i) end"), "");
  ASSERT_EQ(vm.host.lines.size(), static_cast<std::size_t>(log_lines_max) + 1);
  EXPECT_EQ(vm.host.lines.back(), "script further lines of this call are dropped");
}

TEST(Sandbox, TablesWithLyingLengthsDoNoHarm) {
  TestVm vm;
  const std::string liar =
      "local t = setmetatable({}, {__len = function() return math.maxinteger end}) ";
  EXPECT_EQ(vm.run(liar + "table.insert(t, 1)").substr(0, 4), "");
  EXPECT_EQ(vm.run(liar + "table.insert(t, 1, 1)"), "");
  EXPECT_EQ(vm.run(liar + "return table.unpack(t)").substr(0, 6), "error:");
  EXPECT_EQ(vm.run(liar + "return table.concat(t)").substr(0, 6), "error:");
  EXPECT_EQ(vm.run(liar + "return table.sort(t)").substr(0, 6), "error:");
  EXPECT_EQ(vm.run(liar + "return table.remove(t)"), "nil");
  EXPECT_EQ(vm.run("return table.sort({3, 1, 2, 5, 4}, function() return true end)").substr(0, 6),
            "error:");
  EXPECT_EQ(vm.run("table.sort({1, 'a'})").substr(0, 6), "error:");
}

TEST(Sandbox, OrdinaryProgramsWork) {
  TestVm vm;
  EXPECT_EQ(
      vm.run("local t = {} for k, v in pairs({10, 20, x = 1}) do t[#t + 1] = k .. '=' .. v end "
             "return table.concat(t, ' ')"),
      "1=10 2=20 x=1");
  EXPECT_EQ(vm.run("local n = 0 for i, v in ipairs({1, 2, nil, 4}) do n = n + v end return n"),
            "3");
  EXPECT_EQ(
      vm.run("local t = setmetatable({}, {__pairs = function() return function(_, k) "
             "if not k then return 1, 2 end end end}) for k, v in pairs(t) do return k, v end"),
      "1,2");
  EXPECT_EQ(vm.run("return pcall(error, 'x', 0)"), "false,x");
  EXPECT_EQ(vm.run("return xpcall(function(a) return a end, error, 5)"), "true,5");
  EXPECT_EQ(vm.run("return xpcall(error, function(e) return e .. '!' end, 'no', 0)"), "false,no!");
  EXPECT_EQ(
      vm.run("local co = coroutine.wrap(function() local ok, a = pcall(function() "
             "return coroutine.yield(1) end) coroutine.yield(a) pcall(error) return 'end' end) "
             "return co(), co('x'), co()"),
      "1,x,end");
  EXPECT_EQ(vm.run("local t = {} for p, c in utf8.codes('aé€') do t[#t + 1] = p .. ':' .. c end "
                   "return table.concat(t, ' ')"),
            "1:97 2:233 4:8364");
  EXPECT_EQ(vm.run("return '10' + 5, '3' * '4', -'2', 10 .. 20"), "15,12,-2,1020");
  EXPECT_EQ(vm.run("return tonumber('0x10'), tonumber('z', 36), tonumber(' 12 '), tonumber('x')"),
            "16,35,12,nil");
  EXPECT_EQ(vm.run("return string.pack('<i4', 100):byte(1, -1)"), "100,0,0,0");
  EXPECT_EQ(vm.run("return (('key=value'):gsub('(%w+)=(%w+)', '%2=%1'))"), "value=key");
  EXPECT_EQ(vm.run("return select(-1, 1, 2, 3), select('#', nil, nil)"), "3,2");
  EXPECT_EQ(vm.run("local t = {5, 3, 1} table.sort(t) return unpack(t)"), "1,3,5");
}

}  // namespace
}  // namespace cacheismo::lua
