// Goal: what a dump prints for a key is taken for the same key, and nothing half is taken for one.
// Method: every byte value there and back; a table of odd inputs, in buffers of the exact size.

#include "cacheismo/proto/percent.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/bytes.h"

namespace cacheismo::proto {
namespace {

std::string encoded(Bytes in) {
  std::vector<char> out(3 * in.size());
  const char* end = put_percent_encoded(out.data(), in);
  return {out.data(), static_cast<std::size_t>(end - out.data())};
}

std::string decoded(Bytes in) {
  const std::vector<char> exact(in.begin(), in.end());
  std::vector<char> out(in.size());
  const auto size = percent_decode(Bytes(exact.data(), exact.size()), out.data());
  return size ? std::string(out.data(), *size) : "(refused)";
}

TEST(Percent, DecodesWhatItEncodes) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    const char one = static_cast<char>(byte);
    ASSERT_EQ(decoded(encoded(Bytes(&one, 1))), std::string(1, one)) << byte;
    all += one;
  }
  EXPECT_EQ(decoded(encoded(all)), all);
  EXPECT_EQ(encoded("a-._~%/:"), "a-._~%25%2F%3A");
}

TEST(Percent, ReservedBytesStandForThemselves) {
  EXPECT_EQ(decoded("user:/?"), "user:/?");
  EXPECT_EQ(decoded("user%3a%3A"), "user::");
  EXPECT_EQ(decoded(""), "");
}

TEST(Percent, SignsWithoutTwoDigitsAreRefused) {
  for (const Bytes text : {"%", "a%", "%4", "a%4", "%%41", "%4g", "%g4", "%4%41"})
    EXPECT_EQ(decoded(text), "(refused)") << text;
}

TEST(Percent, DecodesInPlace) {
  std::string text = "a%20b%2525c";
  const auto size = percent_decode(text, text.data());
  ASSERT_TRUE(size);
  EXPECT_EQ(text.substr(0, *size), "a b%25c");
}

}  // namespace
}  // namespace cacheismo::proto
