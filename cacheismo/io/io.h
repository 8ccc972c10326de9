// Io: the one door through which everything from outside enters a node.
//
//            Node                         Behind the door stands either the kernel (epoll_io) or a
//   ops  |         ^ completions          simulated world (sim/sim_io). The node cannot tell which:
//        v         |                      there is no is_simulated().
//        =====Io=====
//        kernel | world
//
// The contract, checked for every backend by one conformance suite (io/conformance.h):
//  1. A completion never runs inside the call that asked for it.
//  2. Every operation completes exactly once; none completes after its stream's on_closed.
//  3. At most one receive and one send are outstanding on a stream (a second one is a CHECK).
//  4. close() waits for the outstanding operations: they complete (cancelled, or with what they had
//     already achieved), then on_closed runs, and only then is the StreamId dead. Memory handed to
//     an operation stays untouched by its owner until the operation completes, cancelled or not.
//  5. Timers fire in the order of (deadline, the order of set_timer).
//  6. Errors are the enum below. EAGAIN is never seen above this line.
//  7. now() is constant within one callback. monotonic never goes back; wall may jump.
//
// What it is not: it does not frame, parse or buffer; it does not resolve names; it starts no
// thread that calls back. One Io serves one node on one thread.

#ifndef CACHEISMO_IO_IO_H_
#define CACHEISMO_IO_IO_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/result.h"
#include "cacheismo/base/units.h"

namespace cacheismo::io {

enum class Error : std::uint8_t {
  eof,           ///< the other side will send nothing more; sending to it may still work
  reset,         ///< the connection is gone
  refused,       ///< nobody listens there, or the address is taken
  timeout,       ///< the deadline of a connect passed
  cancelled,     ///< cancel() or close() came first
  unreachable,   ///< no route, no such address, no permission
  no_resources,  ///< descriptors or memory ran out; try again later
};

/// "eof", "reset", ... for log lines.
[[nodiscard]] const char* to_string(Error error);

struct ListenerId {
  std::uint32_t value = 0;
  bool operator==(const ListenerId&) const = default;
};

/// One byte stream. A slot is used again after on_closed; the generation tells the two apart.
struct StreamId {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  bool operator==(const StreamId&) const = default;
};

struct TimerId {
  std::uint64_t value = 0;  ///< 0 names no timer
  bool operator==(const TimerId&) const = default;
};

/// Where to listen or to connect. TCP hosts are numeric ("127.0.0.1", "::1"); names are resolved
/// before they get here.
struct Address {
  enum class Kind : std::uint8_t { tcp, unix_socket };
  Kind kind = Kind::tcp;
  std::string host;        ///< numeric address, or the path of a unix socket
  std::uint16_t port = 0;  ///< 0 for a unix socket; listening on 0 takes any free port
  bool operator==(const Address&) const = default;
};

/// "127.0.0.1:11211", "[::1]:11211", "unix:/run/cacheismo.sock".
[[nodiscard]] std::string to_string(const Address& address);

struct ListenOptions {
  int backlog = 1024;
  std::uint32_t unix_mode = 0700;  ///< permission bits of a unix socket's file
};

/// Both clocks, read once per callback.
struct Now {
  MonotonicTime monotonic;
  WallTime wall;
};

/// What the process has used so far; zeros in a simulated world, where nothing is measured.
struct Usage {
  std::int64_t process_id = 0;
  Duration user_time{0};
  Duration system_time{0};
  std::uint64_t resident_bytes = 0;
};

struct Received {
  Bytes leased;           ///< after receive(): the bytes, valid until the callback returns
  std::size_t count = 0;  ///< how many bytes arrived, at least 1, for receive_into() too
};

struct Accepted {
  StreamId stream;
};

/// Completions of one stream's operations. Not owned by the Io; must outlive on_closed.
class StreamEvents {
 public:
  /// connect() ended. After an error the stream still has to be closed by its owner.
  virtual void on_connected(StreamId stream, Result<void, Error> result) = 0;
  /// receive() or receive_into() ended. eof, reset, cancelled.
  virtual void on_received(StreamId stream, Result<Received, Error> result) = 0;
  /// send() ended: how many of its bytes were taken, at least 1. reset, cancelled.
  virtual void on_sent(StreamId stream, Result<std::size_t, Error> result) = 0;
  /// close() ended; the id is dead.
  virtual void on_closed(StreamId stream) = 0;

