#include "sim/world.h"

#include <algorithm>

#include "cacheismo/base/check.h"

namespace cacheismo::sim {
namespace {

/// The calendar of every host at the start: 2024-01-01 00:00:00 UTC.
constexpr WallTime wall_start{std::chrono::seconds(1'704'067'200)};

}  // namespace

World::World(std::uint64_t seed, const FaultPlan& plan, JournalLines* lines)
    : seed_(seed), clockwork_(seed, plan, lines), network_(clockwork_) {
  start_faults();
}

World::~World() = default;

SimIo& World::add_host(const std::string& ip) {
  HostOptions options;
  options.ip = ip;
  Prng chance = Prng(seed_).derive(static_cast<std::uint64_t>(Chance::hosts)).derive(hosts_.size());
  options.seed = chance.next();
  options.wall_start = wall_start;
  const FaultPlan& plan = clockwork_.plan;
  options.cuts = static_cast<Cuts>(plan.cuts);
  // Both are drawn whatever the plan says, so that enabling one does not shift the other.
  const std::uint64_t drift = chance.next();
  const std::uint64_t slow = chance.next();
  if (plan.drift_ppm_max > 0) {
    options.drift_ppm = static_cast<std::int64_t>(drift % (2 * plan.drift_ppm_max + 1)) -
                        static_cast<std::int64_t>(plan.drift_ppm_max);
    if (options.drift_ppm != 0) clockwork_.marks.hit(Mark::drifting);
  }
  if (plan.slow_factor_max > 0) {
    options.slow_factor = 1 + slow % plan.slow_factor_max;
    if (options.slow_factor > 1) clockwork_.marks.hit(Mark::slow_processor);
  }
  if (plan.shuffle_ties != 0) clockwork_.marks.hit(Mark::shuffled_ties);
  hosts_.push_back({std::make_unique<SimIo>(clockwork_, network_, options)});
  return *hosts_.back().io;
}

Prng World::workload(std::uint64_t label) const {
  return Prng(seed_).derive(static_cast<std::uint64_t>(Chance::workload)).derive(label);
}

// ---- Running ------------------------------------------------------------------------------------

bool World::step() {
  if (clockwork_.heap.empty()) return false;
  const Event event = clockwork_.heap.pop();
  CHECK_GE(event.time_ns, clockwork_.now_ns);
  clockwork_.now_ns = event.time_ns;
  events_++;
  handle(event);
  return true;
}

void World::handle(const Event& event) {
  const EventKind kind = static_cast<EventKind>(event.kind);
  if (kind <= EventKind::reset_arrives) {
    network_.handle(event);
  } else if (kind == EventKind::fault_due) {
    happen(event);
  } else {
    hosts_[event.host].io->handle(event);
  }
}

void World::run_until(Duration time) {
  while (!clockwork_.heap.empty() && clockwork_.heap.top().time_ns <= time.count()) (void)step();
  clockwork_.now_ns = std::max(clockwork_.now_ns, time.count());
}

bool World::settle(std::uint64_t events_max) {
  const std::int64_t now = clockwork_.now_ns;
  while (!clockwork_.heap.empty() && clockwork_.heap.top().time_ns <= now) {
    if (events_max-- == 0) return false;
    (void)step();
  }
  return true;
}

std::uint64_t World::hash() const {
  Journal ended = clockwork_.journal;
  Prng network = clockwork_.network;
  Prng faults = clockwork_.faults;
  ended.note(clockwork_.now_ns, Note::end, 0, 0, 0, network.next());
  ended.note(clockwork_.now_ns, Note::end, 0, 1, 0, faults.next());
  for (const Host& host : hosts_) {
    Prng random = host.io->random();
    ended.note(clockwork_.now_ns, Note::end, host.io->number(), 2, 0, random.next());
  }
  return ended.hash();
}

// ---- Faults -------------------------------------------------------------------------------------

void World::start_faults() {
  const FaultPlan& plan = clockwork_.plan;
  schedule_fault(Fault::reset, plan.reset_every_ns);
  schedule_fault(Fault::clog, plan.clog_every_ns);
  schedule_fault(Fault::pause, plan.pause_every_ns);
  schedule_fault(Fault::wall_jump, plan.wall_jump_every_ns);
  schedule_fault(Fault::crash, plan.crash_every_ns);
  schedule_fault(Fault::partition, plan.partition_every_ns);
  if (plan.until_ns > 0) {
    clockwork_.schedule(static_cast<std::int64_t>(plan.until_ns), EventKind::fault_due, 0,
                        static_cast<std::uint32_t>(Fault::heal), 0);
  }
}

void World::schedule_fault(Fault fault, std::uint64_t every_ns) {
  if (every_ns == 0) return;
  const std::int64_t in =
      1 + static_cast<std::int64_t>(clockwork_.draw(Chance::faults, 2 * every_ns));
  clockwork_.schedule(clockwork_.now_ns + in, EventKind::fault_due, 0,
                      static_cast<std::uint32_t>(fault), 0);
}

void World::happen(const Event& event) {
  switch (static_cast<Fault>(event.a)) {
    case Fault::heal: return heal();
    case Fault::fall: return fall(event.host);
    case Fault::rise:
      if (hosts_[event.host].crashes == event.b) rise(event.host);
      return;
    default: break;
  }
  if (clockwork_.faulty()) happen_by_plan(static_cast<Fault>(event.a));
}

void World::happen_by_plan(Fault fault) {
  const FaultPlan& plan = clockwork_.plan;
  switch (fault) {
    case Fault::reset: reset_some_connection(); return schedule_fault(fault, plan.reset_every_ns);
    case Fault::clog: clog_some_link(); return schedule_fault(fault, plan.clog_every_ns);
    case Fault::pause: pause_some_host(); return schedule_fault(fault, plan.pause_every_ns);
    case Fault::wall_jump: jump_some_wall(); return schedule_fault(fault, plan.wall_jump_every_ns);
    case Fault::crash: crash_some_host(); return schedule_fault(fault, plan.crash_every_ns);
    case Fault::partition: part_some_hosts(); return schedule_fault(fault, plan.partition_every_ns);
    default: CHECK(false);
  }
}

void World::heal() {
  network_.links().open_all();
  for (std::size_t host = 0; host < hosts_.size(); host++) {
    hosts_[host].io->wake();
    rise(static_cast<std::uint16_t>(host));
  }
}

/// At least 1; a length_ns_max of 0 is one that was switched off alone.
std::int64_t World::draw_length(std::uint64_t length_ns_max) {
  const std::uint64_t bound = std::max<std::uint64_t>(length_ns_max, 1);
  return 1 + static_cast<std::int64_t>(clockwork_.draw(Chance::faults, bound));
}

void World::reset_some_connection() {
  const std::int64_t channel = network_.pick_connection(clockwork_.draw(Chance::faults, 1u << 20));
  if (channel < 0) return;
  clockwork_.marks.hit(Mark::connection_reset);
  network_.reset(static_cast<std::uint32_t>(channel));
}

void World::clog_some_link() {
  const auto from = static_cast<std::uint16_t>(clockwork_.draw(Chance::faults, hosts_.size()));
  const auto to = static_cast<std::uint16_t>(clockwork_.draw(Chance::faults, hosts_.size()));
  const std::int64_t length = draw_length(clockwork_.plan.clog_ns_max);
  network_.links().clog({from, to}, clockwork_.now_ns + length);
}

void World::pause_some_host() {
  const std::uint64_t host = clockwork_.draw(Chance::faults, hosts_.size());
  const std::int64_t length = draw_length(clockwork_.plan.pause_ns_max);
  clockwork_.marks.hit(Mark::paused);
  hosts_[host].io->pause(Duration(length));
}

void World::jump_some_wall() {
  const std::uint64_t host = clockwork_.draw(Chance::faults, hosts_.size());
  const auto furthest = static_cast<std::int64_t>(clockwork_.plan.wall_jump_ns_max);
  const std::int64_t by = draw_length(2 * clockwork_.plan.wall_jump_ns_max) - furthest;
  clockwork_.marks.hit(by < 0 ? Mark::wall_jumped_back : Mark::wall_jumped_forward);
  hosts_[host].io->jump_wall(Duration(by));
}

// ---- Crashes ------------------------------------------------------------------------------------

void World::may_crash(SimIo& host, HostFaults& faults) { hosts_[host.number()].faults = &faults; }

void World::crash(SimIo& host, Duration down_for) {
  CHECK(hosts_[host.number()].faults != nullptr);
  hosts_[host.number()].down_ns = down_for.count();
  clockwork_.schedule(clockwork_.now_ns, EventKind::fault_due, host.number(),
                      static_cast<std::uint32_t>(Fault::fall), 0);
}

void World::crash_some_host() {
  std::vector<std::uint16_t> possible;
  for (const Host& host : hosts_) {
    if (host.faults != nullptr && !host.io->is_down()) possible.push_back(host.io->number());
  }
  if (possible.empty()) return;
  const std::uint16_t host = possible[clockwork_.draw(Chance::faults, possible.size())];
  hosts_[host].down_ns = draw_length(clockwork_.plan.down_ns_max);
  fall(host);
}

void World::fall(std::uint16_t number) {
  Host& host = hosts_[number];
  if (host.io->is_down()) return;
  clockwork_.marks.hit(Mark::crashed);
  clockwork_.journal.note(clockwork_.now_ns, Note::fault, number,
                          static_cast<std::uint32_t>(Fault::fall), 0,
                          static_cast<std::uint64_t>(host.down_ns));
  host.crashes++;
  host.io->fail();
  host.faults->on_crash(*host.io);
  host.io->bury();
  clockwork_.schedule(clockwork_.now_ns + host.down_ns, EventKind::fault_due, number,
                      static_cast<std::uint32_t>(Fault::rise), host.crashes);
}

void World::rise(std::uint16_t number) {
  Host& host = hosts_[number];
  if (!host.io->is_down()) return;
  clockwork_.marks.hit(Mark::restarted);
  clockwork_.journal.note(clockwork_.now_ns, Note::fault, number,
                          static_cast<std::uint32_t>(Fault::rise), 0, host.crashes);
  host.io->revive();
  host.faults->on_restart(*host.io);
}

// ---- Partitions ---------------------------------------------------------------------------------

void World::partition(std::span<const std::uint16_t> group, bool one_way, Duration length) {
  clockwork_.marks.hit(one_way ? Mark::partitioned_one_way : Mark::partitioned);
  const std::int64_t until_ns = clockwork_.now_ns + length.count();
  std::vector<bool> inside(hosts_.size());
  for (const std::uint16_t host : group) inside.at(host) = true;
  const auto count = static_cast<std::uint16_t>(hosts_.size());
  for (std::uint16_t from = 0; from < count; from++) {
    for (std::uint16_t to = 0; to < count; to++) {
      if (inside[from] == inside[to] || (one_way && inside[to])) continue;
      network_.links().part({from, to}, until_ns);
    }
  }
}

/// One host against all others, or two groups of any size.
void World::part_some_hosts() {
  const std::uint64_t count = hosts_.size();
  if (count < 2) return;
  const bool many = clockwork_.draw(Chance::faults, 2) == 0;
  const std::uint64_t first = clockwork_.draw(Chance::faults, count);
  const std::uint64_t last = (first + 1 + clockwork_.draw(Chance::faults, count - 1)) % count;
  std::vector<std::uint16_t> group;
  for (std::uint64_t host = 0; host < count; host++) {
    const bool drawn = many && clockwork_.draw(Chance::faults, 2) == 0;
    if (host == first || (drawn && host != last)) group.push_back(static_cast<std::uint16_t>(host));
  }
  const bool one_way = clockwork_.draw(Chance::faults, 3) == 0;
  std::int64_t length = draw_length(clockwork_.plan.partition_ns_max);
  // What waits for the end must not come after the world has healed.
  const auto until_ns = static_cast<std::int64_t>(clockwork_.plan.until_ns);
  if (until_ns > 0) length = std::min(length, until_ns - clockwork_.now_ns);
  partition(group, one_way, Duration(length));
}

}  // namespace cacheismo::sim
