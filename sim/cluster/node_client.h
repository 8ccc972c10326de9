// NodeClient: the life of a client of a cluster, whatever it asks.
//
//   waiting --> connecting to some node --> think --> ask --> replies --> think ...
//      ^                                               |
//      +---- reset, refused, deadline, odd reply ------+
//
//  1. What is asked in one go ends by its deadline. A node that answers before everything has left
//     is not believed until it has.
//  2. Violations begin with what was broken. replies: one fits no request. deadline: from
//     `late_from_ns` on, a request outlives its own. calm: from `calm_from_ns` on, a connection is
//     refused or lost.
//  3. After stop() it finishes what is under way and closes; stopped() says when.
//
// What it is not: it knows no request and no reply; those who derive from it do (KeyClient,
// CopyClient).

#ifndef CACHEISMO_SIM_CLUSTER_NODE_CLIENT_H_
#define CACHEISMO_SIM_CLUSTER_NODE_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"
#include "cacheismo/proto/reply_parser.h"
#include "sim/clockwork.h"
#include "sim/linear/history.h"
#include "sim/sim_io.h"

namespace cacheismo::sim {

class NodeClient : private io::StreamEvents, private io::TimerEvents {
 public:
  struct Life {
    std::uint32_t number = 0;
    std::vector<io::Address> nodes;                 ///< any of them may be asked for any key
    Duration think = std::chrono::milliseconds(2);  ///< mean pause between what goes in one go
    Duration connect_timeout = std::chrono::milliseconds(200);
    std::uint64_t asked_per_connection = 100;
    std::int64_t late_from_ns = linear::never_ns;
    std::int64_t calm_from_ns = linear::never_ns;
  };
  struct Connections {
    std::uint64_t timeouts = 0;  ///< that were given up
    std::uint64_t lost = 0;      ///< that ended under a request or before one
    std::uint64_t failures = 0;  ///< that never stood
  };

  void start();
  void stop() { stopping_ = true; }
  [[nodiscard]] bool stopped() const { return state_ == State::stopped; }
  [[nodiscard]] const Connections& connections() const { return connections_; }
  /// What is wrong in itself, whatever the history.
  [[nodiscard]] std::vector<std::string> take_violations() {
    return std::exchange(violations_, {});
  }

 protected:
  /// `clockwork` must outlive it. Requires nodes.
  NodeClient(SimIo& io, const Clockwork& clockwork, Life life, Prng chance);
  ~NodeClient() = default;

  /// The replies to what was asked in one go have come.
  void think();
  void violation(const std::string& what);
  /// Where what is under way was asked, of Life::nodes.
  [[nodiscard]] std::size_t node() const { return node_; }
  /// Of the connect, or of what is under way.
  [[nodiscard]] std::int64_t began_ns() const { return began_ns_; }
  [[nodiscard]] bool calm() const { return began_ns_ >= life_.calm_from_ns; }
  [[nodiscard]] std::int64_t now_ns() const { return clockwork_.now_ns; }
  [[nodiscard]] Prng& chance() { return chance_; }
  void count_asked() { asked_here_++; }

 private:
  enum class State : std::uint8_t { waiting, connecting, thinking, asking, closing, stopped };

  /// A connection begins; of the one before nothing is under way any more.
  virtual void forget() {}
  /// Appends what to ask in one go to `text`, and says how long to wait for the replies.
  [[nodiscard]] virtual Duration ask(std::string& text) = 0;
  /// False: the part fits nothing that was asked.
  [[nodiscard]] virtual bool take(const proto::ReplyPart& part) = 0;
  [[nodiscard]] virtual std::string kind() const = 0;
  [[nodiscard]] virtual std::string under_way() const = 0;

  // StreamEvents, TimerEvents
  void on_connected(io::StreamId stream, Result<void, io::Error> result) override;
  void on_received(io::StreamId stream, Result<io::Received, io::Error> result) override;
  void on_sent(io::StreamId stream, Result<std::size_t, io::Error> result) override;
  void on_closed(io::StreamId stream) override;
  void on_timer(io::TimerId timer) override;

  void set_timer(Duration after);
  void clear_timer();
  void connect();
  void go_on();
  void send_rest();
  void parse();
  void close();
  void lost();

  SimIo& io_;
  const Clockwork& clockwork_;
  Life life_;
  Prng chance_;
  State state_ = State::waiting;
  bool stopping_ = false;
  io::StreamId stream_;
  io::TimerId timer_;  ///< the only one: the state says what for
  std::size_t node_ = 0;
  std::int64_t began_ns_ = 0;
  std::uint64_t asked_here_ = 0;
  std::string sending_;  ///< pinned while a send is outstanding
  std::size_t sent_ = 0;
  std::string input_;
  Connections connections_;
  std::vector<std::string> violations_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_CLUSTER_NODE_CLIENT_H_
