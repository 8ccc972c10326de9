// Our own process must be seen using the time that it uses; a process that is not there must not.

#include "bench/load/process_cpu.h"

#include <time.h>
#include <unistd.h>

#include <cstdint>

#include <gtest/gtest.h>

namespace cacheismo::load {
namespace {

std::uint64_t own_cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec);
}

TEST(ProcessCpu, WorkThatWasDoneIsSeen) {
  const std::uint64_t before = process_cpu_ns(getpid()).value_or(0);
  const std::uint64_t own_before = own_cpu_ns();
  volatile std::uint64_t work = 0;
  while (own_cpu_ns() - own_before < 100'000'000) work = work + 1;
  const std::uint64_t seen = process_cpu_ns(getpid()).value_or(0) - before;
  EXPECT_GE(seen, 80'000'000u);  // a running thread lags by up to a tick, 10 ms at most
  EXPECT_LE(seen, (own_cpu_ns() - own_before) + 20'000'000u);
}

TEST(ProcessCpu, AProcessThatIsNotThereHasNone) {
  EXPECT_FALSE(process_cpu_ns(1 << 30).has_value());
}

}  // namespace
}  // namespace cacheismo::load
