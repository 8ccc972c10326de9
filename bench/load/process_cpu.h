// ProcessCpu: how much processor time a process has used, as the kernel's scheduler counts it.

#ifndef CACHEISMO_BENCH_LOAD_PROCESS_CPU_H_
#define CACHEISMO_BENCH_LOAD_PROCESS_CPU_H_

#include <cstdint>
#include <optional>

namespace cacheismo::load {

/// Nanoseconds used so far by all living threads of `pid`, user and system, from
/// /proc/PID/task/*/schedstat (a running thread lags by at most one tick). Where the kernel has no
/// schedstat, /proc/PID/stat with its 10 ms grain. nullopt if there is no such process.
[[nodiscard]] std::optional<std::uint64_t> process_cpu_ns(int pid);

}  // namespace cacheismo::load

#endif  // CACHEISMO_BENCH_LOAD_PROCESS_CPU_H_
