// ScriptTests: runs *_test.lua files, each test on a fresh simulated node, or on a few that share
// a ring, with the scripts beside it.
//
//   test("what must be true", function(node)
//     expect(node:get("quota:new:a:10:hour"), "CREATED")
//     node:advance(3600)
//     expect_error(node:get("quota:addandcheck:a:x"), "is not a number")
//   end)
//
//   test("what holds of a cluster", function(n1, n2, n3) ... end, 3)
//
//   node:get(key)                 the value; nil for a miss; the line of an error
//   node:set(key, data [, seconds])  node:delete(key)  node:touch(key, seconds)   the reply's line
//   node:advance(seconds)         moves the clock          node:time()   seconds since 1970
//   node:jump(seconds)            sets the calendar ahead, as administrators do; no item expires
//   node:own(key)                 what the node itself has, whoever owns the key
//   node:stop()                   it ends            node:cut_off(seconds)   nobody reaches it
//   expect(value, expected)       expect_error(value, text)
//   expect_about(value, expected, tolerance)
//
//  1. A test says the same whenever and wherever it runs: clock, chance and order are simulated.
//  2. What a test wrote is gone when the next begins.
//
// What it is not: it does not read files (main does).

#ifndef CACHEISMO_SIM_SCRIPT_TESTS_H_
#define CACHEISMO_SIM_SCRIPT_TESTS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cacheismo/base/result.h"
#include "cacheismo/lua/script.h"

namespace cacheismo::sim {

struct ScriptTestReport {
  std::uint32_t passed = 0;
  std::uint32_t failed = 0;
  /// "quota_test.lua: a quota says when it is used up: quota_test.lua:7: expected ..."
  std::vector<std::string> failures;
};

/// Loads the scripts as a node does; a line for each type: "quota (quota.lua): new addandcheck
/// ...".
[[nodiscard]] Result<std::vector<std::string>, std::string> check_scripts(
    std::span<const lua::Script> scripts);

/// Runs the scripts among `scripts` whose name ends in _test.lua; the others are what nodes load.
[[nodiscard]] ScriptTestReport run_script_tests(std::span<const lua::Script> scripts);

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_SCRIPT_TESTS_H_
