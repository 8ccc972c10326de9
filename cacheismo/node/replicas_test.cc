// Goal: a state that another node has sent is taken exactly when nothing newer is known, and what
// cannot be believed changes nothing. Method: `ms cluster:replica` by hand to one node of a
// simulated cluster, whose wall clock tells what versions are of now.

#include "cacheismo/node/replicas.h"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "cacheismo/base/units.h"
#include "cacheismo/node/item_form.h"
#include "sim/wire.h"

namespace cacheismo::node {
namespace {

using namespace std::chrono_literals;

std::string block_of(const std::string& version, const ItemForm& item) {
  std::string block = version + '\n';
  append_item(item, block);
  return block;
}

class ReplicasTest : public testing::Test {
 protected:
  ReplicasTest() : wire_({.nodes = 2}), client_(wire_.connect()) { wire_.advance(1s); }

  std::string ask(const std::string& bytes) { return wire_.ask(client_, bytes); }
  /// Microseconds from now on as a counter.
  std::uint64_t counter(std::int64_t from_now) {
    const auto now = wire_.node_io(0).now().wall.time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(now).count() + from_now);
  }
  std::string send(const std::string& block) {
    return ask("ms cluster:replica " + std::to_string(block.size()) + " P1.0.0.1000\r\n" + block +
               "\r\n");
  }
  std::string version(std::int64_t from_now, std::uint64_t epoch = 1) {
    return std::to_string(epoch) + "." + std::to_string(counter(from_now)) + ".9";
  }
  std::string send(const std::string& version, const ItemForm& item) {
    return send(block_of(version, item));
  }
  std::string put(const std::string& version, const std::string& value) {
    return send(version, {.key = "k", .payload = value});
  }
  std::string remove(const std::string& version) {
    return send(version, {.kind = ItemForm::Kind::gone, .key = "k"});
  }
  std::string value() { return ask("mg k v f t P1.0.0.1000\r\n"); }

