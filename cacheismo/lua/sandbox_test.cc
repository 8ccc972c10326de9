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
coroutine.status coroutine.wrap coroutine.yield decimal error getmetatable integer ipairs log
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

std::string words_sorted(const std::string& text) {
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
          if (lua_getupvalue(lua_, -1, 1) == nullptr) {
            light += name + "\n";
          } else {
            lua_pop(lua_, 1);
          }
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
    if (std::string(name).find('.') == std::string::npos) {
      EXPECT_EQ(vm.run(std::string("return ") + name, true),
                std::string("error: test.lua:1: undefined global '") + name + "'");
    }
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

}  // namespace
}  // namespace cacheismo::lua
