#include "sim/wire.h"

#include <algorithm>
#include <cstdio>

#include "cacheismo/base/check.h"

namespace cacheismo::sim {
namespace {

constexpr std::size_t log_lines_max = 1000;

node::Config with_address(node::Config config) {
  if (config.listen.empty()) config.listen.push_back(server_address());
  return config;
}

}  // namespace

io::Address server_address() { return {io::Address::Kind::tcp, "10.0.0.1", 11211}; }

void KeptLog::write(node::Level level, Bytes event, Bytes fields) {
  constexpr const char* names[] = {"error", "warn", "info", "debug"};
  if (lines_.size() == log_lines_max) lines_.erase(lines_.begin());
  std::string line = "level=";
  line += names[static_cast<std::size_t>(level)];
  line += " event=";
  line += event;
  if (!fields.empty()) line += ' ';
  line += fields;
  lines_.push_back(std::move(line));
}

Wire::Wire(const Options& options)
    : world_(options.seed, options.plan, options.journal), client_io_([&]() -> SimIo& {
        for (std::uint32_t number = 1; number <= options.nodes; ++number) {
          SimIo& io = world_.add_host("10.0.0." + std::to_string(number));
          io.set_cuts(options.cuts);
          servers_.push_back(std::make_unique<Server>(io, options.config.memory_bytes));
        }
        return world_.add_host("10.0.1.1");
      }()) {
  client_io_.set_cuts(Cuts::whole);
  const node::RingView ring = ring_of(options.nodes, options.hashing, 1);
  for (std::size_t number = 0; number < servers_.size(); ++number)
    add_server(options, number, ring);
}

void Wire::add_server(const Options& options, std::size_t number, const node::RingView& ring) {
  Server& server = *servers_[number];
  node::Config config = options.config;
  if (number > 0) config.listen = {ring.addresses[number]};
  config = with_address(std::move(config));
  if (servers_.size() > 1 && options.ring) {
    server.ring.set(ring);
    config.cluster.source = &server.ring;
    config.cluster.node_name = ring.spec.members[number].name;
  }
  std::span<char> script_heap;
  if (options.scripts) {
    config.scripts.source = &server.scripts.emplace(*options.scripts);
    script_heap = server.scripts->heap();
  }
  server.node =
      std::make_unique<node::Node>(config, server.io, log_, server.arena.bytes(), script_heap);
  const auto started = server.node->start();
  if (!started) std::fprintf(stderr, "%s\n", started.error().c_str());
  CHECK(started.has_value());
}

Wire::~Wire() {
  const auto broken = audit();
  if (broken) std::fprintf(stderr, "audit: %s\n", broken->c_str());
  CHECK(!broken);
  for (const auto& server : servers_) server->node->stop(node::Stop::at_once);
  for (const auto& connection : connections_) connection->close();
  // A plan with latency needs time to end its connections; without one this is the same instant.
  const auto stopped = [this] {
    return std::ranges::all_of(servers_, [](const auto& one) { return one->node->stopped(); });
  };
  for (int i = 0; i < 1000 && !stopped(); i++) world_.run_for(std::chrono::seconds(1));
  CHECK(stopped());
  run();
  for (const auto& connection : connections_) CHECK(connection->closed());
  for (const auto& server : servers_) CHECK_EQ(server->io.streams_open(), 0u);
}

std::optional<std::string> Wire::audit() const {
  for (const auto& server : servers_) {
    if (auto broken = server->node->audit()) return broken;
  }
  return std::nullopt;
}

RawConnection& Wire::connect() { return connect(address(0)); }

RawConnection& Wire::connect(const io::Address& address) {
  connections_.push_back(
      std::make_unique<RawConnection>(client_io_, address, std::chrono::seconds(10)));
  return *connections_.back();
}

void Wire::run() { CHECK(world_.settle()); }

void Wire::write_cut(RawConnection& connection, Bytes bytes, std::span<const std::size_t> cuts) {
  std::size_t from = 0;
  for (const std::size_t cut : cuts) {
    if (cut <= from || cut >= bytes.size()) continue;
    connection.write(bytes.substr(from, cut - from));
    run();
    from = cut;
  }
  connection.write(bytes.substr(from));
  run();
}

std::string Wire::ask(RawConnection& connection, Bytes bytes) {
  connection.write(bytes);
  run();
  return connection.take();
}

void Wire::advance(Duration duration) {
  world_.run_for(duration);
  run();
}

}  // namespace cacheismo::sim
