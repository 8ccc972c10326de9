// Goal: a key is virtual exactly where its first two parts were declared, and its parts come out as
// they were meant. Method: a few types and every kind of near miss.

#include "cacheismo/lua/types.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/lua/virtual_key.h"

namespace cacheismo::lua {
namespace {

TEST(Types, OnlyWhatWasDeclaredIsFound) {
  Types types;
  Bytes rest;
  EXPECT_EQ(types.find("quota:new:a", rest), nullptr);
  Type& quota = types.add("quota", "quota.lua");
  const Method& make = types.add(quota, "new", Kind::create, 1);
  for (int i = 0; i < 100; ++i) types.add(quota, "m" + std::to_string(i), Kind::read, 2 + i);
  EXPECT_EQ(types.find("quota:new:a:10", rest), &make);
  EXPECT_EQ(rest, ":a:10");
  EXPECT_EQ(types.find("quota:new", rest), &make);
  EXPECT_EQ(rest, "");
  EXPECT_EQ(types.find("quota:m77:x", rest)->name, "m77");
  for (const char* ordinary :
       {"", ":", "quota", "quota:", "quota:ne:a", "quota:newer:a", "quot:new", "quota::new",
        ":quota:new", "qvota:new", "_G:x:y", "os:execute:x"}) {
    EXPECT_EQ(types.find(ordinary, rest), nullptr) << ordinary;
  }
}

TEST(Types, ACommandIsTakenOverByOneFunctionAndIsNoVirtualKey) {
  Types types;
  EXPECT_EQ(types.takes_over(Verb::set), nullptr);
  const Method& set = types.take_over(Verb::set, "proxy.lua", 3);
  const Method& remove = types.take_over(Verb::remove, "proxy.lua", 4);
  EXPECT_EQ(types.takes_over(Verb::set), &set);
  EXPECT_EQ(types.takes_over(Verb::remove), &remove);
  EXPECT_EQ(types.takes_over(Verb::get), nullptr);
  EXPECT_EQ(remove.name, "delete");
  ASSERT_EQ(types.commands().size(), 1u);
  EXPECT_EQ(types.commands()[0]->methods.size(), 2u);
  Bytes rest;
  EXPECT_EQ(types.find("command:set:a", rest), nullptr);
}

TEST(Types, PercentilesAreTheUpperEndsOfTheirRanges) {
  Latencies latencies;
  EXPECT_EQ(latencies.percentile_us(99), 0u);
  for (int i = 0; i < 99; ++i) latencies.add(700, 1);
  latencies.add(5'000'000, 1);
  EXPECT_EQ(latencies.percentile_us(50), 1u);
  EXPECT_EQ(latencies.percentile_us(99), 1u);
  EXPECT_EQ(latencies.percentile_us(100), 8192u);
}

std::vector<std::string> parts(Bytes rest) {
  const VirtualKeyParts cut(rest);
  return {cut.parts().begin(), cut.parts().end()};
}

TEST(VirtualKey, PartsAreCutAtColonsAndThenDecoded) {
  using Parts = std::vector<std::string>;
  EXPECT_EQ(parts(""), Parts{});
  EXPECT_EQ(parts(":alice"), Parts{"alice"});
  EXPECT_EQ(parts(":alice:10:hour"), (Parts{"alice", "10", "hour"}));
  EXPECT_EQ(parts(":"), Parts{""});
  EXPECT_EQ(parts("::x:"), (Parts{"", "x", ""}));
  EXPECT_EQ(parts(":a%3Ab:%00%ff%25"), (Parts{"a:b", std::string("\0\xFF%", 3)}));
  EXPECT_EQ(parts(":%:%4:%zz:100%"), (Parts{"%", "%4", "%zz", "100%"}));
  EXPECT_EQ(parts(std::string(250, ':')).size(), 250u);
}

}  // namespace
}  // namespace cacheismo::lua
