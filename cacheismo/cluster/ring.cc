#include "cacheismo/cluster/ring.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <numeric>

#include "cacheismo/base/check.h"
#include "cacheismo/base/hash.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/cluster/draw.h"
#include "cacheismo/cluster/jump.h"
#include "cacheismo/cluster/shown.h"

namespace cacheismo::cluster {
namespace {

/// Seed of the hashes of keys and names: 0, so that any program with XXH3 finds the same owners.
constexpr std::uint64_t placement_seed = 0;

constexpr std::array<Bytes, 3> hashing_names = {"ketama", "rendezvous", "jump"};
constexpr std::array<Bytes, 3> state_names = {"joining", "active", "leaving"};

template <class Enum>
std::optional<Enum> named(const std::array<Bytes, 3>& names, Bytes name) {
  const auto* const found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

std::string of(const Member& member) { return "member " + shown(member.name); }

bool consists_of(Bytes text, Bytes punctuation) {
  return std::all_of(text.begin(), text.end(), [punctuation](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           punctuation.find(c) != Bytes::npos;
  });
}

/// The first pair of members that `same` holds for, as places among them.
template <class Same>
std::optional<std::pair<std::size_t, std::size_t>> first_pair(std::span<const Member> members,
                                                              Same same) {
  for (std::size_t b = 1; b < members.size(); ++b) {
    for (std::size_t a = 0; a < b; ++a)
      if (same(members[a], members[b])) return std::pair{a, b};
  }
  return std::nullopt;
}

Result<void, std::string> check_together(std::span<const Member> members) {
  const auto same_name =
      first_pair(members, [](const Member& a, const Member& b) { return a.name == b.name; });
  if (same_name) return failure(of(members[same_name->first]) + " is there twice");
  const auto same_address = first_pair(members, [](const Member& a, const Member& b) {
    return a.port == b.port && a.host == b.host;
  });
  if (!same_address) return {};
  const Member& a = members[same_address->first];
  const Member& b = members[same_address->second];
  return failure("members " + shown(a.name) + " and " + shown(b.name) + " have the same address, " +
                 a.host + " port " + std::to_string(a.port));
}

}  // namespace

Bytes to_string(Hashing hashing) { return hashing_names[static_cast<std::size_t>(hashing)]; }

Bytes to_string(MemberState state) { return state_names[static_cast<std::size_t>(state)]; }

std::optional<Hashing> parse_hashing(Bytes name) { return named<Hashing>(hashing_names, name); }

std::optional<MemberState> parse_member_state(Bytes name) {
  return named<MemberState>(state_names, name);
}

Result<void, std::string> check_member(const Member& member) {
  if (member.name.empty() || member.name.size() > limits::ring_name_bytes_max ||
      !consists_of(member.name, ".-_")) {
    return failure("a member's name has to be 1 to " + std::to_string(limits::ring_name_bytes_max) +
                   " letters, digits and \".-_\", not " + shown(member.name));
  }
  if (member.host.empty() || member.host.size() > limits::ring_host_bytes_max ||
      !consists_of(member.host, ".-_:%")) {
    return failure(of(member) + " needs a host name or an address of 1 to " +
                   std::to_string(limits::ring_host_bytes_max) +
                   " letters, digits and \".-_:%\", not " + shown(member.host));
  }
  if (member.port == 0) return failure(of(member) + " needs a port from 1 to 65535, not 0");
  if (member.weight == 0 || member.weight > limits::ring_weight_max) {
    return failure(
        of(member) + " needs a weight from 1 to " + std::to_string(limits::ring_weight_max) +
        ", not " + std::to_string(member.weight) +
        (member.weight == 0 ? "; one that should own no key is joining or leaving" : ""));
  }
  return {};
}

Result<Ring, std::string> Ring::make(RingSpec spec) {
  const std::size_t count = spec.members.size();
  if (count == 0) return failure(std::string("a ring needs at least one member"));
  if (count > limits::ring_members_max) {
    return failure("a ring may have " + std::to_string(limits::ring_members_max) +
                   " members, not " + std::to_string(count));
  }
  for (const Member& member : spec.members) {
    if (auto good = check_member(member); !good) return failure(good.error());
  }
  if (auto good = check_together(spec.members); !good) return failure(good.error());

  Ring ring(std::move(spec));
  if (auto placed = ring.place(); !placed) return failure(placed.error());
  return ring;
}

Result<void, std::string> Ring::place() {
  for (std::uint32_t n = 0; n < spec_.members.size(); ++n)
    if (spec_.members[n].state == MemberState::active) active_.push_back(n);
  if (active_.empty()) {
    return failure("a ring needs an active member, and all " +
                   std::to_string(spec_.members.size()) + " are joining or leaving");
  }
  switch (spec_.hashing) {
    case Hashing::ketama: return place_points();
    case Hashing::rendezvous:
      for (const std::uint32_t n : active_)
        name_hashes_.push_back(hash64(spec_.members[n].name, placement_seed));
      return {};
    case Hashing::jump: break;
  }
  for (const std::uint32_t n : active_) {
    const Member& member = spec_.members[n];
    if (member.weight == 1) continue;
    return failure(of(member) + " has weight " + std::to_string(member.weight) +
                   ", but jump knows none: make all 1, or take rendezvous or ketama");
  }
  return {};
}

Result<void, std::string> Ring::place_points() {
  KetamaShare share{.total_weight = 0, .servers = static_cast<std::uint32_t>(active_.size())};
  for (const std::uint32_t n : active_) share.total_weight += spec_.members[n].weight;
  for (const std::uint32_t n : active_) {
    const Member& member = spec_.members[n];
    share.weight = member.weight;
    const std::uint32_t digests = ketama_digests(share);
    if (digests == 0) {
      return failure(of(member) + " would own no key: its weight " + std::to_string(member.weight) +
                     " of " + std::to_string(share.total_weight) + " is less than one of " +
                     std::to_string(40 * share.servers) + " digests; raise it, or take rendezvous");
    }
    points_.add(member.host, member.port, digests, static_cast<std::uint16_t>(n));
  }
  points_.sort();
  return {};
}

std::uint32_t Ring::owner(Bytes key) const {
  std::uint32_t first = 0;
  CHECK_EQ(owners(key, {&first, 1}), 1u);
  return first;
}

std::size_t Ring::owners(Bytes key, std::span<std::uint32_t> out) const {
  out = out.first(std::min(out.size(), active_.size()));
  if (out.empty()) return 0;
  const Bytes part = hashed_part(key);
  switch (spec_.hashing) {
    case Hashing::ketama: return owners_by_points(part, out);
    case Hashing::rendezvous: return owners_by_draws(part, out);
    case Hashing::jump: break;
  }
  return owners_by_ordinal(part, out);
}

/// Clockwise from the key's point on, each member where its first point lies.
std::size_t Ring::owners_by_points(Bytes part, std::span<std::uint32_t> out) const {
  std::array<bool, limits::ring_members_max> seen = {};
  std::size_t place = points_.first(ketama_hash(part));
  std::size_t count = 0;
  while (count < out.size()) {
    const std::uint16_t member = points_.member(place);
    if (!seen[member]) {
      seen[member] = true;
      out[count++] = member;
    }
    place = place + 1 == points_.size() ? 0 : place + 1;
  }
  return count;
}

std::size_t Ring::owners_by_draws(Bytes part, std::span<std::uint32_t> out) const {
  std::array<Draw, limits::ring_members_max> draws;
  const std::uint64_t key_hash = hash64(part, placement_seed);
  for (std::size_t n = 0; n < active_.size(); ++n) {
    draws[n] = {.cost = draw_cost(drawn(key_hash, name_hashes_[n])),
                .weight = spec_.members[active_[n]].weight,
                .member = active_[n]};
  }
  const auto wanted = draws.begin() + static_cast<std::ptrdiff_t>(out.size());
  const auto end = draws.begin() + static_cast<std::ptrdiff_t>(active_.size());
  std::partial_sort(draws.begin(), wanted, end, comes_before);
  std::transform(draws.begin(), wanted, out.begin(), [](const Draw& draw) { return draw.member; });
  return out.size();
}

/// The ordinals that follow the owner's, behind the last one from the first on.
std::size_t Ring::owners_by_ordinal(Bytes part, std::span<std::uint32_t> out) const {
  const auto count = static_cast<std::uint32_t>(active_.size());
  std::uint32_t ordinal = jump_ordinal(hash64(part, placement_seed), count);
  for (std::uint32_t& member : out) {
    member = active_[ordinal];
    ordinal = ordinal + 1 == count ? 0 : ordinal + 1;
  }
  return out.size();
}

std::optional<std::uint32_t> Ring::find(Bytes name) const {
  const auto found = std::find_if(spec_.members.begin(), spec_.members.end(),
                                  [name](const Member& member) { return member.name == name; });
  if (found == spec_.members.end()) return std::nullopt;
  return static_cast<std::uint32_t>(found - spec_.members.begin());
}

Bytes Ring::hashed_part(Bytes key) {
  const std::size_t open = key.find('{');
  if (open == Bytes::npos) return key;
  const std::size_t close = key.find('}', open + 1);
  if (close == Bytes::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

}  // namespace cacheismo::cluster
