// Socket: the system calls that make and name descriptors, as values and errors of io.h.
//
// Everything here is a plain function; the descriptors are non-blocking and close-on-exec, and are
// the caller's.

#ifndef CACHEISMO_IO_SOCKET_H_
#define CACHEISMO_IO_SOCKET_H_

#include <sys/socket.h>

#include "cacheismo/base/result.h"
#include "cacheismo/io/io.h"

namespace cacheismo::io {

/// An Address as the kernel takes it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// unreachable: not a numeric address, or a unix path that is empty or longer than 107 bytes.
[[nodiscard]] Result<SocketAddress, Error> to_socket_address(const Address& address);

/// Every address that TCP and unix sockets report; an unnamed unix socket has an empty path.
[[nodiscard]] Address from_socket_address(const SocketAddress& address);

/// What the owner of a stream or listener is told about an errno.
[[nodiscard]] Error error_of(int error_number);

/// A descriptor that listens. TCP: SO_REUSEADDR (a restart need not wait for old connections to
/// time out), TCP_NODELAY and SO_KEEPALIVE (Linux hands them down to accepted sockets, which saves
/// two calls for each), IPv6 only for an IPv6 address. Unix: a socket file that nobody answers on
/// (left by a killed process) is replaced, one that is in use is refused.
[[nodiscard]] Result<int, Error> open_listener(const Address& address,
                                               const ListenOptions& options);

/// A descriptor on which a connect has begun: `connected` says whether it has also ended.
struct Connecting {
  int fd;
  bool connected;
};
[[nodiscard]] Result<Connecting, Error> open_connection(const Address& address);

/// What getsockname() or getpeername() says; an empty Address if the connection is gone.
[[nodiscard]] Address local_name(int fd);
[[nodiscard]] Address peer_name(int fd);

}  // namespace cacheismo::io

#endif  // CACHEISMO_IO_SOCKET_H_
