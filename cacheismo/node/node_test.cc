// Goal: what a node does when bytes are cut, many, late, wrong or unread. (What each command
// answers is told by testdata/conversations.) Method: the real node over the simulated wire; time
// passes by hand, and the node's audit runs after every exchange.

#include "cacheismo/node/node.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/node/test_wire.h"

namespace cacheismo::node {
namespace {

/// Every situation with bytes whole, one by one, and cut at random.
class NodeCuts : public testing::TestWithParam<sim::Cuts> {
 protected:
  /// Small values are big already, because every byte is an event of its own.
  static Config config() {
    Config config;
    config.item_bytes_max = 64 * KiB;
    return config;
  }
  TestWire wire_{config(), GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Cuts, NodeCuts,
                         testing::Values(sim::Cuts::whole, sim::Cuts::byte_by_byte,
                                         sim::Cuts::random));

TEST_P(NodeCuts, StoresAndReturnsAValue) {
  TestClient& client = wire_.connect();
  EXPECT_EQ(wire_.say(client, set("a", "hello")), "STORED\r\n");
  EXPECT_EQ(wire_.say(client, "get a\r\n"), hit("a", "hello") + "END\r\n");
  EXPECT_EQ(wire_.say(client, "get a b a\r\n"), hit("a", "hello") + hit("a", "hello") + "END\r\n");
  EXPECT_EQ(wire_.say(client, "delete a\r\nget a\r\n"), "DELETED\r\nEND\r\n");
}

TEST_P(NodeCuts, PipelinedRequestsAreAnsweredInOrder) {
  TestClient& client = wire_.connect();
  std::string requests;
  std::string replies;
  for (int i = 0; i < 100; ++i) {
    const std::string key = "k" + std::to_string(i);
    requests += set(key, key);
    requests += "get " + key + "\r\n";
    requests += "incr " + key + " 1\r\n";
    replies += "STORED\r\n" + hit(key, key) + "END\r\n" +
               "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
  }
  EXPECT_EQ(wire_.say(client, requests), replies);
}

TEST_P(NodeCuts, BigValueComesBackAsItWasSent) {
  TestClient& client = wire_.connect();
  const std::string big = pattern(60'000);
  EXPECT_EQ(wire_.say(client, set("big", big) + "get big\r\n"),
            "STORED\r\n" + hit("big", big) + "END\r\n");
  EXPECT_EQ(wire_.say(client, "mg big s v\r\n"), "VA 60000 s60000\r\n" + big + "\r\n");
}

TEST_P(NodeCuts, ManyBigValuesInOneReply) {
  TestClient& client = wire_.connect();
  const std::string big = pattern(limits::send_in_place_bytes + 1);
  const std::string small = pattern(limits::send_in_place_bytes - 1);
  std::string keys;
  std::string replies;
  for (int i = 0; i < 20; ++i) {
    keys += " big small";
    replies += hit("big", big) + hit("small", small);
  }
  wire_.say(client, set("big", big) + set("small", small));
  EXPECT_EQ(wire_.say(client, "get" + keys + "\r\n"), replies + "END\r\n");
}

TEST_P(NodeCuts, BadDataChunkOfABigValueIsSwallowedToItsLength) {
  TestClient& client = wire_.connect();
  const std::string big = pattern(20'000);
  EXPECT_EQ(wire_.say(client, "set k 0 0 20000\r\n" + big + "xxget k\r\n"),
            "CLIENT_ERROR bad data chunk\r\nEND\r\n");
  EXPECT_EQ(wire_.say(client, "set k 0 0 3\r\nabcdeget k\r\n"),
            "CLIENT_ERROR bad data chunk\r\nEND\r\n");
}

TEST_P(NodeCuts, TooLargeValueIsSwallowedAndItsOldValueDies) {
  TestClient& client = wire_.connect();
  EXPECT_EQ(wire_.say(client, set("k", "old") + set("k", pattern(70'000)) + "get k\r\n"),
            "STORED\r\nSERVER_ERROR object too large for cache\r\nEND\r\n");
  EXPECT_EQ(wire_.say(client,
                      set("k", "old") + "add k 0 0 70000\r\n" + pattern(70'000) + "\r\nget k\r\n"),
            "STORED\r\nSERVER_ERROR object too large for cache\r\n" + hit("k", "old") + "END\r\n");
  EXPECT_EQ(wire_.say(client, set("k", pattern(70'000), " noreply") + "get k\r\n"), "END\r\n");
}

TEST_P(NodeCuts, MetaSetOfABigValueEchoesItsFlags) {
  TestClient& client = wire_.connect();
  const std::string big = pattern(40'000);
  EXPECT_EQ(wire_.say(client, "ms Zm9v 40000 b k O123 s F5\r\n" + big + "\r\n"),
            "HD kZm9v b O123 s40000\r\n");
  EXPECT_EQ(wire_.say(client, "get foo\r\n"), "VALUE foo 5 40000\r\n" + big + "\r\nEND\r\n");
}

TEST_P(NodeCuts, LongMultiGetLine) {
  TestClient& client = wire_.connect();
  wire_.say(client, set("k", "v"));
  // 50 KB of keys, a hit at every hundredth.
  std::string line = "get";
  std::string replies;
  for (int i = 0; i < 4'000; ++i) {
    line += i % 100 == 0 ? " k" : " missing-" + std::to_string(i);
    if (i % 100 == 0) replies += hit("k", "v");
  }
  EXPECT_EQ(wire_.say(client, line + "\r\nversion\r\n"), replies + "END\r\nVERSION 1.6.45\r\n");
}

TEST_P(NodeCuts, QuitSendsEarlierRepliesAndRunsNothingElse) {
  TestClient& client = wire_.connect();
  EXPECT_EQ(wire_.say(client, set("a", "1") + "quit\r\n" + set("a", "2")), "STORED\r\n");
  EXPECT_TRUE(client.at_end());
  TestClient& other = wire_.connect();
  EXPECT_EQ(wire_.say(other, "get a\r\n"), hit("a", "1") + "END\r\n");
}

TEST_P(NodeCuts, LineWithoutEndIsClosedSilently) {
  TestClient& client = wire_.connect();
  EXPECT_EQ(wire_.say(client, "set " + std::string(3000, 'k')), "");
  EXPECT_TRUE(client.at_end());
}

TEST_P(NodeCuts, DumpsTellEveryItem) {
  TestClient& client = wire_.connect();
  for (int i = 0; i < 10; ++i) {
    std::string many;
    for (int j = 0; j < 100; ++j)
      many += set("key-" + std::to_string(i) + "-" + std::to_string(j), "value", " noreply");
    wire_.say(client, many);
  }
  const std::string dump = wire_.say(client, "lru_crawler metadump all\r\n");
  EXPECT_TRUE(dump.ends_with(" \nEND\r\n"));
  const std::string keys = wire_.say(client, "lru_crawler mgdump all\r\n");
  EXPECT_TRUE(keys.ends_with("EN\r\n"));
  const std::string cachedump = wire_.say(client, "stats cachedump 1 0\r\n");
  for (int i = 0; i < 10; ++i) {
    for (int j = 0; j < 100; ++j) {
      const std::string key = "key-" + std::to_string(i) + "-" + std::to_string(j);
      EXPECT_NE(dump.find("key=" + key + " exp=-1"), std::string::npos);
      EXPECT_NE(keys.find("mg " + key + "\r\n"), std::string::npos);
      EXPECT_NE(cachedump.find("ITEM " + key + " [5 b; 0 s]\r\n"), std::string::npos);
    }
  }
  EXPECT_EQ(wire_.say(client, "version\r\n"), "VERSION 1.6.45\r\n");
}

TEST_P(NodeCuts, DumpsOfAPrefixTellItsItemsAndRequestsBehindThemWait) {
  TestClient& client = wire_.connect();
  std::string many;
  for (int i = 0; i < 700; ++i)
    many += set((i % 7 == 0 ? "some:" : "other:") + std::to_string(i), "v", " noreply");
  wire_.say(client, many);
  std::string dump =
      wire_.say(client, "lru_crawler metadump all some%3A\r\nget some:0\r\nget some:1\r\n");
  const std::string behind = "END\r\n" + hit("some:0", "v") + "END\r\nEND\r\n";
  ASSERT_TRUE(dump.ends_with(" \n" + behind)) << dump;
  EXPECT_EQ(std::count(dump.begin(), dump.end() - static_cast<std::ptrdiff_t>(behind.size()), '\n'),
            100);
  for (int i = 0; i < 700; i += 7)
    EXPECT_NE(dump.find("key=some%3A" + std::to_string(i) + " exp=-1"), std::string::npos);
}

TEST_P(NodeCuts, ClientThatSendsAndNeverReadsIsNotReadFrom) {
  TestClient& client = wire_.connect();
  wire_.say(client, set("k", pattern(1000)));
  client.read(false);
  client.send(repeat("get k\r\n", 1000));  // 1 MB of replies
  wire_.run();
  EXPECT_EQ(wire_.node().audit(), std::nullopt);
  TestClient& other = wire_.connect();
  EXPECT_EQ(wire_.say(other, "version\r\n"), "VERSION 1.6.45\r\n");
  EXPECT_LT(wire_.stat(other, "read_buf_bytes"), 256 * KiB);
  EXPECT_LT(wire_.stat(other, "cmd_get"), 500u);
  client.read(true);
  wire_.run(std::chrono::seconds(5));
  EXPECT_EQ(client.take(), repeat(hit("k", pattern(1000)) + "END\r\n", 1000));
}

}  // namespace
}  // namespace cacheismo::node
