// Goal: placement is what it is said to be, down to the bit, and a bad spec is refused with a
// reason. Method: hand-made specs; numbers from the papers' and the clients' own programs.

#include "cacheismo/cluster/ring.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/cluster/draw.h"
#include "cacheismo/cluster/jump.h"
#include "cacheismo/cluster/shown.h"

namespace cacheismo::cluster {
namespace {

Member member(int n) {
  return {.name = "n" + std::to_string(n), .host = "10.0.0." + std::to_string(n)};
}

RingSpec spec_of(int count, Hashing hashing = Hashing::ketama) {
  RingSpec spec{.epoch = 1, .hashing = hashing, .members = {}};
  for (int n = 0; n < count; ++n) spec.members.push_back(member(n));
  return spec;
}

Ring ring_of(RingSpec spec) {
  auto ring = Ring::make(std::move(spec));
  EXPECT_TRUE(ring) << ring.error();
  return std::move(*ring);
}

std::string refusal(RingSpec spec) {
  const auto ring = Ring::make(std::move(spec));
  return ring ? "(none)" : ring.error();
}

const Hashing all_hashings[] = {Hashing::ketama, Hashing::rendezvous, Hashing::jump};

TEST(Ring, OneMemberOwnsEverything) {
  for (const Hashing hashing : all_hashings) {
    const Ring ring = ring_of(spec_of(1, hashing));
    for (const Bytes key : {"", "a", "{}", "\xff"}) EXPECT_EQ(ring.owner(key), 0u);
  }
}

TEST(Ring, KnowsItsSpec) {
  const Ring ring = ring_of(spec_of(3, Hashing::jump));
  EXPECT_EQ(ring.epoch(), 1u);
  EXPECT_EQ(ring.hashing(), Hashing::jump);
  EXPECT_EQ(ring.members().size(), 3u);
  EXPECT_EQ(ring.find("n2"), 2u);
  EXPECT_EQ(ring.find("n3"), std::nullopt);
}

TEST(Ring, OwnersAreDistinctAndEndWithTheActiveMembers) {
  for (const Hashing hashing : all_hashings) {
    RingSpec spec = spec_of(5, hashing);
    spec.members[1].state = MemberState::joining;
    spec.members[3].state = MemberState::leaving;
    const Ring ring = ring_of(spec);
    std::vector<std::uint32_t> out(8, 99);
    ASSERT_EQ(ring.owners("key", out), 3u);
    EXPECT_EQ(out[0], ring.owner("key"));
    EXPECT_EQ(out[3], 99u);
    out.resize(3);
    std::sort(out.begin(), out.end());
    EXPECT_EQ(out, (std::vector<std::uint32_t>{0, 2, 4}));
    EXPECT_EQ(ring.owners("key", {}), 0u);
  }
}

TEST(Ring, MembersThatJoinOrLeaveAreKnownAndMoveNothing) {
  for (const Hashing hashing : all_hashings) {
    const Ring before = ring_of(spec_of(3, hashing));
    RingSpec spec = spec_of(4, hashing);
    spec.members[3].state = MemberState::joining;
    const Ring after = ring_of(spec);
    EXPECT_EQ(after.find("n3"), 3u);
    for (int n = 0; n < 1000; ++n) {
      const std::string key = "key" + std::to_string(n);
      EXPECT_EQ(before.owner(key), after.owner(key));
    }
  }
}

TEST(Ring, ReplicasOfJumpAreTheOrdinalsThatFollow) {
  const Ring ring = ring_of(spec_of(3, Hashing::jump));
  for (int n = 0; n < 100; ++n) {
    std::uint32_t out[3];
    ASSERT_EQ(ring.owners("key" + std::to_string(n), out), 3u);
    EXPECT_EQ(out[1], (out[0] + 1) % 3);
    EXPECT_EQ(out[2], (out[0] + 2) % 3);
  }
}

TEST(Ring, ATagIsWhatIsHashed) {
  EXPECT_EQ(Ring::hashed_part("user:{7}:name"), "7");
  EXPECT_EQ(Ring::hashed_part("{7}"), "7");
  EXPECT_EQ(Ring::hashed_part("a{{b}c}"), "{b");
  EXPECT_EQ(Ring::hashed_part("a}{b}"), "b");
  EXPECT_EQ(Ring::hashed_part("{a}{b}"), "a");
}

TEST(Ring, WhatIsNoTagIsHashedWhole) {
  for (const Bytes key : {"", "{", "}", "{}", "a{}b{c}", "a{b", "a}b{", "plain"})
    EXPECT_EQ(Ring::hashed_part(key), key);
}

TEST(Ring, KeysWithOneTagLieTogether) {
  for (const Hashing hashing : all_hashings) {
    const Ring ring = ring_of(spec_of(50, hashing));
    EXPECT_EQ(ring.owner("user:{7}:name"), ring.owner("cart:{7}"));
    EXPECT_EQ(ring.owner("user:{7}:name"), ring.owner("7"));
  }
}

/// The owners of 1,000 keys, in order, as one number.
std::uint64_t placement_of(Hashing hashing, std::uint32_t weight_step) {
  RingSpec spec = spec_of(7, hashing);
  for (Member& member : spec.members)
    member.weight += weight_step * static_cast<std::uint32_t>(&member - spec.members.data());
  const Ring ring = ring_of(std::move(spec));
  std::uint64_t placement = 0;
  for (int n = 0; n < 1000; ++n) {
    std::uint32_t out[2];
    EXPECT_EQ(ring.owners("key" + std::to_string(n), out), 2u);
    placement = placement * 0x9E3779B97F4A7C15u + out[0] * 7 + out[1] + 1;
  }
  return placement;
}

TEST(Ring, PlacesKeysTheSameForEver) {
  // Another number here means that a cluster loses its keys when it is updated.
  EXPECT_EQ(placement_of(Hashing::ketama, 0), 0x69F698D9E634810Du);
  EXPECT_EQ(placement_of(Hashing::ketama, 3), 0x3D800A6AA252DE34u);
  EXPECT_EQ(placement_of(Hashing::rendezvous, 0), 0xA96F858C79881CF8u);
  EXPECT_EQ(placement_of(Hashing::rendezvous, 3), 0x2E96A2548368F68Cu);
  EXPECT_EQ(placement_of(Hashing::jump, 0), 0x899D47E5F37725C4u);
}

TEST(Ring, NamesAreReadAsTheyArePrinted) {
  for (const Hashing hashing : all_hashings) EXPECT_EQ(parse_hashing(to_string(hashing)), hashing);
  for (const auto state : {MemberState::joining, MemberState::active, MemberState::leaving})
    EXPECT_EQ(parse_member_state(to_string(state)), state);
  EXPECT_EQ(to_string(Hashing::rendezvous), "rendezvous");
  EXPECT_EQ(to_string(MemberState::leaving), "leaving");
  EXPECT_EQ(parse_hashing("modula"), std::nullopt);
  EXPECT_EQ(parse_member_state("Active"), std::nullopt);
}

TEST(RingRefuses, NoMembers) {
  EXPECT_EQ(refusal(spec_of(0)), "a ring needs at least one member");
  RingSpec spec = spec_of(2);
  spec.members[0].state = MemberState::joining;
  spec.members[1].state = MemberState::leaving;
  EXPECT_EQ(refusal(spec), "a ring needs an active member, and all 2 are joining or leaving");
}

TEST(RingRefuses, TooManyMembers) {
  const int most = static_cast<int>(limits::ring_members_max);
  for (const Hashing hashing : all_hashings) {
    EXPECT_EQ(refusal(spec_of(most, hashing)), "(none)");
    EXPECT_EQ(refusal(spec_of(most + 1, hashing)), "a ring may have 256 members, not 257");
  }
}

TEST(RingRefuses, TwoMembersOfOneNameOrAddress) {
  RingSpec spec = spec_of(3);
  spec.members[2].name = "n0";
  EXPECT_EQ(refusal(spec), "member \"n0\" is there twice");
  spec = spec_of(3);
  spec.members[2].host = spec.members[1].host;
  EXPECT_EQ(refusal(spec), "members \"n1\" and \"n2\" have the same address, 10.0.0.1 port 11211");
  spec.members[2].port = 11212;
  EXPECT_EQ(refusal(spec), "(none)");
}

TEST(RingRefuses, NamesAndHostsThatNoFileCouldHold) {
  const std::string rule = "a member's name has to be 1 to 63 letters, digits and \".-_\", not ";
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("a:1"), std::string(64, 'a')}) {
    RingSpec spec = spec_of(1);
    spec.members[0].name = name;
    EXPECT_EQ(refusal(spec), rule + shown(name));
  }
  for (const std::string& host :
       {std::string(), std::string("a b"), std::string("[::1]"), std::string(254, 'a')}) {
    RingSpec spec = spec_of(1);
    spec.members[0].host = host;
    EXPECT_EQ(refusal(spec),
              "member \"n0\" needs a host name or an address of 1 to 253 letters, "
              "digits and \".-_:%\", not " +
                  shown(host));
  }
  RingSpec spec = spec_of(1);
  spec.members[0].name = std::string(63, 'a');
  spec.members[0].host = "fe80::1%eth0";
  EXPECT_EQ(refusal(spec), "(none)");
  spec.members[0].port = 0;
  spec.members[0].name = "n";
  EXPECT_EQ(refusal(spec), "member \"n\" needs a port from 1 to 65535, not 0");
}

