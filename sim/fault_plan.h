// FaultPlan: everything that the simulated world does to its inhabitants, as plain data.
//
//   "latency_ns=200000 reset_every_ns=50000000 until_ns=30000000000"
//
// Every field is an unsigned number with its unit in its name; 0 switches the thing off. A plan
// with all zeros is the fault-free world: no latency, whole deliveries, nothing drawn. print() and
// parse() are inverses, so that a plan can stand in a bug report and be cut down field by field.

#ifndef CACHEISMO_SIM_FAULT_PLAN_H_
#define CACHEISMO_SIM_FAULT_PLAN_H_

#include <cstdint>
#include <span>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/result.h"

namespace cacheismo::sim {

/// How a byte stream is cut: what one receive returns, and what one send takes.
enum class Cuts : std::uint64_t {
  whole,         ///< everything that is there
  byte_by_byte,  ///< one byte
  random,        ///< often one byte, often everything, else anything between
};

struct FaultPlan {
  // ---- The network ------------------------------------------------------------------------------
  std::uint64_t latency_ns = 0;                ///< median, one way
  std::uint64_t latency_spread_permille = 0;   ///< see LatencyModel
  std::uint64_t latency_tail_per_million = 0;  ///< see LatencyModel
  std::uint64_t cuts = 0;                      ///< a Cuts
  std::uint64_t buffer_bytes = 0;              ///< of one direction of a connection; 0: 128 KiB
  std::uint64_t clog_every_ns = 0;             ///< mean time between clogs of some link
  std::uint64_t clog_ns_max = 0;               ///< longest clog
  std::uint64_t reset_every_ns = 0;            ///< mean time between resets of some connection
  std::uint64_t refuse_per_million = 0;        ///< connects refused though somebody listens
  std::uint64_t black_hole_per_million = 0;    ///< connects that vanish
  std::uint64_t accept_reset_per_million = 0;  ///< connections reset as soon as they stand
  std::uint64_t partition_every_ns = 0;        ///< mean time between partitions of the hosts
  std::uint64_t partition_ns_max = 0;          ///< longest partition
  // ---- The hosts --------------------------------------------------------------------------------
  std::uint64_t accept_fail_per_million = 0;  ///< accepts that find no descriptor
  std::uint64_t pause_every_ns = 0;           ///< mean time between pauses of some host
  std::uint64_t pause_ns_max = 0;             ///< longest pause
  std::uint64_t crash_every_ns = 0;           ///< mean time between crashes of some host
  std::uint64_t down_ns_max = 0;              ///< longest time until it is back
  std::uint64_t wall_jump_every_ns = 0;       ///< mean time between jumps of some host's calendar
  std::uint64_t wall_jump_ns_max = 0;         ///< furthest jump, either way
  std::uint64_t drift_ppm_max = 0;            ///< each host's clocks run at a speed of their own
  std::uint64_t callback_ns = 0;              ///< processor time of one callback
  std::uint64_t byte_ps = 0;                  ///< processor time per byte moved, picoseconds
  std::uint64_t slow_factor_max = 0;          ///< each host's processor is slower, up to this often
  // ---- The cluster ------------------------------------------------------------------------------
  std::uint64_t ring_every_ns = 0;       ///< mean time between changes of the ring
  std::uint64_t ring_spread_ns_max = 0;  ///< longest time until every node can read a new ring
  // ---- The run ----------------------------------------------------------------------------------
  std::uint64_t shuffle_ties = 0;  ///< 1: events of one instant come in any order
  std::uint64_t until_ns = 0;      ///< faults end here and the world heals; 0: never

  bool operator==(const FaultPlan&) const = default;
};

/// One class of faults that can be switched on by name: "reset", "clog", ...
struct FaultClass {
  const char* name;
  const char* what;
  void (*enable)(FaultPlan& plan);
};

/// All classes, in a fixed order.
[[nodiscard]] std::span<const FaultClass> fault_classes();

/// For shrinking: how many fields there are, and switching one off. False: it is off already, or it
/// is no fault (latency, the costs of a processor, the end of the faults).
[[nodiscard]] std::size_t fault_fields();
[[nodiscard]] bool switch_off(FaultPlan& plan, std::size_t field);

/// "name=value name=value ..." of every field that is not zero.
[[nodiscard]] std::string print(const FaultPlan& plan);

/// Reads print()'s form. Items are separated by spaces or commas; an item without `=` is the name
/// of a class, which is enabled with its usual numbers. The error is one line of text.
[[nodiscard]] Result<FaultPlan, std::string> parse_fault_plan(Bytes text);

/// A network like a data centre's and a processor like a server's, without any fault.
[[nodiscard]] FaultPlan calm_plan();

/// Swarm: a calm plan with a random subset of the classes enabled.
[[nodiscard]] FaultPlan draw_fault_plan(Prng chance);

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_FAULT_PLAN_H_
