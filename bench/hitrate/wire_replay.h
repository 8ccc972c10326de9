// WireReplay: a trace replayed against a server over one connection of loopback.
//
//   Trace x copies -> LookAside -> socket -> server
//
//  1. One connection and LookAside's rules: the server sees the requests in the order of the trace.
//  2. Copies: with `copies` N each request is sent N times in a row, for N different keys. What a
//     byte-exact LRU of N x B bytes misses is then what it misses of the trace itself at B bytes,
//     so a small trace fills a server that cannot be made small.
//  3. Pace: with `seconds` S a request of trace time t is due at t / (last t + 1) x S, and expiries
//     shrink by the same factor, rounded to whole seconds and at least 1. Servers do part of their
//     work by the clock (memcached's page mover, Redis's idle times): squeezed into few seconds it
//     does not happen. With `seconds` 0 the trace runs as fast as the server answers, and no item
//     expires.
//
// Cost: the trace in memory (20 bytes per request), 4 bytes per key, 1 MB or twice the longest
// value for each direction.

#ifndef CACHEISMO_BENCH_HITRATE_WIRE_REPLAY_H_
#define CACHEISMO_BENCH_HITRATE_WIRE_REPLAY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/hitrate/look_aside.h"
#include "bench/hitrate/trace.h"
#include "bench/hitrate/wire.h"
#include "cacheismo/base/result.h"

namespace cacheismo::hitrate {

struct WireOptions {
  std::string host = "127.0.0.1";  ///< an IPv4 address
  std::uint16_t port = 11211;
  Protocol protocol = Protocol::classic;
  std::size_t depth = 32;
  std::uint32_t copies = 1;
  double seconds = 0;
  std::uint64_t warmup_requests = 0;  ///< of the trace, before copies: they are counted apart
  std::size_t windows = 100;          ///< equal parts of the requests, each with its own tally
  double patience_seconds = 60;       ///< a server that says nothing for so long is given up
};

struct WireResult {
  WireTally warmup;
  WireTally measured;
  std::vector<WireTally> windows;  ///< of all requests, the warm-up's included
  double seconds = 0;              ///< how long it took
  double lag_seconds_max = 0;      ///< how late a request was sent at most; 0 without a pace
  std::string first_refusal;
};

/// The expiry that a replay in `options.seconds` gives an item of `ttl_seconds`.
[[nodiscard]] std::uint32_t wire_ttl_seconds(const WireOptions& options, const Trace& trace,
                                             std::uint32_t ttl_seconds);

/// Requires keys that fit (key_fits) for every copy. `progress` is called now and then with 0 to 1.
/// On failure one line: no connection, an error reply to a get, a wrong value, silence.
[[nodiscard]] Result<WireResult, std::string> replay_on_wire(
    const Trace& trace, const WireOptions& options, const std::function<void(double)>& progress);

}  // namespace cacheismo::hitrate

#endif  // CACHEISMO_BENCH_HITRATE_WIRE_REPLAY_H_
