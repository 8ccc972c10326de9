#include "sim/scenario.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/node/node.h"
#include "sim/arena.h"
#include "sim/client.h"
#include "sim/cluster_scenario.h"
#include "sim/object_scripts.h"
#include "sim/raw_connection.h"
#include "sim/run.h"
#include "sim/script_list.h"
#include "sim/wire.h"
#include "sim/world.h"

namespace cacheismo::sim {
namespace {

constexpr Duration slice = std::chrono::milliseconds(20);
constexpr int slices_per_audit = 25;
constexpr Duration draining = std::chrono::seconds(60);  // longer than any client's deadline
constexpr std::size_t client_hosts = 8;
constexpr const char* socket_path = "/run/cacheismo.sock";

constexpr Manner manners[] = {
    {},
    {.name = "deep_pipeline", .pipeline_max = 200, .think_ns = 20'000'000},
    {.name = "slow_reader",
     .pipeline_max = 32,
     .think_ns = 10'000'000,
     .read_delay_ns = 5'000'000,
     .timeout_ns = 40'000'000'000},
    {.name = "stalled_reader",
     .pipeline_max = 500,
     .batches_per_connection = 1,
     .never_reads = true,
     .timeout_ns = 2'000'000'000},
    {.name = "slow_sender",
     .pipeline_max = 2,
     .send_piece_bytes = 16,
     .send_delay_ns = 2'000'000,
     .timeout_ns = 40'000'000'000},
    {.name = "storm", .pipeline_max = 2, .batches_per_connection = 1, .think_ns = 100'000},
    {.name = "resetting", .batches_per_connection = 3, .think_ns = 200'000, .resets = true},
    {.name = "half_closing", .batches_per_connection = 5, .half_closes = true},
    {.name = "unhurried", .pipeline_max = 4, .think_ns = 300'000'000},  // sees items expire
    {.name = "impatient", .timeout_ns = 20'000'000, .impatient = true},
};

/// Everything of one run, in the order in which it must be torn down.
struct Run final : HostFaults {
  explicit Run(const ScenarioOptions& options);

  void on_crash(SimIo& host) override;
  void on_restart(SimIo& host) override;
  void start_node();

  void run_until(Duration end);
  void stop_clients();
  void ask_for_stats();
  void stop_node();
  [[nodiscard]] bool failed() const { return !oracle.violations().empty(); }
  void violation(std::string text) { oracle.violation(world.now().count(), std::move(text)); }
  [[nodiscard]] bool run_while(Duration at_most, const std::function<bool()>& going);

  FaultPlan plan;
  World world;
  Prng chance;
  bool lossless;
  node::Config config;
  Oracle oracle;
  SimIo& node_io;
  std::vector<SimIo*> client_ios;
  std::optional<Arena> arena;
  std::optional<ScriptList> scripts;
  KeptLog log;
  std::unique_ptr<io::Io> sabotaged;
  std::unique_ptr<node::Node> node;
  std::vector<std::unique_ptr<Client>> clients;
  int slices = 0;
};

/// Retired keys stay in the cache, so that a longer run needs more for nothing to be evicted.
std::uint64_t ample_bytes(Duration length) {
  const auto seconds = static_cast<std::uint64_t>(length.count() / 1'000'000'000);
  return std::min(48 * MiB + seconds * 16 * MiB, 4 * GiB);
}

node::Config draw_config(Prng& chance, bool lossless, const ScenarioOptions& options) {
  const std::uint32_t clients = options.clients;
  node::Config config;
  config.listen = {server_address(), {io::Address::Kind::unix_socket, socket_path, 0}};
  config.listen_options.backlog = chance.chance(1, 3) ? 2 : 1024;
  config.memory_bytes = lossless ? ample_bytes(options.length) : (1 + chance.below(3)) * MiB;
  config.item_bytes_max = lossless ? 1 * MiB : 512 * KiB;
  config.connections_max = chance.chance(1, 4) ? std::max(1u, clients / 2) : 1024;
  config.requests_per_event = static_cast<std::uint32_t>(chance.between(1, 20));
  if (chance.chance(1, 4)) config.idle_timeout = std::chrono::seconds(3);
  config.evict = lossless || chance.chance(2, 3);
  config.object_bytes_max = std::min(config.object_bytes_max, config.memory_bytes / 4);
  return config;
}

Run::Run(const ScenarioOptions& options)
    : plan(plan_of(options)),
      world(options.seed, plan, options.journal),
      chance(world.workload(0)),
      lossless(chance.chance(1, 2) && plan.crash_every_ns == 0),
      config(draw_config(chance, lossless, options)),
      oracle(lossless, healed_ns(plan)),
      node_io(world.add_host("10.0.0.1")) {
  for (std::size_t i = 0; i < client_hosts; i++) {
    client_ios.push_back(&world.add_host("10.0.1." + std::to_string(i)));
  }
  const bool objects = chance.chance(1, 2) || is_in_scripts(options.sabotage);
  if (objects) config.scripts.source = &scripts.emplace(object_scripts(options.sabotage));
  if (options.sabotage != Sabotage::none && !is_in_scripts(options.sabotage)) {
    sabotaged = make_sabotaged_io(node_io, options.sabotage, options.seed);
  }
  start_node();
  world.may_crash(node_io, *this);
  const bool few_descriptors = chance.chance(1, 4);
  if (few_descriptors) node_io.set_streams_max(std::max(1u, options.clients / 3));
  const bool expiries = chance.chance(1, 2);
  const bool flushes = chance.chance(1, 4);
  for (std::uint32_t i = 0; i < options.clients; i++) {
    Client::Options client;
    client.number = i;
    client.manner = manners[chance.chance(1, 2) ? 0 : chance.below(std::size(manners))];
    client.workload.expiries = expiries;
    client.workload.flushes = flushes;
    client.workload.objects = objects;
    client.workload.reads_only_big = client.manner.never_reads;
    if (!lossless) {
      client.keys = 64;
      client.workload.value_bytes_max = 64 * KiB;
    }
    if (client.manner.send_piece_bytes > 0) client.workload.value_bytes_max = 300;
    client.server = chance.chance(1, 4) ? config.listen[1] : config.listen[0];
    // A node that is out of memory cuts its slowest readers.
    client.may_be_cut = config.idle_timeout > Duration::zero() ||
                        config.connections_max < options.clients || !lossless;
    clients.push_back(std::make_unique<Client>(*client_ios[i % client_hosts], world.clockwork(),
                                               oracle, client, world.workload(1 + i)));
    clients.back()->start();
  }
}

void Run::start_node() {
  arena.emplace(config.memory_bytes);
  io::Io& io = sabotaged ? *sabotaged : static_cast<io::Io&>(node_io);
  // A process that starts anew has a heap of its own.
  if (scripts) {
    std::vector<lua::Script> kept = std::move(scripts->scripts);
    config.scripts.source = &scripts.emplace(std::move(kept));
  }
  node = std::make_unique<node::Node>(config, io, log, arena->bytes(),
                                      scripts ? scripts->heap() : std::span<char>());
  CHECK(node->start().has_value());
}

void Run::on_crash(SimIo&) { node->stop(node::Stop::at_once); }

void Run::on_restart(SimIo&) {
  node.reset();
  start_node();
}

void Run::run_until(Duration end) {
  while (world.now() < end && !failed()) {
    world.run_until(std::min(world.now() + slice, end));
    if (++slices % slices_per_audit != 0) continue;
    if (const auto broken = node->audit()) violation("audit: " + *broken);
  }
}

bool Run::run_while(Duration at_most, const std::function<bool()>& going) {
  const Duration end = world.now() + at_most;
  while (going() && world.now() < end && !failed()) {
    run_until(std::min(world.now() + slice, end));
  }
  return !going();
}

void Run::stop_clients() {
  for (const auto& client : clients) client->stop();
  const auto busy = [this] {
    return !std::all_of(clients.begin(), clients.end(),
                        [](const auto& client) { return client->stopped(); });
  };
  if (!run_while(draining, busy) && !failed()) violation("a client did not come to its end");
}

void Run::ask_for_stats() {
  SimIo& io = *client_ios.front();
  RawConnection observer(io, config.listen[0], std::chrono::seconds(5));
  observer.write("stats\r\n");
  const auto waiting = [&observer] { return !observer.arrived().ends_with("END\r\n"); };
  if (!run_while(std::chrono::seconds(5), waiting) && !failed()) violation("no stats");
  const auto number = [&observer](const char* name) {
    const std::string head = std::string("STAT ") + name + " ";
    const std::size_t at = observer.arrived().find(head);
    std::int64_t value = -1;
    if (at == std::string::npos) return value;
    const char* digits = observer.arrived().data() + at + head.size();
    (void)std::from_chars(digits, observer.arrived().data() + observer.arrived().size(), value);
    return value;
  };
  if (!failed()) {
    if (number("curr_connections") != 1) violation("connections are left");
    if (number("bytes") < 0 || number("bytes") > number("limit_maxbytes")) {
      violation("more bytes than the limit");
    }
    oracle.count(Tally::evictions, static_cast<std::uint64_t>(number("evictions")));
    oracle.count(Tally::reclaimed, static_cast<std::uint64_t>(number("reclaimed")));
  }
  observer.close();
  world.run_for(std::chrono::seconds(2));
}

void Run::stop_node() {
  node->stop(failed() ? node::Stop::at_once : node::Stop::graceful);
  world.run_for(std::chrono::seconds(10));
  CHECK(node->stopped());
  if (failed()) return;
  if (const auto broken = node->audit()) violation("audit: " + *broken);
  if (node_io.streams_open() != 0) violation("the node left a stream open");
  if (world.network().channels_open() != 0) violation("a connection is left");
}

}  // namespace

Report run_scenario(const ScenarioOptions& options) {
  if (options.nodes > 1 || !options.own.calls.empty()) return run_cluster_scenario(options);
  Run run(options);
  const Duration until(static_cast<std::int64_t>(run.plan.until_ns));
  run.run_until(std::min(until, options.length));
  run.node_io.set_streams_max(1u << 20);
  run.run_until(options.length);
  run.stop_clients();
  if (!run.failed()) run.ask_for_stats();
  run.stop_node();

  Report report;
  report.seed = options.seed;
  report.plan = run.plan;
  report.node = "memory_mib=" + std::to_string(run.config.memory_bytes / MiB) +
                " lossless=" + std::to_string(run.lossless) +
                " connections_max=" + std::to_string(run.config.connections_max) +
                " evict=" + std::to_string(run.config.evict) +
                " objects=" + std::to_string(run.scripts.has_value());
  report.violations = run.oracle.violations();
  for (std::size_t i = 0; i < tallies_count; i++) {
    report.tallies.push_back(run.oracle.counted(static_cast<Tally>(i)));
  }
  close_report(run.world, report.tallies, report);
  return report;
}

}  // namespace cacheismo::sim
