#include "sim/cluster/cluster.h"

#include <algorithm>
#include <utility>

#include "cacheismo/base/check.h"

namespace cacheismo::sim {
namespace {

constexpr Duration audit_interval = std::chrono::milliseconds(100);
constexpr Duration draining = std::chrono::seconds(30);  // longer than any deadline
constexpr Duration stopping = std::chrono::seconds(10);

}  // namespace

io::Address Cluster::address(std::size_t node) {
  return {io::Address::Kind::tcp, "10.0.0." + std::to_string(node + 1), 11211};
}

void Cluster::configure(node::Config& config, std::size_t node) const {
  config.listen = {address(node)};
}

std::optional<std::size_t> Cluster::owner_of(std::uint32_t) const {
  if (members_.size() == 1) return 0;
  return std::nullopt;
}

Cluster::Cluster(const ClusterOptions& options)
    : options_(options),
      world_(options.seed, options.plan, options.journal),
      recorder_(world_.clockwork(), options.keys) {
  CHECK_GT(options_.nodes, 0u);
  CHECK_LT(options_.nodes, 200u);
  CHECK_LT(options_.clients, 50u);  // each has a host, and a world has at most 256
  KeyClient::Options client = options_.client;
  client.nodes.clear();
  for (std::size_t i = 0; i < options_.nodes; i++) {
    const io::Address at = address(i);
    members_.push_back(std::make_unique<Member>(world_.add_host(at.host)));
    client.nodes.push_back(at);
  }
  for (std::uint32_t i = 0; i < options_.clients; i++) {
    client.number = i + 1;
    SimIo& io = world_.add_host("10.0.1." + std::to_string(client.number));
    clients_.push_back(std::make_unique<KeyClient>(io, recorder_, client, world_.workload(i)));
  }
  for (std::size_t i = 0; i < members_.size(); i++) {
    start_node(i);
    world_.may_crash(members_[i]->io, *this);
  }
  for (const auto& one : clients_) one->start();
}

Cluster::~Cluster() { CHECK(finished_); }

void Cluster::start_node(std::size_t number) {
  Member& member = *members_[number];
  node::Config config = options_.config;
  member.node.reset();  // before the memory that it runs in
  member.arena.emplace(config.memory_bytes);
  std::span<char> script_heap;
  if (options_.scripts) {
    config.scripts.source = &member.scripts.emplace(*options_.scripts);
    script_heap = member.scripts->heap();
  }
  configure(config, number);
  member.node = std::make_unique<node::Node>(config, member.io, member.log, member.arena->bytes(),
                                             script_heap);
  const auto started = member.node->start();
  if (!started) violation(name(number) + " does not start: " + started.error());
}

// ---- Crashes ------------------------------------------------------------------------------------

void Cluster::on_crash(SimIo& host) {
  const std::size_t number = host.number();  // nodes' hosts were added first
  members_[number]->node->stop(node::Stop::at_once);
  for (std::uint32_t key = 0; key < recorder_.keys(); key++) {
    const std::optional<std::size_t> owner = owner_of(key);
    if (!owner || *owner == number) recorder_.lost(key, owner.has_value());
  }
}

void Cluster::on_restart(SimIo& host) {
  const std::size_t number = host.number();
  CHECK(members_[number]->node->stopped());
  start_node(number);
}

// ---- Running ------------------------------------------------------------------------------------

void Cluster::violation(const std::string& text) {
  violations_.push_back(std::to_string(world_.now().count()) + " ns: " + text);
}

void Cluster::audit() {
  for (std::size_t i = 0; i < members_.size(); i++) {
    if (members_[i]->io.is_down()) continue;
    if (const auto broken = members_[i]->node->audit()) violation(name(i) + ": " + *broken);
  }
  for (const auto& client : clients_) {
    for (const std::string& text : client->violations()) violation(text);
  }
}

void Cluster::run_for(Duration length) {
  const Duration end = world_.now() + length;
  while (world_.now() < end && violations_.empty()) {
    world_.run_until(std::min(world_.now() + audit_interval, end));
    audit();
  }
}

void Cluster::finish() {
  CHECK(!finished_);
  finished_ = true;
  for (const auto& client : clients_) client->stop();
  const Duration end = world_.now() + draining;
  const auto busy = [this] {
    return !std::all_of(clients_.begin(), clients_.end(),
                        [](const auto& client) { return client->stopped(); });
  };
  while (busy() && world_.now() < end) world_.run_for(audit_interval);
  if (busy()) violation("a client did not come to its end");
  audit();
  stop_nodes();
  judgement_ = recorder_.judge();
  for (const std::string& text : judgement_.failures) violation(text);
}

void Cluster::stop_nodes() {
  const Duration end = world_.now() + stopping;
  for (const auto& member : members_) member->node->stop(node::Stop::graceful);
  const auto running = [this] {
    return std::any_of(members_.begin(), members_.end(),
                       [](const auto& member) { return !member->node->stopped(); });
  };
  while (running() && world_.now() < end) world_.run_for(audit_interval);
  CHECK(!running());
  for (std::size_t i = 0; i < members_.size(); i++) {
    if (members_[i]->io.streams_open() != 0) violation(name(i) + " left a stream open");
  }
  audit();
}

}  // namespace cacheismo::sim
