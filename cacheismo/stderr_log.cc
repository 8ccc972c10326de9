#include "cacheismo/stderr_log.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include <fmt/format.h>

namespace cacheismo {
namespace {

const char* to_string(node::Level level) {
  switch (level) {
    case node::Level::error: return "error";
    case node::Level::warn: return "warn";
    case node::Level::info: return "info";
    case node::Level::debug: return "debug";
  }
  return "unknown";
}

}  // namespace

std::string log_line(WallTime time, node::Level level, Bytes event, Bytes fields) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  const Duration since_1970 = time.time_since_epoch();
  const auto days = std::chrono::floor<std::chrono::days>(since_1970);
  const std::chrono::year_month_day date{std::chrono::sys_days(days)};
  const std::chrono::hh_mm_ss clock(duration_cast<milliseconds>(since_1970 - days));
  std::string line =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z level={} event={}",
                  static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(),
                  clock.seconds().count(), clock.subseconds().count(), to_string(level), event);
  if (!fields.empty()) {
    line += ' ';
    line += fields;
  }
  std::replace(line.begin(), line.end(), '\n', ' ');
  line += '\n';
  return line;
}

void StderrLog::write(node::Level level, Bytes event, Bytes fields) {
  if (level == node::Level::debug && verbosity_ == 0) return;
  const std::string line = log_line(io_.now().wall, level, event, fields);
  std::fwrite(line.data(), 1, line.size(), stderr);  // unbuffered
}

}  // namespace cacheismo
