#include "sim/cluster/cluster.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/cluster/ring_history.h"

namespace cacheismo::sim {
namespace {

constexpr Duration audit_interval = std::chrono::milliseconds(100);
constexpr Duration draining = std::chrono::seconds(30);  // longer than any deadline
constexpr Duration stopping = std::chrono::seconds(10);
// A circuit stays open for that long at most (cluster/circuit.h); what is under way ends meanwhile.
constexpr Duration recovering = limits::peer_pause_max + std::chrono::milliseconds(1500);
constexpr Duration answering = std::chrono::seconds(5);
// A ring is the latest for nodes, then gifts that were refused are given once more.
constexpr Duration moving = std::chrono::milliseconds(2500);
// Two seconds, and one for each move: nodes asked one after the other agree on what is immortal.
constexpr Duration dying = std::chrono::seconds(9);
// A past is closed a minute after the change, ten seconds after the last gift (node/handover.h).
constexpr Duration closing = std::chrono::seconds(75);
constexpr Duration tick = std::chrono::milliseconds(20);  // of clocks that drift, and of turns
constexpr Duration publishing = std::chrono::milliseconds(300);  // after the last fault

constexpr Bytes census_item = "mapreduce$all";   // of who has the nodes count
constexpr std::uint64_t ring_chance = 1u << 20;  // no client's number

RingChanges::Options ring_options(const ClusterOptions& options) {
  return {.nodes = options.nodes,
          .hashing = options.hashing,
          .every = Duration(static_cast<std::int64_t>(options.plan.ring_every_ns)),
          .spread_max = Duration(static_cast<std::int64_t>(options.plan.ring_spread_ns_max)),
          .until_ns = static_cast<std::int64_t>(options.plan.until_ns) + publishing.count(),
          .orderly = options.orderly_changes,
          .abrupt = options.moves_lose};
}

}  // namespace

io::Address Cluster::address(std::size_t node) {
  return {io::Address::Kind::tcp, "10.0.0." + std::to_string(node + 1), 11211};
}

void Cluster::configure(node::Config& config, std::size_t node) {
  config.listen = {address(node)};
  if (members_.size() == 1) return;
  RingList& ring = members_[node]->ring;
  config.cluster.source = &ring;
  config.cluster.node_name = name(node);
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
      recorder_(world_.clockwork(), Keys(options.keys, options.objects)),
      rings_(ring_options(options), world_.workload(ring_chance)),
      owner_watch_(world_.clockwork(), recorder_.keys(), rings_, options.nodes),
      moves_(recorder_.keys().count()) {
  CHECK_GT(options_.nodes, 0u);
  CHECK_LT(options_.nodes, 200u);
  CHECK_LT(options_.clients, 50u);  // each has a host, and a world has at most 256
  CHECK(options_.objects == 0 || options_.scripts);
  KeyClient::Options client = options_.client;
  client.nodes.clear();
  if (options_.plan.ring_every_ns == 0) {
    for (std::uint32_t key = 0; key < moves_.size(); key++) client.owners.push_back(owner(key));
  }
  if (options_.nodes > 1) client.calm_from_ns = calm_from_ns();
  for (std::size_t i = 0; i < options_.nodes; i++) {
    const io::Address at = address(i);
    members_.push_back(std::make_unique<Member>(world_.add_host(at.host)));
    members_.back()->ring.set(rings_.latest());
    members_.back()->log.on_ring = [this, i](std::uint64_t epoch) {
      owner_watch_.took(i, epoch);
      rings_.heard(i, epoch, world_.now().count());
    };
    // Of sabotaged rings nobody else knows.
    if (options_.nodes > 1 && options_.sabotage != Sabotage::odd_ring &&
        options_.sabotage != Sabotage::odd_ring_hop)
      members_.back()->io.set_witness(owner_watch_);
    client.nodes.push_back(at);
  }
  for (const auto& member : members_) sabotage(*member);
  for (std::uint32_t i = 0; i < options_.clients; i++) {
    client.number = i + 1;
    SimIo& io = world_.add_host("10.0.1." + std::to_string(client.number));
    clients_.push_back(std::make_unique<KeyClient>(io, recorder_, client, world_.workload(i)));
  }
  if (members_.size() > 1) inspector_ = &world_.add_host("10.0.2.1");
  if (options_.copied_keys > 0) add_copies();
  for (std::size_t i = 0; i < members_.size(); i++) {
    start_node(i);
    world_.may_crash(members_[i]->io, *this);
  }
  for (const auto& one : clients_) one->start();
  if (copies_) copies_->start();
}

void Cluster::add_copies() {
  CHECK_GT(members_.size(), 1u);
  Copies::Options options{.keys = options_.copied_keys,
                          .clients = options_.copy_clients,
                          .timeout = answering,
                          .clocks_differ = options_.plan.wall_jump_every_ns > 0,
                          .clocks_drift = options_.plan.drift_ppm_max > 0,
                          .may_lose = options_.evicts,
                          .client = options_.copy_client};
  for (std::size_t i = 0; i < members_.size(); i++) options.nodes.push_back(address(i));
  options.client.calm_from_ns = calm_from_ns();
  if (options_.plan.ring_every_ns == 0) options.client.census_owner = rings_.owner(1, census_item);
  copies_ = std::make_unique<Copies>(world_, rings_, std::move(options));
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
  if (copies_) copies_->node_lost(number);
  for (std::uint32_t key = 0; key < moves_.size(); key++) {
    if (moves_[key].empty() && owner(key) == number) recorder_.lost(key);
  }
}

void Cluster::on_restart(SimIo& host) {
  const std::size_t number = host.number();
  CHECK(members_[number]->node->stopped());
  start_node(number);
}

// ---- Rings --------------------------------------------------------------------------------------

void NodeLog::write(node::Level level, Bytes event, Bytes fields) {
  constexpr Bytes head = "epoch=";
  if (event == "ring_taken" && fields.starts_with(head)) {
    std::uint64_t epoch = 0;
    (void)std::from_chars(fields.data() + head.size(), fields.data() + fields.size(), epoch);
    on_ring(epoch);
  }
  kept_.write(level, event, fields);
}

std::size_t Cluster::owner(std::uint32_t key) const {
  return rings_.owner(rings_.epoch(), recorder_.keys().item(key));
}

std::size_t Cluster::moved() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(moves_, [](const auto& moves) { return !moves.empty(); }));
}

