// What is asked of hitrate is read as it is meant, and rows carry the sizes that were really used.

#include "bench/hitrate/lab.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench/hitrate/lab_options.h"
#include "bench/hitrate/made_trace.h"
#include "cacheismo/base/limits.h"

namespace cacheismo::hitrate {
namespace {

Result<LabOptions, std::string> parse(std::vector<std::string> words) {
  words.insert(words.begin(), "hitrate");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return parse_lab_options(static_cast<int>(argv.size()), argv.data());
}

std::string error(const std::vector<std::string>& words) {
  const auto options = parse(words);
  return options ? "" : options.error();
}

TEST(LabOptions, SizesAreSharesOrBytes) {
  const auto options = parse({"store", "--sizes", "2.5%,64m,1048577,3g", "a", "b"});
  ASSERT_TRUE(options.has_value()) << options.error();
  EXPECT_EQ(options->mode, LabMode::store);
  EXPECT_EQ(options->paths, (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(options->sizes.size(), 4u);
  EXPECT_DOUBLE_EQ(options->sizes[0].percent, 2.5);
  EXPECT_EQ(options->sizes[1].bytes, 64 * MiB);
  EXPECT_EQ(options->sizes[2].bytes, 1048577u);
  EXPECT_EQ(options->sizes[3].bytes, 3 * GiB);
  for (const char* wrong : {"", "%", "m", "0", "0%", "-1", "1x", "99999999999g", "5%%"}) {
    EXPECT_EQ(parse_cache_size(wrong), std::nullopt) << wrong;
  }
}

TEST(LabOptions, WhatIsWrongIsNamed) {
  EXPECT_EQ(error({}), "which mode?");
  EXPECT_EQ(error({"replay", "a"}), "`replay` is no mode");
  EXPECT_EQ(error({"store"}), "which trace?");
  EXPECT_EQ(error({"store", "a", "--sizes", "1%,"}), "--sizes does not take `1%,`");
  EXPECT_EQ(error({"store", "a", "--form", "csv"}), "--form does not take `csv`");
  EXPECT_EQ(error({"store", "a", "--size", "1%", "--nothing"}), "--nothing is no option");
  EXPECT_EQ(error({"make", "a", "b"}), "make writes one file");
  EXPECT_EQ(error({"make", "a", "--value-bytes", "9-3"}), "--value-bytes does not take `9-3`");
}

LabOptions options_for(LabMode mode, const char* sizes) {
  auto options = parse({mode == LabMode::sim ? "sim" : "bounds", "--sizes", sizes, "a"});
  EXPECT_TRUE(options.has_value());
  return *options;
}

TEST(Lab, SizesBelowTheSmallestArenaAreRaisedAndSaidOnce) {
  const Trace trace = make_trace({.requests = 20'000, .keys = 5'000, .value_bytes_max = 1'000});
  const auto rows = run_lab(options_for(LabMode::bounds, "1%,10%,2m"), "t", trace,
                            [](const std::string&, double) {});
  ASSERT_EQ(rows.size(), 4u);  // two sizes, two lines
  EXPECT_EQ(rows[0].size, "1%+10%");
  EXPECT_TRUE(rows[0].raised);
  EXPECT_EQ(rows[0].bytes, limits::arena_bytes_min);
  EXPECT_EQ(rows[2].bytes, 2 * MiB);
  EXPECT_FALSE(rows[2].raised);
  EXPECT_NE(lab_table(rows).find("1%+10% *"), std::string::npos);
  EXPECT_NE(lab_table(rows).find("* raised to the smallest arena"), std::string::npos);
}

TEST(Lab, RowsStandInOrderAndTheirGapIsAgainstTheIdealLru) {
  const Trace trace = make_trace({.requests = 30'000, .keys = 8'000, .value_bytes_max = 1'000});
  const auto rows =
      run_lab(options_for(LabMode::sim, "1m"), "t", trace, [](const std::string&, double) {});
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].cache, "ideal-lru");
  EXPECT_EQ(rows[1].cache, "pfoo-l");
  EXPECT_EQ(rows[2].cache, "store");
  EXPECT_EQ(rows[3].cache, "sim");
  EXPECT_EQ(rows[0].gap_points, 0);
  EXPECT_LT(rows[1].gap_points, 0);
  EXPECT_GT(rows[2].gap_points, 0);
  EXPECT_EQ(rows[2].tallies, rows[3].tallies);
  EXPECT_DOUBLE_EQ(rows[2].gap_points, 100 * (rows[2].tallies.measured.object_miss_ratio() -
                                              rows[0].tallies.measured.object_miss_ratio()));
  const std::string csv = lab_csv(rows);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 5);
}

TEST(Lab, TheFootprintCountsEachKeyAtItsLargest) {
  const Trace trace{.requests = {{.key_id = 0, .value_bytes = 10, .key_bytes = 20},
                                 {.key_id = 1, .value_bytes = 5, .key_bytes = 20},
                                 {.key_id = 0, .value_bytes = 3, .key_bytes = 20}},
                    .keys = 2};
  EXPECT_EQ(footprint_bytes(trace), 55u);
  EXPECT_EQ(trace_name("some/where/web12.csv.xz"), "web12");
  EXPECT_EQ(trace_name("plain"), "plain");
}

}  // namespace
}  // namespace cacheismo::hitrate