TEST(RingRefuses, WithoutRepeatingWhatATerminalWouldObey) {
  EXPECT_EQ(shown("a\x1b[2J\n\xff"), "\"a?[2J??\"");
  EXPECT_EQ(shown(std::string(64, 'a')), '"' + std::string(64, 'a') + '"');
  EXPECT_EQ(shown(std::string(65, 'a')), '"' + std::string(64, 'a') + "...\"");
}

TEST(RingRefuses, WeightsOutsideOfTheirRange) {
  RingSpec spec = spec_of(1);
  spec.members[0].weight = 65535;
  EXPECT_EQ(refusal(spec), "(none)");
  spec.members[0].weight = 65536;
  EXPECT_EQ(refusal(spec), "member \"n0\" needs a weight from 1 to 65535, not 65536");
  spec.members[0].weight = 0;
  EXPECT_EQ(refusal(spec),
            "member \"n0\" needs a weight from 1 to 65535, not 0; one that should own no key is "
            "joining or leaving");
}

TEST(RingRefuses, AWeightThatWouldOwnNothing) {
  RingSpec spec = spec_of(3);
  spec.members[0].weight = 60;
  spec.members[1].weight = 59;
  EXPECT_EQ(refusal(spec), "(none)");
  spec.members[1].weight = 60;
  EXPECT_EQ(refusal(spec),
            "member \"n2\" would own no key: its weight 1 of 121 is less than one of 120 digests; "
            "raise it, or take rendezvous");
  spec.hashing = Hashing::rendezvous;
  EXPECT_EQ(refusal(spec), "(none)");
}

