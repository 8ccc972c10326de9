// density: how much of -m is user data once the cache is full, and how evictions come, for sizes of
// every kind.
//
//   bazel run //bench/density -- [--megabytes=64,1024] [--only=PART OF A NAME]
//
// A run stores two cachefuls and measures during a third. One line a mix, marked where it misses
// what density_test.cc asserts.

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/density/filling.h"
#include "bench/density/mix.h"

namespace {

using cacheismo::MiB;
using cacheismo::density::Filling;
using cacheismo::density::Mix;

constexpr int exit_clean = 0;
constexpr int exit_missed = 1;
constexpr int exit_usage = 2;

struct Options {
  std::vector<std::uint64_t> megabytes = {64};
  std::string only;
};

std::optional<std::vector<std::uint64_t>> numbers_in(std::string_view list) {
  std::vector<std::uint64_t> numbers;
  while (!list.empty()) {
    std::uint64_t number = 0;
    const char* end = list.data() + list.size();
    const auto [next, error] = std::from_chars(list.data(), end, number);
    if (error != std::errc() || number == 0 || (next != end && *next != ',')) return std::nullopt;
    numbers.push_back(number);
    list.remove_prefix(static_cast<std::size_t>(next - list.data()) + (next != end ? 1 : 0));
  }
  return numbers.empty() ? std::nullopt : std::optional(numbers);
}

std::optional<Options> parse(int argc, char** argv) {
  constexpr std::string_view megabytes = "--megabytes=";
  constexpr std::string_view only = "--only=";
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag.starts_with(megabytes)) {
      const auto numbers = numbers_in(flag.substr(megabytes.size()));
      if (!numbers) return std::nullopt;
      options.megabytes = *numbers;
    } else if (flag.starts_with(only)) {
      options.only = flag.substr(only.size());
    } else {
      return std::nullopt;
    }
  }
  return options;
}

/// Whether the mix reached what it must.
bool run(const Mix& mix, std::uint64_t memory_bytes) {
  Filling filling(memory_bytes, 1);
  filling.fill(mix, 2);
  filling.cache().reset_stats();
  const double density = filling.steady_density(mix);
  const double overhead = filling.overhead();
  const auto stats = filling.stats();
  const bool reached = density >= mix.density_min && overhead <= mix.overhead_max;
  fmt::print("{:<18}{:>9}{:>10.3f}{:>10.1f}{:>10}{:>8}{:>10}{:>8}  {}\n", mix.name, stats.items,
             density, overhead, stats.evictions_per_put_p999, stats.evictions_per_put_max,
             stats.surplus_evictions_per_put_p999, stats.surplus_evictions_per_put_max,
             reached ? "" : "missed");
  std::fflush(stdout);
  return reached;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse(argc, argv);
  if (!options) {
    fmt::print(stderr, "density: [--megabytes=N,...] [--only=PART OF A NAME]\n");
    return exit_usage;
  }
  std::vector<Mix> mixes = cacheismo::density::short_items();
  for (const auto& more : {cacheismo::density::with_cas(), cacheismo::density::sweep(),
                           cacheismo::density::mixtures()})
    mixes.insert(mixes.end(), more.begin(), more.end());
  bool reached = true;
  for (const std::uint64_t megabytes : options->megabytes) {
    fmt::print(
        "\n-m {}\n{:<18}{:>9}{:>10}{:>10}{:>18}{:>18}\n{:<18}{:>9}{:>10}{:>10}{:>10}{:>8}"
        "{:>10}{:>8}\n",
        megabytes, "", "", "", "overhead", "evictions a store", "beyond the bytes", "item", "items",
        "density", "an item", "p99.9", "max", "p99.9", "max");
    for (const Mix& mix : mixes)
      if (mix.name.find(options->only) != std::string::npos) reached &= run(mix, megabytes * MiB);
  }
  return reached ? exit_clean : exit_missed;
}
