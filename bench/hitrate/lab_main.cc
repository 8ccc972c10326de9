// hitrate: flags -> traces -> rows -> table and CSV. lab_usage() says the rest.

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "bench/hitrate/lab.h"
#include "bench/hitrate/lab_options.h"
#include "bench/hitrate/made_trace.h"
#include "bench/hitrate/trace.h"

namespace {

using namespace cacheismo::hitrate;

constexpr int exit_clean = 0;
constexpr int exit_errors = 1;
constexpr int exit_usage = 2;

/// One line on standard error that is written over; nothing when that is no terminal.
class ProgressBar {
 public:
  explicit ProgressBar(bool wanted) : on_(wanted && isatty(STDERR_FILENO) != 0) {}
  ~ProgressBar() {
    if (on_) fmt::print(stderr, "\r\033[K");
  }
  void show(const std::string& what, double done) {
    const int percent = static_cast<int>(100 * done);
    if (!on_ || (percent == percent_ && what == what_)) return;
    percent_ = percent;
    what_ = what;
    constexpr int width = 30;
    const auto full = static_cast<std::size_t>(width * percent / 100);
    fmt::print(stderr, "\r\033[K[{:<{}}] {:3}% {}", std::string(full, '#'), width, percent, what);
    std::fflush(stderr);
  }

 private:
  bool on_;
  int percent_ = -1;
  std::string what_;
};

bool complain(const std::string& text) {
  fmt::print(stderr, "hitrate: {}\n", text);
  return false;
}

bool write_file(const std::string& path, const std::string& text) {
  std::FILE* file = path == "-" ? stdout : std::fopen(path.c_str(), "w");
  if (file == nullptr) return complain(path + ": " + std::strerror(errno));
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool ended = (path == "-" ? std::fflush(file) : std::fclose(file)) == 0;
  return (written && ended) || complain(path + ": " + std::strerror(errno));
}

bool make(const LabOptions& options) {
  const std::string& path = options.paths.front();
  std::FILE* file = path == "-" ? stdout : std::fopen(path.c_str(), "w");
  if (file == nullptr) return complain(path + ": " + std::strerror(errno));
  const bool written = write_trace(make_trace(options.made), file);
  const bool ended = path == "-" || std::fclose(file) == 0;
  return (written && ended) || complain(path + ": " + std::strerror(errno));
}

void describe(const std::string& path, const Trace& trace) {
  std::uint64_t counts[3] = {};
  for (const Request& request : trace.requests) ++counts[static_cast<std::size_t>(request.op)];
  const std::uint32_t last = trace.requests.empty() ? 0 : trace.requests.back().time_seconds;
  fmt::print("{}: {} requests ({} get, {} set, {} delete) of {} keys in {} s, footprint {} bytes\n",
             trace_name(path), trace.requests.size(), counts[0], counts[1], counts[2], trace.keys,
             last, footprint_bytes(trace));
}

bool run(const LabOptions& options) {
  std::vector<LabRow> rows;
  ProgressBar bar(!options.quiet);
  for (const std::string& path : options.paths) {
    const auto trace = load_trace(path, options.trace, options.requests_max,
                                  [&](double done) { bar.show("reading " + path, done); });
    if (!trace) return complain(trace.error());
    if (options.mode == LabMode::describe) {
      describe(path, *trace);
      continue;
    }
    const auto more = run_lab(options, trace_name(path), *trace,
                              [&](const std::string& what, double done) { bar.show(what, done); });
    rows.insert(rows.end(), more.begin(), more.end());
  }
  if (options.mode == LabMode::describe) return true;
  if (options.csv_path != "-") fmt::print("{}", lab_table(rows));
  return options.csv_path.empty() || write_file(options.csv_path, lab_csv(rows));
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse_lab_options(argc, argv);
  if (!options) {
    complain(options.error() + "; see --help");
    return exit_usage;
  }
  if (options->help) {
    fmt::print("{}", lab_usage());
    return exit_clean;
  }
  const bool done = options->mode == LabMode::make ? make(*options) : run(*options);
  return done ? exit_clean : exit_errors;
}
