// Goal: nodes that have their ring in etcd, over connections of one world: they join, follow each
// other's changes, and leave. Whatever becomes of etcd or of the way to it, a node without a lease
// writes nothing as an owner, epochs only grow, and one node at most accepts writes of a key in one
// epoch. Method: a played etcd and three nodes (etcd_world.h), a look at all of them after each
// step of time; situations one by one, with latencies of several seeds.

#include <chrono>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "cacheismo/io/io.h"
#include "cacheismo/node/node.h"
#include "sim/etcd_world.h"
#include "sim/fault_plan.h"

namespace cacheismo::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t nodes_count = EtcdWorld::nodes_count;
const std::string refused(EtcdWorld::refused);

class EtcdTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  void start_all() {
    for (std::size_t node = 0; node < nodes_count; ++node) world_.start(node);
    world_.world().run_for(3s);
    world_.look();
    for (std::size_t node = 0; node < nodes_count; ++node) {
      ASSERT_EQ(world_.value(node, "cluster:epoch"), "3");
      ASSERT_EQ(world_.write_own(node), "HD\r\n");
    }
  }
  /// Steps of time, with a look after each.
  void go(int steps, Duration step = 250ms) {
    for (int i = 0; i < steps; ++i) {
      world_.world().run_for(step);
      world_.look();
    }
  }
  bool nodes_of(std::size_t node, const std::string& name) {
    return world_.value(node, "cluster:nodes").find('\n' + name + ' ') != std::string::npos;
  }

  EtcdWorld world_{GetParam(), calm_plan()};
};

TEST_P(EtcdTest, NodesThatStartTogetherAllJoinAndServeOneAnother) {
  start_all();
  EXPECT_EQ(world_.epoch_in_etcd(), 3u) << "each has counted it up once";
  EXPECT_EQ(world_.ask(0, "set k 0 0 1\r\nx\r\n"), "STORED\r\n");
  for (std::size_t node = 0; node < nodes_count; ++node) EXPECT_EQ(world_.value(node, "k"), "x");
  EXPECT_EQ(world_.refusals(), 0u);
}

TEST_P(EtcdTest, ANodeThatIsCutOffFromEtcdWritesNothingWhenItsLeaseIsOver) {
  start_all();
  EXPECT_EQ(world_.ask(1, "set mine 0 0 1\r\nx\r\n"), "STORED\r\n");
  const std::uint64_t accepted = world_.accepted();
  world_.part_from_etcd(1, 10s);
  go(2);
  EXPECT_EQ(world_.write_own(1), "HD\r\n") << "the lease holds";
  go(14);
  EXPECT_EQ(world_.write_own(1), refused);
  EXPECT_TRUE(world_.logged(1, "lease_lost"));
  EXPECT_GT(world_.refusals(), 0u);
  EXPECT_GT(world_.accepted(), accepted) << "the others go on";
  for (std::size_t node = 0; node < nodes_count; ++node)
    EXPECT_EQ(world_.value(node, "mine"), "x") << "reads do";
  EXPECT_EQ(world_.etcd().value(EtcdWorld::member_key(1)), "");
  go(40);
  EXPECT_EQ(world_.write_own(1), "HD\r\n") << "it is back";
  EXPECT_EQ(world_.etcd().value(EtcdWorld::member_key(1)), "10.0.0.2:11211");
}

TEST_P(EtcdTest, WhatItsRingHasBecomeMeanwhileANodeHearsWhenItIsBack) {
  start_all();
  world_.part_from_etcd(1, 8s);
  go(16);
  EXPECT_NE(world_.value(0, "cluster:leave:n2").find("waiting: leave:n2"), std::string::npos);
  go(4);
  EXPECT_EQ(world_.value(0, "cluster:epoch"), "4");
  EXPECT_EQ(world_.value(0, "cluster:change"), "done: leave:n2 epoch 4");
  EXPECT_TRUE(nodes_of(1, "n2")) << "it was not told";
  go(30);
  EXPECT_EQ(world_.value(1, "cluster:epoch"), "4");
  EXPECT_FALSE(nodes_of(1, "n2")) << "whom an operator took out stays out";
}

TEST_P(EtcdTest, ANodeThatSleptThroughItsLeaseWritesNothingAtFirst) {
  start_all();
  world_.host(1).pause(6s);
  go(4, 1500ms);
  go(8);
  EXPECT_EQ(world_.write_own(1), "HD\r\n");
}

