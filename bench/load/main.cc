// cacheismo-load: flags -> Load -> report. usage() in options.cc says the rest.

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "bench/load/load.h"
#include "bench/load/options.h"
#include "bench/load/report.h"
#include "bench/load/tally.h"

namespace {

using cacheismo::load::Options;
using cacheismo::load::Tally;

constexpr int exit_clean = 0;
constexpr int exit_errors = 1;
constexpr int exit_usage = 2;

bool write_json(const Options& options, const Tally& tally) {
  const std::string json = report_json(options, tally);
  const bool to_stdout = options.json_path == "-";
  std::FILE* file = to_stdout ? stdout : std::fopen(options.json_path.c_str(), "w");
  if (file != nullptr) {
    const bool written = std::fwrite(json.data(), 1, json.size(), file) == json.size();
    if ((to_stdout ? std::fflush(file) : std::fclose(file)) == 0 && written) return true;
  }
  fmt::print(stderr, "cacheismo-load: {}: {}\n", options.json_path, std::strerror(errno));
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = cacheismo::load::parse_options(argc, argv);
  if (!options) {
    fmt::print(stderr, "cacheismo-load: {}; see --help\n", options.error());
    return exit_usage;
  }
  if (options->help) {
    fmt::print("{}", cacheismo::load::usage());
    return exit_clean;
  }
  cacheismo::load::Load load(*options);
  if (const auto connected = load.connect(); !connected) {
    fmt::print(stderr, "cacheismo-load: {}\n", connected.error());
    return exit_errors;
  }
  const Tally& tally = load.run();
  if (!options->quiet) fmt::print("{}", report_text(*options, tally));
  if (!options->json_path.empty() && !write_json(*options, tally)) return exit_errors;
  if (options->quiet && !tally.clean()) {
    fmt::print(stderr, "cacheismo-load: {}\n", tally.first_error);
  }
  return tally.clean() ? exit_clean : exit_errors;
}