TEST(RingRefuses, WeightsUnderJump) {
  RingSpec spec = spec_of(3, Hashing::jump);
  spec.members[1].weight = 2;
  EXPECT_EQ(refusal(spec),
            "member \"n1\" has weight 2, but jump knows none: make all 1, or take rendezvous or "
            "ketama");
  spec.members[1].state = MemberState::leaving;
  EXPECT_EQ(refusal(spec), "(none)");
}

TEST(Ketama, SharesAreRoundedAsClientsDo) {
  EXPECT_EQ(ketama_digests({.weight = 1, .total_weight = 3, .servers = 3}), 40u);
  EXPECT_EQ(ketama_digests({.weight = 1, .total_weight = 25, .servers = 25}), 39u);
  EXPECT_EQ(ketama_digests({.weight = 3, .total_weight = 4, .servers = 2}), 60u);
  // With exact numbers 58: 29 * 40 * 3 / 60.
  EXPECT_EQ(ketama_digests({.weight = 29, .total_weight = 60, .servers = 3}), 57u);
  EXPECT_EQ(ketama_digests({.weight = 1, .total_weight = 1000, .servers = 3}), 0u);
}

TEST(Ketama, AKeysHashIsTheFirstWordOfItsDigest) {
  // MD5("") is d41d8cd98f00b204e9800998ecf8427e, RFC 1321.
  EXPECT_EQ(ketama_hash(""), 0xd98c1dd4u);
  EXPECT_EQ(ketama_hash("abc"), 0x98500190u);
  // Around the end of MD5's block.
  for (const auto& [bytes, hash] :
       std::vector<std::pair<std::size_t, std::uint32_t>>{{54, 0x39af0a5fu},
                                                          {55, 0xe3839ff7u},
                                                          {56, 0x03021a59u},
                                                          {63, 0x668e0dc5u},
                                                          {64, 0x71c78ca1u},
                                                          {250, 0x7f7b2f93u}})
    EXPECT_EQ(ketama_hash(std::string(bytes, 'k')), hash) << bytes;
}

