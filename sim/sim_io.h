// SimIo: one host's Io in the simulated world.
//
//   Node or client --Io--> SimIo --> Network (bytes) and EventHeap (completions, timers)
//                     <-- completions, each one heap event --
//
//  1. It keeps every rule of io/io.h; the conformance suite runs against it.
//  2. It is stricter than a kernel: leased bytes are overwritten when the callback returns, and a
//     send's bytes are taken as late as possible and checked to be what they were at the call, so
//     that touching lent memory is found, not survived.
//  3. A callback costs processor time; a host that is busy runs ahead of the world's clock, a host
//     that is paused takes its completions when the pause ends.
//  4. The monotonic clock may run a little fast or slow, the wall clock may jump as well.
//  5. A crash keeps the contract: fail() cuts the host off, its owner lets go of everything, and
//     bury() completes all of it at once. Nothing that the dead do reaches the network.
//
// What it is not: it decides nothing about the network (network.h).
// Cost: one event per completion; no allocation once slots and buffers have their size.

#ifndef CACHEISMO_SIM_SIM_IO_H_
#define CACHEISMO_SIM_SIM_IO_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "cacheismo/base/prng.h"
#include "cacheismo/io/io.h"
#include "sim/clockwork.h"
#include "sim/network.h"
#include "sim/sim_timers.h"

namespace cacheismo::sim {

struct HostOptions {
  std::string ip;                        ///< "10.0.0.1"
  std::uint64_t seed = 0;                ///< of Io::random()
  WallTime wall_start{};                 ///< the calendar at the start of the world
  std::int64_t drift_ppm = 0;            ///< how much faster the clocks run
  std::uint64_t slow_factor = 1;         ///< how many times slower the processor is
  Cuts cuts = Cuts::whole;               ///< how this host's streams are cut
  std::uint32_t streams_max = 1u << 20;  ///< descriptors: an accept beyond fails with no_resources
};

/// Sees what the streams of a host carry, and changes nothing.
class StreamWitness {
 public:
  /// Bytes that the host's owner is about to get, and bytes that it has got rid of.
  virtual void received(std::uint16_t host, io::StreamId stream, Bytes bytes) = 0;
  virtual void sent(std::uint16_t host, io::StreamId stream, Bytes bytes) = 0;
  virtual void closed(std::uint16_t host, io::StreamId stream) = 0;

 protected:
  ~StreamWitness() = default;
};

class SimIo final : public io::Io, private HostEvents {
 public:
  SimIo(Clockwork& clockwork, Network& network, HostOptions options);
  ~SimIo() override;

  // ---- What a simulation does to a host
  // ----------------------------------------------------------

  /// The host runs nothing for `duration`; its completions wait.
  void pause(Duration duration);
  /// Ends a pause; completions that wait for its end come then, late but in order.
  void wake() { paused_until_ns_ = 0; }
  void jump_wall(Duration by) { wall_offset_ += by; }
  void set_cuts(Cuts cuts) { options_.cuts = cuts; }
  /// At most this many streams from now on; existing ones stay.
  void set_streams_max(std::uint32_t streams_max) { options_.streams_max = streams_max; }
  /// A later close() of this stream resets it (SO_LINGER 0).
  void reset_on_close(io::StreamId stream) { at(stream).abort = true; }
  /// Bytes that `stream` could receive now: for tests that ask what waits.
  [[nodiscard]] std::uint64_t readable(io::StreamId stream) const;
  [[nodiscard]] std::uint32_t streams_open() const { return open_; }
  /// `witness` must outlive the host.
  void set_witness(StreamWitness& witness) { witness_ = &witness; }
  [[nodiscard]] std::uint16_t number() const { return number_; }
  /// The host has lost its memory: the other ends of its connections see resets, its listeners are
  /// gone. Its owner now closes its streams and listeners, and may do nothing else but set timers
  /// that are due; then comes bury(). World::crash() does all of this.
  void fail();
  /// Completes everything that is outstanding and forgets the timers. Requires that the owner
  /// closed every stream and listener, in the completions at the latest.
  void bury();
  /// Ends a crash; the host has nothing.
  void revive();
  [[nodiscard]] bool is_down() const { return down_; }
  /// Handles an event of the host's kinds.
  void handle(const Event& event);

  // ---- Io ---------------------------------------------------------------------------------------

