// LookAside: a look-aside client between a trace and one byte stream, with requests in flight.
//
//   take(request) -> get / set / delete -> output() -> the server
//   the server -> answer() -> a get that missed -> its set, appended to output() at once
//
//  1. Replies come in the order of the requests, and the server serves them in that order.
//  2. No request for a key is taken while a get of that key is unanswered: may_take() says so. So a
//     missed get's set is sent before the next request for the same key, as if requests were served
//     one at a time. What depth changes is only that up to `depth` requests for other keys come
//     between a miss and its set; with a depth of 1 nothing does.
//  3. Every hit's value is compared with what was stored last under its key.
//
// What it is not: it has no socket and no clock.

#ifndef CACHEISMO_BENCH_HITRATE_LOOK_ASIDE_H_
#define CACHEISMO_BENCH_HITRATE_LOOK_ASIDE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "bench/hitrate/request.h"
#include "bench/hitrate/wire.h"
#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"

namespace cacheismo::hitrate {

/// What came out of a stretch of a trace on the wire.
struct WireTally {
  std::uint64_t gets = 0;
  std::uint64_t misses = 0;
  std::uint64_t get_bytes = 0;   ///< key and value of every get, hit or not
  std::uint64_t miss_bytes = 0;  ///< of those that missed
  std::uint64_t stores = 0;      ///< the trace's own sets and those after a miss
  std::uint64_t refused = 0;     ///< stores that the server answered with an error

  WireTally& operator+=(const WireTally& other);
  bool operator==(const WireTally&) const = default;
};

class LookAside {
 public:
  struct Options {
    Protocol protocol = Protocol::classic;
    std::size_t depth = 32;             ///< gets, sets and deletes of the trace in flight
    std::uint64_t keys = 0;             ///< ids are below it
    std::uint32_t value_bytes_max = 0;  ///< of any request
  };
  explicit LookAside(const Options& options);

  /// False: answer() has to make progress first.
  [[nodiscard]] bool may_take(std::uint64_t key_id) const;

  /// Requires may_take(). The id is `key_id` in place of the request's own, the expiry
  /// `ttl_seconds`. Outcomes are added to `tally`, which lives until idle().
  void take(const Request& request, std::uint64_t key_id, std::uint32_t ttl_seconds,
            WireTally& tally);

  /// What is to be sent; the caller takes it away.
  [[nodiscard]] std::string& output() { return output_; }

  /// How many bytes in front of `input` are used up. On failure one line that says what is wrong.
  [[nodiscard]] Result<std::size_t, std::string> answer(Bytes input);

  [[nodiscard]] bool idle() const { return flights_.empty(); }
  /// The first error line of the server; empty: none.
  [[nodiscard]] const std::string& first_refusal() const { return first_refusal_; }

 private:
  struct Flight {
    Request request;
    Op op;
    bool fill;  ///< a set that a miss caused
    std::uint64_t key_id;
    std::uint32_t ttl_seconds;
    WireTally* tally;
  };

  [[nodiscard]] Bytes value_of(std::uint64_t key_id, std::uint32_t value_bytes) const;
  void send_set(const Flight& flight);
  [[nodiscard]] Result<void, std::string> settle(const Reply& reply, const Flight& flight);
  [[nodiscard]] Result<void, std::string> check_hit(const Reply& reply, const Flight& flight);

  Options options_;
  std::string text_;  ///< values are windows of it, their start chosen by the id
  std::vector<std::uint32_t> stored_bytes_;  ///< by id: the value's length, or one of two marks
  std::deque<Flight> flights_;
  std::size_t taken_ = 0;  ///< flights that are no fills
  std::string key_;
  std::string output_;
  std::string first_refusal_;
};

}  // namespace cacheismo::hitrate

#endif  // CACHEISMO_BENCH_HITRATE_LOOK_ASIDE_H_
