// Goal: keys survive the trip, and what memcached decodes, decodes to the same bytes.
// Method: every length and byte value; a table of odd inputs with what memcached 1.6.18 made of
// them.

#include "cacheismo/proto/base64.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/bytes.h"

namespace cacheismo::proto {
namespace {

std::string encoded(Bytes in) {
  std::string out(base64_size(in.size()), '~');
  EXPECT_EQ(base64_encode(in, out.data()), out.data() + out.size());
  return out;
}

/// What `in` decodes to, from and into buffers of the exact size; "(refused)" if it does not.
std::string decoded(Bytes in) {
  const std::vector<char> exact(in.begin(), in.end());
  std::vector<char> out(base64_decoded_size_max(in.size()));
  const auto size = base64_decode(Bytes(exact.data(), exact.size()), out.data());
  return size ? std::string(out.data(), *size) : "(refused)";
}

TEST(Base64, DecodesWhatItEncodes) {
  std::string text;
  for (int length = 1; length <= 260; ++length) {
    text.push_back(static_cast<char>(length * 37));
    ASSERT_EQ(decoded(encoded(text)), text) << length;
  }
}

TEST(Base64, EncodesTheVectorsOfRfc4648) {
  EXPECT_EQ(encoded(""), "");
  EXPECT_EQ(encoded("f"), "Zg==");
  EXPECT_EQ(encoded("fo"), "Zm8=");
  EXPECT_EQ(encoded("foo"), "Zm9v");
  EXPECT_EQ(encoded("foob"), "Zm9vYg==");
  EXPECT_EQ(encoded("\xff\xfe\xfd"), "//79");
}

TEST(Base64, IsAsLenientAsMemcached) {
  EXPECT_EQ(decoded("Zm9v!"), "foo");  // foreign characters are skipped
  EXPECT_EQ(decoded("Z m\r9v"), "foo");
  EXPECT_EQ(decoded("Zm9="), "fo");       // left-over bits are dropped
  EXPECT_EQ(decoded("Zm8=Zm9v"), "fo");   // padding ends it
  EXPECT_EQ(decoded("=m9v").size(), 2u);  // padding counts wherever it stands
}

TEST(Base64, RefusesWhatMemcachedRefuses) {
  for (const Bytes bad : {"", "!", "Zm9", "Zm9vY", "====", "Z===", "@@@@"})
    EXPECT_EQ(decoded(bad), "(refused)") << bad;
}

TEST(Base64, AStringIsTheSameBytes) {
  EXPECT_EQ(base64_text("foob"), "Zm9vYg==");
  EXPECT_EQ(base64_bytes("Zm9vYg=="), "foob");
  EXPECT_EQ(base64_bytes("Zm9"), std::nullopt);
  EXPECT_EQ(base64_text(""), "");
}

TEST(SpeltKey, OnlyWhatALineCannotHoldGoesInBase64) {
  for (int code = 0; code < 256; ++code) {
    const std::string key = {'k', static_cast<char>(code)};
    const SpeltKey spelt = spell_key(key);
    EXPECT_EQ(spelt.base64, code <= 0x20 || code == 0x7F) << code;
    EXPECT_EQ(spelt.text, spelt.base64 ? base64_text(key) : key);
    EXPECT_EQ(spelt.flag(), spelt.base64 ? " b" : "");
  }
}

}  // namespace
}  // namespace cacheismo::proto
