// Goal: a node that may not write for its keys executes nothing that changes one of them, says so
// to clients and to nodes that forward, and goes on reading. Method: three simulated nodes, of
// which the first or the second loses the right; whole, cut at random and byte by byte.

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/node/test_cluster.h"
#include "sim/wire.h"

namespace cacheismo::node {
namespace {

constexpr Bytes refused = "SERVER_ERROR cluster: no lease, not writing\r\n";

/// Counts its calls, each after a nap of half a second.
constexpr const char* nap = R"(
local nap = object.type("nap")
function nap.async.add(key)
  sleep(0.5)
  return atomically(function(self) self.n = (self.n or 0) + 1; return self.n end)
end
)";

class LeaseTest : public testing::TestWithParam<sim::Cuts>, protected TestCluster {
 protected:
  LeaseTest() : TestCluster(GetParam(), {{.name = "nap.lua", .source = nap}}) {}
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
    EXPECT_EQ(ask("set " + key + " 0 0 1 noreply\r\n9\r\n"), "");
    EXPECT_EQ(ask("delete " + key + " noreply\r\n"), "");
    EXPECT_EQ(ask(get(key)), found(key, "1"));
    EXPECT_EQ(ask("mg " + key + " v t\r\n"), "VA 1 t-1\r\n1\r\n");
    wire_.ring(owner).let_write(true);
    EXPECT_EQ(ask("incr " + key + " 1\r\n"), "2\r\n");
  }
}

TEST_P(LeaseTest, OtherOwnersAreNotConcerned) {
  wire_.ring(0).let_write(false);
  const std::string key = key_of(2);
  EXPECT_EQ(ask("set " + key + " 0 0 1\r\n1\r\n"), "STORED\r\n");
  EXPECT_EQ(ask("gat 100 " + key + "\r\n"), found(key, "1", 0));
}

TEST_P(LeaseTest, AFlushIsNotBegun) {
  const std::string key = key_of(2);
  EXPECT_EQ(ask("set " + key + " 0 0 1\r\n1\r\n"), "STORED\r\n");
  wire_.ring(0).let_write(false);
  EXPECT_EQ(ask("flush_all\r\n"), refused);
  EXPECT_EQ(ask("flush_all noreply\r\nget " + key + "\r\n"), found(key, "1", 0));
}

TEST_P(LeaseTest, AMultiGetThatTouchesEndsAtTheKeyThatMayNotBe) {
  const std::string own = key_of(0);
  const std::string other = key_of(1);
  EXPECT_EQ(ask("set " + own + " 0 0 1\r\n1\r\n"), "STORED\r\n");
  EXPECT_EQ(ask("set " + other + " 0 0 1\r\n2\r\n"), "STORED\r\n");
  wire_.ring(0).let_write(false);
  EXPECT_EQ(ask("gat 100 " + other + ' ' + own + ' ' + other + "\r\n"),
            block(other, "2", 0) + std::string(refused));
  EXPECT_EQ(ask("gat 100 " + own + ' ' + other + "\r\nget " + own + "\r\n"),
            std::string(refused) + found(own, "1", 0));
}

TEST_P(LeaseTest, MethodsThatChangeAnObjectAreRefusedAndThoseThatReadAreNot) {
  const std::string key = key_of(0, 0, "set$s").substr(4);
  EXPECT_EQ(ask("get set:new:" + key + "\r\n").substr(0, 5), "VALUE");
  EXPECT_EQ(ask("get set:put:" + key + ":a\r\n").substr(0, 5), "VALUE");
  wire_.ring(0).let_write(false);
  EXPECT_EQ(ask("get set:put:" + key + ":b\r\n"), refused);
  EXPECT_EQ(ask("mg set:put:" + key + ":b v\r\n"), refused);
  EXPECT_EQ(ask("get set:count:" + key + "\r\n"), found("set:count:" + key, "1", 0));
  EXPECT_EQ(ask("get cluster:epoch\r\n"), found("cluster:epoch", "1", 0));
}

TEST_P(LeaseTest, AMethodThatWaitsForLongerThanTheLeaseChangesNothing) {
  for (const std::uint32_t owner : {0u, 1u}) {
    const std::string call = "mg nap:add:" + key_of(owner, 0, "nap$").substr(4) + " v\r\n";
    client_.write(call);
    wire_.run();
    wire_.ring(owner).let_write(false);
    wire_.advance(std::chrono::seconds(1));
    const std::string reply = client_.take();
    EXPECT_TRUE(
        reply.starts_with("SERVER_ERROR script nap.lua:5: cluster: no lease, not writing id="))
        << reply;
    wire_.ring(owner).let_write(true);
    client_.write(call);
    wire_.advance(std::chrono::seconds(1));
    EXPECT_EQ(client_.take(), "VA 1\r\n1\r\n");
  }
}

INSTANTIATE_TEST_SUITE_P(Cuts, LeaseTest,
                         testing::Values(sim::Cuts::whole, sim::Cuts::random,
                                         sim::Cuts::byte_by_byte));

}  // namespace
}  // namespace cacheismo::node
