// Goal: what a node does when clients are many, slow, idle, unknown or gone, and when it is to
// stop. Method: as in node_test.cc, but the cut of the bytes does not matter here.

#include <string>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/node/node.h"
#include "cacheismo/node/test_wire.h"

namespace cacheismo::node {
namespace {

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
    EXPECT_EQ(started.error(), "cannot listen on 10.0.0.1:11211: the address is in use");
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
