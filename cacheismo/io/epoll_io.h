// EpollIo: the kernel behind io.h, one thread, one epoll descriptor, edge-triggered.
//
//   run_once:  epoll_wait -> mark descriptors readable / writable -> queue their owners
//              read both clocks once
//              for each queued stream or listener:   serve
//              for each due timer:                   on_timer
//
//   serve(s):  repeat at most serve_ops_max times
//                outstanding operation and descriptor believed ready -> try the call
//                  done    -> completion; what it asks of s is tried next, while s is in cache
//                  EAGAIN  -> not ready any more: park, an edge will bring it back
//
//  1. A descriptor is registered once. A stream that has never had to wait for its reader is not
//     registered for writability (one epoll_ctl the first time): a unix socket would report every
//     read of the other side.
//  2. Readiness is remembered, so that a call is made only when it is likely to succeed. A receive
//     that got less than it asked for has drained the socket (epoll(7)), unless the other side
//     hung up or sent urgent data, which ends a receive early: then only EAGAIN or 0 is believed.
//     An ordinary request costs one recv, one send and its share of one epoll_wait.
//  3. A completion runs from run_once only. What is asked of another stream, or outside of a
//     callback, is tried in the next turn.
//  4. A stream with endless data gets serve_ops_max completions a turn, then the others' turn
//     comes.
//  5. Work waits in queue_ at most once per stream (Stream::queued): its length is bounded.
//
// Cost: 128 bytes a stream at most, 64 KiB for the one receive buffer, no allocation per operation.
//
// What it is not: safe to use from two threads, or from a signal handler. There is nothing to wake
// it: run_once returns when a descriptor, a timer or a watched signal has something, or in time.
//
// Destroying it closes every descriptor and runs no completion.

#ifndef CACHEISMO_IO_EPOLL_IO_H_
#define CACHEISMO_IO_EPOLL_IO_H_

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cacheismo/base/prng.h"
#include "cacheismo/base/result.h"
#include "cacheismo/io/io.h"
#include "cacheismo/io/listener_table.h"
#include "cacheismo/io/receive_buffer.h"
#include "cacheismo/io/stream_table.h"
#include "cacheismo/io/timer_heap.h"

namespace cacheismo::io {

class SignalEvents {
 public:
  virtual void on_signal(int signal_number) = 0;

 protected:
  ~SignalEvents() = default;
};

class EpollIo final : public Io {
 public:
  /// CHECKs that the kernel grants an epoll descriptor.
  EpollIo();
  ~EpollIo() override;
  EpollIo(const EpollIo&) = delete;
  EpollIo& operator=(const EpollIo&) = delete;

  /// One turn: waits at most `wait` until something can be done, and does it. Duration::max() waits
  /// for ever. Returns how many callbacks ran; 0 is possible before `wait` has passed.
  std::size_t run_once(Duration wait);

  /// From now on these signals do not interrupt the process: run_once hands them to `events`, which
  /// must outlive this object. They are unblocked by the destructor. At most once.
  void watch_signals(std::span<const int> signal_numbers, SignalEvents& events);

  // ---- Io ---------------------------------------------------------------------------------------
  [[nodiscard]] Now now() const override { return now_; }
  [[nodiscard]] MonotonicTime stopwatch() const override;
  [[nodiscard]] Prng& random() override { return random_; }
  [[nodiscard]] Usage usage() const override;
  [[nodiscard]] Result<ListenerId, Error> listen(const Address& address,
                                                 const ListenOptions& options,
                                                 ListenerEvents& events) override;
  [[nodiscard]] Address local_address(ListenerId listener) const override;
  void accept(ListenerId listener) override;
  void close_listener(ListenerId listener) override;
  [[nodiscard]] StreamId connect(const Address& address, MonotonicTime deadline,
                                 StreamEvents& events) override;
  void attach(StreamId stream, StreamEvents& events) override;
  [[nodiscard]] Address peer_address(StreamId stream) const override;
  void receive(StreamId stream) override;
  void receive_into(StreamId stream, std::span<const MutableBytes> windows) override;
  void send(StreamId stream, std::span<const Bytes> views) override;
  void shutdown(StreamId stream) override;
  void cancel(StreamId stream) override;
  void close(StreamId stream) override;
  [[nodiscard]] TimerId set_timer(MonotonicTime deadline, TimerEvents& events) override;
  bool cancel_timer(TimerId timer) override;

 private:
  enum class Step : std::uint8_t { parked, completed };

  // epoll_io.cc: the loop.
  void read_clocks();
  [[nodiscard]] int wait_ms(Duration wait) const;
  void note_event(std::uint64_t token, std::uint32_t events);
  void serve_queue();
  void serve_timers(std::uint64_t sequence_end);
  void serve_signals();
  void watch(int fd, std::uint32_t events, std::uint64_t token);

  // epoll_streams.cc: what happens on one stream.
  void wake(StreamId id, Stream& stream);
  void note_stream_event(StreamId id, std::uint32_t events);
  void expire_connect(StreamId id);
  void serve_stream(StreamId id);
  Step step(StreamId id);
  Step finish_connect(StreamId id, Stream& stream);
  Step finish_close(StreamId id, Stream& stream);
  Step try_send(StreamId id, Stream& stream);
  void wait_writable(StreamId id, Stream& stream);
  Step try_receive(StreamId id, Stream& stream);
  Step complete_connect(StreamId id, Result<void, Error> result);
  Step complete_receive(StreamId id, Result<Received, Error> result);
  Step complete_send(StreamId id, Result<std::size_t, Error> result);

  // epoll_listeners.cc: what happens on one listener.
  void wake(Listener& listener);
  void serve_listener(ListenerId id);
  [[nodiscard]] bool try_accept(Listener& listener);
  void complete_accept(Listener& listener, Result<Accepted, Error> result);

  int epoll_fd_ = -1;
  int signal_fd_ = -1;
  int memory_fd_ = -1;  ///< /proc/self/statm, opened while descriptors are plenty
  Now now_{};
  Prng random_;
  StreamTable streams_;
  ListenerTable listeners_;
  TimerHeap timers_;
  std::vector<std::uint64_t> queue_;    ///< tokens to serve in the next turn
  std::vector<std::uint64_t> serving_;  ///< tokens of this turn
  ReceiveBuffer receive_buffer_;
  std::size_t callbacks_ = 0;  ///< of this turn
  SignalEvents* signal_events_ = nullptr;
  sigset_t signals_{};
};

}  // namespace cacheismo::io

#endif  // CACHEISMO_IO_EPOLL_IO_H_
