#include "bench/load/process_cpu.h"

#include <dirent.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace cacheismo::load {
namespace {

/// The first 1023 bytes of a file; empty if it cannot be read.
std::string head_of(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "r");
  if (file == nullptr) return {};
  char text[1024];
  const std::size_t bytes = std::fread(text, 1, sizeof(text) - 1, file);
  std::fclose(file);
  return std::string(text, bytes);
}

std::optional<std::uint64_t> from_stat(int pid) {
  const std::string stat = head_of(fmt::format("/proc/{}/stat", pid));
  // The second field is the program's name in parentheses and may hold anything, spaces too.
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  unsigned long long user = 0;
  unsigned long long system = 0;
  if (std::sscanf(stat.c_str() + name_end + 1,
                  " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2) {
    return std::nullopt;
  }
  return (user + system) * 1'000'000'000u / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
}

}  // namespace

std::optional<std::uint64_t> process_cpu_ns(int pid) {
  const std::string tasks = fmt::format("/proc/{}/task", pid);
  DIR* directory = opendir(tasks.c_str());
  if (directory == nullptr) return std::nullopt;
  std::uint64_t total = 0;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    const std::string line = head_of(fmt::format("{}/{}/schedstat", tasks, entry->d_name));
    total += std::strtoull(line.c_str(), nullptr, 10);
  }
  closedir(directory);
  if (total == 0) return from_stat(pid);
  return total;
}

}  // namespace cacheismo::load
