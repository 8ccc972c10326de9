// Tally: what one run found, as plain data.
//
// Latencies belong to requests that were due inside the measured window, finished requests to the
// window in which their reply ended; with a window much longer than a reply the two hardly differ.
// Errors count in every phase.

#ifndef CACHEISMO_BENCH_LOAD_TALLY_H_
#define CACHEISMO_BENCH_LOAD_TALLY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "bench/load/histogram.h"
#include "bench/load/wire.h"
#include "cacheismo/base/units.h"

namespace cacheismo::load {

struct Tally {
  Histogram get_ns;
  Histogram set_ns;
  Histogram call_ns;

  std::uint64_t finished = 0;  ///< requests answered inside the window
  std::uint64_t hits = 0;      ///< keys, of gets answered inside the window
  std::uint64_t misses = 0;

  std::uint64_t refused = 0;       ///< error lines
  std::uint64_t wrong_values = 0;  ///< a value, key or answer that is not the right one
  std::uint64_t lost = 0;          ///< connections that broke or closed
  std::uint64_t unanswered = 0;    ///< requests in flight when the run ended
  std::string first_error;

  std::uint64_t never_sent = 0;  ///< open loop: due inside the window, but no connection was free

  Duration window{0};
  std::optional<std::uint64_t> server_cpu_ns;  ///< used inside the window
  std::uint64_t own_cpu_ns = 0;                ///< as above, by the generator
  bool deadline_passed = false;

  [[nodiscard]] Histogram& latencies(Operation operation) {
    switch (operation) {
      case Operation::get: return get_ns;
      case Operation::set: return set_ns;
      case Operation::call: return call_ns;
    }
    return get_ns;
  }

  void note_error(std::string text) {
    if (first_error.empty()) first_error = std::move(text);
  }

  [[nodiscard]] bool clean() const {
    return refused == 0 && wrong_values == 0 && lost == 0 && unanswered == 0 && !deadline_passed;
  }
};

}  // namespace cacheismo::load

#endif  // CACHEISMO_BENCH_LOAD_TALLY_H_
