// SimulatedClients: clients of one real node in a world without faults (sim/wire.h), where time
// passes only when a situation says so.
//
//  1. Nothing is read unless it is asked for: at most two receives of the Io (128 KiB) and a pipe's
//     buffer stand between the node and a client that does not read.
//  2. When nothing comes although everything that can happen has happened, nothing will.
//  3. At the end the node's audit is clean and it lets go of every connection.

#ifndef CACHEISMO_SIM_CONVERSATION_SIMULATED_CLIENTS_H_
#define CACHEISMO_SIM_CONVERSATION_SIMULATED_CLIENTS_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cacheismo/base/result.h"
#include "sim/conversation/clients.h"
#include "sim/wire.h"

namespace cacheismo::conversation {

/// What the daemon would make of `flags`; the argument of -Y is "user:password" itself.
[[nodiscard]] Result<sim::Wire::Options, std::string> options_of(
    const std::vector<std::string>& flags);

class SimulatedClients final : public Clients {
 public:
  explicit SimulatedClients(const sim::Wire::Options& options) : wire_(options) {}

  void send(const std::string& connection, Bytes bytes) override;
  Read read(const std::string& connection, std::size_t bytes_max) override;
  bool has_bytes(const std::string& connection) override;
  void close(const std::string& connection) override;
  void reset(const std::string& connection) override;
  bool advance(std::chrono::seconds time) override;
  std::int64_t unix_seconds() override;
  std::optional<std::string> finish() override;

 private:
  struct Client {
    sim::RawConnection* connection = nullptr;
    std::string unread;
  };

  Client& client(const std::string& connection);
  void pull(Client& client);

  sim::Wire wire_;
  std::map<std::string, Client> clients_;
};

}  // namespace cacheismo::conversation

#endif  // CACHEISMO_SIM_CONVERSATION_SIMULATED_CLIENTS_H_
