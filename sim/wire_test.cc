// Goal: a test that uses the Wire sees exactly what a client of the real server would see.
// Method: short conversations, whole, byte by byte and cut, and the things clients do to servers.

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/units.h"
#include "cacheismo/io/io.h"
#include "cacheismo/node/config.h"
#include "sim/fault_plan.h"
#include "sim/raw_connection.h"
#include "sim/wire.h"

namespace cacheismo::sim {
namespace {

node::Config small() {
  node::Config config;
  config.memory_bytes = 8 * MiB;
  return config;
}

constexpr Bytes conversation = "set k 5 0 3\r\nabc\r\nget k\r\ndelete k\r\nget k\r\n";
constexpr Bytes answers = "STORED\r\nVALUE k 5 3\r\nabc\r\nEND\r\nDELETED\r\nEND\r\n";

class WireCuts : public testing::TestWithParam<Cuts> {};

TEST_P(WireCuts, SameAnswersHoweverTheBytesAreCut) {
  Wire wire({.config = small(), .cuts = GetParam()});
  RawConnection& client = wire.connect();
  EXPECT_EQ(wire.ask(client, conversation), answers);
  EXPECT_EQ(wire.world().now().count(), 0);
}

INSTANTIATE_TEST_SUITE_P(All, WireCuts,
                         testing::Values(Cuts::whole, Cuts::byte_by_byte, Cuts::random));

TEST(Wire, ChosenCutsAreDeliveredOneByOne) {
  for (std::size_t cut = 1; cut < conversation.size(); cut++) {
    Wire wire({.config = small()});
    RawConnection& client = wire.connect();
    wire.write_cut(client, conversation, std::vector<std::size_t>{cut});
    EXPECT_EQ(client.take(), answers) << cut;
  }
}

TEST(Wire, HalfClosedClientGetsItsRepliesAndThenEof) {
  Wire wire({.config = small()});
  RawConnection& client = wire.connect();
  client.write(conversation);
  client.shutdown();
  wire.run();
  EXPECT_EQ(client.take(), answers);
  EXPECT_EQ(client.ended(), io::Error::eof);
}

TEST(Wire, ResetClientLeavesTheNodeServingOthers) {
  Wire wire({.config = small()});
  RawConnection& gone = wire.connect();
  RawConnection& client = wire.connect();
  gone.write("set k 0 0 100\r\nhalf");
  wire.run();
  gone.reset();
  EXPECT_EQ(wire.ask(client, "get k\r\n"), "END\r\n");
  EXPECT_EQ(wire.node_io().streams_open(), 1u);
}

TEST(Wire, TimePassesOnlyWhenToldTo) {
  Wire wire({.config = small()});
  RawConnection& client = wire.connect();
  EXPECT_EQ(wire.ask(client, "set k 0 3 1\r\nx\r\n"), "STORED\r\n");
  EXPECT_EQ(wire.ask(client, "get k\r\n"), "VALUE k 0 1\r\nx\r\nEND\r\n");
  wire.advance(std::chrono::seconds(5));
  EXPECT_EQ(wire.ask(client, "get k\r\n"), "END\r\n");
}

TEST(Wire, JumpingCalendarDoesNotExpireRelativeTimes) {
  Wire wire({.config = small()});
  RawConnection& client = wire.connect();
  EXPECT_EQ(wire.ask(client, "set k 0 100 1\r\nx\r\n"), "STORED\r\n");
  wire.jump_wall(std::chrono::hours(1));
  wire.advance(std::chrono::seconds(2));
  EXPECT_EQ(wire.ask(client, "get k\r\n"), "VALUE k 0 1\r\nx\r\nEND\r\n");
  wire.jump_wall(-std::chrono::hours(2));
  wire.advance(std::chrono::seconds(2));
  EXPECT_EQ(wire.ask(client, "get k\r\n"), "VALUE k 0 1\r\nx\r\nEND\r\n");
}

TEST(Wire, UnixSocketIsServedToo) {
  node::Config config = small();
  config.listen = {{io::Address::Kind::unix_socket, "/run/cacheismo.sock", 0}};
  Wire wire({.config = config});
  RawConnection& client = wire.connect();
  EXPECT_EQ(wire.ask(client, conversation), answers);
}

TEST(Wire, ClientThatDoesNotReadStopsBeingServedAndOthersGoOn) {
  Wire wire({.config = small()});
  RawConnection& greedy = wire.connect();
  RawConnection& client = wire.connect();
  const std::string key(240, 'k');
  const std::string value(20'000, 'v');
  EXPECT_EQ(wire.ask(greedy, "set " + key + " 0 0 20000\r\n" + value + "\r\n"), "STORED\r\n");
  greedy.set_reading(false);
  wire.run();
  std::string gets;
  for (int i = 0; i < 4000; i++) gets += "get " + key + "\r\n";
  greedy.write(gets);
  wire.run();
  // The node stopped taking requests long before their end.
  EXPECT_GT(greedy.unsent(), gets.size() / 2);
  EXPECT_EQ(wire.ask(client, conversation), answers);
  // What it took is answered in full once the client reads.
  greedy.set_reading(true);
  wire.run();
  EXPECT_EQ(greedy.unsent(), 0u);
  const std::size_t reply_bytes =
      std::string("VALUE  0 20000\r\n\r\nEND\r\n").size() + 240 + 20'000;
  EXPECT_EQ(greedy.take().size(), 4000 * reply_bytes);
}

}  // namespace
}  // namespace cacheismo::sim
