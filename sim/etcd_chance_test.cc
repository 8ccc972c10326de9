// Goal: whatever happens to etcd, to the way to it and to nodes, in whatever order: who writes as
// an owner has a lease, no two do so for one key in one epoch, epochs only grow; and when all is
// well again, all nodes hold their names and agree. Method: drawn steps in worlds of many seeds
// (etcd_world.h), of which one is played twice.

#include <chrono>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"
#include "cacheismo/io/io.h"
#include "cacheismo/node/node.h"
#include "sim/etcd_world.h"
#include "sim/fault_plan.h"

namespace cacheismo::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t nodes_count = EtcdWorld::nodes_count;
constexpr int steps_count = 60;
constexpr std::uint64_t seeds_count = 100;

Duration below(Prng& chance, Duration longest) {
  return Duration(
      static_cast<Duration::rep>(chance.below(static_cast<std::uint64_t>(longest.count()))));
}

/// One thing that happens.
void happen(EtcdWorld& world, Prng& chance) {
  const std::size_t node = chance.below(nodes_count);
  const std::string other = EtcdWorld::name_of(chance.below(nodes_count));
  const bool coin = chance.below(2) == 0;
  switch (chance.below(12)) {
    case 0: world.part_from_etcd(node, below(chance, 8s)); break;
    case 1: world.host(node).pause(below(chance, 6s)); break;
    case 2: world.etcd().set_up(false); break;
    case 3: world.etcd().reset_all(); break;
    case 4: world.etcd().set_delay(below(chance, 2s)); break;
    case 5:
      if (world.runs(node)) {
        world.end(node, coin ? node::Stop::graceful : node::Stop::at_once);
      } else {
        world.start(node);
      }
      break;
    case 6:
      if (world.runs(node))
        (void)world.value(node, "cluster:state:" + other + (coin ? ":active" : ":leaving"));
      break;
    case 7:
      if (world.runs(node)) (void)world.value(node, "cluster:leave:" + other);
      break;
    case 8: world.etcd().set_delay(0ms); break;
    default: world.etcd().set_up(true); break;
  }
}

struct Played {
  std::uint64_t hash = 0;  ///< of the journal
  std::uint64_t accepted = 0;
  std::uint64_t refusals = 0;
};

Played play(std::uint64_t seed) {
  FaultPlan plan = calm_plan();
  plan.cuts = static_cast<std::uint64_t>(Cuts::random);
  plan.shuffle_ties = 1;
  EtcdWorld world(seed, plan);
  Prng chance = world.world().workload(7);
  for (std::size_t node = 0; node < nodes_count; ++node) world.start(node);
  for (int step = 0; step < steps_count; ++step) {
    happen(world, chance);
    world.world().run_for(below(chance, 1500ms));
    world.look();
  }
  world.etcd().set_up(true);
  world.etcd().set_delay(0ms);
  for (std::size_t node = 0; node < nodes_count; ++node)
    if (!world.runs(node)) world.start(node);
  world.world().run_for(15s);
  world.look();
  const std::string epoch = std::to_string(world.epoch_in_etcd());
  for (std::size_t node = 0; node < nodes_count; ++node) {
    EXPECT_EQ(world.value(node, "cluster:epoch"), epoch) << EtcdWorld::name_of(node);
    EXPECT_EQ(world.etcd().value(EtcdWorld::member_key(node)),
              io::to_string(EtcdWorld::address_of(node)));
  }
  return {.hash = world.world().hash(), .accepted = world.accepted(), .refusals = world.refusals()};
}

TEST(EtcdChance, WhateverHappensOneNodeAtMostWritesAKeyInAnEpochAndOnlyWithALease) {
  Played all;
  for (std::uint64_t seed = 1; seed <= seeds_count; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Played one = play(seed);
    all.accepted += one.accepted;
    all.refusals += one.refusals;
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(all.accepted, 100 * seeds_count);
  EXPECT_GT(all.refusals, 10 * seeds_count);
}

TEST(EtcdChance, TheSameSeedGivesTheSameHistory) {
  EXPECT_EQ(play(3).hash, play(3).hash);
  EXPECT_NE(play(3).hash, play(4).hash);
}

}  // namespace
}  // namespace cacheismo::sim
