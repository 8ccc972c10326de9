// Options: what a person asks of cacheismo-load, as checked plain data. usage() is the reference.

#ifndef CACHEISMO_BENCH_LOAD_OPTIONS_H_
#define CACHEISMO_BENCH_LOAD_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bench/load/call.h"
#include "bench/load/dataset.h"
#include "bench/load/wire.h"
#include "cacheismo/base/result.h"
#include "cacheismo/base/units.h"

namespace cacheismo::load {

/// Open loop: when requests are due.
enum class Arrivals : std::uint8_t { constant, poisson };

struct Options {
  std::string host = "127.0.0.1";  ///< an IPv4 address
  std::uint16_t port = 11211;
  std::string unix_path;  ///< instead of host and port, when not empty

  Protocol protocol = Protocol::classic;
  std::size_t connections = 50;
  std::size_t pipeline = 1;  ///< requests in flight on one connection
  DatasetOptions dataset;
  double zipf_exponent = 0;   ///< 0: uniform
  unsigned get_percent = 90;  ///< the rest are sets
  std::size_t keys_per_get = 1;
  std::optional<Call> call;  ///< every request is this call, instead of gets and sets

  double rate_per_second = 0;  ///< 0: closed loop
  Arrivals arrivals = Arrivals::constant;

  bool preload = true;  ///< sets every key once, before the clock runs; false with a call
  Duration warmup = std::chrono::seconds(1);
  Duration duration = std::chrono::seconds(5);
  std::uint64_t requests_max = 0;  ///< ends the measurement earlier; 0: no such limit
  Duration deadline = std::chrono::seconds(300);  ///< of the whole run
  std::uint64_t seed = 1;

  int server_pid = 0;     ///< whose CPU time is measured; 0: nobody's
  std::string json_path;  ///< "-": standard output
  bool quiet = false;     ///< no report for people and no progress line
  bool help = false;
};

/// The text of --help.
[[nodiscard]] std::string usage();

/// On failure one line that says which option is wrong and why.
[[nodiscard]] Result<Options, std::string> parse_options(int argc, char** argv);

[[nodiscard]] std::string_view name_of(Protocol protocol);

}  // namespace cacheismo::load

#endif  // CACHEISMO_BENCH_LOAD_OPTIONS_H_
