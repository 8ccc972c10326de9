// World: hosts, a network and one heap of events; the clock moves from event to event.
//
//   step(): pop the least (time, tie) -> network | host | fault -> they push what follows
//
//  1. One seed, one plan and the same calls from outside give the same run: the same journal hash
//     in every process and from every compiler.
//  2. Between events nothing runs. A callback never runs inside a call into the world.
//  3. After plan.until_ns no new fault begins, clogged links open, partitions end, paused hosts
//     wake and crashed ones are back.
//  4. A host crashes only if somebody answers for what runs on it (HostFaults).
//
// What it is not: it knows neither memcached nor nodes; whoever builds a run owns those.
// Cost: see the figures of docs/SIMULATION.md.

#ifndef CACHEISMO_SIM_WORLD_H_
#define CACHEISMO_SIM_WORLD_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/clockwork.h"
#include "sim/fault_plan.h"
#include "sim/network.h"
#include "sim/sim_io.h"

namespace cacheismo::sim {

/// Who owns what runs on a host that may crash.
class HostFaults {
 public:
  /// The host has lost its memory; other hosts see resets. Everything that runs on it must close
  /// its streams and listeners now, or at the latest in the completions that follow at once
  /// (cancelled, reset, on_closed); timers that are not due then never fire. Nothing that it sends
  /// leaves the host. It may be destroyed once the host is_down() and this call and those
  /// completions are over: in on_restart(), say.
  virtual void on_crash(SimIo& host) = 0;
  /// The host is back, with nothing on it.
  virtual void on_restart(SimIo& host) = 0;

 protected:
  ~HostFaults() = default;
};

class World {
 public:
  /// `lines` may be null; otherwise it gets the journal's lines and must outlive the world.
  explicit World(std::uint64_t seed, const FaultPlan& plan = {}, JournalLines* lines = nullptr);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// A host with an Io of its own, to be used until the world ends. All hosts are added before
  /// the first connection. Its clocks, processor and cuts follow the plan.
  SimIo& add_host(const std::string& ip);

  /// From now on the plan's crashes may hit `host`. `faults` must outlive the world's last step.
  void may_crash(SimIo& host, HostFaults& faults);

  // ---- Faults by hand ---------------------------------------------------------------------------

  /// The host crashes in this instant and is back after `down_for`; no effect on one that is down.
  /// Requires may_crash().
  void crash(SimIo& host, Duration down_for);

  /// For a while the hosts of `group` (their numbers) do not reach the others and, unless
  /// `one_way`, the others do not reach them.
  void partition(std::span<const std::uint16_t> group, bool one_way, Duration length);

  // ---- Running ----------------------------------------------------------------------------------

  /// Handles the next event. False: there is none.
  bool step();

  /// Handles everything that is due until `time`, then stands at it.
  void run_until(Duration time);
  void run_for(Duration duration) { run_until(now() + duration); }

  /// Handles everything that is due without letting time pass. At most `events_max` events; false
  /// if that was not enough, because something keeps itself busy.
  [[nodiscard]] bool settle(std::uint64_t events_max = 100'000'000);

  /// Since the start of the world.
  [[nodiscard]] Duration now() const { return Duration(clockwork_.now_ns); }

  /// A stream of chance of its own for a workload.
  [[nodiscard]] Prng workload(std::uint64_t label) const;

  [[nodiscard]] Network& network() { return network_; }
  [[nodiscard]] Clockwork& clockwork() { return clockwork_; }
  [[nodiscard]] const Marks& marks() const { return clockwork_.marks; }
  [[nodiscard]] std::uint64_t events() const { return events_; }

  /// The journal's hash, the state of every stream of chance included.
  [[nodiscard]] std::uint64_t hash() const;

 private:
  enum class Fault : std::uint32_t {
    reset,
    clog,
    pause,
    wall_jump,
    crash,
    partition,
    heal,
    fall,  ///< `host` of the event crashes
    rise,  ///< `host` of the event is back from its crash number b
  };
  struct Host {
    std::unique_ptr<SimIo> io;
    HostFaults* faults = nullptr;  ///< null: it does not crash
    std::uint32_t crashes = 0;
    std::int64_t down_ns = 0;  ///< how long after the next fall
  };

  void start_faults();
  void schedule_fault(Fault fault, std::uint64_t every_ns);
  void happen(const Event& event);
  void happen_by_plan(Fault fault);
  void heal();
  void fall(std::uint16_t host);
  void rise(std::uint16_t host);
  [[nodiscard]] std::int64_t draw_length(std::uint64_t length_ns_max);
  void reset_some_connection();
  void clog_some_link();
  void pause_some_host();
  void jump_some_wall();
  void crash_some_host();
  void part_some_hosts();
  void handle(const Event& event);

  std::uint64_t seed_;
  Clockwork clockwork_;
  Network network_;
  std::vector<Host> hosts_;
  std::uint64_t events_ = 0;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_WORLD_H_
