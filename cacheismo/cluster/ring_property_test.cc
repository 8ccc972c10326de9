// Goal: whatever the members, keys are placed as defined, spread as the weights say, and moved no
// more than a change asks for. Method: random specs; the naive ring; two rings before and after.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cacheismo/base/prng.h"
#include "cacheismo/cluster/naive_ring.h"
#include "cacheismo/cluster/ring.h"
#include "cacheismo/cluster/ring_file.h"

namespace cacheismo::cluster {
namespace {

constexpr Hashing all_hashings[] = {Hashing::ketama, Hashing::rendezvous, Hashing::jump};

struct Shape {
  std::uint64_t members_max = 12;
  bool weighted = true;
  bool all_active = false;
};

/// A spec that Ring::make takes, from a seed.
RingSpec spec_from(std::uint64_t seed, Hashing hashing, const Shape& shape) {
  Prng prng(seed);
  RingSpec spec{.epoch = prng.next(), .hashing = hashing, .members = {}};
  const std::uint64_t count = prng.between(1, shape.members_max);
  for (std::uint64_t n = 0; n < count; ++n) {
    Member member{.name = "n" + std::to_string(n), .host = "10.0.0." + std::to_string(n)};
    if (prng.chance(1, 2)) member.port = static_cast<std::uint16_t>(prng.between(1, 65535));
    if (prng.chance(1, 8)) member.host = "fe80::" + std::to_string(n);
    // Up to 30 beside 1: nobody's share is below one digest of the 40 that a member has.
    if (shape.weighted && hashing != Hashing::jump)
      member.weight = static_cast<std::uint32_t>(prng.between(1, 30));
    if (!shape.all_active && n > 0) {
      const std::uint64_t state = prng.below(6);
      if (state == 0) member.state = MemberState::joining;
      if (state == 1) member.state = MemberState::leaving;
    }
    spec.members.push_back(member);
  }
  return spec;
}

Ring ring_of(const RingSpec& spec) {
  auto ring = Ring::make(spec);
  if (!ring) RC_FAIL(ring.error());
  return std::move(*ring);
}

std::string key_from(Prng& prng) {
  std::string key(prng.between(0, 70), '\0');
  for (char& c : key) c = static_cast<char>(prng.next());
  return key;
}

std::vector<std::uint32_t> owners_of(const Ring& ring, Bytes key) {
  std::vector<std::uint32_t> owners(ring.members().size());
  owners.resize(ring.owners(key, owners));
  return owners;
}

/// How many of `keys` keys each member owns.
std::vector<double> loads_of(const Ring& ring, int keys) {
  std::vector<double> loads(ring.members().size());
  for (int n = 0; n < keys; ++n) ++loads[ring.owner("key" + std::to_string(n))];
  return loads;
}

RC_GTEST_PROP(RingProperty, OwnersAreThoseOfALinearScan, (std::uint64_t seed)) {
  for (const Hashing hashing : {Hashing::ketama, Hashing::rendezvous}) {
    const RingSpec spec = spec_from(seed, hashing, {});
    const Ring ring = ring_of(spec);
    Prng prng(seed);
    for (int n = 0; n < 5; ++n) {
      const std::string key = key_from(prng);
      const Bytes part = Ring::hashed_part(key);
      RC_ASSERT(owners_of(ring, key) == (hashing == Hashing::ketama
                                             ? naive_ketama_owners(spec, part)
                                             : naive_rendezvous_owners(spec, part)));
    }
  }
}

RC_GTEST_PROP(RingProperty, OwnersAreDistinctActiveAndBeginWithTheOwner, (std::uint64_t seed)) {
  for (const Hashing hashing : all_hashings) {
    const Ring ring = ring_of(spec_from(seed, hashing, {}));
    Prng prng(seed);
    const std::string key = key_from(prng);
    const auto all = owners_of(ring, key);
    RC_ASSERT(all.front() == ring.owner(key));
    for (const std::uint32_t n : all) {
      RC_ASSERT(ring.members()[n].state == MemberState::active);
      RC_ASSERT(std::count(all.begin(), all.end(), n) == 1);
    }
    std::vector<std::uint32_t> some(prng.between(0, all.size()));
    RC_ASSERT(ring.owners(key, some) == some.size());
    RC_ASSERT(std::equal(some.begin(), some.end(), all.begin()));
  }
}

RC_GTEST_PROP(RingProperty, AJoiningMemberOnlyTakes, (std::uint64_t seed)) {
  for (const Hashing hashing : all_hashings) {
    RingSpec spec = spec_from(seed, hashing, {.members_max = 6, .weighted = false});
    const Ring before = ring_of(spec);
    spec.members.push_back({.name = "new", .host = "new"});
    const Ring after = ring_of(spec);
    const auto joined = static_cast<std::uint32_t>(spec.members.size() - 1);
    Prng prng(seed);
    for (int n = 0; n < 100; ++n) {
      const std::string key = key_from(prng);
      const std::uint32_t owner = after.owner(key);
      RC_ASSERT(owner == before.owner(key) || owner == joined);
      if (hashing == Hashing::jump) continue;
      auto rest = owners_of(after, key);
      rest.erase(std::find(rest.begin(), rest.end(), joined));
      RC_ASSERT(rest == owners_of(before, key));
    }
  }
}

RC_GTEST_PROP(RingProperty, ALeavingMemberLeavesItsKeysToTheNextOwner, (std::uint64_t seed)) {
  for (const Hashing hashing : {Hashing::ketama, Hashing::rendezvous}) {
    RingSpec spec = spec_from(
        seed, hashing,
        {.members_max = 6, .weighted = hashing == Hashing::rendezvous, .all_active = true});
    spec.members.push_back({.name = "stays", .host = "stays"});
    const Ring before = ring_of(spec);
    Prng prng(seed);
    const auto gone = static_cast<std::uint32_t>(prng.below(spec.members.size()));
    spec.members[gone].state = MemberState::leaving;
    const Ring after = ring_of(spec);
    for (int n = 0; n < 100; ++n) {
      const std::string key = key_from(prng);
      const auto owners = owners_of(before, key);
      RC_ASSERT(after.owner(key) == (owners[0] == gone ? owners[1] : owners[0]));
    }
  }
}

RC_GTEST_PROP(RingProperty, UnderRendezvousAHigherWeightOnlyTakes, (std::uint64_t seed)) {
  RingSpec spec = spec_from(seed, Hashing::rendezvous, {.all_active = true});
  const Ring before = ring_of(spec);
  Prng prng(seed);
  const auto raised = static_cast<std::uint32_t>(prng.below(spec.members.size()));
  spec.members[raised].weight += static_cast<std::uint32_t>(prng.between(1, 30));
  const Ring after = ring_of(spec);
  for (int n = 0; n < 200; ++n) {
    const std::string key = key_from(prng);
    const std::uint32_t owner = after.owner(key);
    RC_ASSERT(owner == before.owner(key) || owner == raised);
  }
}

RC_GTEST_PROP(RingProperty, AFileOfItGivesTheSameSpec, (std::uint64_t seed)) {
  const RingSpec spec = spec_from(seed, all_hashings[seed % 3], {});
  const auto read = parse_ring_file(print_ring_file(spec));
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == spec);
}

TEST(RingBalance, KeysAreSpreadAsWeightsSay) {
  constexpr int keys = 40'000;
  for (const Hashing hashing : all_hashings) {
    RingSpec spec{.epoch = 1, .hashing = hashing, .members = {}};
    double total_weight = 0;
    for (std::uint32_t n = 0; n < 8; ++n) {
      const std::uint32_t weight = hashing == Hashing::jump ? 1 : 1 + n % 4;
      spec.members.push_back(
          {.name = "n" + std::to_string(n), .host = "h" + std::to_string(n), .weight = weight});
      total_weight += weight;
    }
    const Ring ring = ring_of(spec);
    const std::vector<double> loads = loads_of(ring, keys);
    for (std::size_t n = 0; n < loads.size(); ++n) {
      const double fair = keys * ring.members()[n].weight / total_weight;
      // Five standard deviations: of drawing keys, and for ketama of drawing 64 points or more.
      const double share = 5 / std::sqrt(fair) + (hashing == Hashing::ketama ? 5 / 8.0 : 0);
      EXPECT_NEAR(loads[n], fair, share * fair) << to_string(hashing) << ' ' << n;
    }
  }
}

TEST(RingBalance, EveryReplicaIsSpreadToo) {
  constexpr int keys = 20'000;
  for (const Hashing hashing : all_hashings) {
    RingSpec spec{.epoch = 1, .hashing = hashing, .members = {}};
    for (int n = 0; n < 5; ++n)
      spec.members.push_back({.name = "n" + std::to_string(n), .host = "h" + std::to_string(n)});
    const Ring ring = ring_of(spec);
    std::vector<double> seconds(5);
    for (int n = 0; n < keys; ++n) ++seconds[owners_of(ring, "key" + std::to_string(n))[1]];
    for (const double load : seconds) EXPECT_NEAR(load, keys / 5.0, 0.4 * keys / 5.0);
  }
}

}  // namespace
}  // namespace cacheismo::cluster
