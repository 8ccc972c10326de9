#include "sim/wire.h"

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
    : world_(options.seed, options.plan, options.journal),
      node_io_(world_.add_host("10.0.0.1")),
      client_io_(world_.add_host("10.0.1.1")),
      arena_(options.config.memory_bytes) {
  node_io_.set_cuts(options.cuts);
  client_io_.set_cuts(Cuts::whole);
  node::Config config = with_address(options.config);
  std::span<char> script_heap;
  if (options.scripts) {
    config.scripts.source = &scripts_.emplace(*options.scripts);
    script_heap = scripts_->heap();
  }
  node_ = std::make_unique<node::Node>(config, node_io_, log_, arena_.bytes(), script_heap);
  const auto started = node_->start();
  if (!started) std::fprintf(stderr, "%s\n", started.error().c_str());
  CHECK(started.has_value());
}

Wire::~Wire() {
  const auto broken = node_->audit();
  if (broken) std::fprintf(stderr, "audit: %s\n", broken->c_str());
  CHECK(!broken);
  node_->stop(node::Stop::at_once);
  for (const auto& connection : connections_) connection->close();
  // A plan with latency needs time to end its connections; without one this is the same instant.
  for (int i = 0; i < 1000 && !node_->stopped(); i++) world_.run_for(std::chrono::seconds(1));
  CHECK(node_->stopped());
  run();
  for (const auto& connection : connections_) CHECK(connection->closed());
  CHECK_EQ(node_io_.streams_open(), 0u);
}

RawConnection& Wire::connect() { return connect(node_->addresses().front()); }

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
