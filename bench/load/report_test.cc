// What the reports say about one made-up run.

#include "bench/load/report.h"

#include <nlohmann/json.hpp>
#include <string>

#include <gtest/gtest.h>
#include "bench/load/options.h"
#include "bench/load/tally.h"

namespace cacheismo::load {
namespace {

Tally two_seconds() {
  Tally tally;
  tally.window = std::chrono::seconds(2);
  tally.finished = 1000;
  tally.hits = 900;
  tally.misses = 50;
  tally.own_cpu_ns = 500'000'000;
  for (int i = 0; i < 1000; ++i) tally.get_ns.record(100'000);
  return tally;
}

TEST(Report, JsonHasRatesLatenciesAndCosts) {
  Tally tally = two_seconds();
  tally.server_cpu_ns = 1'000'000'000;
  const nlohmann::json json = nlohmann::json::parse(report_json(Options{}, tally));
  EXPECT_EQ(json["requests_per_second"], 500.0);
  EXPECT_EQ(json["server_cpu_ns_per_request"], 1'000'000.0);
  EXPECT_EQ(json["server_busy_percent"], 50.0);
  EXPECT_EQ(json["generator_busy_percent"], 25.0);
  EXPECT_EQ(json["get_latency_us"]["p99"], 100.0);
  EXPECT_TRUE(json["set_latency_us"].is_null());
  EXPECT_EQ(json["clean"], true);
}

TEST(Report, WithoutAServersProcessItsCostIsNull) {
  const nlohmann::json json = nlohmann::json::parse(report_json(Options{}, two_seconds()));
  EXPECT_TRUE(json["server_cpu_ns_per_request"].is_null());
}

TEST(Report, AnEmptyRunDividesByNothing) {
  const nlohmann::json json = nlohmann::json::parse(report_json(Options{}, Tally{}));
  EXPECT_EQ(json["requests_per_second"], 0.0);
  EXPECT_NE(report_text(Options{}, Tally{}).find("requests/s         0"), std::string::npos);
}

TEST(Report, ErrorsAndRequestsThatWereNeverSentStandOut) {
  Tally tally = two_seconds();
  EXPECT_EQ(report_text(Options{}, tally).find("ERRORS"), std::string::npos);
  tally.wrong_values = 3;
  tally.never_sent = 7;
  tally.note_error("a wrong value for key 5");
  const std::string text = report_text(Options{}, tally);
  EXPECT_NE(text.find("3 wrong values"), std::string::npos);
  EXPECT_NE(text.find("first error        a wrong value for key 5"), std::string::npos);
  EXPECT_NE(text.find("7 requests were due"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(report_json(Options{}, tally))["clean"], false);
}

TEST(Report, BytesOfAServerThatAreNotTextDoNotBreakTheJson) {
  Tally tally = two_seconds();
  tally.refused = 1;
  tally.note_error("the server answered: \xFF\x80");
  EXPECT_FALSE(nlohmann::json::parse(report_json(Options{}, tally)).empty());
}

}  // namespace
}  // namespace cacheismo::load
