#include "sim/conversation/simulated_clients.h"

#include "cacheismo/flags.h"
#include "cacheismo/lua/objects/shipped.h"

namespace cacheismo::conversation {

Result<sim::Wire::Options, std::string> options_of(const std::vector<std::string>& flags) {
  std::vector<const char*> arguments = {"cacheismo"};
  for (const std::string& flag : flags) arguments.push_back(flag.c_str());
  Environment environment;
  environment.resolve = [](const std::string&) {
    return Result<std::vector<std::string>, std::string>(std::vector<std::string>{"10.0.0.1"});
  };
  auto options = parse_flags(arguments, environment);
  if (!options) return failure(std::move(options.error()));
  if (options->config.authenticate) {
    auto credentials = parse_credentials(options->process.auth_file);
    if (!credentials) return failure(std::move(credentials.error()));
    options->config.credentials = std::move(*credentials);
  }
  options->config.listen.clear();  // the wire's own address
  sim::Wire::Options wire;
  wire.config = std::move(options->config);
  if (options->process.scripts) wire.scripts = lua::shipped_scripts();
  return wire;
}

SimulatedClients::Client& SimulatedClients::client(const std::string& connection) {
  Client& client = clients_[connection];
  if (client.connection == nullptr) {
    client.connection = &wire_.connect();
    client.connection->set_reading(false);
    wire_.run();
  }
  return client;
}

void SimulatedClients::send(const std::string& connection, Bytes bytes) {
  client(connection).connection->write(bytes);
  wire_.run();
}

/// Reads until something has come or nothing will.
void SimulatedClients::pull(Client& client) {
  const auto is_due = [this] {
    const auto& heap = wire_.world().clockwork().heap;
    return !heap.empty() && heap.top().time_ns <= wire_.world().now().count();
  };
  client.connection->set_reading(true);
  while (client.connection->arrived().empty() && is_due()) (void)wire_.world().step();
  client.connection->set_reading(false);
  client.unread += client.connection->take();
}

Read SimulatedClients::read(const std::string& connection, std::size_t bytes_max) {
  Client& from = client(connection);
  if (from.unread.empty()) pull(from);
  if (!from.unread.empty()) {
    Read read{Read::Kind::bytes, from.unread.substr(0, bytes_max)};
    from.unread.erase(0, read.bytes.size());
    return read;
  }
  const auto ended = from.connection->ended();
  if (!ended) return {Read::Kind::nothing, ""};
  return {*ended == io::Error::eof ? Read::Kind::eof : Read::Kind::reset, ""};
}

bool SimulatedClients::has_bytes(const std::string& connection) {
  Client& from = client(connection);
  if (from.unread.empty()) pull(from);
  return !from.unread.empty();
}

void SimulatedClients::close(const std::string& connection) {
  client(connection).connection->close();
  clients_.erase(connection);
  wire_.run();
}

void SimulatedClients::reset(const std::string& connection) {
  client(connection).connection->reset();
  clients_.erase(connection);
  wire_.run();
}

bool SimulatedClients::advance(std::chrono::seconds time) {
  wire_.advance(time);
  return true;
}

std::int64_t SimulatedClients::unix_seconds() {
  const auto wall = wire_.node_io().now().wall.time_since_epoch();
  return std::chrono::floor<std::chrono::seconds>(wall).count();
}

std::optional<std::string> SimulatedClients::finish() {
  if (const auto broken = wire_.audit()) return "audit: " + *broken;
  return std::nullopt;
}

}  // namespace cacheismo::conversation
