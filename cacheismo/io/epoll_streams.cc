// EpollIo's streams: one operation at a time is tried, completed or parked.

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/io/epoll_io.h"
#include "cacheismo/io/epoll_token.h"
#include "cacheismo/io/socket.h"

namespace cacheismo::io {
namespace {

// Completions of one stream in one turn: with 64 KiB receives, 1 MiB before the others' turn comes.
constexpr int serve_ops_max = 16;

constexpr std::uint32_t stream_events = EPOLLIN | EPOLLRDHUP | EPOLLPRI;

std::size_t total_bytes(const iovec* views, std::size_t count) {
  std::size_t total = 0;
  for (std::size_t i = 0; i < count; ++i) total += views[i].iov_len;
  return total;
}

// recv, or recvmsg for several windows.
ssize_t receive_views(int fd, iovec* views, std::size_t count) {
  if (count == 1) return ::recv(fd, views->iov_base, views->iov_len, 0);
  msghdr message{};
  message.msg_iov = views;
  message.msg_iovlen = count;
  return ::recvmsg(fd, &message, 0);
}

ssize_t send_views(int fd, iovec* views, std::size_t count) {
  if (count == 1) return ::send(fd, views->iov_base, views->iov_len, MSG_NOSIGNAL);
  msghdr message{};
  message.msg_iov = views;
  message.msg_iovlen = count;
  return ::sendmsg(fd, &message, MSG_NOSIGNAL);
}

}  // namespace

// ---- What the owner asks for --------------------------------------------------------------------

StreamId EpollIo::connect(const Address& address, MonotonicTime deadline, StreamEvents& events) {
  const auto opened = open_connection(address);
  const StreamId id = streams_.add(opened ? opened->fd : -1, &events);
  Stream& stream = streams_.at(id);
  stream.connecting = true;
  if (!opened) {
    stream.connect_decided = true;
    stream.connect_error = opened.error();
    wake(id, stream);
    return id;
  }
  stream.watching_writable = true;
  watch(opened->fd, stream_events | EPOLLOUT, token_of(id));
  if (opened->connected) {
    stream.connect_decided = true;
    wake(id, stream);
  } else {
    stream.connect_timer = timers_.add(deadline, {nullptr, id});
  }
  return id;
}

void EpollIo::attach(StreamId stream, StreamEvents& events) {
  Stream& attached = streams_.at(stream);
  CHECK(attached.events == nullptr);
  attached.events = &events;
}

Address EpollIo::peer_address(StreamId stream) const { return peer_name(streams_.at(stream).fd); }

void EpollIo::receive(StreamId stream) {
  Stream& asked = streams_.at(stream);
  CHECK(!asked.closing);
  CHECK(!asked.connecting);
  CHECK(!asked.receiving());
  asked.receive_leased = true;
  if (asked.readable) wake(stream, asked);
}

void EpollIo::receive_into(StreamId stream, std::span<const MutableBytes> windows) {
  Stream& asked = streams_.at(stream);
  CHECK(!asked.closing);
  CHECK(!asked.connecting);
  CHECK(!asked.receiving());
  streams_.put(asked.receive_views, windows);
  if (asked.readable) wake(stream, asked);
}

void EpollIo::send(StreamId stream, std::span<const Bytes> views) {
  Stream& asked = streams_.at(stream);
  CHECK(!asked.closing);
  CHECK(!asked.connecting);
  CHECK(!asked.sending());
  streams_.put(asked.send_views, views);
  if (asked.writable) wake(stream, asked);
}

void EpollIo::shutdown(StreamId stream) {
  const Stream& asked = streams_.at(stream);
  CHECK(!asked.closing);
  CHECK(!asked.connecting);
  CHECK(!asked.sending());
  // Fails only if the connection is gone, which the next operation reports.
  (void)::shutdown(asked.fd, SHUT_WR);
}

void EpollIo::cancel(StreamId stream) {
  Stream& asked = streams_.at(stream);
  CHECK(!asked.connecting);
  asked.receive_cancelled = asked.receiving();
  asked.send_cancelled = asked.sending();
  if (asked.receive_cancelled || asked.send_cancelled) wake(stream, asked);
}

void EpollIo::close(StreamId stream) {
  Stream& asked = streams_.at(stream);
  CHECK(!asked.closing);
  asked.closing = true;
  wake(stream, asked);
}

// ---- What the kernel reports --------------------------------------------------------------------

void EpollIo::wake(StreamId id, Stream& stream) {
  if (stream.queued) return;
  stream.queued = true;
  queue_.push_back(token_of(id));
}

void EpollIo::note_stream_event(StreamId id, std::uint32_t events) {
  Stream* stream = streams_.find(id);
  if (stream == nullptr) return;  // closed by a callback since
  constexpr std::uint32_t hang_up = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  if (stream->connecting) {
    if (!stream->connect_decided && (events & (EPOLLOUT | hang_up)) != 0) {
      int error_number = 0;
      socklen_t length = sizeof error_number;
      (void)getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error_number, &length);
      stream->connect_decided = true;
      if (error_number != 0) stream->connect_error = error_of(error_number);
      wake(id, *stream);
    }
  }
  if ((events & (EPOLLIN | hang_up)) != 0) stream->readable = true;
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) stream->writable = true;
  if ((events & (EPOLLPRI | hang_up)) != 0) stream->read_to_end = true;
  if ((stream->readable && stream->receiving()) || (stream->writable && stream->sending())) {
    wake(id, *stream);
  }
}

void EpollIo::expire_connect(StreamId id) {
  Stream& stream = streams_.at(id);
  stream.connect_timer = {};
  if (stream.connect_decided) return;
  stream.connect_decided = true;
  stream.connect_error = Error::timeout;
  wake(id, stream);
}

