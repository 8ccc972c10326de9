// Keys and values are computed, so the test is that they are what the generator takes them for:
// distinct, of the size asked for, recognised again; and that keys are picked as often as promised.

#include "bench/load/dataset.h"

#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include "bench/load/key_picker.h"
#include "cacheismo/base/prng.h"

namespace cacheismo::load {
namespace {

std::string key_of(const Dataset& dataset, std::uint64_t id) {
  std::string key;
  dataset.append_key(id, key);
  return key;
}

TEST(Dataset, KeysArePaddedDistinctAndNameTheirId) {
  const Dataset dataset({.key_count = 1000, .key_bytes = 12});
  std::set<std::string> keys;
  for (std::uint64_t id = 0; id < 1000; ++id) {
    const std::string key = key_of(dataset, id);
    EXPECT_EQ(key.size(), 12u);
    EXPECT_EQ(dataset.id_of(key), id);
    keys.insert(key);
  }
  EXPECT_EQ(keys.size(), 1000u);
  EXPECT_EQ(key_of(dataset, 42), "k00000000042");
}

TEST(Dataset, StrangersKeysAreNotRecognised) {
  const Dataset dataset({.key_count = 1000, .key_bytes = 5});
  EXPECT_EQ(dataset.id_of("k0999"), 999u);
  for (const char* key : {"", "k", "k099", "k00999", "x0999", "k09x9", "k1000", "k9999"}) {
    EXPECT_EQ(dataset.id_of(key), std::nullopt) << key;
  }
}

TEST(Dataset, TheShortestKeyStillTellsAllIdsApart) {
  EXPECT_EQ(Dataset::key_bytes_needed(1), 2u);
  EXPECT_EQ(Dataset::key_bytes_needed(10), 2u);
  EXPECT_EQ(Dataset::key_bytes_needed(11), 3u);
  EXPECT_EQ(Dataset::key_bytes_needed(1'000'000), 7u);
  const Dataset dataset({.key_count = 100, .key_bytes = Dataset::key_bytes_needed(100)});
  EXPECT_EQ(key_of(dataset, 99), "k99");
}

TEST(Dataset, ValuesHaveSizesOfTheRangeAndDifferBetweenNeighbours) {
  const Dataset dataset({.key_count = 1000, .value_bytes_min = 10, .value_bytes_max = 50});
  std::set<std::size_t> sizes;
  for (std::uint64_t id = 0; id + 1 < 1000; ++id) {
    EXPECT_NE(dataset.value(id), dataset.value(id + 1));
    EXPECT_EQ(dataset.value(id), dataset.value(id));
    sizes.insert(dataset.value(id).size());
  }
  EXPECT_EQ(*sizes.begin(), 10u);
  EXPECT_EQ(*sizes.rbegin(), 50u);
}

TEST(Dataset, AnEmptyValueIsAValue) {
  const Dataset dataset({.key_count = 2, .value_bytes_min = 0, .value_bytes_max = 0});
  EXPECT_EQ(dataset.value(1), "");
}

TEST(KeyPicker, UniformReachesEveryKeyAboutEquallyOften) {
  const KeyPicker picker(10, 0);
  Prng prng(1);
  std::vector<int> seen(10);
  for (int i = 0; i < 100'000; ++i) ++seen[picker.pick(prng)];
  // 100 is one standard deviation; six of them and a fixed seed.
  for (const int count : seen) EXPECT_NEAR(count, 10'000, 600);
}

TEST(KeyPicker, ZipfPicksEachRankAsOftenAsItsWeight) {
  for (const double exponent : {0.5, 0.99, 1.0, 1.3}) {
    constexpr std::uint64_t keys = 50;
    constexpr int draws = 200'000;
    double total = 0;
    for (std::uint64_t id = 0; id < keys; ++id) {
      total += std::pow(static_cast<double>(id + 1), -exponent);
    }
    const KeyPicker picker(keys, exponent);
    Prng prng(7);
    std::vector<int> seen(keys);
    for (int i = 0; i < draws; ++i) ++seen[picker.pick(prng)];
    for (std::uint64_t id = 0; id < keys; ++id) {
      const double expected = draws * std::pow(static_cast<double>(id + 1), -exponent) / total;
      EXPECT_NEAR(seen[id], expected, 6 * std::sqrt(expected)) << exponent << " " << id;
    }
  }
}

TEST(KeyPicker, OneKeyIsAlwaysPicked) {
  Prng prng(1);
  for (const double exponent : {0.0, 0.99}) {
    const KeyPicker picker(1, exponent);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(picker.pick(prng), 0u);
  }
}

}  // namespace
}  // namespace cacheismo::load
