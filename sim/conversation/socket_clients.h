// SocketClients: clients on real loopback sockets, for a server that runs as a process.
//
// Every wait is for bytes, with a deadline that only a broken server reaches. What a client could
// not send at once is sent while it reads.

#ifndef CACHEISMO_SIM_CONVERSATION_SOCKET_CLIENTS_H_
#define CACHEISMO_SIM_CONVERSATION_SOCKET_CLIENTS_H_

#include <map>
#include <memory>
#include <string>

#include "sim/conversation/clients.h"
#include "sim/conversation/server_process.h"

namespace cacheismo::conversation {

class SocketClients final : public Clients {
 public:
  /// What finish() does to the server: asks it to stop and waits for it, or nothing.
  enum class Ending : std::uint8_t { in_order, killed };

  SocketClients(std::unique_ptr<ServerProcess> server, Ending ending)
      : server_(std::move(server)), ending_(ending) {}
  ~SocketClients() override;

  void send(const std::string& connection, Bytes bytes) override;
  Read read(const std::string& connection, std::size_t bytes_max) override;
  bool has_bytes(const std::string& connection) override;
  void close(const std::string& connection) override;
  void reset(const std::string& connection) override;
  bool advance(std::chrono::seconds) override { return false; }
  std::int64_t unix_seconds() override;
  std::optional<std::string> finish() override;

 private:
  struct Client {
    int socket = -1;
    std::string unsent;
  };

  Client& client(const std::string& connection);
  void flush(Client& client);

  std::unique_ptr<ServerProcess> server_;
  Ending ending_;
  std::map<std::string, Client> clients_;
};

}  // namespace cacheismo::conversation

#endif  // CACHEISMO_SIM_CONVERSATION_SOCKET_CLIENTS_H_
