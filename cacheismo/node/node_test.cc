// Goal: what a node does when bytes are cut, many, late, wrong or unread. (What each command
// answers is told by testdata/conversations.) Method: the real node over the simulated wire; time
// passes by hand, and the node's audit runs after every exchange.

#include "cacheismo/node/node.h"

#include <string>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/node/test_wire.h"

namespace cacheismo::node {
namespace {

std::string set(const std::string& key, const std::string& value, const std::string& tail = "") {
  return "set " + key + " 0 0 " + std::to_string(value.size()) + tail + "\r\n" + value + "\r\n";
}
std::string hit(const std::string& key, const std::string& value) {
  return "VALUE " + key + " 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\n";
}
/// Bytes that tell their place.
std::string pattern(std::size_t size, char first = 'a') {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i)
    text[i] = static_cast<char>(first + (i * 7 + i / 251) % 26);
  return text;
}
std::string repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

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
    requests += set(key, key) + "get " + key + "\r\n" + "incr " + key + " 1\r\n";
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

// ---- Situations that do not depend on the cut ---------------------------------------------------

TEST(Node, ReaderOfHalfAReplyStillGetsTheOldValue) {
  TestWire wire;
  TestClient& reader = wire.connect();
  TestClient& writer = wire.connect();
  const std::string old_value = pattern(800'000, 'a');
  const std::string new_value = pattern(800'000, 'A');
  wire.say(writer, set("k", old_value));
  reader.read(false);
  reader.send("get k\r\n");
  wire.run();
  EXPECT_EQ(wire.say(writer, "delete k\r\n" + set("k", new_value)), "DELETED\r\nSTORED\r\n");
  EXPECT_GE(wire.stat(writer, "pinned_bytes"), 400'000u);
  reader.read(true);
  wire.run(std::chrono::seconds(1));
  EXPECT_EQ(reader.take(), hit("k", old_value) + "END\r\n");
  EXPECT_EQ(wire.stat(writer, "pinned_bytes"), 0u);
  EXPECT_EQ(wire.say(reader, "get k\r\n"), hit("k", new_value) + "END\r\n");
}

TEST(Node, SlowReadersAreCutBeforeTheyHoldTheCache) {
  Config config;
  config.memory_bytes = 16 * MiB;
  TestWire wire(config);
  TestClient& writer = wire.connect();
  for (int i = 0; i < 12; ++i) {
    const std::string key = "k" + std::to_string(i);
    wire.say(writer, set(key, pattern(900'000)));
    TestClient& reader = wire.connect();
    reader.read(false);
    reader.send("get " + key + "\r\n");
    wire.run();
    wire.say(writer, "delete " + key + "\r\n");
  }
  EXPECT_GE(wire.stat(writer, "slow_readers_cut"), 1u);
  EXPECT_LE(wire.stat(writer, "pinned_bytes"), 16 * MiB / limits::pinned_gone_share);
  EXPECT_EQ(wire.say(writer, set("k", pattern(900'000))), "STORED\r\n");
}

TEST(Node, ConnectionLostInTheMiddleOfAValueLeavesNoTrace) {
  TestWire wire;
  TestClient& client = wire.connect();
  TestClient& other = wire.connect();
  wire.say(client, set("k", "old"));
  client.send("set k 0 0 400000\r\n" + pattern(100'000));
  wire.run();
  EXPECT_GE(wire.stat(other, "draft_bytes"), 100'000u);
  client.close();
  wire.run();
  EXPECT_EQ(wire.stat(other, "draft_bytes"), 0u);
  EXPECT_EQ(wire.say(other, "get k\r\n"), hit("k", "old") + "END\r\n");
}

TEST(Node, AnnouncedGigabyteTakesNoMemory) {
  TestWire wire;
  TestClient& client = wire.connect();
  TestClient& other = wire.connect();
  EXPECT_EQ(wire.say(client, "set k 0 0 1000000000\r\nabc"),
            "SERVER_ERROR object too large for cache\r\n");
  EXPECT_EQ(wire.say(client, "version\r\n"), "");  // part of the value that is swallowed
  EXPECT_EQ(wire.say(other, "set k 0 0 2147483646\r\nversion\r\n"),
            "CLIENT_ERROR bad command line format\r\nVERSION 1.6.45\r\n");
  EXPECT_EQ(wire.stat(other, "draft_bytes"), 0u);
}

TEST(Node, LineOfMultiGetThatNeverEndsIsBounded) {
  TestWire wire;
  TestClient& client = wire.connect();
  client.send("get " + repeat(std::string(99, 'k') + " ", 90'000));
  wire.run(std::chrono::seconds(20));
  EXPECT_TRUE(client.at_end());
}

TEST(Node, ConnectionsOverTheLimitAreToldSo) {
  Config config;
  config.connections_max = 2;
  TestWire wire(config);
  TestClient& first = wire.connect();
  TestClient& second = wire.connect();
  TestClient& third = wire.connect();
  EXPECT_EQ(third.take(), "ERROR Too many open connections\r\n");
  EXPECT_TRUE(third.at_end());
  EXPECT_EQ(wire.stat(first, "rejected_connections"), 1u);
  second.close();
  wire.run();
  EXPECT_EQ(wire.say(wire.connect(), "version\r\n"), "VERSION 1.6.45\r\n");
}

TEST(Node, AcceptingPausesWhileDescriptorsAreOut) {
  TestWire wire;
  TestClient& first = wire.connect();
  wire.server().set_streams_max(1);
  TestClient& second = wire.connect();
  second.send("version\r\n");
  wire.run();
  EXPECT_EQ(second.received(), "");
  EXPECT_GE(wire.stat(first, "listen_disabled_num"), 1u);
  EXPECT_EQ(wire.stat(first, "accepting_conns"), 0u);
  wire.server().set_streams_max(100);
  wire.run();
  EXPECT_EQ(second.take(), "VERSION 1.6.45\r\n");
  EXPECT_GE(wire.stat(first, "time_in_listen_disabled_us"), 10'000u);
}

TEST(Node, IdleConnectionsAreClosedAndOthersStay) {
  Config config;
  config.idle_timeout = std::chrono::seconds(3);
  TestWire wire(config);
  TestClient& idle = wire.connect();
  TestClient& busy = wire.connect();
  for (int i = 0; i < 5; ++i) {
    wire.run(std::chrono::seconds(1));
    EXPECT_EQ(wire.say(busy, "version\r\n"), "VERSION 1.6.45\r\n");
  }
  EXPECT_TRUE(idle.at_end());
  EXPECT_FALSE(busy.at_end());
  EXPECT_EQ(wire.stat(busy, "idle_kicks"), 1u);
}

TEST(Node, BinaryClientIsRefusedAtOnce) {
  TestWire wire;
  TestClient& client = wire.connect();
  EXPECT_TRUE(wire.say(client, std::string("\x80\x0b\0\0\0\0\0\0\0\0\0\0", 12))
                  .starts_with("ERROR the binary protocol"));
  EXPECT_TRUE(client.at_end());
  TestClient& later = wire.connect();
  EXPECT_EQ(wire.say(later, "version\r\n\x80xyz\r\n"), "VERSION 1.6.45\r\nERROR\r\n");
}

TEST(Node, PipelinesLongerThanATurnLetOthersIn) {
  TestWire wire;
  TestClient& client = wire.connect();
  EXPECT_EQ(wire.say(client, repeat("mn\r\n", 16)), repeat("MN\r\n", 16));
  EXPECT_EQ(wire.stat(client, "conn_yields"), 0u);
  EXPECT_EQ(wire.say(client, repeat("mn\r\n", 1000)), repeat("MN\r\n", 1000));
  EXPECT_GE(wire.stat(client, "conn_yields"), 40u);
}

TEST(Node, NothingWorksBeforeTheLogin) {
  Config config;
  config.authenticate = true;
  config.credentials = {{"ann", "secret"}, {"bob", "pw"}};
  TestWire wire(config);
  TestClient& client = wire.connect();
  EXPECT_EQ(wire.say(client, "get a\r\n"), "CLIENT_ERROR unauthenticated\r\n");
  EXPECT_EQ(wire.say(client, set("x", "ann pw")), "CLIENT_ERROR authentication failure\r\n");
  EXPECT_EQ(wire.say(client, set("x", "ann")), "CLIENT_ERROR bad authentication token format\r\n");
  EXPECT_EQ(wire.say(client, set("x", pattern(limits::auth_token_bytes_max + 1)) + "mn\r\n"),
            "CLIENT_ERROR auth token too long\r\nCLIENT_ERROR unauthenticated\r\n");
  EXPECT_EQ(wire.say(client, set("x", "bob pw") + "get x\r\n"), "STORED\r\nEND\r\n");
  wire.node().replace_credentials({{"eve", "new"}});
  EXPECT_EQ(wire.say(client, "get x\r\n"), "END\r\n");
  TestClient& late = wire.connect();
  EXPECT_EQ(wire.say(late, set("x", "bob pw")), "CLIENT_ERROR authentication failure\r\n");
  EXPECT_EQ(wire.say(late, set("x", "eve new")), "STORED\r\n");
}

TEST(Node, WatcherIsToldAndNeverWaitedFor) {
  TestWire wire;
  TestClient& watcher = wire.connect();
  TestClient& client = wire.connect();
  EXPECT_EQ(wire.say(watcher, "watch fetchers mutations\r\n"), "OK\r\n");
  wire.say(client, set("k", "v") + "get k m\r\n");
  wire.run(std::chrono::milliseconds(300));
  const std::string lines = watcher.take();
  EXPECT_NE(lines.find("type=item_store key=k status=stored cmd=set ttl=0"), std::string::npos);
  EXPECT_NE(lines.find("type=item_get key=k status=found"), std::string::npos);
  EXPECT_NE(lines.find("type=item_get key=m status=not_found"), std::string::npos);
  watcher.read(false);
  for (int i = 0; i < 100; ++i) wire.say(client, repeat("get k k k k k k k k k k\r\n", 10));
  EXPECT_GT(wire.stat(client, "log_watcher_skipped"), 0u);
  EXPECT_EQ(wire.stat(client, "log_watchers"), 1u);
  watcher.close();
  wire.run();
  EXPECT_EQ(wire.stat(client, "log_watchers"), 0u);
}

TEST(Node, GracefulStopAnswersWhatWasReceived) {
  TestWire wire;
  TestClient& idle = wire.connect();
  TestClient& slow = wire.connect();
  const std::string big = pattern(700'000);
  wire.say(slow, set("k", big));
  slow.read(false);
  slow.send("get k\r\nversion\r\n");
  wire.run();
  wire.node().stop(Stop::graceful);
  wire.run();
  EXPECT_TRUE(idle.at_end());
  EXPECT_FALSE(wire.node().stopped());
  slow.read(true);
  wire.run(std::chrono::seconds(1));
  EXPECT_EQ(slow.take(), hit("k", big) + "END\r\nVERSION 1.6.45\r\n");
  EXPECT_TRUE(slow.at_end());
  EXPECT_TRUE(wire.node().stopped());
}

TEST(Node, ShutdownIsAWishToTheOwner) {
  Config config;
  config.shutdown_enabled = true;
  TestWire wire(config);
  TestClient& client = wire.connect();
  EXPECT_EQ(wire.say(client, "shutdown now\r\n"), "CLIENT_ERROR invalid shutdown mode\r\n");
  EXPECT_EQ(wire.node().shutdown_requested(), std::nullopt);
  EXPECT_EQ(wire.say(client, "shutdown graceful\r\n"), "");
  EXPECT_EQ(wire.node().shutdown_requested(), Stop::graceful);
}

TEST(Node, WallClockJumpsNeitherKillNorImmortalise) {
  TestWire wire;
  TestClient& client = wire.connect();
  wire.say(client, "set k 0 10 1\r\nv\r\n");
  wire.server().jump_wall(std::chrono::hours(24 * 365));
  EXPECT_EQ(wire.say(client, "mg k t\r\n").substr(0, 4), "HD t");
  wire.server().jump_wall(-std::chrono::hours(2 * 24 * 365));
  wire.run(std::chrono::seconds(11));
  EXPECT_EQ(wire.say(client, "get k\r\n"), "END\r\n");
}

TEST(Node, ListeningOnATakenAddressFailsAndLeavesNothingOpen) {
  TestWire wire;
  QuietLog log;
  std::string arena(2 * MiB, '\0');
  Config config;
  config.memory_bytes = arena.size();
  config.listen = {{io::Address::Kind::tcp, "10.0.0.1", 5000},
                   {io::Address::Kind::tcp, "10.0.0.1", 11211}};
  {
    Node second(config, wire.server(), log, std::span(arena));
    const auto started = second.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error(), "cannot listen on 10.0.0.1:11211: refused");
  }
  config.listen.pop_back();
  Node third(config, wire.server(), log, std::span(arena));
  ASSERT_TRUE(third.start());
  third.stop(Stop::graceful);
  wire.run();
  EXPECT_TRUE(third.stopped());
}

}  // namespace
}  // namespace cacheismo::node