void Cluster::change_ring() {
  const std::uint64_t epoch = rings_.epoch();
  for (std::uint32_t key = 0; key < moves_.size(); key++) {
    const std::string item = recorder_.keys().item(key);
    if (rings_.owner(epoch, item) != rings_.owner(epoch - 1, item)) moves_[key].push_back(epoch);
  }
}

void Cluster::deliver(const RingChanges::Delivery& delivery) {
  Member& member = *members_[delivery.node];
  member.ring.set(rings_.latest());
  world_.clockwork().journal.note(world_.now().count(), Note::ring, member.io.number(), 0,
                                  delivery.signal ? 1 : 0, rings_.epoch());
  if (member.io.is_down()) return rings_.heard(delivery.node, rings_.epoch(), world_.now().count());
  if (delivery.signal) (void)member.node->reload_ring();
}

/// Runs the world, and changes the ring in it.
void Cluster::run_until(Duration time) {
  while (true) {
    const std::int64_t next_ns = std::min(rings_.next_ns(), time.count());
    world_.run_until(std::max(world_.now(), Duration(next_ns)));
    if (rings_.publish(world_.now().count())) change_ring();
    for (const RingChanges::Delivery& one : rings_.deliver(world_.now().count())) deliver(one);
    if (world_.now() >= time) return;
  }
}

/// Whether a node has evicted something, or may have and has forgotten it.
bool Cluster::has_evicted() const {
  std::uint64_t refused = 0;
  for (const auto& client : clients_) refused += client->tally().no_memory;
  return seen_.evictions > 0 || seen_.no_room > 0 || refused > 0 ||
         world_.marks().count(Mark::crashed) > 0 || seen_.items == 0;
}