  [[nodiscard]] io::Now now() const override;
  [[nodiscard]] MonotonicTime stopwatch() const override { return now().monotonic; }
  [[nodiscard]] Prng& random() override { return random_; }
  [[nodiscard]] io::Usage usage() const override { return {}; }
  [[nodiscard]] Result<io::ListenerId, io::Error> listen(const io::Address& address,
                                                         const io::ListenOptions& options,
                                                         io::ListenerEvents& events) override;
  [[nodiscard]] io::Address local_address(io::ListenerId listener) const override;
  void accept(io::ListenerId listener) override;
  void close_listener(io::ListenerId listener) override;
  [[nodiscard]] io::StreamId connect(const io::Address& address, MonotonicTime deadline,
                                     io::StreamEvents& events) override;
  void attach(io::StreamId stream, io::StreamEvents& events) override;
  [[nodiscard]] io::Address peer_address(io::StreamId stream) const override;
  void receive(io::StreamId stream) override;
  void receive_into(io::StreamId stream, std::span<const MutableBytes> windows) override;
  void send(io::StreamId stream, std::span<const Bytes> views) override;
  void shutdown(io::StreamId stream) override;
  void cancel(io::StreamId stream) override;
  void close(io::StreamId stream) override;
  [[nodiscard]] io::TimerId set_timer(MonotonicTime deadline, io::TimerEvents& events) override;
  bool cancel_timer(io::TimerId timer) override;

 private:
  /// One operation of a stream. `ticket` makes an event of an operation that has ended stale.
  struct Operation {
    bool pending = false;
    bool cancelled = false;
    std::uint32_t ticket = 0;
  };
  enum class State : std::uint8_t { unused, connecting, open, closing };
  struct Stream {
    std::uint32_t generation = 0;
    State state = State::unused;
    bool into = false;   ///< the receive fills `windows`
    bool abort = false;  ///< close() resets
    bool shut = false;
    io::StreamEvents* events = nullptr;
    End end;
    Operation connecting;
    Operation receiving;
    Operation sending;
    Operation closing;
    std::vector<MutableBytes> windows;
    std::vector<Bytes> views;
    std::uint64_t pinned_hash = 0;
  };
  struct Listener {
    bool open = false;
    std::uint32_t generation = 0;
    std::uint32_t network_listener = 0;
    io::ListenerEvents* events = nullptr;
    Operation accepting;
  };

  // HostEvents
  void on_answer(std::uint32_t slot, Result<void, io::Error> result) override;
  void on_readable(std::uint32_t slot) override;
  void on_writable(std::uint32_t slot) override;
  void on_reset(std::uint32_t slot) override;
  void on_connection_waiting(std::uint32_t network_listener) override;

  [[nodiscard]] std::int64_t local_ns() const;
  [[nodiscard]] bool is_paused() const { return paused_until_ns_ > clockwork_.now_ns; }
  void charge(std::uint64_t bytes);
  void schedule(EventKind kind, std::uint32_t slot, std::uint32_t ticket);
  void note(Note kind, std::uint32_t a, std::uint32_t b, std::uint64_t value);

  [[nodiscard]] Stream& at(io::StreamId stream);
  [[nodiscard]] const Stream& at(io::StreamId stream) const;
  [[nodiscard]] io::StreamId id(std::uint32_t slot) const;
  [[nodiscard]] std::uint32_t take_slot();
  [[nodiscard]] Listener& at(io::ListenerId listener);

  void start_receive(Stream& stream, std::uint32_t slot);
  [[nodiscard]] bool can_receive(const Stream& stream) const;
  void try_receive(std::uint32_t slot);
  void receive_bytes(std::uint32_t slot);
  void end_receive(std::uint32_t slot, io::Error error);
  void try_send(std::uint32_t slot);
  void end_send(std::uint32_t slot, io::Error error);
  void show_sent(std::uint32_t slot, std::uint64_t count);
  void finish_connect(std::uint32_t slot, Result<void, io::Error> result);
  void finish_close(std::uint32_t slot);
  void try_accept(std::uint32_t index);
  void end_accept(std::uint32_t index, Result<io::Accepted, io::Error> result);
  [[nodiscard]] std::uint64_t cut(std::uint64_t available);

  [[nodiscard]] bool bury_stream(std::uint32_t slot);
  [[nodiscard]] bool bury_listener(std::uint32_t index);

  void fire_timers();
  [[nodiscard]] bool fire_due_timers();
  void arm_timers();
  [[nodiscard]] std::int64_t monotonic_ns(std::int64_t world_ns) const;
  [[nodiscard]] std::int64_t world_ns(std::int64_t monotonic) const;

  Clockwork& clockwork_;
  Network& network_;
  HostOptions options_;
  std::uint16_t number_;
  Prng random_;
  Prng cutting_;
  Duration wall_offset_{0};
  std::int64_t busy_until_ns_ = 0;
  std::int64_t paused_until_ns_ = 0;
  bool down_ = false;
  std::deque<Stream> streams_;
  std::vector<std::uint32_t> free_slots_;
  std::uint32_t open_ = 0;
  std::vector<Listener> listeners_;
  SimTimers timers_;
  StreamWitness* witness_ = nullptr;
  std::int64_t armed_ns_ = -1;  ///< when the next timers_due comes; -1: none is on its way
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_SIM_IO_H_
