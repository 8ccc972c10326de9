#include "sim/conversation/socket_clients.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "cacheismo/base/check.h"

namespace cacheismo::conversation {
namespace {

/// Longest wait for a byte that should come; only a server that is wrong takes so long.
constexpr int patience_ms = 10'000;

}  // namespace

SocketClients::Client& SocketClients::client(const std::string& connection) {
  Client& client = clients_[connection];
  if (client.socket >= 0) return client;
  client.socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK_GE(client.socket, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server_->port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // A refusal shows at the first read.
  (void)::connect(client.socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int on = 1;
  (void)::setsockopt(client.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return client;
}

void SocketClients::flush(Client& client) {
  while (!client.unsent.empty()) {
    const ssize_t sent = ::send(client.socket, client.unsent.data(), client.unsent.size(),
                                MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      // A connection that is gone takes nothing more; the next read says so.
      if (errno != EAGAIN) client.unsent.clear();
      return;
    }
    client.unsent.erase(0, static_cast<std::size_t>(sent));
  }
}

void SocketClients::send(const std::string& connection, Bytes bytes) {
  Client& to = client(connection);
  to.unsent += bytes;
  flush(to);
}

Read SocketClients::read(const std::string& connection, std::size_t bytes_max) {
  Client& from = client(connection);
  std::string buffer(std::min<std::size_t>(bytes_max, 64 * 1024), '\0');
  for (;;) {
    flush(from);
    const short wanted = from.unsent.empty() ? POLLIN : POLLIN | POLLOUT;
    pollfd wait{from.socket, wanted, 0};
    if (::poll(&wait, 1, patience_ms) <= 0) return {Read::Kind::nothing, ""};
    if ((wait.revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
    const ssize_t count = ::recv(from.socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count == 0) return {Read::Kind::eof, ""};
    if (count < 0) return {Read::Kind::reset, ""};
    buffer.resize(static_cast<std::size_t>(count));
    return {Read::Kind::bytes, std::move(buffer)};
  }
}

bool SocketClients::has_bytes(const std::string& connection) {
  char byte = 0;
  return ::recv(client(connection).socket, &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0;
}

void SocketClients::close(const std::string& connection) {
  Client& gone = client(connection);
  ::close(gone.socket);
  clients_.erase(connection);
}

void SocketClients::reset(const std::string& connection) {
  const linger at_once{1, 0};
  (void)::setsockopt(client(connection).socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(connection);
}

std::int64_t SocketClients::unix_seconds() { return ::time(nullptr); }

std::optional<std::string> SocketClients::finish() {
  if (ending_ == Ending::killed) return std::nullopt;
  const std::string wrong = server_->stop();
  return wrong.empty() ? std::nullopt : std::optional("at the end of the server: " + wrong);
}

SocketClients::~SocketClients() {
  for (const auto& [name, client] : clients_) ::close(client.socket);
}

}  // namespace cacheismo::conversation
