// Goal: bytes and tables stand for each other, one to one. Method: random tables are written, read
// and shown; the same table is built in two orders; valid bytes are damaged, and what is still read
// must be written again exactly so.

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "cacheismo/lua/bare_lua.h"

namespace cacheismo::lua {
namespace {

constexpr const char* show = R"(
  function show(t)
    if type(t) ~= "table" and type(t) ~= "userdata" then
      return string.format("%q", t)
    end
    local keys = {}
    for k in pairs(t) do keys[#keys + 1] = k end
    table.sort(keys, function(a, b)
      if type(a) ~= type(b) then return type(a) < type(b) end
      if type(a) == "boolean" then return not a and b end
      return a < b
    end)
    local parts = {}
    for _, k in ipairs(keys) do parts[#parts + 1] = show(k) .. "=" .. show(t[k]) end
    return "{" .. table.concat(parts, ",") .. "}"
  end)";

std::string any_key() {
  return *rc::gen::weightedOneOf<std::string>(
      {{4, rc::gen::map(rc::gen::inRange(-3, 300), [](int i) { return std::to_string(i); })},
       {3, rc::gen::element<std::string>("'a'", "'b'", "''", "'\\0\\255'", "'a b'")},
       {1, rc::gen::element<std::string>("true", "false", "1.5", "-0.25", "2^53", "1e300", "1e999",
                                         "-1e999", "0x7fffffffffffffff", "-0x7fffffffffffffff - 1",
                                         "string.rep('k', 500)")}});
}

std::string any_value(int depth);

std::vector<std::string> any_fields(int depth) {
  std::vector<std::string> fields;
  const int count = *rc::gen::inRange(0, 6);
  for (int i = 0; i < count; ++i)
    fields.push_back("t[" + any_key() + "] = " + any_value(depth) + "\n");
  return fields;
}

std::string table_of(const std::vector<std::string>& fields) {
  std::string text = "(function() local t = {}\n";
  for (const std::string& field : fields) text += field;
  return text + "return t end)()";
}

std::string any_value(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 9 : 7)) {
    case 0: return std::to_string(*rc::gen::arbitrary<std::int64_t>() >> *rc::gen::inRange(1, 64));
    case 1: return *rc::gen::element<std::string>("0.1", "1e999", "-0.0", "3.0", "-1e-300");
    case 2: return *rc::gen::element<std::string>("true", "false");
    case 3: return "string.rep('x', " + std::to_string(*rc::gen::inRange(0, 300)) + ")";
    case 4: return "string.rep('yz', " + std::to_string(*rc::gen::inRange(400, 20'000)) + ")";
    case 5: return "'" + std::to_string(*rc::gen::inRange(0, 1'000)) + "\\0\\n'";
    case 6: return std::to_string(*rc::gen::inRange(-130, 300));
    default: return table_of(any_fields(depth - 1));
  }
}

/// unmarshal(s) fails, or marshal() gives s again.
std::string read_and_write(BareLua& lua, Bytes bytes) {
  lua.set("s", bytes);
  return lua.run(R"(
    local good, t = pcall(table.unmarshal, s)
    if not good then return "refused" end
    return table.marshal(t) == s and "same" or "different")");
}

RC_GTEST_PROP(Marshal, ATableComesBackAsItWas, ()) {
  BareLua lua;
  static_cast<void>(lua.run(show));
  const std::string text = table_of(any_fields(3));
  RC_LOG() << text << "\n";
  RC_ASSERT(lua.run("x = " + text + "; y = table.unmarshal(table.marshal(x))") == "nil");
  RC_ASSERT(lua.run("return show(x)") == lua.run("return show(y)"));
  RC_ASSERT(lua.run("return show(x)") == lua.run("return show(table.clone(x))"));
}

RC_GTEST_PROP(Marshal, TheSameTableGivesTheSameBytesHoweverItCameToBe, ()) {
  BareLua lua;
  // One field for each key, so that the order of assignments does not matter.
  std::vector<std::string> fields;
  const auto keys = *rc::gen::unique<std::vector<int>>(rc::gen::inRange(-100, 100));
  for (const int key : keys)
    fields.push_back("t[" + std::to_string(key) + (key % 3 == 0 ? " .. ''" : "") +
                     "] = " + any_value(1) + "\n");
  const std::string one = table_of(fields);
  std::reverse(fields.begin(), fields.end());
  fields.insert(fields.begin(), "for i = 1, 40 do t[i], t['k' .. i] = i, i end\n");
  fields.insert(fields.begin() + 1, "for i = 1, 40 do t[i], t['k' .. i] = nil, nil end\n");
  const std::string other = table_of(fields);
  RC_ASSERT(lua.run("return table.marshal(" + one + ")") ==
            lua.run("return table.marshal(" + other + ")"));
}

RC_GTEST_PROP(Marshal, AStoredTableIsWrittenAsAPlainOneIs, ()) {
  BareLua lua;
  const std::string text = table_of(any_fields(2));
  RC_ASSERT(lua.run("x = " + text + "; stored.part = x; for k, v in pairs(x) do stored[k] = v end")
                .find("error") == std::string::npos);
  RC_ASSERT(lua.run("return table.marshal(x)") == lua.run("return table.marshal(stored.part)"));
  RC_ASSERT(lua.run("x.part = x.part or table.clone(x); return table.marshal({x})") ==
            lua.run("return table.marshal({stored})"));
}

RC_GTEST_PROP(Marshal, DamagedBytesAreRefusedOrMeanWhatTheySay, ()) {
  BareLua lua;
  std::string bytes = lua.run("return table.marshal(" + table_of(any_fields(3)) + ")");
  RC_ASSERT(read_and_write(lua, bytes) == "same");
  const int damages = *rc::gen::inRange(1, 4);
  for (int i = 0; i < damages && !bytes.empty(); ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    switch (*rc::gen::inRange(0, 4)) {
      case 0: bytes[at] = *rc::gen::arbitrary<char>(); break;
      case 1: bytes.erase(at, *rc::gen::inRange<std::size_t>(1, 5)); break;
      case 2: bytes.insert(at, 1, *rc::gen::arbitrary<char>()); break;
      default: bytes.resize(at); break;
    }
  }
  RC_ASSERT(read_and_write(lua, bytes) != "different");
}

RC_GTEST_PROP(Marshal, ForeignBytesAreRefusedOrMeanWhatTheySay, ()) {
  BareLua lua;
  RC_ASSERT(read_and_write(lua, "\xD1" + *rc::gen::arbitrary<std::string>()) != "different");
}

TEST(Marshal, WritesWhatItsHeadDraws) {
  BareLua lua;
  using namespace std::string_literals;
  EXPECT_EQ(lua.run("return table.marshal({})"), "\xD1\x00"s);
  EXPECT_EQ(lua.run("return table.marshal({7, a = 'xy', [true] = {}})"),
            "\xD1\x03"
            "\x02\x41\x01\x87"
            "\x02\x80"
            "a\x03\x02xy"
            "\x01\xC1\x05\x00"s);
}

TEST(Marshal, MayBeCalledWithAColon) {
  BareLua lua;
  EXPECT_EQ(lua.run("return table:unmarshal(table:marshal({5}))[1]"), "5");
  EXPECT_EQ(lua.run("local t = {{1}}; local c = table:clone(t); c[1][1] = 2; return t[1][1]"), "1");
  EXPECT_EQ(lua.run("return table.concat({1, 2}, '+') .. #table.pack(1, 2, 3)"), "1+23");
}

TEST(Marshal, WhatIsNoDataIsAnErrorThatSaysSo) {
  BareLua lua;
  const auto fails = [&](const std::string& program, const std::string& text) {
    const std::string result = lua.run(program);
    EXPECT_NE(result.find(text), std::string::npos) << program << " -> " << result;
  };
  fails("return table.marshal({print})", "a function is no data");
  fails("return table.marshal({[{}] = 1})", "a table cannot be a key");
  fails("return table.marshal({[string.rep('k', 501)] = 1})", "at most 500 bytes, not 501");
  fails("local t = {}; t.t = t; return table.marshal(t)", "nested deeper");
  fails(
      "local s = string.rep('x', 2^20); local t = {}; for i = 1, 17 do t[i] = s end "
      "return table.marshal(t)",
      "too large");
  fails("return table.marshal(1)", "table expected, got number");
  fails("return table.marshal()", "table expected, got no value");
  fails("return table.unmarshal(5)", "string expected, got number");
  fails("return table.unmarshal('')", "not what table.marshal writes");
}

TEST(Marshal, NumbersKeepTheirKindAndHaveOneSpelling) {
  BareLua lua;
  EXPECT_EQ(lua.run("local t = table.clone({1, 1.0, -0.0, 0/0}) "
                    "return string.format('%q %q %q', t[1], t[2], t[3]) .. tostring(t[4] ~= t[4])"),
            "1 0x1p+0 -0x0p+0true");
  EXPECT_EQ(lua.run("return table.marshal({0/0}) == table.marshal({-(0/0)})"), "true");
  // 7 in more bytes than it needs, and a size that does.
  EXPECT_EQ(read_and_write(lua, std::string("\xD1\x01\x02\x41\x01\x11\x0E", 7)), "refused");
  EXPECT_EQ(read_and_write(lua, std::string("\xD1\x81\x00\x02\x41\x01\x87", 7)), "refused");
  EXPECT_EQ(read_and_write(lua, std::string("\xD1\x01\x02\x41\x01\x87", 6)), "same");
}

TEST(Marshal, DepthOfForeignBytesIsBounded) {
  BareLua lua;
  std::string bytes = "\xD1";
  for (int i = 0; i < 100'000; ++i) bytes += std::string("\x01\x02\x41\x01\x05", 5);
  bytes += '\0';
  EXPECT_EQ(read_and_write(lua, bytes), "refused");
}

}  // namespace
}  // namespace cacheismo::lua
