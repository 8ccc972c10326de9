// What it costs to find a key's owner, and to make the ring in which it is found.
//
// The argument is the number of members, all of one weight. 64 keys of 24 bytes take turns, so that
// a search does not walk one path again and again; the ring itself stays in the cache.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "cacheismo/base/check.h"
#include "cacheismo/cluster/ring.h"

namespace cacheismo::cluster {
namespace {

RingSpec spec_of(std::int64_t members, Hashing hashing) {
  RingSpec spec{.epoch = 1, .hashing = hashing, .members = {}};
  for (std::int64_t n = 0; n < members; ++n)
    spec.members.push_back(
        {.name = "n" + std::to_string(n), .host = "10.0.0." + std::to_string(n)});
  return spec;
}

Ring ring_of(std::int64_t members, Hashing hashing) {
  auto ring = Ring::make(spec_of(members, hashing));
  CHECK(ring.has_value());
  return std::move(*ring);
}

std::vector<std::string> some_keys() {
  std::vector<std::string> keys;
  for (int n = 100; n < 164; ++n) keys.push_back("key:0123456789abcdef:" + std::to_string(n));
  return keys;
}

template <Hashing hashing>
void owner(benchmark::State& state) {
  const Ring ring = ring_of(state.range(0), hashing);
  const std::vector<std::string> keys = some_keys();
  std::size_t n = 0;
  for (auto _ : state) benchmark::DoNotOptimize(ring.owner(keys[n++ % keys.size()]));
}
BENCHMARK_TEMPLATE(owner, Hashing::ketama)->Arg(3)->Arg(32)->Arg(256);
BENCHMARK_TEMPLATE(owner, Hashing::rendezvous)->Arg(3)->Arg(32)->Arg(256);
BENCHMARK_TEMPLATE(owner, Hashing::jump)->Arg(3)->Arg(32)->Arg(256);

template <Hashing hashing>
void three_owners(benchmark::State& state) {
  const Ring ring = ring_of(state.range(0), hashing);
  const std::vector<std::string> keys = some_keys();
  std::array<std::uint32_t, 3> out = {};
  std::size_t n = 0;
  for (auto _ : state) benchmark::DoNotOptimize(ring.owners(keys[n++ % keys.size()], out));
}
BENCHMARK_TEMPLATE(three_owners, Hashing::ketama)->Arg(3)->Arg(32)->Arg(256);
BENCHMARK_TEMPLATE(three_owners, Hashing::rendezvous)->Arg(3)->Arg(32)->Arg(256);

void make_ketama(benchmark::State& state) {
  const RingSpec spec = spec_of(state.range(0), Hashing::ketama);
  for (auto _ : state) benchmark::DoNotOptimize(Ring::make(spec));
}
BENCHMARK(make_ketama)->Arg(3)->Arg(32)->Arg(256);

}  // namespace
}  // namespace cacheismo::cluster
