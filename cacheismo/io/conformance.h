// Conformance: what io.h promises, as one test suite that every backend passes.
//
// A backend's own test file implements Backend, and instantiates the suite:
//
//   INSTANTIATE_TEST_SUITE_P(Sim, Conformance, testing::Values(make_sim_backend));
//
// Goal: an owner of streams cannot tell the backends apart. Method: the Io under test talks to
// itself (connect to its own listener), so no case needs a raw socket. Endpoint, Acceptor and Alarm
// record what completes, and check in every case what must always hold: no completion inside a
// call, each operation completes once, none after on_closed, now() constant in a callback and never
// going back, at least one byte and at most limits::receive_bytes in a receive.
//
// Cases must hold under any delay and any cut of the byte streams; they never sleep.

#ifndef CACHEISMO_IO_CONFORMANCE_H_
#define CACHEISMO_IO_CONFORMANCE_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"
#include "cacheismo/base/units.h"
#include "cacheismo/io/io.h"

namespace cacheismo::io {

class Backend {
 public:
  virtual ~Backend() = default;

  virtual Io& io() = 0;

  /// Runs completions, and lets the Io's time pass, until `done()` holds. False: a generous bound
  /// was reached first (seconds of real time, or minutes of simulated time).
  virtual bool run_until(const std::function<bool()>& done) = 0;

  /// Runs everything that is due within the next `duration` of the Io's time.
  virtual void run_for(Duration duration) = 0;

  /// Where a listener may be put; a fresh address on each call, with port 0 for TCP.
  virtual Address listen_address() = 0;

  /// Where nobody listens.
  virtual Address refusing_address() = 0;

  /// Where a connect neither succeeds nor fails.
  virtual Address black_hole() = 0;

  /// How many connections from this Io to itself the machine allows, at least 100.
  virtual std::size_t connections_max() = 0;
};

using BackendFactory = std::unique_ptr<Backend> (*)();

/// What all recorders of one test share: invariants that hold in every callback.
class Watcher {
 public:
  explicit Watcher(Io& io) : io_(io) {}
  Io& io() { return io_; }

  /// Runs `call` with completions forbidden.
  template <class Call>
  auto forbid(Call call) {
    struct Scope {
      bool& flag;
      bool before;
      ~Scope() { flag = before; }
    } scope{inside_call_, inside_call_};
    inside_call_ = true;
    return call();
  }

  /// Runs the body of a callback and checks the clock around it.
  void callback(const std::function<void()>& body);

 private:
  Io& io_;
  bool inside_call_ = false;
  bool inside_callback_ = false;
  MonotonicTime last_{};
};

/// One end of a stream. Unless hooks say otherwise it only records.
class Endpoint final : public StreamEvents {
 public:
  explicit Endpoint(Watcher& watcher) : watcher_(watcher) {}

  // ---- Calls (each on the Io, with the same contract) ----
  void connect(const Address& address, MonotonicTime deadline);
  void attach(StreamId stream);
  void receive();
  void receive_into(std::vector<MutableBytes> windows);
  void send(std::vector<Bytes> views);
  void send(Bytes bytes) { send(std::vector<Bytes>{bytes}); }
  void shutdown();
  void cancel();
  void close();

  /// Sends all of `bytes`, in as many sends as it takes, then runs `done`.
  void send_all(std::string bytes, std::function<void()> done = {});
  /// Receives until an error comes.
  void receive_all();

  // ---- What has happened ----
  StreamId id;
  std::vector<Result<void, Error>> connects;
  std::vector<Result<std::size_t, Error>> receives;  ///< counts
  std::vector<Result<std::size_t, Error>> sends;
  std::string received;  ///< the bytes of all leases
  bool alive = false;    ///< between connect() or attach() and on_closed
  bool closed = false;   ///< on_closed has run
  bool closing = false;
  bool receiving = false;
  bool sending = false;

  [[nodiscard]] bool connected() const { return !connects.empty() && connects.back().has_value(); }
  /// The error of the last receive or send, if it failed.
  [[nodiscard]] std::optional<Error> receive_error() const;
  [[nodiscard]] std::optional<Error> send_error() const;

  // ---- Hooks, run inside the completion after it has been recorded ----
  std::function<void()> when_connected;
  std::function<void()> when_received;
  std::function<void()> when_sent;
  std::function<void()> when_closed;

  // ---- StreamEvents ----
  void on_connected(StreamId stream, Result<void, Error> result) override;
  void on_received(StreamId stream, Result<Received, Error> result) override;
  void on_sent(StreamId stream, Result<std::size_t, Error> result) override;
  void on_closed(StreamId stream) override;

 private:
  Watcher& watcher_;
  bool connecting_ = false;
  bool leased_ = false;
  std::string outgoing_;
  std::size_t outgoing_done_ = 0;
};

/// A listener. Each accepted stream becomes an Endpoint.
class Acceptor final : public ListenerEvents {
 public:
  explicit Acceptor(Watcher& watcher) : watcher_(watcher) {}

  [[nodiscard]] Result<void, Error> listen(const Address& address, ListenOptions options = {});
  void accept();
  void close();
  [[nodiscard]] Address address();

  ListenerId id;
  bool open = false;
  bool accepting = false;
  bool accept_always = true;  ///< asks for the next one in each completion
  std::vector<std::unique_ptr<Endpoint>> accepted;
  std::vector<Error> errors;
  std::function<void(Endpoint&)> when_accepted;

  void on_accepted(ListenerId listener, Result<Accepted, Error> result) override;

 private:
  Watcher& watcher_;
};

class Alarm final : public TimerEvents {
 public:
  explicit Alarm(Watcher& watcher) : watcher_(watcher) {}
  TimerId set(MonotonicTime deadline);

  std::vector<TimerId> fired;
  std::function<void(TimerId)> when_fired;
  void on_timer(TimerId timer) override;

 private:
  Watcher& watcher_;
  std::vector<std::pair<TimerId, MonotonicTime>> pending_;
};

class Conformance : public testing::TestWithParam<BackendFactory> {
 protected:
  struct Pair {
    Endpoint& client;
    Endpoint& server;
  };

  Conformance();
  /// Closes what the case left open; every stream must reach on_closed, and nothing may follow.
  void TearDown() override;

  Io& io() { return backend_->io(); }
  MonotonicTime in(Duration duration) { return io().now().monotonic + duration; }
  [[nodiscard]] bool run_until(const std::function<bool()>& done) {
    return backend_->run_until(done);
  }
  /// Long enough for a backend to have done whatever it can do by itself.
  void settle() { backend_->run_for(std::chrono::milliseconds(20)); }

  Acceptor& make_acceptor();
  Endpoint& make_endpoint();
  /// A connected pair, through the listener `acceptor` that accepts always.
  Pair make_pair();
  /// Sends from `from` until the bytes of a send are not taken any more because nobody reads.
  /// Returns how many were taken; a send is outstanding.
  std::size_t fill(Endpoint& from, const std::string& chunk);

  std::unique_ptr<Backend> backend_;
  Watcher watcher_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  Acceptor* pair_acceptor_ = nullptr;
};

/// `size` bytes in which every position is recognisable.
[[nodiscard]] std::string pattern(std::size_t size);

}  // namespace cacheismo::io

#endif  // CACHEISMO_IO_CONFORMANCE_H_
