#include "sim/cluster/cluster.h"

#include <algorithm>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"

namespace cacheismo::sim {
namespace {

constexpr Duration audit_interval = std::chrono::milliseconds(100);
constexpr Duration draining = std::chrono::seconds(30);  // longer than any deadline
constexpr Duration stopping = std::chrono::seconds(10);
// A circuit stays open for that long at most (cluster/circuit.h); what is under way ends meanwhile.
constexpr Duration recovering = limits::peer_pause_max + std::chrono::milliseconds(1500);
constexpr Duration answering = std::chrono::seconds(5);

}  // namespace

io::Address Cluster::address(std::size_t node) {
  return {io::Address::Kind::tcp, "10.0.0." + std::to_string(node + 1), 11211};
}

void Cluster::configure(node::Config& config, std::size_t node) {
  config.listen = {address(node)};
  if (members_.size() == 1) return;
  RingList& ring = members_[node]->ring;
  config.cluster.source = &ring;
  config.cluster.node_name = ring.view().spec.members[node].name;
}

void Cluster::sabotage(Member& member) {
  const Sabotage bug = options_.sabotage;
  if (bug == Sabotage::none) return;
  CHECK_EQ(options_.plan.crash_every_ns, 0u);  // an Io that lies does not let a node die in order
  if (bug != Sabotage::odd_ring) {
    member.sabotaged = make_sabotaged_io(member.io, bug, options_.seed);
  }
  const bool odd = bug == Sabotage::odd_ring || bug == Sabotage::odd_ring_hop;
  if (!odd || &member != members_.back().get()) return;
  const cluster::Hashing other = options_.hashing == cluster::Hashing::ketama
                                     ? cluster::Hashing::rendezvous
                                     : cluster::Hashing::ketama;
  member.ring.set(ring_of(members_.size(), other, 1));
}

Cluster::Cluster(const ClusterOptions& options)
    : options_(options),
      world_(options.seed, options.plan, options.journal),
      recorder_(world_.clockwork(), Keys(options.keys, options.objects)) {
  CHECK_GT(options_.nodes, 0u);
  CHECK_LT(options_.nodes, 200u);
  CHECK_LT(options_.clients, 50u);  // each has a host, and a world has at most 256
  CHECK(options_.objects == 0 || options_.scripts);
  const node::RingView view = ring_of(options_.nodes, options_.hashing, 1);
  const auto ring = cluster::Ring::make(view.spec);
  CHECK(ring.has_value());
  for (std::uint32_t key = 0; key < recorder_.keys().count(); key++) {
    owners_.push_back(ring->owner(recorder_.keys().item(key)));
  }
  KeyClient::Options client = options_.client;
  client.nodes.clear();
  client.owners = owners_;
  if (options_.nodes > 1) client.calm_from_ns = calm_from_ns();
  for (std::size_t i = 0; i < options_.nodes; i++) {
    const io::Address at = address(i);
    members_.push_back(std::make_unique<Member>(world_.add_host(at.host)));
    members_.back()->ring.set(view);
    client.nodes.push_back(at);
  }
  for (const auto& member : members_) sabotage(*member);
  for (std::uint32_t i = 0; i < options_.clients; i++) {
    client.number = i + 1;
    SimIo& io = world_.add_host("10.0.1." + std::to_string(client.number));
    clients_.push_back(std::make_unique<KeyClient>(io, recorder_, client, world_.workload(i)));
  }
  if (members_.size() > 1) inspector_ = &world_.add_host("10.0.2.1");
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
  io::Io& io = member.sabotaged ? *member.sabotaged : static_cast<io::Io&>(member.io);
  member.node =
      std::make_unique<node::Node>(config, io, member.log, member.arena->bytes(), script_heap);
  const auto started = member.node->start();
  if (!started) violation(name(number) + " does not start: " + started.error());
}

// ---- Crashes ------------------------------------------------------------------------------------

void Cluster::on_crash(SimIo& host) {
  const std::size_t number = host.number();  // nodes' hosts were added first
  members_[number]->node->stop(node::Stop::at_once);
  for (std::uint32_t key = 0; key < recorder_.keys().count(); key++) {
    if (owners_[key] == number) recorder_.lost(key);
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
    for (const std::string& text : client->take_violations()) violation(text);
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
  if (violations_.empty() && members_.size() > 1) inspect();
  stop_nodes();
  judgement_ = recorder_.judge();
  for (const std::string& text : judgement_.failures) violation(text);
}

std::int64_t Cluster::calm_from_ns() const {
  return static_cast<std::int64_t>(options_.plan.until_ns) + recovering.count();
}

void Cluster::inspect() {
  world_.run_until(std::max(world_.now(), Duration(calm_from_ns())));
  Inspection::Options options{.client = options_.clients + 1,
                              .owners = owners_,
                              .timeout = answering,
                              .foreign = std::vector<std::uint64_t>(members_.size()),
                              .scripts_ask = !options_.client.calls.empty()};
  for (std::size_t i = 0; i < members_.size(); i++) options.nodes.push_back(address(i));
  for (const auto& client : clients_) {
    for (std::size_t i = 0; i < members_.size(); i++) {
      options.foreign[i] += client->tally().foreign[i];
    }
  }
  Inspection inspection(world_, *inspector_, recorder_, options);
  inspection.run();
  seen_ = inspection.seen();
  for (const std::string& text : inspection.violations()) violation(text);
}

void Cluster::stop_nodes() {
  const Duration end = world_.now() + stopping;
  for (const auto& member : members_) {
    member->node->stop(violations_.empty() ? node::Stop::graceful : node::Stop::at_once);
  }
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
