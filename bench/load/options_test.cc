// The command line: what is asked for arrives, and each wrong value is named in one line.

#include "bench/load/options.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cacheismo::load {
namespace {

Result<Options, std::string> parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "cacheismo-load");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  return parse_options(static_cast<int>(arguments.size()), argv.data());
}

TEST(Options, WhereAndWhatArrive) {
  const Result<Options, std::string> options =
      parse({"--host",        "127.0.0.2", "--port",         "5",     "--protocol",     "redis",
             "--connections", "7",         "--pipeline",     "16",    "--keys",         "1000",
             "--key-bytes",   "30",        "--value-bytes",  "10-20", "--distribution", "zipf:0.9",
             "--get-percent", "40",        "--keys-per-get", "50"});
  ASSERT_TRUE(options) << options.error();
  EXPECT_EQ(options->host, "127.0.0.2");
  EXPECT_EQ(options->port, 5);
  EXPECT_EQ(options->protocol, Protocol::redis);
  EXPECT_EQ(options->connections, 7u);
  EXPECT_EQ(options->pipeline, 16u);
  EXPECT_EQ(options->dataset.key_count, 1000u);
  EXPECT_EQ(options->dataset.key_bytes, 30u);
  EXPECT_EQ(options->dataset.value_bytes_min, 10u);
  EXPECT_EQ(options->dataset.value_bytes_max, 20u);
  EXPECT_EQ(options->zipf_exponent, 0.9);
  EXPECT_EQ(options->get_percent, 40u);
  EXPECT_EQ(options->keys_per_get, 50u);
}

TEST(Options, HowFastHowLongAndTheOutputArrive) {
  const Result<Options, std::string> options = parse({"--unix",
                                                      "/tmp/socket",
                                                      "--rate",
                                                      "2.5",
                                                      "--arrivals",
                                                      "poisson",
                                                      "--no-preload",
                                                      "--warmup",
                                                      "0",
                                                      "--duration",
                                                      "0.5",
                                                      "--requests",
                                                      "9",
                                                      "--deadline",
                                                      "20",
                                                      "--seed",
                                                      "3",
                                                      "--server-pid",
                                                      "4",
                                                      "--json",
                                                      "-",
                                                      "--quiet"});
  ASSERT_TRUE(options) << options.error();
  EXPECT_EQ(options->unix_path, "/tmp/socket");
  EXPECT_EQ(options->rate_per_second, 2.5);
  EXPECT_EQ(options->arrivals, Arrivals::poisson);
  EXPECT_FALSE(options->preload);
  EXPECT_EQ(options->warmup, Duration(0));
  EXPECT_EQ(options->duration, std::chrono::milliseconds(500));
  EXPECT_EQ(options->requests_max, 9u);
  EXPECT_EQ(options->deadline, std::chrono::seconds(20));
  EXPECT_EQ(options->seed, 3u);
  EXPECT_EQ(options->server_pid, 4);
  EXPECT_EQ(options->json_path, "-");
  EXPECT_TRUE(options->quiet);
}

TEST(Options, ACallReplacesGetsAndSets) {
  const Result<Options, std::string> options =
      parse({"--call", "map:get:m{object}:f{field}", "--answer", "{number}", "--fields", "7"});
  ASSERT_TRUE(options) << options.error();
  const Dataset dataset(options->dataset);
  std::string request;
  options->call->append_request(dataset, 15, request);
  EXPECT_EQ(request, "map:get:m2:f1");
  EXPECT_TRUE(options->call->is_answer(dataset, 15, "99"));
  EXPECT_FALSE(options->preload);
  EXPECT_FALSE(parse({"--keys", "9"})->call);
}

TEST(Options, ACallNeedsItsAnswer) {
  EXPECT_EQ(parse({"--call", "x"}).error(), "--call and --answer need each other");
  EXPECT_EQ(parse({"--answer", "x"}).error(), "--call and --answer need each other");
}

TEST(Options, OneSizeIsARangeOfOne) {
  const Result<Options, std::string> options = parse({"--value-bytes=1000"});
  ASSERT_TRUE(options) << options.error();
  EXPECT_EQ(options->dataset.value_bytes_min, 1000u);
  EXPECT_EQ(options->dataset.value_bytes_max, 1000u);
}

TEST(Options, EachWrongValueIsNamed) {
  const std::vector<std::vector<std::string>> wrong = {
      {"--port", "0"},
      {"--port", "65536"},
      {"--port", "1x"},
      {"--protocol", "binary"},
      {"--connections", "0"},
      {"--value-bytes", "9-1"},
      {"--value-bytes", "-1"},
      {"--distribution", "zipf"},
      {"--distribution", "zipf:-1"},
      {"--get-percent", "101"},
      {"--rate", "0"},
      {"--rate", "nan"},
      {"--arrivals", "bursts"},
      {"--duration", "0"},
      {"--duration", "-1"},
      {"--key-bytes", "251"},
      {"--requests", "0"},
      {"--call", "{thing}"},
      {"--call", "counter:incr:c{number}"},
      {"--answer", "}"},
      {"--fields", "0"},
  };
  for (const std::vector<std::string>& arguments : wrong) {
    const Result<Options, std::string> options = parse(arguments);
    ASSERT_FALSE(options) << arguments[0] << " " << arguments[1];
    EXPECT_EQ(options.error(), arguments[0] + " " + arguments[1] + " is not valid");
  }
}

TEST(Options, StrayArgumentsAndUnknownFlagsAreNamed) {
  EXPECT_EQ(parse({"--fast"}).error(), "--fast is not an option, or lacks its value");
  EXPECT_EQ(parse({"--port"}).error(), "--port is not an option, or lacks its value");
  EXPECT_EQ(parse({"11211"}).error(), "unexpected argument 11211");
}

TEST(Options, KeysTooShortToTellAllApartAreRefused) {
  EXPECT_EQ(parse({"--keys", "1000", "--key-bytes", "3"}).error(),
            "--keys 1000 needs --key-bytes 4 or more");
}

TEST(Options, HelpNamesEveryFlag) {
  EXPECT_TRUE(parse({"--help"})->help);
  for (const char* flag : {"--host", "--rate", "--json", "--server-pid", "--keys-per-get"}) {
    EXPECT_NE(usage().find(flag), std::string::npos) << flag;
  }
}

}  // namespace
}  // namespace cacheismo::load
