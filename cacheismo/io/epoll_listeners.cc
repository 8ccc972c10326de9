// EpollIo's listeners: one accept4 for each accept() that was asked for.

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "cacheismo/base/check.h"
#include "cacheismo/io/epoll_io.h"
#include "cacheismo/io/epoll_token.h"
#include "cacheismo/io/socket.h"

namespace cacheismo::io {
namespace {

// Connections accepted in one turn before others are served: a storm of them must not starve the
// clients that are in.
constexpr int accepts_max = 64;

}  // namespace

Result<ListenerId, Error> EpollIo::listen(const Address& address, const ListenOptions& options,
                                          ListenerEvents& events) {
  const auto fd = open_listener(address, options);
  if (!fd) return failure(fd.error());
  const Listener& listener = listeners_.add(*fd, address, events);
  watch(*fd, EPOLLIN, token_of(listener.id));
  return listener.id;
}

Address EpollIo::local_address(ListenerId listener) const {
  return local_name(listeners_.at(listener).fd);
}

void EpollIo::accept(ListenerId listener) {
  Listener& asked = listeners_.at(listener);
  CHECK_GE(asked.fd, 0);
  CHECK(!asked.accept_wanted);
  asked.accept_wanted = true;
  if (asked.readable) wake(asked);
}

void EpollIo::close_listener(ListenerId listener) {
  Listener& closed = listeners_.at(listener);
  CHECK_GE(closed.fd, 0);
  listeners_.close_descriptor(closed);
  if (closed.accept_wanted) {
    wake(closed);
  } else {
    listeners_.remove(listener);
  }
}

void EpollIo::wake(Listener& listener) {
  if (listener.queued) return;
  listener.queued = true;
  queue_.push_back(token_of(listener.id));
}

void EpollIo::serve_listener(ListenerId id) {
  Listener* listener = listeners_.find(id);
  if (listener == nullptr) return;
  // `queued` stays set meanwhile, so that an accept() asked for in a callback is tried right here.
  for (int i = 0; i < accepts_max; ++i) {
    const bool again = try_accept(*listener);
    listener = listeners_.find(id);
    if (listener == nullptr) return;
    if (!again) {
      listener->queued = false;
      return;
    }
  }
  queue_.push_back(token_of(id));
}

// False: nothing is asked for, or nothing is there.
bool EpollIo::try_accept(Listener& listener) {
  if (!listener.accept_wanted) return false;
  if (listener.fd < 0) {
    complete_accept(listener, failure(Error::cancelled));
    return false;
  }
  if (!listener.readable) return false;
  const int fd = accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    const StreamId stream = streams_.add(fd, nullptr);
    streams_.at(stream).writable = true;
    watch(fd, EPOLLIN | EPOLLRDHUP | EPOLLPRI, token_of(stream));
    complete_accept(listener, Accepted{stream});
    const Stream* accepted = streams_.find(stream);
    CHECK(accepted != nullptr);
    CHECK(accepted->events != nullptr || accepted->closing);
    return true;
  }
  switch (errno) {
    case EAGAIN: listener.readable = false; return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      // The connection waits in the backlog; readable stays set.
      complete_accept(listener, failure(Error::no_resources));
      return true;
    default:
      // The connection was gone before it was accepted (accept(2) passes its error on).
      return true;
  }
}

void EpollIo::complete_accept(Listener& listener, Result<Accepted, Error> result) {
  listener.accept_wanted = false;
  const ListenerId id = listener.id;
  ListenerEvents* events = listener.events;
  if (listener.fd < 0) listeners_.remove(id);
  ++callbacks_;
  events->on_accepted(id, result);
}

}  // namespace cacheismo::io