 protected:
  ~StreamEvents() = default;
};

class ListenerEvents {
 public:
  /// accept() ended. no_resources: wait a moment and accept again; cancelled: the listener closed.
  /// An accepted stream must be attach()ed or close()d before the callback returns.
  virtual void on_accepted(ListenerId listener, Result<Accepted, Error> result) = 0;

 protected:
  ~ListenerEvents() = default;
};

class TimerEvents {
 public:
  virtual void on_timer(TimerId timer) = 0;

 protected:
  ~TimerEvents() = default;
};

class Io {
 public:
  virtual ~Io() = default;

  // ---- Time, chance and the process -------------------------------------------------------------

  [[nodiscard]] virtual Now now() const = 0;

  /// The monotonic clock while a callback runs, to bound what it does. A simulated one stands
  /// still, so nothing that must be the same in every run may depend on it.
  [[nodiscard]] virtual MonotonicTime stopwatch() const = 0;

  /// This node's own stream of chance. The kernel backend seeds it from the OS.
  [[nodiscard]] virtual Prng& random() = 0;

  [[nodiscard]] virtual Usage usage() const = 0;

  // ---- Listening --------------------------------------------------------------------------------

  /// Binds and listens. `events` must outlive the listener. refused (in use), unreachable,
  /// no_resources.
  [[nodiscard]] virtual Result<ListenerId, Error> listen(const Address& address,
                                                         const ListenOptions& options,
                                                         ListenerEvents& events) = 0;

  /// Where the listener really listens: the port that was taken when 0 was asked for.
  [[nodiscard]] virtual Address local_address(ListenerId listener) const = 0;

  /// Asks for one connection. At most one accept is outstanding per listener.
  virtual void accept(ListenerId listener) = 0;

  /// Stops listening. An outstanding accept completes with cancelled; the id is dead after that,
  /// or at once if none is outstanding. A unix socket's file is removed.
  virtual void close_listener(ListenerId listener) = 0;

  // ---- Streams ----------------------------------------------------------------------------------

  /// Starts to connect; on_connected follows, at the latest at `deadline` with timeout. Until then
  /// the only other call allowed on the stream is close().
  [[nodiscard]] virtual StreamId connect(const Address& address, MonotonicTime deadline,
                                         StreamEvents& events) = 0;

  /// Names who gets an accepted stream's completions.
  virtual void attach(StreamId stream, StreamEvents& events) = 0;

  /// The other side's address, for `stats conns`; asked of the OS each time.
  [[nodiscard]] virtual Address peer_address(StreamId stream) const = 0;

  /// Asks for bytes, whatever has arrived: between 1 and limits::receive_bytes of them, in memory
  /// that the Io lends for the length of the callback. An idle stream therefore holds no buffer.
  virtual void receive(StreamId stream) = 0;

  /// Asks for bytes in place: fills `windows` front to back with what has arrived, at least one
  /// byte in all. At most limits::send_views_max windows, none empty; they are pinned until the
  /// completion. The span itself is copied.
  virtual void receive_into(StreamId stream, std::span<const MutableBytes> windows) = 0;

  /// Offers bytes. At most limits::send_views_max views, at least one byte in all; the bytes are
  /// pinned until the completion. The span itself is copied. May take a part only.
  virtual void send(StreamId stream, std::span<const Bytes> views) = 0;

  /// Says that nothing more will be sent (the other side sees eof after the last byte). Requires
  /// that no send is outstanding.
  virtual void shutdown(StreamId stream) = 0;

  /// Cancels the outstanding receive and send. They complete with cancelled, or with what they had
  /// already achieved.
  virtual void cancel(StreamId stream) = 0;

  /// Ends the stream. Bytes that a send has taken are still delivered, unless bytes from the other
  /// side were left unread (as TCP does). Calling it twice is a CHECK.
  virtual void close(StreamId stream) = 0;

  // ---- Timers -----------------------------------------------------------------------------------

  /// Fires once, not before `deadline`. A deadline in the past fires soon, in order.
  [[nodiscard]] virtual TimerId set_timer(MonotonicTime deadline, TimerEvents& events) = 0;

  /// A cancelled timer does not fire. False: it has fired, or was cancelled before.
  virtual bool cancel_timer(TimerId timer) = 0;
};

}  // namespace cacheismo::io

#endif  // CACHEISMO_IO_IO_H_