TEST(Ketama, TheFirstPointAtOrBehindTheHashIsFound) {
  KetamaPoints points;
  points.add("a", 11211, 1, 7);  // the points of "a-0"
  points.add("a", 11212, 1, 8);  // the points of "a:11212-0"
  points.sort();
  ASSERT_EQ(points.size(), 8u);
  const std::uint32_t point = ketama_hash("a:11212-0");
  const std::size_t place = points.first(point);
  EXPECT_EQ(points.member(place), 8);
  EXPECT_EQ(points.first(point + 1), (place + 1) % 8);
  EXPECT_EQ(points.member(points.first(ketama_hash("a-0"))), 7);
  EXPECT_EQ(points.first(0xffffffff), 0u);
  EXPECT_EQ(points.first(0), 0u);
}

TEST(Ketama, OfEqualPointsTheFirstAddedCounts) {
  KetamaPoints points;
  points.add("a", 11211, 1, 7);
  points.add("a", 11211, 1, 3);
  points.sort();
  for (const std::uint32_t hash : {0u, 1u << 30, 3u << 30}) {
    EXPECT_EQ(points.member(points.first(hash)), 7);
    EXPECT_EQ(points.member(points.first(hash) + 1), 3);
  }
}

TEST(Jump, GivesThePublishedOrdinals) {
  // Vectors that several published implementations share, e.g. rust-jumphash and jmphash.
  EXPECT_EQ(jump_ordinal(1, 1), 0u);
  EXPECT_EQ(jump_ordinal(42, 57), 43u);
  EXPECT_EQ(jump_ordinal(0xDEAD10CC, 1), 0u);
  EXPECT_EQ(jump_ordinal(0xDEAD10CC, 666), 361u);
  EXPECT_EQ(jump_ordinal(256, 1024), 520u);
  EXPECT_EQ(jump_ordinal(0, 60), 0u);
  EXPECT_EQ(jump_ordinal(1, 60), 55u);
  EXPECT_EQ(jump_ordinal(2, 60), 46u);
}

TEST(Draw, CostIsTheNegativeLogarithm) {
  const auto cost = [](std::uint64_t u) { return static_cast<double>(draw_cost(u)) * 0x1p-57; };
  EXPECT_EQ(draw_cost(1), std::uint64_t{64} << 57);
  EXPECT_EQ(draw_cost(0), draw_cost(1));
  EXPECT_EQ(draw_cost(std::uint64_t{1} << 63), std::uint64_t{1} << 57);
  Prng prng(20);
  for (int n = 0; n < 100'000; ++n) {
    const std::uint64_t u = (prng.next() >> prng.below(63)) | 1;
    const double exact = 64 - std::log2(static_cast<double>(u));
    ASSERT_NEAR(cost(u), exact, 1e-12) << u;
  }
}

TEST(Draw, NearOneCostsStayAboveZero) {
  for (unsigned bits = 0; bits < 40; ++bits) {
    const std::uint64_t below = std::uint64_t{1} << bits;
    EXPECT_LT(draw_cost(-below), std::uint64_t{1} << 57) << bits;
    EXPECT_LT(draw_cost(-below), (below >> 5) + (std::uint64_t{1} << 17)) << bits;
  }
}

TEST(Draw, WeightsDivideCosts) {
  const Draw light{.cost = 100, .weight = 1, .member = 0};
  const Draw heavy{.cost = 299, .weight = 3, .member = 1};
  EXPECT_TRUE(comes_before(heavy, light));
  EXPECT_FALSE(comes_before(light, heavy));
  const Draw equal{.cost = 300, .weight = 3, .member = 1};
  EXPECT_TRUE(comes_before(light, equal));
  EXPECT_FALSE(comes_before(equal, light));
}

}  // namespace
}  // namespace cacheismo::cluster
