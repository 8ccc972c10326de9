// memory_access: what an access to memory costs here when the next one depends on it, in pages of
// 4 KiB and in huge ones. What a get that is alone waits for is a few of these.
//
//   region:  | line 7 -> 3 | line 3 -> 9 | ...       one cycle through all lines, in random order
//
// A line is 64 bytes and holds the number of the next. Two regions hold the same cycle; one asks
// the kernel for huge pages and the other for none. They take turns, window by window. Time is the
// thread's processor time, so that others on the machine disturb little, though they share its
// caches. The median of the rounds is printed with the quartiles.
//
//   bazel run //bench:memory_access -- [--mib=1024] [--rounds=11] [--window=1000000]
//
// What it is not: a bandwidth, or the cost of accesses that overlap. Huge pages that the kernel did
// not grant are not there: the share that it did is printed.

#include <sys/mman.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "cacheismo/base/check.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"

namespace cacheismo::bench {
namespace {

struct alignas(64) Line {
  std::uint64_t next;
};
static_assert(sizeof(Line) == 64);

class Region {
 public:
  Region(std::uint64_t lines, int advice) : bytes_(lines * sizeof(Line)) {
    // Huge pages need their alignment, which mmap does not promise.
    mapped_ = static_cast<char*>(mmap(nullptr, bytes_ + 2 * MiB, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    CHECK(mapped_ != MAP_FAILED);
    const auto past = reinterpret_cast<std::uintptr_t>(mapped_) % (2 * MiB);
    lines_ = reinterpret_cast<Line*>(mapped_ + (2 * MiB - past));
    // Refused where the kernel has no huge pages at all, which the share granted then shows.
    static_cast<void>(madvise(lines_, bytes_, advice));
  }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  ~Region() { munmap(mapped_, bytes_ + 2 * MiB); }

  [[nodiscard]] std::span<Line> lines() const { return {lines_, bytes_ / sizeof(Line)}; }

 private:
  std::size_t bytes_;
  char* mapped_;
  Line* lines_;
};

/// One cycle through all lines (Sattolo, 1986).
void link(std::span<Line> lines) {
  Prng prng(1);
  for (std::size_t i = 0; i < lines.size(); ++i) lines[i].next = i;
  for (std::size_t i = lines.size() - 1; i > 0; --i)
    std::swap(lines[i].next, lines[prng.below(i)].next);
}

double cpu_ns() {
  timespec time;
  CHECK_EQ(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time), 0);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

/// A chase through one region, which goes on where the last window ended.
class Chase {
 public:
  explicit Chase(std::span<const Line> lines) : lines_(lines) {}

  void measure(std::uint64_t window) {
    std::uint64_t at = at_;
    const double begin = cpu_ns();
    for (std::uint64_t i = 0; i < window; ++i) at = lines_[at].next;
    // `at` comes out of the last access, so none can be left out or moved behind the clock.
    asm volatile("" ::"r"(at) : "memory");
    ns_.push_back((cpu_ns() - begin) / static_cast<double>(window));
    at_ = at;
  }
  void print(const char* pages) {
    std::sort(ns_.begin(), ns_.end());
    const std::size_t n = ns_.size();
    std::printf("%-12s %7.1f ns  (%.1f to %.1f)\n", pages, ns_[n / 2], ns_[n / 4],
                ns_[n - 1 - n / 4]);
  }

 private:
  std::span<const Line> lines_;
  std::uint64_t at_ = 0;
  std::vector<double> ns_;
};

/// Bytes of this process in huge pages, as the kernel counts them; 0 if it does not say.
std::uint64_t huge_bytes() {
  std::FILE* file = std::fopen("/proc/self/smaps_rollup", "r");
  if (file == nullptr) return 0;
  char text[256];
  unsigned long long kib = 0;
  while (std::fgets(text, sizeof text, file) != nullptr)
    if (std::sscanf(text, "AnonHugePages: %llu kB", &kib) == 1) break;
  std::fclose(file);
  return kib * KiB;
}

struct Options {
  std::uint64_t mib = 1024;
  std::uint64_t rounds = 11;
  std::uint64_t window = 1'000'000;
};

bool parse(std::span<char*> arguments, Options& options) {
  const std::pair<std::string_view, std::uint64_t*> flags[] = {
      {"--mib=", &options.mib}, {"--rounds=", &options.rounds}, {"--window=", &options.window}};
  for (const std::string_view argument : arguments) {
    const auto* flag = std::find_if(std::begin(flags), std::end(flags), [&](const auto& each) {
      return argument.starts_with(each.first);
    });
    if (flag == std::end(flags)) return false;
    const std::string_view value = argument.substr(flag->first.size());
    const auto [end, error] =
        std::from_chars(value.data(), value.data() + value.size(), *flag->second);
    if (error != std::errc() || end != value.data() + value.size() || *flag->second == 0)
      return false;
  }
  return true;
}

int run(std::span<char*> arguments) {
  Options options;
  if (!parse(arguments, options)) {
    std::fputs("memory_access [--mib=N] [--rounds=N] [--window=N]: ns for a dependent access\n",
               stderr);
    return 2;
  }
  const std::uint64_t lines = options.mib * MiB / sizeof(Line);
  const Region small(lines, MADV_NOHUGEPAGE);
  const Region huge(lines, MADV_HUGEPAGE);
  link(small.lines());
  std::copy(small.lines().begin(), small.lines().end(), huge.lines().begin());
  Chase through_small(small.lines());
  Chase through_huge(huge.lines());
  for (std::uint64_t round = 0; round < options.rounds; ++round) {
    through_small.measure(options.window);
    through_huge.measure(options.window);
  }
  std::printf("a dependent access to a random line of %llu MiB, median (quartiles)\n",
              static_cast<unsigned long long>(options.mib));
  through_small.print("4 KiB pages");
  through_huge.print("2 MiB pages");
  std::printf("granted in 2 MiB pages: %.0f %%\n",
              100 * static_cast<double>(huge_bytes()) / static_cast<double>(options.mib * MiB));
  return 0;
}

}  // namespace
}  // namespace cacheismo::bench

int main(int argc, char** argv) {
  return cacheismo::bench::run(std::span(argv + 1, static_cast<std::size_t>(argc - 1)));
}