/// What may have become of each key.
std::vector<linear::CheckOptions> Cluster::allowances() const {
  // Whatever was not touched since then is taken for a leftover by a node that forgets a ring.
  constexpr std::uint64_t first_forgetting = cluster::RingHistory::past_max + 2;
  std::int64_t forgetting_ns = linear::never_ns;
  if (rings_.epoch() >= first_forgetting) forgetting_ns = rings_.published_ns(first_forgetting);
  constexpr std::int64_t second_ns = 1'000'000'000;
  const bool evicted = options_.evicts && has_evicted();
  std::vector<linear::CheckOptions> all(moves_.size());
  for (std::uint32_t key = 0; key < moves_.size(); key++) {
    linear::CheckOptions& one = all[key];
    one.may_forget_from_ns = evicted ? 0 : forgetting_ns;
    one.expiry_slack_ns = tick.count() + static_cast<std::int64_t>(moves_[key].size()) * second_ns;
    if (moves_[key].empty()) continue;
    one.may_renumber_from_ns = rings_.published_ns(moves_[key].front());
    const bool may_lose = options_.moves_lose || !options_.orderly_changes;
    if (may_lose)
      one.may_forget_from_ns = std::min(one.may_forget_from_ns, one.may_renumber_from_ns);
    if (!options_.moves_lose) continue;
    for (const std::uint64_t epoch : moves_[key]) {
      one.forks.push_back({rings_.published_ns(epoch), rings_.heard_by_all_ns(epoch)});
    }
  }
  return all;
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
  for (const std::string& text : owner_watch_.take_violations()) violation(text);
  if (!copies_) return;
  for (const std::string& text : copies_->take_violations()) violation(text);
}

void Cluster::run_for(Duration length) {
  const Duration end = world_.now() + length;
  while (world_.now() < end && violations_.empty()) {
    run_until(std::min(world_.now() + audit_interval, end));
    audit();
  }
}

void Cluster::finish() {
  CHECK(!finished_);
  finished_ = true;
  for (const auto& client : clients_) client->stop();
  if (copies_) copies_->stop();
  const Duration end = world_.now() + draining;
  const auto busy = [this] {
    if (copies_ && !copies_->stopped()) return true;
    return !std::all_of(clients_.begin(), clients_.end(),
                        [](const auto& client) { return client->stopped(); });
  };
  while (busy() && world_.now() < end) run_until(world_.now() + audit_interval);
  if (busy()) violation("a client did not come to its end");
  audit();
  if (violations_.empty() && members_.size() > 1) inspect();
  stop_nodes();
  judge();
}

void Cluster::judge() {
  if (copies_) {
    copies_->flushed(recorder_.history(0));
    for (const std::string& text : copies_->judge()) violation(text);
  }
  const std::vector<linear::CheckOptions> allowed = allowances();
  for (std::uint32_t key = 0; key < moves_.size(); key++) {
    std::vector<linear::Span> moves;
    for (const std::uint64_t epoch : moves_[key])
      moves.push_back({rings_.published_ns(epoch), rings_.heard_by_all_ns(epoch)});
    recorder_.doubt_flushes(key, moves, allowed[key].may_forget_from_ns);
  }
  judgement_ = recorder_.judge(allowed);
  for (const std::string& text : judgement_.failures) violation(text);
}

std::int64_t Cluster::calm_from_ns() const {
  const std::int64_t healed_ns =
      static_cast<std::int64_t>(options_.plan.until_ns) + recovering.count();
  return std::max(healed_ns, rings_.end_ns());
}

Inspection::Options Cluster::inspection_options() const {
  Inspection::Options options{
      .client = options_.clients + 1,
      .owners = {},
      .timeout = answering,
      .foreign = std::vector<std::uint64_t>(members_.size()),
      .scripts_ask = !options_.client.calls.empty() || copies_ || options_.client.relay_one_in > 0,
      .ring_changed = rings_.epoch() > 1};
  for (std::uint32_t key = 0; key < moves_.size(); key++) options.owners.push_back(owner(key));
  for (std::size_t i = 0; i < members_.size(); i++) options.nodes.push_back(address(i));
  for (const auto& client : clients_) {
    for (std::size_t i = 0; i < members_.size(); i++) {
      options.foreign[i] += client->tally().foreign[i];
    }
  }
  for (std::size_t i = 0; copies_ && i < members_.size(); i++)
    options.foreign[i] += copies_->foreign(i);
  return options;
}

void Cluster::inspect() {
  run_until(std::max(world_.now(), Duration(calm_from_ns())));
  if (rings_.heard_by_all_ns(rings_.epoch()) == linear::never_ns)
    return violation("healed: a node has not taken the latest ring");
  if (rings_.epoch() > 1) run_until(world_.now() + moving);
  if (options_.client.mortal) run_until(world_.now() + dying);
  Inspection inspection(world_, *inspector_, recorder_, inspection_options());
  inspection.run(false);
  if (copies_) copies_->inspect(*inspector_);
  if (rings_.epoch() > 1 && inspection.violations().empty()) {
    run_until(world_.now() + closing);
    inspection.run(true);
    if (copies_) copies_->inspect_again(*inspector_);
  }
  seen_ = inspection.seen();
  for (const std::string& text : inspection.violations()) violation(text);
  audit();
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
