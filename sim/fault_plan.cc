#include "sim/fault_plan.h"

#include <charconv>
#include <iterator>

namespace cacheismo::sim {
namespace {

struct Field {
  const char* name;
  std::uint64_t FaultPlan::*member;
};

constexpr Field fields[] = {
    {"latency_ns", &FaultPlan::latency_ns},
    {"latency_spread_permille", &FaultPlan::latency_spread_permille},
    {"latency_tail_per_million", &FaultPlan::latency_tail_per_million},
    {"cuts", &FaultPlan::cuts},
    {"buffer_bytes", &FaultPlan::buffer_bytes},
    {"clog_every_ns", &FaultPlan::clog_every_ns},
    {"clog_ns_max", &FaultPlan::clog_ns_max},
    {"reset_every_ns", &FaultPlan::reset_every_ns},
    {"refuse_per_million", &FaultPlan::refuse_per_million},
    {"black_hole_per_million", &FaultPlan::black_hole_per_million},
    {"accept_reset_per_million", &FaultPlan::accept_reset_per_million},
    {"partition_every_ns", &FaultPlan::partition_every_ns},
    {"partition_ns_max", &FaultPlan::partition_ns_max},
    {"accept_fail_per_million", &FaultPlan::accept_fail_per_million},
    {"pause_every_ns", &FaultPlan::pause_every_ns},
    {"pause_ns_max", &FaultPlan::pause_ns_max},
    {"crash_every_ns", &FaultPlan::crash_every_ns},
    {"down_ns_max", &FaultPlan::down_ns_max},
    {"wall_jump_every_ns", &FaultPlan::wall_jump_every_ns},
    {"wall_jump_ns_max", &FaultPlan::wall_jump_ns_max},
    {"drift_ppm_max", &FaultPlan::drift_ppm_max},
    {"callback_ns", &FaultPlan::callback_ns},
    {"byte_ps", &FaultPlan::byte_ps},
    {"slow_factor_max", &FaultPlan::slow_factor_max},
    {"ring_every_ns", &FaultPlan::ring_every_ns},
    {"ring_spread_ns_max", &FaultPlan::ring_spread_ns_max},
    {"shuffle_ties", &FaultPlan::shuffle_ties},
    {"until_ns", &FaultPlan::until_ns},
};
static_assert(sizeof(FaultPlan) == sizeof(fields) / sizeof(Field) * sizeof(std::uint64_t),
              "every field can be printed and parsed");

constexpr std::uint64_t ms = 1'000'000;

constexpr FaultClass classes[] = {
    {"cut", "streams are cut anywhere, down to one byte",
     [](FaultPlan& p) { p.cuts = static_cast<std::uint64_t>(Cuts::random); }},
    {"small_buffers", "socket buffers of 2 KB: every big reply meets backpressure",
     [](FaultPlan& p) { p.buffer_bytes = 2048; }},
    {"tail", "one segment in a hundred is 2 to 1024 times late",
     [](FaultPlan& p) { p.latency_tail_per_million = 10'000; }},
    {"clog", "a link stands still for up to 300 ms",
     [](FaultPlan& p) { p.clog_every_ns = 100 * ms, p.clog_ns_max = 300 * ms; }},
    {"reset", "an established connection is reset",
     [](FaultPlan& p) { p.reset_every_ns = 50 * ms; }},
    {"refuse", "a connect is refused", [](FaultPlan& p) { p.refuse_per_million = 50'000; }},
    {"black_hole", "a connect is never answered",
     [](FaultPlan& p) { p.black_hole_per_million = 50'000; }},
    {"accept_reset", "a connection is reset as soon as it stands",
     [](FaultPlan& p) { p.accept_reset_per_million = 50'000; }},
    {"descriptors", "an accept finds no descriptor",
     [](FaultPlan& p) { p.accept_fail_per_million = 100'000; }},
    {"pause", "a host stands still for up to 200 ms",
     [](FaultPlan& p) { p.pause_every_ns = 300 * ms, p.pause_ns_max = 200 * ms; }},
    {"wall", "a host's calendar jumps by up to an hour",
     [](FaultPlan& p) { p.wall_jump_every_ns = 500 * ms, p.wall_jump_ns_max = 3'600'000 * ms; }},
    {"drift", "clocks run up to 500 ppm too fast or too slow",
     [](FaultPlan& p) { p.drift_ppm_max = 500; }},
    {"slow", "processors up to 50 times slower", [](FaultPlan& p) { p.slow_factor_max = 50; }},
    {"shuffle", "events of one instant come in any order",
     [](FaultPlan& p) { p.shuffle_ties = 1; }},
    {"crash", "a host loses its memory and is back within 200 ms",
     [](FaultPlan& p) { p.crash_every_ns = 1000 * ms, p.down_ns_max = 200 * ms; }},
    {"partition", "some hosts cannot reach the others for up to 500 ms",
     [](FaultPlan& p) { p.partition_every_ns = 400 * ms, p.partition_ns_max = 500 * ms; }},
    {"rings", "the ring of a cluster changes, each node hears of it up to 500 ms later",
     [](FaultPlan& p) { p.ring_every_ns = 400 * ms, p.ring_spread_ns_max = 500 * ms; }},
};

Result<void, std::string> apply(FaultPlan& plan, Bytes item) {
  const std::size_t equals = item.find('=');
  const Bytes name = item.substr(0, equals);
  if (equals == Bytes::npos) {
    for (const FaultClass& known : classes) {
      if (name == known.name) {
        known.enable(plan);
        return {};
      }
    }
    return failure("unknown fault class: " + std::string(name));
  }
  for (const Field& field : fields) {
    if (name != field.name) continue;
    const Bytes digits = item.substr(equals + 1);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) {
      return failure("not a number: " + std::string(item));
    }
    plan.*field.member = value;
    return {};
  }
  return failure("unknown fault field: " + std::string(item));
}

}  // namespace

std::span<const FaultClass> fault_classes() { return classes; }

std::size_t fault_fields() { return std::size(fields); }

bool switch_off(FaultPlan& plan, std::size_t field) {
  const auto member = fields[field].member;
  const bool no_fault = member == &FaultPlan::latency_ns ||
                        member == &FaultPlan::latency_spread_permille ||
                        member == &FaultPlan::callback_ns || member == &FaultPlan::byte_ps ||
                        member == &FaultPlan::until_ns;
  if (no_fault || plan.*member == 0) return false;
  plan.*member = 0;
  return true;
}

std::string print(const FaultPlan& plan) {
  std::string text;
  for (const Field& field : fields) {
    if (plan.*field.member == 0) continue;
    if (!text.empty()) text += ' ';
    text += field.name;
    text += '=';
    text += std::to_string(plan.*field.member);
  }
  return text;
}

Result<FaultPlan, std::string> parse_fault_plan(Bytes text) {
  FaultPlan plan;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(" ,");
    const Bytes item = text.substr(0, end);
    text = end == Bytes::npos ? Bytes{} : text.substr(end + 1);
    if (item.empty()) continue;
    if (auto applied = apply(plan, item); !applied) return failure(applied.error());
  }
  if (plan.cuts > static_cast<std::uint64_t>(Cuts::random)) {
    return failure(std::string("cuts is 0 (whole), 1 (byte by byte) or 2 (random)"));
  }
  return plan;
}

FaultPlan calm_plan() {
  FaultPlan plan;
  plan.latency_ns = 50'000;  // half a round trip in one data centre
  plan.latency_spread_permille = 400;
  plan.callback_ns = 2'000;  // a small request costs a few microseconds of processor time
  plan.byte_ps = 100;        // 10 GB/s of copying
  return plan;
}

FaultPlan draw_fault_plan(Prng chance) {
  FaultPlan plan = calm_plan();
  for (const FaultClass& known : classes) {
    if (chance.chance(1, 2)) known.enable(plan);
  }
  return plan;
}

}  // namespace cacheismo::sim
