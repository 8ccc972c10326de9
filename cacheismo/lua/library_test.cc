// Goal: the functions that scripts call do what Lua's do, within bounds, and cost what the work is.
// Method: small programs whose results are compared as text, and the steps that they spend.

#include <string>

#include <gtest/gtest.h>

#include "cacheismo/lua/limits.h"
#include "cacheismo/lua/test_vm.h"
#include "cacheismo/lua/vm.h"

namespace cacheismo::lua {
namespace {

TEST(Library, TostringMayBeOverriddenWithinTheLimits) {
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

TEST(Library, DecimalReadsWhatClientsWriteAndNothingElse) {
  TestVm vm;
  EXPECT_EQ(vm.run("return decimal('17'), decimal('-3'), decimal('+3'), decimal('007')"),
            "17,-3,3,7");
  EXPECT_EQ(vm.run("return decimal('1e3'), decimal('2.5'), decimal('.5'), decimal('5.')"),
            "1000,2.500000,0.500000,5");
  EXPECT_EQ(vm.run("return decimal('9223372036854775807'), decimal('-9223372036854775808')"),
            "9223372036854775807,-9223372036854775808");
  EXPECT_EQ(vm.run("return decimal('9223372036854775808')"), "9223372036854775808.000000");
  EXPECT_EQ(vm.run("return decimal(4), decimal(4.0), decimal(4.5)"), "4,4,4.500000");
  for (const char* refused :
       {"''",    "' 17'", "'17 '", "'0x11'", "'inf'", "'nan'",   "'-inf'", "'1e999'",       "'+'",
        "'+-3'", "'-+3'", "'1-5'", "'.'",    "'e3'",  "'1_000'", "'1\\0'", "('0'):rep(41)", "{}",
        "true",  "nil",   "1/0",   "0/0"})
    EXPECT_EQ(vm.run("return decimal(" + std::string(refused) + ")"), "nil") << refused;
  EXPECT_EQ(vm.run("return decimal()"), "nil");
}

TEST(Library, IntegerIsDecimalWhereThatIsOne) {
  TestVm vm;
  EXPECT_EQ(
      vm.run("return integer('17'), integer('-3'), integer('1e3'), integer('5.'), integer(4.0)"),
      "17,-3,1000,5,4");
  EXPECT_EQ(vm.run("return integer('9223372036854775807'), integer('-9223372036854775808')"),
            "9223372036854775807,-9223372036854775808");
  for (const char* refused : {"'2.5'", "4.5", "'9223372036854775808'", "' 17'", "'0x11'", "''",
                              "{}", "true", "nil", "1/0", "0/0", ""})
    EXPECT_EQ(vm.run("return integer(" + std::string(refused) + ")"), "nil") << refused;
}

TEST(Library, CostsAreWhatTheWorkIs) {
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

TEST(Library, PatternsAreBounded) {
  TestVm vm;
  EXPECT_EQ(vm.run("return ('x'):find(('[a]'):rep(400))"),
            "error: test.lua:1: a pattern may have at most 1024 bytes");
  EXPECT_EQ(vm.run("return ('abc'):rep(1000):find(('abc'):rep(1000), 1, true)"), "1,3000");
}

TEST(Library, FindWithoutAPatternIsAsLuas) {
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

TEST(Library, RandomNumbersComeFromTheVmsSeed) {
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

TEST(Library, TimesAreTheHosts) {
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

TEST(Library, TheLogTakesABoundedNumberOfBoundedLines) {
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

TEST(Library, TablesWithLyingLengthsDoNoHarm) {
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

TEST(Library, OrdinaryProgramsWork) {
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
