// Limits of one run of a script, and the ways in which it can end.

#ifndef CACHEISMO_LUA_LIMITS_H_
#define CACHEISMO_LUA_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace cacheismo::lua {

/// What one run may use. A run that is resumed goes on with what it has left.
struct Limits {
  std::int64_t steps = 1'000'000;
  std::int64_t time_ns = 50'000'000;  ///< looked at every slice_steps steps
  std::size_t heap_bytes = 8u << 20;  ///< more than the heap held when the run began
};

/// So many steps may pass before the clock is looked at: at most 0.2 ms of ordinary work.
inline constexpr std::int64_t slice_steps = 4096;

/// So many bytes of new memory cost a step: to clear and to copy them takes about as long.
inline constexpr std::int64_t bytes_per_step = 64;

/// What scripts write into the log in one run: above it the rest is dropped, and a line says so.
inline constexpr int log_lines_max = 16;
inline constexpr std::size_t log_text_bytes_max = 500;

enum class Ended : std::uint8_t {
  returned,
  yielded,  ///< threads only
  error,    ///< of the script: error(), a wrong type, a syntax error, ...
  out_of_steps,
  out_of_time,
  out_of_memory,  ///< the run's limit, or the heap's
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_LIMITS_H_
