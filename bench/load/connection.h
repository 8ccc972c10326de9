// Connection: one socket of the generator and its requests in flight.
//
//   start() -> output bytes -> flush() -> kernel
//   kernel -> receive() -> input bytes -> wire steps -> the oldest request in flight -> Tally
//
//  1. Replies are matched to requests in order; a reply that does not fit breaks the connection.
//  2. A connection that is lost stays lost: its descriptor is closed and it starts nothing.
//
// Cost: a request in flight keeps its ids and times; no allocation once buffers have grown.

#ifndef CACHEISMO_BENCH_LOAD_CONNECTION_H_
#define CACHEISMO_BENCH_LOAD_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/load/call.h"
#include "bench/load/dataset.h"
#include "bench/load/tally.h"
#include "bench/load/wire.h"
#include "cacheismo/base/bytes.h"

namespace cacheismo::load {

class Connection {
 public:
  /// Takes a connected, non-blocking descriptor. At most `in_flight_max` requests at once. The
  /// dataset and the call (nullptr: no calls are started) outlive it.
  Connection(int descriptor, Protocol protocol, const Dataset& dataset, const Call* call,
             std::size_t in_flight_max);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] bool lost() const { return descriptor_ < 0; }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  [[nodiscard]] bool has_room() const { return !lost() && in_flight_ < ring_.size(); }
  [[nodiscard]] std::size_t unsent_bytes() const { return output_.size() - sent_; }

  /// Requires has_room(), and one id unless it is a get. Latency counts from due_ns. `measured`:
  /// its latency goes into the tally.
  void start(Operation operation, std::span<const std::uint64_t> ids, std::uint64_t due_ns,
             bool measured);

  /// Sends what the kernel takes. unsent_bytes() says whether to wait for room.
  void flush(Tally& tally);

  /// Reads once and answers what can be answered, as of now_ns(), which is called after the read.
  /// `counting`: finished requests go into the tally's window.
  template <class Now>
  void receive(Now now_ns, bool counting, Tally& tally) {
    if (read_once(tally)) answer(now_ns(), counting, tally);
  }

 private:
  struct Request {
    Operation operation = Operation::get;
    bool measured = false;
    std::uint64_t due_ns = 0;
    std::vector<std::uint64_t> ids;
  };

  bool read_once(Tally& tally);
  void answer(std::uint64_t now_ns, bool counting, Tally& tally);
  void take_value(const Step& step, bool counting, Tally& tally);
  void take_answer(const Step& step, bool counting, Tally& tally);
  void take_misses(std::size_t keys, bool counting, Tally& tally);
  void finish(std::uint64_t now_ns, bool counting, Tally& tally);
  void lose(std::string reason, Tally& tally);

  int descriptor_;
  Protocol protocol_;
  const Dataset& dataset_;
  const Call* call_;

  std::vector<Request> ring_;
  std::size_t oldest_ = 0;
  std::size_t in_flight_ = 0;
  std::size_t answered_ = 0;  ///< keys of the oldest request

  std::string output_;
  std::size_t sent_ = 0;
  std::vector<char> input_;
  std::size_t input_begin_ = 0;
  std::size_t input_end_ = 0;
};

}  // namespace cacheismo::load

#endif  // CACHEISMO_BENCH_LOAD_CONNECTION_H_
