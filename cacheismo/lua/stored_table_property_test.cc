// Goal: a stored table behaves as a plain Lua table does. Method: random programs run twice in one
// Lua state, on a proxy and on a plain table, and are compared after each step, by a walk in order.

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "cacheismo/lua/bare_lua.h"
#include "cacheismo/lua/map_host.h"

namespace cacheismo::lua {
namespace {

/// A proxy as global `stored` and a plain table as `plain`.
class Pair {
 public:
  Pair() {
    run("plain = {}");
    run(R"(
      local function less(a, b)
        local ranks = { number = 1, string = 2, boolean = 3 }
        if type(a) ~= type(b) then return ranks[type(a)] < ranks[type(b)] end
        if type(a) == "boolean" then return not a and b end
        return a < b
      end
      function show(t)
        if type(t) ~= "table" and type(t) ~= "userdata" then
          return type(t) .. ":" .. tostring(t)
        end
        local keys, parts = {}, {}
        for k in pairs(t) do keys[#keys + 1] = k end
        local sorted = { table.unpack(keys) }
        table.sort(sorted, less)
        if type(t) == "userdata" then
          for i = 1, #keys do assert(rawequal(keys[i], sorted[i]), "pairs is out of order") end
        end
        for _, k in ipairs(sorted) do
          parts[#parts + 1] = type(k) .. ":" .. tostring(k) .. "=" .. show(t[k])
        end
        return "{" .. table.concat(parts, ",") .. "}"
      end)");
  }
  std::string run(const std::string& program) { return lua_.run(program); }
  MapHost::MapState& state() { return lua_.state(); }

 private:
  BareLua lua_;
};

std::string any_key() {
  return *rc::gen::weightedOneOf<std::string>(
      {{6, rc::gen::map(rc::gen::inRange(-3, 8), [](int i) { return std::to_string(i); })},
       {3, rc::gen::element<std::string>("'a'", "'b'", "''", "'long key'")},
       {1, rc::gen::element<std::string>("true", "false", "1.5", "-0.25", "2^53", "1e300", "-1e300",
                                         "math_huge or 1e999", "-1e999", "string.rep('k', 500)")}});
}

std::string any_value(int depth = 0) {
  const int kind = *rc::gen::inRange(0, depth < 2 ? 10 : 8);
  switch (kind) {
    case 0: return "nil";
    case 1: return std::to_string(*rc::gen::arbitrary<std::int64_t>() >> *rc::gen::inRange(1, 64));
    case 2: return "0.1";
    case 3: return *rc::gen::element<std::string>("true", "false");
    case 4: return "string.rep('x', " + std::to_string(*rc::gen::inRange(0, 40)) + ")";
    case 5: return "string.rep('yz', " + std::to_string(*rc::gen::inRange(400, 2'000)) + ")";
    case 6: return "'" + std::to_string(*rc::gen::inRange(0, 1'000)) + "'";
    case 7: return std::to_string(*rc::gen::inRange(0, 300));
    case 8: return "{" + any_value(depth + 1) + ", " + any_value(depth + 1) + "}";
    default: return "{[" + any_key() + "] = " + any_value(depth + 1) + "}";
  }
}

/// A statement about `T`, which stands for either table.
std::string any_step() {
  const std::string key = any_key();
  switch (*rc::gen::inRange(0, 12)) {
    case 0:
    case 1:
    case 2:
    case 3: return "T[" + key + "] = " + any_value();
    case 4: return "if type(T[1]) == type(T) then T[1][" + key + "] = " + any_value(1) + " end";
    case 5: return "T[" + key + "] = nil";
    case 6:
      return "T.list = {}; for i = 1, " + std::to_string(*rc::gen::inRange(0, 30)) +
             " do table.insert(T.list, i * 3 % 7) end; table.sort(T.list)";
    case 7: return "if T.list and #T.list > 0 then local x = table.remove(T.list, 1); R = x end";
    case 8:
      return "if T.list then table.insert(T.list, 1, 'front'); R = table.concat(T.list, ';') end";
    case 9: return "for k, v in pairs(T) do if type(v) == 'string' then T[k] = nil end end";
    case 10: return "if T.list then R = select('#', table.unpack(T.list)) .. ' ' .. #T.list end";
    default: return "local n = 0; for i, v in ipairs(T) do n = n + 1 end; R = n";
  }
}

std::string for_table(const std::string& step, const std::string& table) {
  return "local T = " + table + "; R = nil; " + step + "; return show(T) .. tostring(R)";
}

RC_GTEST_PROP(StoredTable, EqualsAPlainTable, ()) {
  Pair pair;
  const int steps = *rc::gen::inRange(1, 40);
  for (int i = 0; i < steps; ++i) {
    const std::string step = any_step();
    RC_LOG() << step << "\n";
    const std::string expected = pair.run(for_table(step, "plain"));
    RC_ASSERT(!expected.starts_with("error"));
    RC_ASSERT(pair.run(for_table(step, "stored")) == expected);
  }
  // Nothing is left behind by what was overwritten.
  static_cast<void>(pair.run("for k in pairs(stored) do stored[k] = nil end"));
  RC_ASSERT(pair.state().entries.size() <= 1u);  // the next table's number
}

RC_GTEST_PROP(StoredTable, APartAssignedElsewhereIsACopy, ()) {
  Pair pair;
  const std::string value = any_value();
  RC_ASSERT(pair.run("stored.a = {" + value +
                     ", {1, 2}}; stored.b = stored.a; stored.b[2][1] = 9; "
                     "return stored.a[2][1]") == "1");
  RC_ASSERT(pair.run("stored.a = stored.a; return stored.a[2][2]") == "2");
  RC_ASSERT(pair.run("stored.a = nil; return stored.b[2][1] .. ' ' .. #stored.b[2]") == "9 2");
}

TEST(StoredTable, WhatCannotBeStoredIsAnErrorThatSaysSo) {
  Pair pair;
  const auto fails = [&](const std::string& program, const std::string& text) {
    const std::string result = pair.run(program);
    EXPECT_NE(result.find(text), std::string::npos) << program << " -> " << result;
  };
  fails("stored.f = print", "a function cannot be stored");
  fails("stored[{}] = 1", "a table cannot be a key");
  fails("stored[0/0] = 1", "NaN");
  fails("stored[string.rep('k', 501)] = 1", "at most 500 bytes");
  fails("local t = {}; t.t = t; stored.t = t", "nested deeper");
  EXPECT_EQ(pair.run("return stored[0/0], stored[{}]"), "nil");
}

TEST(StoredTable, AFieldThatDoesNotFitAnyMoreIsAnError) {
  Pair pair;
  pair.state().changes_left = 1;
  EXPECT_EQ(pair.run("stored.a = 1"), "nil");
  EXPECT_NE(pair.run("stored.b = 1").find("too large"), std::string::npos);
  EXPECT_NE(pair.run("stored.a = nil").find("too large"), std::string::npos);
}

}  // namespace
}  // namespace cacheismo::lua