  sim::Wire wire_;
  sim::RawConnection& client_;
};

TEST_F(ReplicasTest, AStateBringsItsValueFlagsAndTimeToLive) {
  const ItemForm item{.key = "k", .client_flags = 17, .seconds_to_live = 60, .payload = "hello"};
  EXPECT_EQ(send(version(0), item), "HD\r\n");
  EXPECT_EQ(value(), "VA 5 f17 t60\r\nhello\r\n");
}

TEST_F(ReplicasTest, ANewerStateTakesThePlaceOfAnOlderOne) {
  put(version(0), "one");
  EXPECT_EQ(put(version(1), "two"), "HD\r\n");
  EXPECT_EQ(value(), "VA 3 f0 t-1\r\ntwo\r\n");
}

TEST_F(ReplicasTest, AnOlderStateIsNotTakenAndHearsOfTheNewer) {
  const std::string newer = version(5);
  put(newer, "new");
  EXPECT_EQ(put(version(4), "old"), "SERVER_ERROR replica: newer " + newer + "\r\n");
  EXPECT_EQ(value(), "VA 3 f0 t-1\r\nnew\r\n");
}

TEST_F(ReplicasTest, TheSameStateMayComeTwice) {
  const std::string same = version(0);
  put(same, "x");
  EXPECT_EQ(put(same, "x"), "HD\r\n");
}

TEST_F(ReplicasTest, AfterADeleteAnOlderValueDoesNotComeBack) {
  put(version(0), "x");
  EXPECT_EQ(remove(version(9)), "HD\r\n");
  EXPECT_EQ(value(), "EN\r\n");
  EXPECT_TRUE(put(version(8), "x").starts_with("SERVER_ERROR replica: newer 1."));
  EXPECT_EQ(value(), "EN\r\n");
}

TEST_F(ReplicasTest, ADeleteIsRememberedForTenMinutesAndStaysOlderAfterwards) {
  const std::string before = version(8);
  remove(version(9));
  wire_.advance(std::chrono::seconds(replica_versions_seconds_max + 2));
  put(version(0), "other");  // another moment of the table
  EXPECT_TRUE(put(before, "x").starts_with("SERVER_ERROR replica: newer 1."));
}

TEST_F(ReplicasTest, WhatWasSentBeforeTheNodesStartIsNotTaken) {
  EXPECT_TRUE(put(version(-2'000'000), "x").starts_with("SERVER_ERROR replica: newer 1."));
  EXPECT_EQ(value(), "EN\r\n");
}

TEST_F(ReplicasTest, AVersionOfAnUnknownRingIsRefused) {
  EXPECT_EQ(put(version(0, 2), "x"),
            "SERVER_ERROR replica: the ring of epoch 2 is not known here\r\n");
  EXPECT_EQ(value(), "EN\r\n");
}

TEST_F(ReplicasTest, AVersionFromTheFutureIsRefused) {
  EXPECT_EQ(put(version(3'601'000'000), "x"),
            "SERVER_ERROR replica: the writer's clock is more than an hour ahead of this node's"
            "\r\n");
  EXPECT_EQ(put(version(3'599'000'000), "x"), "HD\r\n");
}

TEST_F(ReplicasTest, AMalformedBlockIsRefused) {
  const std::string whole = block_of(version(0), {.key = "k", .payload = "x"});
  std::string no_kind = whole;
  no_kind[whole.find('\n') + 2] = 9;
  for (const std::string& block :
       {std::string(), std::string("\n"), version(0), version(0) + "\n", whole + "x",
        whole.substr(0, whole.size() - 1), whole.substr(whole.find('\n')), " " + whole, no_kind,
        block_of("1.2", {.key = "k"}),
        block_of(version(0), {.kind = ItemForm::Kind::long_one, .key = "k"})})
    EXPECT_EQ(send(block), "SERVER_ERROR replica: the block is malformed\r\n") << block;
}

TEST_F(ReplicasTest, AKeyMayHoldAnyBytes) {
  EXPECT_EQ(send(version(0), {.key = "a b", .payload = "!"}), "HD\r\n");
  EXPECT_EQ(ask("mg YSBi v b P1.0.0.1000\r\n"), "VA 1\r\n!\r\n");
}

TEST_F(ReplicasTest, AStateThatIsLongerThanAnItemMayBeIsRefused) {
  put(version(0), "x");
  EXPECT_EQ(put(version(1), std::string(1 * MiB - 40, 'b')),
            "SERVER_ERROR object too large for cache\r\n");
  EXPECT_EQ(value(), "VA 1 f0 t-1\r\nx\r\n");
}

TEST(Replicas, AStateForWhichThereIsNoMemoryDropsTheOldOne) {
  sim::Wire::Options options{.nodes = 2};
  options.config.memory_bytes = 4 * MiB;
  options.config.evict = false;
  sim::Wire wire(options);
  wire.advance(std::chrono::seconds(1));
  sim::RawConnection& client = wire.connect();
  const auto set = [&](const std::string& key, const std::string& value) {
    return wire.ask(client, "ms " + key + " " + std::to_string(value.size()) + " P1.0.0.1000\r\n" +
                                value + "\r\n");
  };
  set("k", "old");
  int number = 0;
  for (std::size_t bytes : {100'000u, 5'000u, 500u}) {
    while (set("fill" + std::to_string(++number), std::string(bytes, 'x')) == "HD\r\n") {
    }
  }
  const auto now = wire.node_io(0).now().wall.time_since_epoch();
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  EXPECT_EQ(set("cluster:replica", block_of("1." + std::to_string(us) + ".9",
                                            {.key = "k", .payload = std::string(3'000, 'n')})),
            "SERVER_ERROR replica: out of memory (-m)\r\n");
  EXPECT_EQ(wire.ask(client, "mg k v P1.0.0.1000\r\n"), "EN\r\n");
}

}  // namespace
}  // namespace cacheismo::node
