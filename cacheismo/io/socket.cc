#include "cacheismo/io/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace cacheismo::io {
namespace {

constexpr int socket_flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

template <class Native>
Native& as(SocketAddress& address) {
  address.length = sizeof(Native);
  return *reinterpret_cast<Native*>(&address.storage);
}

template <class Native>
const Native& as(const SocketAddress& address) {
  return *reinterpret_cast<const Native*>(&address.storage);
}

// An option that cannot be set is not worth losing a connection over.
void enable(int fd, int level, int option) {
  const int on = 1;
  (void)setsockopt(fd, level, option, &on, sizeof on);
}

Result<void, Error> bind_tcp(int fd, const SocketAddress& address) {
  enable(fd, SOL_SOCKET, SO_REUSEADDR);
  enable(fd, SOL_SOCKET, SO_KEEPALIVE);
  enable(fd, IPPROTO_TCP, TCP_NODELAY);
  if (address.storage.ss_family == AF_INET6) enable(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  if (bind(fd, address.get(), address.length) != 0) return failure(error_of(errno));
  return {};
}

// True if a process accepts connections at this path.
bool answers(const SocketAddress& address) {
  const int fd = socket(AF_UNIX, socket_flags, 0);
  if (fd < 0) return true;
  const bool refused = connect(fd, address.get(), address.length) != 0 && errno == ECONNREFUSED;
  close(fd);
  return !refused;
}

Result<void, Error> bind_unix(int fd, const SocketAddress& address, std::uint32_t mode) {
  const char* path = as<sockaddr_un>(address).sun_path;
  struct stat status;
  if (lstat(path, &status) == 0) {
    if (!S_ISSOCK(status.st_mode) || answers(address)) return failure(Error::refused);
    if (unlink(path) != 0) return failure(error_of(errno));
  }
  // bind() creates the file with 0777 & ~umask: there is no moment at which it is more open.
  const mode_t old_mask = umask(0777 & ~mode);
  const int result = bind(fd, address.get(), address.length);
  const int error_number = errno;
  umask(old_mask);
  if (result != 0) return failure(error_of(error_number));
  return {};
}

Address name_of(int fd, int (*ask)(int, sockaddr*, socklen_t*)) {
  SocketAddress address;
  address.length = sizeof address.storage;
  if (ask(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0) return {};
  return from_socket_address(address);
}

}  // namespace

Result<SocketAddress, Error> to_socket_address(const Address& address) {
  SocketAddress result;
  if (address.kind == Address::Kind::unix_socket) {
    auto& native = as<sockaddr_un>(result);
    if (address.host.empty() || address.host.size() >= sizeof native.sun_path) {
      return failure(Error::unreachable);
    }
    native.sun_family = AF_UNIX;
    std::memcpy(native.sun_path, address.host.c_str(), address.host.size() + 1);
    return result;
  }
  auto& v4 = as<sockaddr_in>(result);
  if (inet_pton(AF_INET, address.host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    return result;
  }
  auto& v6 = as<sockaddr_in6>(result);
  if (inet_pton(AF_INET6, address.host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    return result;
  }
  return failure(Error::unreachable);
}

Address from_socket_address(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  switch (address.storage.ss_family) {
    case AF_INET: {
      const auto& v4 = as<sockaddr_in>(address);
      inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
      return {Address::Kind::tcp, text, ntohs(v4.sin_port)};
    }
    case AF_INET6: {
      const auto& v6 = as<sockaddr_in6>(address);
      inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
      return {Address::Kind::tcp, text, ntohs(v6.sin6_port)};
    }
    default: {
      constexpr socklen_t path_offset = offsetof(sockaddr_un, sun_path);
      const auto& native = as<sockaddr_un>(address);
      const std::size_t length = address.length > path_offset ? address.length - path_offset : 0;
      return {Address::Kind::unix_socket,
              std::string(native.sun_path, strnlen(native.sun_path, length)), 0};
    }
  }
}

Error error_of(int error_number) {
  switch (error_number) {
    case ECONNREFUSED:
    case EADDRINUSE: return Error::refused;
    case ETIMEDOUT: return Error::timeout;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
    case ENOTCONN: return Error::reset;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EAGAIN:  // a unix socket's backlog, or the range of local ports, is full
      return Error::no_resources;
    default: return Error::unreachable;
  }
}

Result<int, Error> open_listener(const Address& address, const ListenOptions& options) {
  const auto native = to_socket_address(address);
  if (!native) return failure(native.error());
  const int fd = socket(native->storage.ss_family, socket_flags, 0);
  if (fd < 0) return failure(error_of(errno));
  Result<void, Error> bound = address.kind == Address::Kind::unix_socket
                                  ? bind_unix(fd, *native, options.unix_mode)
                                  : bind_tcp(fd, *native);
  if (bound && listen(fd, options.backlog) != 0) {
    bound = failure(error_of(errno));
    if (address.kind == Address::Kind::unix_socket) (void)unlink(address.host.c_str());
  }
  if (!bound) {
    close(fd);
    return failure(bound.error());
  }
  return fd;
}

Result<Connecting, Error> open_connection(const Address& address) {
  const auto native = to_socket_address(address);
  if (!native) return failure(native.error());
  const int fd = socket(native->storage.ss_family, socket_flags, 0);
  if (fd < 0) return failure(error_of(errno));
  if (address.kind == Address::Kind::tcp) enable(fd, IPPROTO_TCP, TCP_NODELAY);
  if (connect(fd, native->get(), native->length) == 0) return Connecting{fd, true};
  if (errno == EINPROGRESS) return Connecting{fd, false};
  Error error = error_of(errno);
  if (errno == ENOENT) error = Error::refused;              // no socket file: nobody listens
  if (errno == EADDRNOTAVAIL) error = Error::no_resources;  // every local port is taken
  close(fd);
  return failure(error);
}

Address local_name(int fd) { return name_of(fd, getsockname); }

Address peer_name(int fd) { return name_of(fd, getpeername); }

}  // namespace cacheismo::io
