// collector: the longest step of the scripts' garbage collector, by what the heap holds.
//
//   fill the heap with one shape of live data --> steps of whole cycles, each timed
//
//   objects   small tables, in lists of `entries`
//   lists     of strings
//   maps      from strings to integers
//   touched   maps, all of which are written to between every two steps
//   dropped   maps that are garbage after the first cycle
//   calls     5,000 coroutines that wait
//
//   bazel run //bench:collector -- [--megabytes=48] [--cycles=20] [--entries=200000]
//
//  1. A step is Vm::collect_some(), as the node takes it between requests; those inside of a run
//     are as large. Its time is this thread's CPU time: who was not running did not collect.
//
// What it is not: the cost of scripts (node_bench has that).

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cacheismo/base/check.h"
#include "cacheismo/lua/test_vm.h"

namespace cacheismo::bench {
namespace {

struct Shape {
  const char* name;
  const char* part;             ///< what fills the table `part`, of `size` entries
  std::uint32_t parts_max = 0;  ///< 0: until the heap is full
  const char* between_steps = nullptr;
  const char* between_cycles = "waste";
};

constexpr Shape shapes[] = {
    {.name = "objects", .part = "for i = 1, size do part[i] = { i } end"},
    {.name = "lists", .part = "for i = 1, size do part[i] = 'v' .. i end"},
    {.name = "maps", .part = "for i = 1, size do part['k' .. #live .. '.' .. i] = i end"},
    {.name = "touched",
     .part = "for i = 1, size do part['k' .. i] = i end",
     .between_steps = "touch"},
    {.name = "dropped",
     .part = "for i = 1, size do part['k' .. #live .. '.' .. i] = i end",
     .between_cycles = "drop"},
    {.name = "calls",
     .part = "for i = 1, 5000 do part[i] = coroutine.create(function() local a = {}"
             " coroutine.yield() return a end) coroutine.resume(part[i]) end",
     .parts_max = 1},
};

struct Options {
  std::uint64_t megabytes = 48;
  std::uint64_t cycles = 20;
  std::uint64_t entries = 200'000;
};

double cpu_us() {
  timespec now{};
  CHECK_EQ(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

constexpr const char* rest_of_program = R"(
      live[#live + 1] = part
    end,
    touch = function() for _, part in ipairs(live) do part.k1 = {} end end,
    drop = function() live = {} end,
    waste = function() local last for i = 1, 20000 do last = { i, tostring(i) } end end,
  }
  return function(what) parts[what]() end
)";

/// A heap with live data of one shape.
class Heaped {
 public:
  Heaped(const Shape& shape, const Options& options)
      : shape_(shape), options_(options), vm_((options.megabytes + 16) << 20) {
    vm_.limits = {.steps = 1'000'000'000, .time_ns = 60'000'000'000, .heap_bytes = 1u << 30};
    CHECK(vm_.vm().push_new_globals());
    const std::string program = "local live, size = {}, " + std::to_string(options.entries) +
                                " local parts = { fill = function() local part = {} " + shape.part +
                                rest_of_program;
    CHECK(vm_.vm().load("bench.lua", program));
    vm_.vm().begin(vm_.limits);
    int results = 0;
    CHECK(vm_.vm().run(vm_.vm().state(), 0, &results) == lua::Ended::returned);
    for (std::uint32_t i = 0; vm_.heap().used_bytes() < options.megabytes << 20; ++i) {
      if (shape.parts_max > 0 && i == shape.parts_max) break;
      call("fill");
    }
  }
  ~Heaped() { lua_settop(vm_.vm().state(), 0); }
  Heaped(const Heaped&) = delete;
  Heaped& operator=(const Heaped&) = delete;

  /// The CPU time of every step, microseconds, in their order of length.
  std::vector<double> steps() {
    std::vector<double> all;
    for (std::uint64_t cycle = 0; cycle < options_.cycles; ++cycle) {
      bool more = true;
      while (more) {
        if (shape_.between_steps != nullptr) call(shape_.between_steps);
        const double begun = cpu_us();
        more = vm_.vm().collect_some();
        all.push_back(cpu_us() - begun);
      }
      call(shape_.between_cycles);
    }
    std::ranges::sort(all);
    return all;
  }

 private:
  void call(const char* what) {
    lua_State* lua = vm_.vm().state();
    lua_pushvalue(lua, -1);
    lua_pushstring(lua, what);
    const std::string text = vm_.run_top(lua, 1);
    if (vm_.ended == lua::Ended::returned) return;
    std::fprintf(stderr, "collector: %s: %s\n", what, text.c_str());
    std::exit(1);
  }

  const Shape& shape_;
  Options options_;
  lua::TestVm vm_;
};

bool parse(std::span<char*> arguments, Options& options) {
  const struct {
    std::string_view name;
    std::uint64_t* value;
  } flags[] = {{"--megabytes=", &options.megabytes},
               {"--cycles=", &options.cycles},
               {"--entries=", &options.entries}};
  for (const std::string_view argument : arguments) {
    const auto* const flag =
        std::ranges::find_if(flags, [&](const auto& f) { return argument.starts_with(f.name); });
    if (flag == std::end(flags)) return false;
    const char* const end = argument.data() + argument.size();
    const auto [read, error] =
        std::from_chars(argument.data() + flag->name.size(), end, *flag->value);
    if (error != std::errc() || read != end || *flag->value == 0) return false;
  }
  return true;
}

int run(std::span<char*> arguments) {
  Options options;
  if (!parse(arguments, options)) {
    std::fputs(
        "collector [--megabytes=N] [--cycles=N] [--entries=N]: the collector's longest step\n",
        stderr);
    return 2;
  }
  std::printf("%-10s%10s%12s%14s%14s\n", "", "steps", "median us", "99.9 % us", "longest us");
  for (const Shape& shape : shapes) {
    const std::vector<double> steps = Heaped(shape, options).steps();
    std::printf("%-10s%10zu%12.1f%14.1f%14.1f\n", shape.name, steps.size(), steps[steps.size() / 2],
                steps[steps.size() - 1 - steps.size() / 1000], steps.back());
  }
  return 0;
}

}  // namespace
}  // namespace cacheismo::bench

int main(int argc, char** argv) {
  return cacheismo::bench::run(std::span(argv + 1, static_cast<std::size_t>(argc - 1)));
}
