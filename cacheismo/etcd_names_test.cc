// Goal: etcd's endpoints and the hosts of a ring in etcd may be names; nodes follow them, and wait
// for no resolver. Method: a table in place of the resolver. Lookups run in threads, so a test lets
// its world run until what must come has come.

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "cacheismo/io/io.h"
#include "cacheismo/name_table.h"
#include "cacheismo/node/etcd_ring.h"
#include "cacheismo/node/node.h"
#include "sim/etcd_world.h"
#include "sim/fault_plan.h"

namespace cacheismo {
namespace {

using namespace std::chrono_literals;

class EtcdNamesTest : public testing::Test {
 protected:
  [[nodiscard]] sim::EtcdWorld::How how(const std::string& own_host = "") const {
    sim::EtcdWorld::How how;
    how.endpoints = {{io::Address::Kind::tcp, "etcd.example", 2379}};
    how.own_host = own_host;
    how.resolve = NameTable::resolver(table_);
    return how;
  }
  /// Lets the world run until it is so; false: it never was.
  bool comes(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      world_.world().run_for(50ms);
    }
    return true;
  }
  std::string key_of(std::size_t node) {
    for (int i = 0;; ++i) {
      std::string key = "k" + std::to_string(i);
      if (world_.value(0, "cluster:owner:" + key) == sim::EtcdWorld::name_of(node)) return key;
    }
  }

  std::shared_ptr<NameTable> table_ = std::make_shared<NameTable>();
  sim::EtcdWorld world_{1, sim::calm_plan()};
};

TEST_F(EtcdNamesTest, ANodeJoinsThroughNamesByItsOwn) {
  table_->set("etcd.example", "10.0.2.1");
  table_->set("cache-1", "10.0.0.1");
  table_->set("cache-2", "10.0.0.2");
  world_.start(0, how("cache-1"));
  world_.start(1, how("cache-2"));
  EXPECT_TRUE(comes([&] {
    return world_.value(0, "cluster:epoch") == "2" && world_.value(1, "cluster:epoch") == "2";
  }));
  EXPECT_EQ(world_.etcd().value(sim::EtcdWorld::member_key(0)), "cache-1:11211");
  const std::string key = key_of(1);
  EXPECT_TRUE(
      comes([&] { return world_.ask(0, "set " + key + " 0 0 1\r\nx\r\n") == "STORED\r\n"; }));
  EXPECT_NE(world_.value(0, "cluster:nodes").find("n2 10.0.0.2:11211"), std::string::npos);
}

TEST_F(EtcdNamesTest, AnEndpointWithoutAnAddressIsTriedUntilItHasOne) {
  world_.start(0, how());
  EXPECT_TRUE(comes([&] { return world_.logged(0, "etcd_lost"); }));
  table_->set("etcd.example", "10.0.2.1");
  EXPECT_TRUE(comes([&] { return world_.value(0, "cluster:epoch") == "1"; }));
}

TEST_F(EtcdNamesTest, AnEtcdThatMovesIsFound) {
  table_->set("etcd.example", "10.0.2.7");  // nobody is there
  world_.start(0, how());
  EXPECT_TRUE(comes([&] { return world_.logged(0, "etcd_lost"); }));
  table_->set("etcd.example", "10.0.2.1");
  EXPECT_TRUE(comes([&] { return world_.value(0, "cluster:epoch") == "1"; }));
}

TEST_F(EtcdNamesTest, AMemberThatMovesIsFollowed) {
  table_->set("etcd.example", "10.0.2.1");
  table_->set("cache-1", "10.0.0.1");
  table_->set("cache-2", "10.0.0.3");  // where nobody is yet
  world_.start(0, how("cache-1"));
  world_.start(1, how("cache-2"));
  EXPECT_TRUE(comes([&] { return world_.value(0, "cluster:epoch") == "2"; }));
  const std::string key = key_of(1);
  EXPECT_TRUE(comes([&] {
    return world_.ask(0, "get " + key + "\r\n") == "SERVER_ERROR cluster: n2: refused\r\n";
  }));
  table_->set("cache-2", "10.0.0.2");
  EXPECT_TRUE(comes([&] { return world_.ask(0, "get " + key + "\r\n") == "END\r\n"; }));
  EXPECT_TRUE(world_.logged(0, "addresses_changed"));
}

TEST_F(EtcdNamesTest, AResolverThatHangsHoldsUpNeitherTheNodeNorItsRing) {
  const auto open = std::make_shared<std::promise<void>>();
  sim::EtcdWorld::How how;
  how.resolve = [opened = open->get_future().share()](const std::string&) {
    opened.wait();
    return Result<std::string, std::string>("10.0.0.1");
  };
  how.own_host = "cache-1";
  world_.start(0, how);
  world_.world().run_for(2 * node::etcd_names_wait);
  EXPECT_EQ(world_.value(0, "cluster:epoch"), "1");
  EXPECT_EQ(world_.write_own(0), "HD\r\n");
  EXPECT_TRUE(world_.logged(0, "addresses_unknown"));
  open->set_value();
  EXPECT_TRUE(comes([&] {
    return world_.value(0, "cluster:nodes").find("n1 10.0.0.1:11211") != std::string::npos;
  }));
}

}  // namespace
}  // namespace cacheismo
