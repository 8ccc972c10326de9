#include "sim/cluster/ring_changes.h"

#include <algorithm>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "sim/ring_list.h"

namespace cacheismo::sim {
namespace {

using cluster::Hashing;
using cluster::Member;
using cluster::MemberState;
using cluster::RingSpec;

// A gift that was refused because its new owner had not heard yet is tried again after 1 s
// (node/handover.h).
constexpr Duration moving = std::chrono::milliseconds(1600);
constexpr std::uint64_t weight_max = 4;
constexpr int tries_max = 20;

std::size_t number_of(const Member& member) { return std::stoul(member.name.substr(1)) - 1; }

Member member_of(std::size_t node) {
  Member member = ring_of(node + 1, Hashing::ketama, 1).spec.members.back();
  return member;
}

auto find(RingSpec& spec, std::size_t node) {
  return std::ranges::find_if(spec.members,
                              [&](const Member& one) { return number_of(one) == node; });
}

std::size_t active(const RingSpec& spec) {
  return static_cast<std::size_t>(std::ranges::count(spec.members, MemberState::active,
                                                     [](const Member& one) { return one.state; }));
}

}  // namespace

RingChanges::RingChanges(const Options& options, Prng chance)
    : options_(options), chance_(chance), heard_(options.nodes) {
  add(drawn_first(), 0);
  due_.clear();  // the nodes start with it
}

void RingChanges::add(const RingSpec& spec, std::int64_t now_ns) {
  auto ring = cluster::Ring::make(spec);
  CHECK(ring.has_value());
  node::RingView view;
  view.spec = spec;
  for (const Member& member : spec.members) {
    view.addresses.push_back({io::Address::Kind::tcp, member.host, member.port});
  }
  published_.push_back({.ring = std::move(*ring), .view = std::move(view), .at_ns = now_ns});
  const auto spread =
      static_cast<std::uint64_t>(options_.spread_max.count()) / (1ull << chance_.below(5));
  for (std::size_t node = 0; node < options_.nodes; node++) {
    const auto after = static_cast<std::int64_t>(chance_.below(spread + 1));
    due_.push_back({now_ns + after, {node, chance_.chance(3, 4)}});
  }
}

std::size_t RingChanges::owner(std::uint64_t epoch, Bytes item) const {
  const cluster::Ring& ring = published_[epoch - 1].ring;
  return number_of(ring.members()[ring.owner(item)]);
}

std::vector<std::size_t> RingChanges::owners(std::uint64_t epoch, Bytes item,
                                             std::size_t count) const {
  const cluster::Ring& ring = published_[epoch - 1].ring;
  std::vector<std::uint32_t> members(count);
  members.resize(ring.owners(item, members));
  std::vector<std::size_t> nodes;
  for (const std::uint32_t member : members) nodes.push_back(number_of(ring.members()[member]));
  return nodes;
}

// ---- Which rings --------------------------------------------------------------------------------

RingSpec RingChanges::drawn_first() {
  RingSpec spec = ring_of(options_.nodes, options_.hashing, 1).spec;
  if (options_.every <= Duration(0)) return spec;
  for (std::size_t node = options_.nodes; node-- > 2;) {
    const std::uint64_t draw = chance_.below(6);
    if (draw == 0) spec.members[node].state = MemberState::joining;
    if (draw == 1) spec.members.erase(spec.members.begin() + static_cast<std::ptrdiff_t>(node));
  }
  return spec;
}

void RingChanges::join(RingSpec& spec, std::size_t node) {
  const auto found = find(spec, node);
  if (found == spec.members.end()) {
    spec.members.push_back(member_of(node));
  } else {
    found->state = MemberState::active;
  }
}

/// As it was one change earlier. Who would have to go at once leaves first.
void RingChanges::go_back(RingSpec& spec) {
  RingSpec before = published_[published_.size() < 2 ? 0 : published_.size() - 2].view.spec;
  before.epoch = spec.epoch;
  for (const Member& member : spec.members) {
    if (find(before, number_of(member)) != before.members.end()) continue;
    before.members.push_back(member);
    before.members.back().state = MemberState::leaving;
  }
  spec = std::move(before);
}

/// Something that may also change nothing, or be no ring.
void RingChanges::change(RingSpec& spec) {
  const std::size_t node = chance_.below(options_.nodes);
  const auto found = find(spec, node);
  const bool there = found != spec.members.end();
  switch (chance_.below(9)) {
    case 0:
    case 1: return join(spec, node);
    case 2:
    case 3:
      if (there) found->state = MemberState::leaving;
      return;
    case 4:
      if (there && (options_.abrupt || found->state != MemberState::active))
        spec.members.erase(found);
      return;
    case 5: {  // a dead node, as somebody believes
      if (!there || !options_.abrupt) return;
      spec.members.erase(found);
      return join(spec, chance_.below(options_.nodes));
    }
    case 6:
      if (there) found->weight = static_cast<std::uint16_t>(1 + chance_.below(weight_max));
      return;
    case 7:
      if (spec.hashing == Hashing::jump) return;
      spec.hashing = spec.hashing == Hashing::ketama ? Hashing::rendezvous : Hashing::ketama;
      return;
    default: return go_back(spec);
  }
}

RingSpec RingChanges::drawn_next() {
  const RingSpec& now = latest().spec;
  RingSpec next;
  for (int tries = 0; tries < tries_max; tries++) {
    next = now;
    change(next);
    if (next == now || active(next) < std::min<std::size_t>(2, options_.nodes)) continue;
    next.epoch = now.epoch + 1;
    if (cluster::Ring::make(next)) return next;
  }
  next = now;
  next.epoch++;
  return next;
}

// ---- When ---------------------------------------------------------------------------------------

void RingChanges::plan_next(std::int64_t now_ns) {
  next_publish_ns_ = linear::never_ns;
  if (options_.every <= Duration(0)) return;
  const bool first = published_.size() == 1;
  const Duration pause = options_.orderly && !first ? moving : Duration(0);
  const auto drawn = chance_.below(2 * static_cast<std::uint64_t>(options_.every.count()));
  const std::int64_t at_ns = now_ns + pause.count() + 1 + static_cast<std::int64_t>(drawn);
  if (at_ns <= options_.until_ns) next_publish_ns_ = at_ns;
}

std::int64_t RingChanges::next_ns() const {
  std::int64_t next = next_publish_ns_;
  for (const Due& due : due_) next = std::min(next, due.at_ns);
  return next;
}

bool RingChanges::publish(std::int64_t now_ns) {
  if (now_ns < next_publish_ns_) return false;
  next_publish_ns_ = linear::never_ns;
  add(drawn_next(), now_ns);
  return true;
}

std::vector<RingChanges::Delivery> RingChanges::deliver(std::int64_t now_ns) {
  std::vector<Delivery> now;
  std::erase_if(due_, [&](const Due& due) {
    if (due.at_ns > now_ns) return false;
    now.push_back(due.delivery);
    return true;
  });
  return now;
}

void RingChanges::heard(std::size_t node, std::uint64_t epoch, std::int64_t now_ns) {
  if (heard_[node] >= epoch) return;
  heard_[node] = epoch;
  const std::uint64_t by_all = *std::ranges::min_element(heard_);
  if (by_all < this->epoch() || published_.back().heard_by_all_ns != linear::never_ns) return;
  published_.back().heard_by_all_ns = now_ns;
  plan_next(now_ns);
}

std::int64_t RingChanges::end_ns() const {
  if (options_.every <= Duration(0)) return 0;
  return options_.until_ns + options_.spread_max.count() + 2 * limits::ring_check_interval.count();
}

}  // namespace cacheismo::sim
