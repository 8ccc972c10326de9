// Load: one run of the generator: connect, preload, warm up, measure, drain.
//
//   preload -> warmup -> measure -> drain -> done
//      |         |          |         |
//      +---------+----------+---------+--> done, at the deadline or when no connection is left
//
// Closed loop: an idle connection sends a batch of `pipeline` requests; when all are answered, the
// next. Open loop: request i is due at a time that does not depend on the server; it goes to any
// connection with room, late if need be, and its latency counts from when it was due. So a server
// that stalls is charged for every request that its stall delayed (no coordinated omission).
//
// Cost: one thread, level-triggered epoll. For each batch one epoll event, one recv, one send. In
// an open loop it spins when the next request is due within a millisecond.

#ifndef CACHEISMO_BENCH_LOAD_LOAD_H_
#define CACHEISMO_BENCH_LOAD_LOAD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/load/connection.h"
#include "bench/load/dataset.h"
#include "bench/load/key_picker.h"
#include "bench/load/options.h"
#include "bench/load/tally.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/result.h"

namespace cacheismo::load {

class Load {
 public:
  explicit Load(const Options& options);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  /// On failure, in one line: why a connection could not be made.
  [[nodiscard]] Result<void, std::string> connect();

  /// Once, after connect(). Returns by options.deadline.
  [[nodiscard]] const Tally& run();

 private:
  enum class Phase : std::uint8_t { preload, warmup, measure, drain, done };

  void serve_events(int timeout_ms);
  void fill(std::size_t index);
  void fill_preload(Connection& connection);
  void start_next(Connection& connection, std::uint64_t due_ns);
  void dispatch_due();
  void schedule_next();
  void watch(std::size_t index);
  void advance();
  void enter_warmup();
  void enter_measure();
  void enter_drain();
  void show_progress();
  [[nodiscard]] int timeout_ms() const;
  [[nodiscard]] bool open_loop() const { return options_.rate_per_second > 0; }
  [[nodiscard]] bool offering() const {
    return phase_ == Phase::warmup || phase_ == Phase::measure;
  }
  [[nodiscard]] std::uint64_t in_flight() const;

  const Options options_;
  const Dataset dataset_;
  const KeyPicker picker_;
  Prng operations_;
  Prng arrivals_;
  Tally tally_;

  int epoll_ = -1;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<bool> waits_for_room_;  ///< by connection: EPOLLOUT is asked for
  std::vector<std::uint64_t> ids_;    ///< of the request being made

  Phase phase_ = Phase::preload;
  std::uint64_t now_ns_ = 0;
  std::uint64_t deadline_ns_ = 0;
  std::uint64_t phase_end_ns_ = 0;
  std::uint64_t measure_start_ns_ = 0;
  std::uint64_t cpu_start_ns_ = 0;
  std::uint64_t own_cpu_start_ns_ = 0;
  std::uint64_t preloaded_ = 0;  ///< ids whose set was started

  std::uint64_t due_ns_ = 0;    ///< open loop: when the next request is due
  double due_fraction_ns_ = 0;  ///< of due_ns_, so that rounding does not change the rate
  std::size_t next_connection_ = 0;

  bool progress_ = false;  ///< a person is looking
  std::uint64_t progress_due_ns_ = 0;
  std::uint64_t progress_finished_ = 0;
};

}  // namespace cacheismo::load

#endif  // CACHEISMO_BENCH_LOAD_LOAD_H_
