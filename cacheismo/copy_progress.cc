#include "cacheismo/copy_progress.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>

namespace cacheismo {
namespace {

constexpr Duration terminal_interval = std::chrono::milliseconds(250);
constexpr Duration file_interval = std::chrono::seconds(5);
constexpr std::size_t bar_columns = 20;

}  // namespace

bool stderr_is_terminal() { return isatty(STDERR_FILENO) != 0; }

std::string shown_bytes(std::uint64_t bytes) {
  if (bytes < 10 * KiB) return fmt::format("{} B", bytes);
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / MiB);
}

void CopyProgress::begin(Bytes name, std::uint64_t items, MonotonicTime now) {
  name_ = name;
  items_all_ = items;
  begun_ = now;
  next_ = now + (terminal_ ? terminal_interval : file_interval);
}

std::string CopyProgress::line(std::uint64_t items, std::uint64_t bytes, MonotonicTime now) const {
  // FROM may get more items meanwhile.
  const double all = static_cast<double>(std::max({items_all_, items, std::uint64_t{1}}));
  const double share = static_cast<double>(items) / all;
  const double seconds = std::max(std::chrono::duration<double>(now - begun_).count(), 1e-3);
  std::string bar;
  if (terminal_) {
    const auto full = static_cast<std::size_t>(share * bar_columns);
    bar = '[' + std::string(full, '=') + '>' + std::string(bar_columns - full, ' ') + "] ";
  }
  std::string eta = "-";
  if (items > 0) {
    const std::int64_t left = std::llround(seconds * (1 - share) / share);
    eta = fmt::format("{}:{:02}", left / 60, left % 60);
  }
  return fmt::format("{} {}{:3.0f}%  {}/{} items  {}  {}/s  ETA {}", name_, bar, share * 100, items,
                     items_all_, shown_bytes(bytes),
                     shown_bytes(static_cast<std::uint64_t>(static_cast<double>(bytes) / seconds)),
                     eta);
}

void CopyProgress::at(std::uint64_t items, std::uint64_t bytes, MonotonicTime now) {
  if (now < next_) return;
  next_ = now + (terminal_ ? terminal_interval : file_interval);
  const std::string text = line(items, bytes, now);
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r" : "", text, terminal_ ? "\x1b[K" : "\n");
  std::fflush(stderr);
  said_ = terminal_;
}

void CopyProgress::end() {
  if (said_) fmt::print(stderr, "\r\x1b[K");
  said_ = false;
}

}  // namespace cacheismo
