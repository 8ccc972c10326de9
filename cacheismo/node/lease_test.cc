// Goal: a node that may not write for its keys executes nothing that changes one of them, says so
// to clients and to nodes that forward, and goes on reading. Method: three simulated nodes, of
// which the first or the second loses the right; whole, cut at random and byte by byte.

#include <string>

#include <gtest/gtest.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/cluster/ring.h"
#include "cacheismo/lua/objects/shipped.h"
#include "cacheismo/node/config.h"
#include "sim/ring_list.h"
#include "sim/wire.h"

namespace cacheismo::node {
namespace {

constexpr Bytes refused = "SERVER_ERROR cluster: no lease, not writing\r\n";

class LeaseTest : public testing::TestWithParam<sim::Cuts> {
 protected:
  static sim::Wire::Options options() {
    sim::Wire::Options options;
    options.cuts = GetParam();
    options.nodes = 3;
    options.scripts = lua::shipped_scripts();
    return options;
  }

  LeaseTest() : wire_(options()), ring_(*cluster::Ring::make(wire_.ring(0).view().spec)) {}

  std::string key_of(std::uint32_t owner, const std::string& prefix = "k") {
    for (int i = 0;; ++i) {
      std::string key = prefix + std::to_string(i);
      if (ring_.owner(key) == owner) return key;
    }
  }
  std::string ask(const std::string& bytes) {
    std::string reply = wire_.ask(client_, bytes);
    EXPECT_EQ(wire_.audit(), std::nullopt);
    return reply;
  }

  sim::Wire wire_;
  cluster::Ring ring_;
  sim::RawConnection& client_ = wire_.connect();
};

TEST_P(LeaseTest, WhatWouldChangeAKeyIsRefusedAndReadsGoOn) {
  for (const std::uint32_t owner : {0u, 1u}) {
    const std::string key = key_of(owner);
    EXPECT_EQ(ask("set " + key + " 5 0 1\r\n1\r\n"), "STORED\r\n");
    wire_.ring(owner).let_write(false);
    for (const std::string& request : {
             "set " + key + " 0 0 1\r\n2\r\n",
             "append " + key + " 0 0 1\r\n2\r\n",
             "cas " + key + " 0 0 1 1\r\n2\r\n",
             "delete " + key + "\r\n",
             "incr " + key + " 1\r\n",
             "touch " + key + " 100\r\n",
             "gat 100 " + key + "\r\n",
             "ms " + key + " 1\r\n2\r\n",
             "md " + key + "\r\n",
             "ma " + key + "\r\n",
             "mg " + key + " v T100\r\n",
             "mg " + key + " v N100\r\n",
             "mg " + key + " v R100\r\n",
             "set " + key + " 0 0 20000\r\n" + std::string(20000, 'x') + "\r\n",
         }) {
      EXPECT_EQ(ask(request), refused) << request.substr(0, 60);
    }
    EXPECT_EQ(ask("set " + key + " 0 0 1 noreply\r\n9\r\ndelete " + key + " noreply\r\n"), "");
    EXPECT_EQ(ask("get " + key + "\r\n"), "VALUE " + key + " 5 1\r\n1\r\nEND\r\n");
    EXPECT_EQ(ask("mg " + key + " v t\r\n"), "VA 1 t-1\r\n1\r\n");
    wire_.ring(owner).let_write(true);
    EXPECT_EQ(ask("incr " + key + " 1\r\n"), "2\r\n");
  }
}

TEST_P(LeaseTest, OtherOwnersAreNotConcerned) {
  wire_.ring(0).let_write(false);
  const std::string key = key_of(2);
  EXPECT_EQ(ask("set " + key + " 0 0 1\r\n1\r\n"), "STORED\r\n");
  EXPECT_EQ(ask("gat 100 " + key + "\r\n"), "VALUE " + key + " 0 1\r\n1\r\nEND\r\n");
}

TEST_P(LeaseTest, AFlushIsNotBegun) {
  const std::string key = key_of(2);
  EXPECT_EQ(ask("set " + key + " 0 0 1\r\n1\r\n"), "STORED\r\n");
  wire_.ring(0).let_write(false);
  EXPECT_EQ(ask("flush_all\r\n"), refused);
  EXPECT_EQ(ask("flush_all noreply\r\nget " + key + "\r\n"),
            "VALUE " + key + " 0 1\r\n1\r\nEND\r\n");
}

TEST_P(LeaseTest, AMultiGetThatTouchesEndsAtTheKeyThatMayNotBe) {
  const std::string own = key_of(0);
  const std::string other = key_of(1);
  EXPECT_EQ(ask("set " + own + " 0 0 1\r\n1\r\n"), "STORED\r\n");
  EXPECT_EQ(ask("set " + other + " 0 0 1\r\n2\r\n"), "STORED\r\n");
  wire_.ring(0).let_write(false);
  EXPECT_EQ(ask("gat 100 " + other + ' ' + own + ' ' + other + "\r\n"),
            "VALUE " + other + " 0 1\r\n2\r\n" + std::string(refused));
  EXPECT_EQ(ask("gat 100 " + own + ' ' + other + "\r\nget " + own + "\r\n"),
            std::string(refused) + "VALUE " + own + " 0 1\r\n1\r\nEND\r\n");
}

TEST_P(LeaseTest, MethodsThatChangeAnObjectAreRefusedAndThoseThatReadAreNot) {
  const std::string key = key_of(0, "set$s").substr(4);
  EXPECT_EQ(ask("get set:new:" + key + "\r\n").substr(0, 5), "VALUE");
  EXPECT_EQ(ask("get set:put:" + key + ":a\r\n").substr(0, 5), "VALUE");
  wire_.ring(0).let_write(false);
  EXPECT_EQ(ask("get set:put:" + key + ":b\r\n"), refused);
  EXPECT_EQ(ask("mg set:put:" + key + ":b v\r\n"), refused);
  EXPECT_EQ(ask("get set:count:" + key + "\r\n"),
            "VALUE set:count:" + key + " 0 1\r\n1\r\nEND\r\n");
  EXPECT_EQ(ask("get cluster:epoch\r\n"), "VALUE cluster:epoch 0 1\r\n1\r\nEND\r\n");
}

INSTANTIATE_TEST_SUITE_P(Cuts, LeaseTest,
                         testing::Values(sim::Cuts::whole, sim::Cuts::random,
                                         sim::Cuts::byte_by_byte));

}  // namespace
}  // namespace cacheismo::node
