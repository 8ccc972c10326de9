// Goal: keys lie where memcached's clients look for them, also where none of those clients is at
// hand. Method: testdata/ring/*.txt, whose owners real clients found (README.md there).

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/cluster/ring.h"
#include "cacheismo/cluster/ring_file.h"

namespace cacheismo::cluster {
namespace {

std::string read(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  EXPECT_NE(file, nullptr) << path;
  if (file == nullptr) return {};
  std::string text(std::size_t{1} << 20, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

Bytes cut_line(Bytes& text) {
  const Bytes line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

class RingVectors : public testing::TestWithParam<const char*> {};

TEST_P(RingVectors, OwnersAreThoseThatTheClientFound) {
  const std::string text = read(std::string("testdata/ring/") + GetParam() + ".txt");
  constexpr Bytes divider = "\nkeys\n";
  const std::size_t end = text.find(divider);
  ASSERT_NE(end, std::string::npos);
  auto spec = parse_ring_file(Bytes(text).substr(0, end));
  ASSERT_TRUE(spec) << spec.error();
  const auto ring = Ring::make(std::move(*spec));
  ASSERT_TRUE(ring) << ring.error();

  Bytes rest = Bytes(text).substr(end + divider.size());
  int keys = 0;
  while (!rest.empty()) {
    const Bytes line = cut_line(rest);
    const std::size_t blank = line.find(' ');
    ASSERT_NE(blank, Bytes::npos) << line;
    EXPECT_EQ(ring->members()[ring->owner(line.substr(0, blank))].name, line.substr(blank + 1))
        << line;
    ++keys;
  }
  EXPECT_GE(keys, 100);
}

INSTANTIATE_TEST_SUITE_P(All, RingVectors,
                         testing::Values("libmemcached_default_port", "libmemcached_other_ports",
                                         "libmemcached_rounded_shares", "libmemcached_weights",
                                         "npm_default_port", "npm_other_ports", "npm_weights",
                                         "twemproxy_hash_tags", "twemproxy_names",
                                         "twemproxy_other_ports", "twemproxy_weights"),
                         [](const auto& given) { return std::string(given.param); });

}  // namespace
}  // namespace cacheismo::cluster