// ---- Serving ------------------------------------------------------------------------------------

void EpollIo::serve_stream(StreamId id) {
  // `queued` stays set meanwhile, so that what a completion asks of this stream is tried here.
  for (int i = 0; i < serve_ops_max; ++i) {
    const Step result = step(id);
    Stream* stream = streams_.find(id);
    if (stream == nullptr) return;
    if (result == Step::parked) {
      stream->queued = false;
      return;
    }
  }
  queue_.push_back(token_of(id));
}

EpollIo::Step EpollIo::step(StreamId id) {
  Stream* stream = streams_.find(id);
  if (stream == nullptr) return Step::parked;
  if (stream->closing) return finish_close(id, *stream);
  if (stream->connecting) return finish_connect(id, *stream);
  if (stream->sending()) {
    if (stream->send_cancelled) return complete_send(id, failure(Error::cancelled));
    if (stream->writable && try_send(id, *stream) == Step::completed) return Step::completed;
  }
  if (stream->receiving()) {
    if (stream->receive_cancelled) return complete_receive(id, failure(Error::cancelled));
    if (stream->readable) return try_receive(id, *stream);
  }
  return Step::parked;
}

EpollIo::Step EpollIo::finish_connect(StreamId id, Stream& stream) {
  if (!stream.connect_decided) return Step::parked;
  Result<void, Error> result;
  if (stream.connect_error != Error::eof) result = failure(stream.connect_error);
  return complete_connect(id, result);
}

// Each step ends one outstanding operation; the last one ends the stream.
EpollIo::Step EpollIo::finish_close(StreamId id, Stream& stream) {
  if (stream.connecting) return complete_connect(id, failure(Error::cancelled));
  if (stream.receiving()) return complete_receive(id, failure(Error::cancelled));
  if (stream.sending()) return complete_send(id, failure(Error::cancelled));
  if (stream.fd >= 0) ::close(stream.fd);
  StreamEvents* events = stream.events;
  streams_.remove(id);
  if (events == nullptr) return Step::parked;  // accepted, and closed without an owner
  ++callbacks_;
  events->on_closed(id);
  return Step::completed;
}

EpollIo::Step EpollIo::try_send(StreamId id, Stream& stream) {
  iovec* views = stream.send_views.data();
  const std::size_t count = stream.send_views.count;
  const std::size_t offered = total_bytes(views, count);
  CHECK_GT(offered, 0u);
  const ssize_t sent = send_views(stream.fd, views, count);
  if (sent > 0) {
    // A part only: the socket's buffer is full, and an edge will tell when it is not.
    if (static_cast<std::size_t>(sent) < offered) wait_writable(id, stream);
    return complete_send(id, static_cast<std::size_t>(sent));
  }
  if (sent < 0 && errno == EAGAIN) {
    wait_writable(id, stream);
    return Step::parked;
  }
  if (sent < 0 && errno == EINTR) return try_send(id, stream);
  return complete_send(id, failure(Error::reset));
}

void EpollIo::wait_writable(StreamId id, Stream& stream) {
  stream.writable = false;
  if (stream.watching_writable) return;
  stream.watching_writable = true;
  epoll_event event{};
  event.events = stream_events | EPOLLOUT | EPOLLET;
  event.data.u64 = token_of(id);
  // Reports what is ready already, so nothing that happened since the send is missed.
  CHECK_EQ(epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, stream.fd, &event), 0);
}

EpollIo::Step EpollIo::try_receive(StreamId id, Stream& stream) {
  iovec lease{};
  if (stream.receive_leased) {
    const MutableBytes buffer = receive_buffer_.open();
    lease = {buffer.data(), buffer.size()};
  }
  iovec* views = stream.receive_leased ? &lease : stream.receive_views.data();
  const std::size_t count = stream.receive_leased ? 1 : stream.receive_views.count;
  const std::size_t wanted = total_bytes(views, count);
  const ssize_t got = receive_views(stream.fd, views, count);
  if (got > 0) {
    const auto bytes = static_cast<std::size_t>(got);
    if (bytes < wanted && !stream.read_to_end) stream.readable = false;
    Received received;
    received.count = bytes;
    if (lease.iov_base != nullptr)
      received.leased = Bytes(static_cast<char*>(lease.iov_base), bytes);
    complete_receive(id, received);
    receive_buffer_.close();
    return Step::completed;
  }
  if (got == 0) return complete_receive(id, failure(Error::eof));
  if (errno == EAGAIN) {
    stream.readable = false;
    return Step::parked;
  }
  if (errno == EINTR) return try_receive(id, stream);
  return complete_receive(id, failure(Error::reset));
}

// ---- Completions: the operation is over before its callback runs
// ---------------------------------

EpollIo::Step EpollIo::complete_connect(StreamId id, Result<void, Error> result) {
  Stream& stream = streams_.at(id);
  stream.connecting = false;
  stream.writable = result.has_value();
  timers_.cancel(stream.connect_timer);
  ++callbacks_;
  stream.events->on_connected(id, result);
  return Step::completed;
}

EpollIo::Step EpollIo::complete_receive(StreamId id, Result<Received, Error> result) {
  Stream& stream = streams_.at(id);
  stream.receive_leased = false;
  stream.receive_cancelled = false;
  streams_.clear(stream.receive_views);
  ++callbacks_;
  stream.events->on_received(id, result);
  return Step::completed;
}

EpollIo::Step EpollIo::complete_send(StreamId id, Result<std::size_t, Error> result) {
  Stream& stream = streams_.at(id);
  stream.send_cancelled = false;
  streams_.clear(stream.send_views);
  ++callbacks_;
  stream.events->on_sent(id, result);
  return Step::completed;
}

}  // namespace cacheismo::io
