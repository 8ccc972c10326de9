// KeyClient: asks one thing of one key at a time, and records what it was told.
//
//   waiting --> connecting to some node --> think --> ask --> reply --> think ...
//      ^                                               |
//      +---- reset, refused, deadline, odd reply ------+     the operation's outcome stays unknown
//
//  1. At most one operation is under way, and it ends by its deadline.
//  2. Every write has a value of its own, so that a reader can tell whose it read.
//  3. A CAS token is used on the connection that it was told on, and not later.
//  4. An error reply (SERVER_ERROR ...) leaves the outcome unknown and the connection open. A reply
//     that fits no request is a violation.
//  5. After stop() it finishes what is under way and closes; stopped() says when.
//
// What it is not: it knows nothing about who owns a key.

#ifndef CACHEISMO_SIM_CLUSTER_KEY_CLIENT_H_
#define CACHEISMO_SIM_CLUSTER_KEY_CLIENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"
#include "cacheismo/proto/reply_parser.h"
#include "sim/cluster/recorder.h"
#include "sim/sim_io.h"

namespace cacheismo::sim {

class KeyClient final : private io::StreamEvents, private io::TimerEvents {
 public:
  struct Options {
    std::uint32_t number = 0;
    std::vector<io::Address> nodes;                 ///< any of them may be asked for any key
    Duration think = std::chrono::milliseconds(2);  ///< mean pause between operations
    Duration timeout = std::chrono::seconds(1);     ///< of an operation
    Duration connect_timeout = std::chrono::milliseconds(200);
    std::uint64_t operations_per_connection = 100;
  };
  struct Tally {
    std::uint64_t asked = 0;
    std::uint64_t answered = 0;
    std::uint64_t errors = 0;    ///< error replies
    std::uint64_t timeouts = 0;  ///< operations that were given up
    std::uint64_t lost = 0;      ///< connections that ended under an operation or before one
    std::uint64_t connect_failures = 0;
  };

  KeyClient(SimIo& io, Recorder& recorder, Options options, Prng chance);

  void start();
  void stop() { stopping_ = true; }
  [[nodiscard]] bool stopped() const { return state_ == State::stopped; }
  [[nodiscard]] const Tally& tally() const { return tally_; }
  /// What is wrong in itself, whatever the history: a reply that fits no request.
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

 private:
  enum class State : std::uint8_t { waiting, connecting, thinking, asking, closing, stopped };

  // StreamEvents, TimerEvents
  void on_connected(io::StreamId stream, Result<void, io::Error> result) override;
  void on_received(io::StreamId stream, Result<io::Received, io::Error> result) override;
  void on_sent(io::StreamId stream, Result<std::size_t, io::Error> result) override;
  void on_closed(io::StreamId stream) override;
  void on_timer(io::TimerId timer) override;

  void set_timer(Duration after);
  void clear_timer();
  void connect();
  void think();
  void ask();
  [[nodiscard]] linear::Operation draw_operation(std::uint32_t key);
  [[nodiscard]] std::string new_value(std::uint32_t key);
  void send_rest();
  void parse();
  /// False: the part fits nothing that was asked.
  [[nodiscard]] bool take(const proto::ReplyPart& part);
  [[nodiscard]] bool take_value(const proto::ReplyPart& part, linear::Operation& told);
  void answered(const linear::Operation& told);
  void close();
  void lost();

  SimIo& io_;
  Recorder& recorder_;
  Options options_;
  Prng chance_;
  State state_ = State::waiting;
  bool stopping_ = false;
  io::StreamId stream_;
  io::TimerId timer_;  ///< the only one: the state says what for
  std::uint64_t asked_here_ = 0;
  std::uint64_t values_ = 0;
  std::string sending_;  ///< pinned while a send is outstanding
  std::size_t sent_ = 0;
  std::string input_;
  std::optional<Recorder::Handle> under_way_;
  std::optional<linear::Operation> read_;  ///< a get whose value has come and whose END has not
  std::vector<std::uint64_t> tokens_;      ///< [key], told on this connection; 0: none
  Tally tally_;
  std::vector<std::string> violations_;
};

/// The bytes of a request.
[[nodiscard]] std::string encoded(const std::string& key, const linear::Operation& operation);

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_CLUSTER_KEY_CLIENT_H_
