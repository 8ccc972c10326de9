// A call's two patterns: what is sent for an id, and which answers are taken for right ones.

#include "bench/load/call.h"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>
#include "bench/load/dataset.h"

namespace cacheismo::load {
namespace {

const Dataset dataset{{.key_count = 1000, .value_bytes_min = 4, .value_bytes_max = 4}};

std::string text_of(const char* pattern, std::uint64_t id, std::uint64_t fields) {
  std::string out;
  Pattern::parse(pattern)->append(dataset, id, fields, out);
  return out;
}

bool matches(const char* pattern, std::uint64_t id, const char* text) {
  return Pattern::parse(pattern)->matches(dataset, id, 10, text);
}

TEST(Pattern, AnIdNamesAnObjectAndItsField) {
  EXPECT_EQ(text_of("map:get:m{object}:f{field}", 173, 10), "map:get:m17:f3");
  EXPECT_EQ(text_of("counter:incr:c{object}:1", 173, 1), "counter:incr:c173:1");
  EXPECT_EQ(text_of("{field}{object}", 7, 100), "70");
}

TEST(Pattern, TheValueIsTheDatasetsForThisId) {
  EXPECT_EQ(text_of("put:{value}!", 3, 10), "put:" + std::string(dataset.value(3)) + "!");
}

TEST(Pattern, OnlyTheWholeTextOfThisIdMatches) {
  EXPECT_TRUE(matches("f{field} of {object}", 173, "f3 of 17"));
  EXPECT_FALSE(matches("f{field} of {object}", 173, "f3 of 18"));
  EXPECT_FALSE(matches("f{field} of {object}", 173, "f3 of 170"));
  EXPECT_FALSE(matches("f{field} of {object}", 173, "f3 of 1"));
  EXPECT_FALSE(matches("f{field} of {object}", 173, ""));
  EXPECT_TRUE(matches("", 173, ""));
  EXPECT_FALSE(matches("", 173, "x"));
  EXPECT_TRUE(matches("{value}", 3, std::string(dataset.value(3)).c_str()));
  EXPECT_FALSE(matches("{value}", 3, std::string(dataset.value(4)).c_str()));
}

TEST(Pattern, ANumberIsOneDigitOrMore) {
  EXPECT_TRUE(matches("{number}", 1, "0"));
  EXPECT_TRUE(matches("at {number}.", 1, "at 184467440737095516159."));
  EXPECT_FALSE(matches("{number}", 1, ""));
  EXPECT_FALSE(matches("{number}", 1, "-1"));
  EXPECT_FALSE(matches("{number}", 1, "1.5"));
  EXPECT_TRUE(Pattern::parse("{number}")->has_number());
  EXPECT_FALSE(Pattern::parse("{field}number")->has_number());
}

TEST(Pattern, BracesThatAreNoWordOfItsAreRefused) {
  for (const char* text : {"{", "}", "m{}", "{objects}", "{object", "{value}}"}) {
    EXPECT_FALSE(Pattern::parse(text)) << text;
  }
}

}  // namespace
}  // namespace cacheismo::load