TEST_P(EtcdTest, NodesLeaveAndTheLastOneStays) {
  start_all();
  world_.end(2, node::Stop::graceful);
  go(4);
  EXPECT_EQ(world_.epoch_in_etcd(), 4u);
  EXPECT_EQ(world_.etcd().value(EtcdWorld::member_key(2)), "");
  EXPECT_FALSE(nodes_of(0, "n3"));
  world_.end(1, node::Stop::at_once);
  go(4);
  EXPECT_TRUE(nodes_of(0, "n2")) << "who stops at once stays in the ring";
  world_.end(0, node::Stop::graceful);
  EXPECT_EQ(world_.epoch_in_etcd(), 5u);
  world_.start(2);
  go(12);
  EXPECT_TRUE(nodes_of(2, "n3"));
  EXPECT_EQ(world_.write_own(2), "HD\r\n");
}

TEST_P(EtcdTest, WhileEtcdIsDownNobodyWritesAfterALeaseAndAllAreBackWithIt) {
  start_all();
  world_.etcd().set_up(false);
  go(16);
  for (std::size_t node = 0; node < nodes_count; ++node) {
    EXPECT_EQ(world_.write_own(node), refused);
    EXPECT_TRUE(world_.logged(node, "etcd_lost"));
  }
  world_.etcd().set_up(true);
  go(12);
  for (std::size_t node = 0; node < nodes_count; ++node)
    EXPECT_EQ(world_.write_own(node), "HD\r\n");
  EXPECT_EQ(world_.epoch_in_etcd(), 3u);
}

TEST_P(EtcdTest, ConnectionsThatAreResetCostNothing) {
  start_all();
  for (int i = 0; i < 10; ++i) {
    world_.etcd().reset_all();
    go(2);
  }
  EXPECT_EQ(world_.refusals(), 0u);
  EXPECT_NE(world_.value(0, "cluster:state:n3:leaving").find("waiting"), std::string::npos);
  world_.etcd().reset_all();
  go(12);
  EXPECT_EQ(world_.value(0, "cluster:change"), "done: state:n3:leaving epoch 4");
  for (std::size_t node = 0; node < nodes_count; ++node)
    EXPECT_EQ(world_.value(node, "cluster:epoch"), "4");
}

TEST_P(EtcdTest, SlowRepliesAreBorneAndThoseThatAreTooSlowAreNone) {
  start_all();
  world_.etcd().set_delay(600ms);
  go(20);
  EXPECT_EQ(world_.refusals(), 0u) << "slower than the lease's third, faster than a call's end";
  world_.etcd().set_delay(1500ms);
  go(24);
  for (std::size_t node = 0; node < nodes_count; ++node) EXPECT_EQ(world_.write_own(node), refused);
  world_.etcd().set_delay(0ms);
  go(12);
  for (std::size_t node = 0; node < nodes_count; ++node)
    EXPECT_EQ(world_.write_own(node), "HD\r\n");
}

TEST_P(EtcdTest, ANodeWaitsForEtcdAndGoesOnToTheEndpointThatAnswers) {
  world_.etcd().set_up(false);
  world_.start(0);
  go(8);
  EXPECT_EQ(world_.value(0, "cluster:epoch"), "") << "clients wait";
  world_.etcd().set_up(true);
  go(8);
  EXPECT_EQ(world_.value(0, "cluster:epoch"), "1");
  const io::Address nobody{io::Address::Kind::tcp, "10.0.2.9", 2379};
  const io::Address silent{io::Address::Kind::tcp, "10.0.2.1", 2380};
  world_.world().network().black_hole(silent);
  EtcdWorld::How how;
  how.endpoints = {nobody, silent, EtcdWorld::etcd_address()};
  world_.start(1, how);
  go(16);
  EXPECT_EQ(world_.value(1, "cluster:epoch"), "2");
  EXPECT_EQ(world_.write_own(1), "HD\r\n");
}

TEST_P(EtcdTest, ARingThatIsGoneOrOlderOrNoneIsNotUsed) {
  start_all();
  const std::string old = world_.etcd().value(EtcdWorld::ring_key());
  EXPECT_NE(world_.value(0, "cluster:state:n3:leaving").find("waiting"), std::string::npos);
  go(4);
  const auto all_know = [&](const std::string& epoch) {
    for (std::size_t node = 0; node < nodes_count; ++node)
      EXPECT_EQ(world_.value(node, "cluster:epoch"), epoch);
  };
  world_.etcd().erase(EtcdWorld::ring_key());
  go(16);
  all_know("4");
  EXPECT_TRUE(world_.logged(0, "ring_absent"));
  world_.etcd().put(EtcdWorld::ring_key(), "epoch 9\nnode nobody\n");
  go(8);
  all_know("4");
  EXPECT_TRUE(world_.logged(0, "ring_unreadable"));
  world_.etcd().put(EtcdWorld::ring_key(), old);
  world_.world().run_for(4s);
  all_know("4");
  EXPECT_TRUE(world_.logged(0, "ring_refused"));
}

INSTANTIATE_TEST_SUITE_P(Seeds, EtcdTest, testing::Range<std::uint64_t>(1, 6));

}  // namespace
}  // namespace cacheismo::sim
