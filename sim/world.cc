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
  hosts_.push_back(std::make_unique<SimIo>(clockwork_, network_, options));
  return *hosts_.back();
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
    happen(static_cast<Fault>(event.a));
  } else {
    hosts_[event.host]->handle(event);
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
  for (const auto& host : hosts_) {
    Prng random = host->random();
    ended.note(clockwork_.now_ns, Note::end, host->number(), 2, 0, random.next());
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

void World::happen(Fault fault) {
  if (fault == Fault::heal) {
    network_.unclog_all();
    for (const auto& host : hosts_) host->wake();
    return;
  }
  if (!clockwork_.faulty()) return;
  const FaultPlan& plan = clockwork_.plan;
  switch (fault) {
    case Fault::reset: reset_some_connection(); return schedule_fault(fault, plan.reset_every_ns);
    case Fault::clog: clog_some_link(); return schedule_fault(fault, plan.clog_every_ns);
    case Fault::pause: pause_some_host(); return schedule_fault(fault, plan.pause_every_ns);
    case Fault::wall_jump: jump_some_wall(); return schedule_fault(fault, plan.wall_jump_every_ns);
    case Fault::heal: break;
  }
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
  const std::uint64_t length = 1 + clockwork_.draw(Chance::faults, clockwork_.plan.clog_ns_max);
  network_.clog(from, to, clockwork_.now_ns + static_cast<std::int64_t>(length));
}

void World::pause_some_host() {
  const std::uint64_t host = clockwork_.draw(Chance::faults, hosts_.size());
  const std::uint64_t length = 1 + clockwork_.draw(Chance::faults, clockwork_.plan.pause_ns_max);
  clockwork_.marks.hit(Mark::paused);
  hosts_[host]->pause(Duration(static_cast<std::int64_t>(length)));
}

void World::jump_some_wall() {
  const std::uint64_t host = clockwork_.draw(Chance::faults, hosts_.size());
  const auto furthest = static_cast<std::int64_t>(clockwork_.plan.wall_jump_ns_max);
  const std::int64_t by = static_cast<std::int64_t>(clockwork_.draw(
                              Chance::faults, 2 * clockwork_.plan.wall_jump_ns_max)) -
                          furthest;
  clockwork_.marks.hit(by < 0 ? Mark::wall_jumped_back : Mark::wall_jumped_forward);
  hosts_[host]->jump_wall(Duration(by));
}

}  // namespace cacheismo::sim
