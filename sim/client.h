// Client: a simulated memcached client: connects, sends requests, judges replies, misbehaves.
//
//            +-------- connect again, after a moment --------+
//            v                                               |
//   connecting --> batch: send n requests, read n replies --> ending: close | reset | eof and drain
//                    ^                                |
//                    +---------- think ---------------+
//
//  1. Replies are matched with requests in order, meta replies by their opaque as well. A reply
//     that no request waits for is a violation.
//  2. Each request gets exactly one reply, or its connection ends. In calm times (nothing breaks
//     connections) an end, a timeout or a failed connect is a violation.
//  3. After stop() it finishes what is under way and closes; stopped() says when.

#ifndef CACHEISMO_SIM_CLIENT_H_
#define CACHEISMO_SIM_CLIENT_H_

#include <cstdint>
#include <deque>
#include <string>

#include "cacheismo/base/prng.h"
#include "cacheismo/proto/reply_parser.h"
#include "sim/clockwork.h"
#include "sim/judged_reply.h"
#include "sim/key_model.h"
#include "sim/object_model.h"
#include "sim/oracle.h"
#include "sim/request.h"
#include "sim/sim_io.h"
#include "sim/workload.h"

namespace cacheismo::sim {

/// How a client behaves, as plain numbers.
struct Manner {
  const char* name = "ordinary";
  std::uint64_t pipeline_max = 16;            ///< requests in one batch
  std::uint64_t batches_per_connection = 50;  ///< then the connection is ended
  std::uint64_t think_ns = 1'000'000;         ///< mean pause between batches
  std::uint64_t read_delay_ns = 0;            ///< pause before each receive: a slow reader
  bool never_reads = false;                   ///< a stalled reader
  std::uint64_t send_piece_bytes = 0;         ///< bytes per send: a slow-loris; 0: all
  std::uint64_t send_delay_ns = 0;            ///< pause before each further piece
  bool resets = false;                        ///< ends with a reset, replies under way
  bool half_closes = false;                   ///< ends with eof, and reads to the end
  std::uint64_t timeout_ns = 10'000'000'000;  ///< for a connect, and for a batch
  bool impatient = false;                     ///< a timeout is its own fault
};

class Client final : private io::StreamEvents, private io::TimerEvents {
 public:
  struct Options {
    std::uint32_t number = 0;
    Manner manner;
    WorkloadOptions workload;
    std::uint32_t keys = 24;
    io::Address server;
    bool may_be_cut = false;  ///< the node may end connections: idle ones, or above its limit
  };

  Client(SimIo& io, Clockwork& clockwork, Oracle& oracle, Options options, Prng chance);

  void start();
  void stop() { stopping_ = true; }
  [[nodiscard]] bool stopped() const { return state_ == State::stopped; }
  [[nodiscard]] const Options& options() const { return options_; }

 private:
  enum class State : std::uint8_t {
    waiting,
    connecting,
    batch,
    thinking,
    draining,
    closing,
    stopped
  };

  // StreamEvents, TimerEvents
  void on_connected(io::StreamId stream, Result<void, io::Error> result) override;
  void on_received(io::StreamId stream, Result<io::Received, io::Error> result) override;
  void on_sent(io::StreamId stream, Result<std::size_t, io::Error> result) override;
  void on_closed(io::StreamId stream) override;
  void on_timer(io::TimerId timer) override;

  [[nodiscard]] std::int64_t now_ns() const { return clockwork_.now_ns; }
  [[nodiscard]] bool open() const {
    return state_ == State::batch || state_ == State::thinking || state_ == State::draining;
  }
  void set_timer(io::TimerId& timer, std::uint64_t after_ns);
  void clear_timer(io::TimerId& timer);

  void connect();
  void start_batch();
  void finish_batch_if_done();
  void think();
  void end_connection();
  void close(bool reset);
  [[nodiscard]] bool has_left_a_call() const;
  void lost(io::Error error);
  void timed_out();
  void doubt_everything();

  void send_piece();
  void receive();
  void parse();
  void on_part(const proto::ReplyPart& part);
  [[nodiscard]] bool belongs_to(const Request& request, const JudgedReply& reply) const;
  void on_reply(const JudgedReply& reply);
  void answer(const Request& request, const JudgedReply& reply);
  void violation(const std::string& what);

  SimIo& io_;
  Clockwork& clockwork_;
  Oracle& oracle_;
  Options options_;
  Prng chance_;
  KeyModel keys_;
  ObjectModel objects_;
  Workload workload_;

  State state_ = State::waiting;
  bool stopping_ = false;
  io::StreamId stream_;
  std::uint64_t batches_ = 0;
  std::int64_t began_ns_ = 0;    ///< of the connect or the batch under way
  std::deque<Request> waiting_;  ///< sent (or being sent), not answered
  std::string sending_;
  std::size_t sent_ = 0;
  bool send_outstanding_ = false;
  bool receive_outstanding_ = false;
  bool broken_ = false;  ///< nothing can be sent any more
  std::string input_;
  JudgedReply partial_;  ///< of a reply whose last part has not come
  io::TimerId step_timer_;
  io::TimerId deadline_timer_;
  io::TimerId read_timer_;
  io::TimerId send_timer_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_CLIENT_H_
