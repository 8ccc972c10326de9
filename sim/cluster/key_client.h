// KeyClient: asks a few things of a few keys at a time, and records what it was told.
//
//   waiting --> connecting to some node --> think --> ask --> replies --> think ...
//      ^                                               |
//      +---- reset, refused, deadline, odd reply ------+     outcomes stay unknown
//
//  1. What is asked in one go ends by its deadline. Replies come in the order of the requests, the
//     values of a get in the order of its keys.
//  2. Every write has a value of its own, so that a reader can tell whose it read.
//  3. A CAS token is used on the connection that it was told on, and not later.
//  4. An error reply leaves the outcome unknown and the connection open. One of a cluster that does
//     not say that the outcome is unknown is believed: the operation is withdrawn. A reply that
//     fits no request is a violation.
//  5. Violations begin with what was broken. replies: one fits no request. coverage: what a script
//     has heard of several nodes does not add up. deadline: from
//     `late_from_ns` on, a request outlives its own. calm: from `calm_from_ns` on, there is
//     something else than an answer.
//  6. After stop() it finishes what is under way and closes; stopped() says when.
//
// What it is not: it knows nothing about who owns a key, but counts what it asks of others than
// those whom its options name as owners.

#ifndef CACHEISMO_SIM_CLUSTER_KEY_CLIENT_H_
#define CACHEISMO_SIM_CLUSTER_KEY_CLIENT_H_

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"
#include "cacheismo/proto/reply_parser.h"
#include "sim/cluster/recorder.h"
#include "sim/own_scripts.h"
#include "sim/sim_io.h"

namespace cacheismo::sim {

class KeyClient final : private io::StreamEvents, private io::TimerEvents {
 public:
  struct Options {
    std::uint32_t number = 0;
    std::vector<io::Address> nodes;                 ///< any of them may be asked for any key
    std::vector<std::size_t> owners;                ///< [key], of `nodes`; empty: not known
    Duration think = std::chrono::milliseconds(2);  ///< mean pause between what goes in one go
    Duration timeout = std::chrono::seconds(1);     ///< of what goes in one go
    Duration connect_timeout = std::chrono::milliseconds(200);
    std::uint64_t operations_per_connection = 100;
    std::uint32_t pipeline_max = 1;      ///< requests in one go
    std::uint32_t keys_per_get_max = 1;  ///< keys of one get
    std::uint64_t value_bytes_max = 0;   ///< of one value in `long_one_in`
    std::uint64_t long_one_in = 16;      ///< the other values are as short as can be
    bool mortal = false;                 ///< some values have seconds to live
    std::uint64_t flush_one_in = 0;      ///< of the goes; 0: nobody flushes
    std::uint64_t relay_one_in = 0;      ///< of what scripts can ask of the owner; 0: none do
    bool short_of_memory = false;        ///< nodes may say that they are
    /// Gets that are no key's: what is behind `get `, drawn from lines. Only that they are answered
    /// is judged. See sim/own_scripts.h.
    std::vector<std::string> calls;
    std::int64_t late_from_ns = linear::never_ns;
    std::int64_t calm_from_ns = linear::never_ns;
  };
  struct Tally {
    std::uint64_t asked = 0;     ///< operations
    std::uint64_t answered = 0;  ///< operations
    std::uint64_t multi_gets = 0;
    std::uint64_t errors = 0;          ///< error replies
    std::uint64_t relayed = 0;         ///< operations
    std::uint64_t relayed_errors = 0;  ///< error replies to those
    std::uint64_t calls = 0;
    std::uint64_t call_errors = 0;  ///< of scripts; those of the cluster are among the errors
    std::uint64_t mortal = 0;       ///< operations that say for how many seconds
    std::uint64_t flushes = 0;
    std::uint64_t no_memory = 0;  ///< error replies that say so
    std::uint64_t withdrawn = 0;  ///< operations of errors that say that nothing was executed
    std::uint64_t timeouts = 0;   ///< connections that were given up
    std::uint64_t lost = 0;       ///< connections that ended under an operation or before one
    std::uint64_t connect_failures = 0;
    std::vector<std::uint64_t> foreign;  ///< [node]: operations asked there that it may not own
  };

  KeyClient(SimIo& io, Recorder& recorder, Options options, Prng chance);

  void start();
  void stop() { stopping_ = true; }
  [[nodiscard]] bool stopped() const { return state_ == State::stopped; }
  [[nodiscard]] const Tally& tally() const { return tally_; }
  /// What is wrong in itself, whatever the history: a reply that fits no request.
  /// The first error that a script has answered with; empty: none.
  [[nodiscard]] const std::string& call_error() const { return call_error_; }
  [[nodiscard]] std::vector<std::string> take_violations() {
    return std::exchange(violations_, {});
  }

 private:
  enum class State : std::uint8_t { waiting, connecting, thinking, asking, closing, stopped };
  /// One operation of a request that is under way.
  struct Part {
    Recorder::Handle handle;
    linear::Operation told;  ///< outcome unknown: nothing yet
  };
  /// A request: one operation, or a get of several.
  struct Asked {
    std::vector<Part> parts;
    bool is_get = false;
    bool relayed = false;
    std::string call = {};  ///< not empty: of Options::calls, and there are no parts
    std::size_t heard = 0;  ///< values of parts before this one will not come any more
  };

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
  void make_mortal(std::uint32_t key, linear::Operation& operation);
  void ask_flush();
  void ask_one();
  void ask_several(std::uint32_t count);
  void ask_call();
  [[nodiscard]] bool relays() {
    return options_.relay_one_in > 0 && relays_.chance(1, options_.relay_one_in);
  }
  [[nodiscard]] bool take_call(const proto::ReplyPart& part, const Asked& asked);
  void add_part(Asked& asked, std::uint32_t key, const linear::Operation& operation);
  void send_rest();
  void parse();
  /// False: the part fits nothing that was asked.
  [[nodiscard]] bool take(const proto::ReplyPart& part);
  [[nodiscard]] bool take_value(const proto::ReplyPart& part, Asked& asked);
  [[nodiscard]] bool take_end(const proto::ReplyPart& part, Asked& asked);
  void take_error(const proto::ReplyPart& part, Asked& asked);
  void finish();
  void close();
  void lost();
  void violation(const std::string& what);
  [[nodiscard]] std::string under_way() const;

  SimIo& io_;
  Recorder& recorder_;
  Options options_;
  Prng chance_;
  Prng lives_;   ///< of seconds and flushes
  Prng relays_;  ///< of what scripts ask
  State state_ = State::waiting;
  bool stopping_ = false;
  io::StreamId stream_;
  io::TimerId timer_;  ///< the only one: the state says what for
  std::size_t node_ = 0;
  std::int64_t began_ns_ = 0;  ///< the connect, or what is under way
  std::uint64_t asked_here_ = 0;
  std::uint64_t values_ = 0;
  std::string sending_;  ///< pinned while a send is outstanding
  std::size_t sent_ = 0;
  std::string input_;
  std::deque<Asked> under_way_;
  std::vector<std::uint64_t> tokens_;  ///< [key], told on this connection; 0: none
  std::string call_error_;
  Tally tally_;
  std::vector<std::string> violations_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_CLUSTER_KEY_CLIENT_H_
