// Goal: whatever clients do, what the node holds for them stays within bounds, and others are
// served. Method: thousands of raw connections on the simulated wire; the heap is asked before and
// after (the cache's own memory is not on it). The simulated network's own buffers are made small
// and counted in.

#include <malloc.h>

#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/base/units.h"
#include "cacheismo/node/config.h"
#include "sim/fault_plan.h"
#include "sim/raw_connection.h"
#include "sim/wire.h"

namespace cacheismo::sim {
namespace {

/// Both directions of a connection in the network, and what two streams and a client's end cost.
constexpr std::size_t buffer_bytes = 2048;
constexpr std::size_t simulated_bytes = 2 * buffer_bytes + 4096;

Wire::Options many_connections() {
  Wire::Options options;
  options.config.memory_bytes = 64 * MiB;
  options.config.connections_max = 20'000;
  options.config.listen_options.backlog = 20'000;
  options.plan.buffer_bytes = buffer_bytes;
  return options;
}

std::size_t heap_bytes() { return mallinfo2().uordblks; }

/// What the heap has grown by. A sanitizer's allocator is not seen here: there it is 0, and the
/// tests still say that others are served.
std::size_t grown_since(std::size_t before) {
  const std::size_t now = heap_bytes();
  return now > before ? now - before : 0;
}

void expect_served(Wire& wire) {
  RawConnection& client = wire.connect();
  EXPECT_EQ(wire.ask(client, "set other 0 0 1\r\nx\r\nget other\r\n"),
            "STORED\r\nVALUE other 0 1\r\nx\r\nEND\r\n");
}

std::vector<RawConnection*> connect_many(Wire& wire, std::size_t count) {
  std::vector<RawConnection*> clients;
  for (std::size_t i = 0; i < count; i++) clients.push_back(&wire.connect());
  wire.run();
  return clients;
}

TEST(Backpressure, TenThousandIdleConnectionsAfterOneGetHoldNoBuffer) {
  Wire wire(many_connections());
  expect_served(wire);
  const std::size_t before = heap_bytes();
  constexpr std::size_t count = 10'000;
  for (RawConnection* client : connect_many(wire, count)) {
    client->write("get other\r\n");
    wire.run();
    EXPECT_EQ(client->take(), "VALUE other 0 1\r\nx\r\nEND\r\n");
  }
  // About 2100 bytes, of which the node's part is a few hundred.
  EXPECT_LT(grown_since(before) / count, 2048u + 1024u);
  expect_served(wire);
}

TEST(Backpressure, ClientsThatNeverReadHoldAtMostOneOutputBufferEach) {
  Wire wire(many_connections());
  RawConnection& writer = wire.connect();
  const std::string value(1500, 'v');
  EXPECT_EQ(wire.ask(writer, "set k 0 0 1500\r\n" + value + "\r\n"), "STORED\r\n");
  std::string gets;
  for (int i = 0; i < 1000; i++) gets += "get k\r\n";
  const std::size_t before = heap_bytes();
  constexpr std::size_t count = 2'000;
  for (RawConnection* client : connect_many(wire, count)) {
    client->set_reading(false);
    client->write(gets);
  }
  wire.run();
  const std::size_t bound =
      simulated_bytes + gets.size() + limits::output_bytes + limits::pending_input_bytes + 4096;
  EXPECT_LT(grown_since(before) / count, bound);
  expect_served(wire);
}

TEST(Backpressure, MillionPipelinedGetsAreAnsweredInOrderWithoutGrowing) {
  Wire wire(many_connections());
  RawConnection& client = wire.connect();
  EXPECT_EQ(wire.ask(client, "set k 0 0 1\r\nx\r\n"), "STORED\r\n");
  const Bytes reply = "VALUE k 0 1\r\nx\r\nEND\r\n";
  std::string gets;
  for (int i = 0; i < 10'000; i++) gets += "get k\r\n";
  (void)wire.ask(client, gets);
  const std::size_t before = heap_bytes();
  for (int round = 0; round < 100; round++) {
    const std::string replies = wire.ask(client, gets);
    ASSERT_EQ(replies.size(), 10'000 * reply.size());
    ASSERT_EQ(replies.substr(replies.size() - reply.size()), reply);
  }
  EXPECT_LT(grown_since(before), 1 * MiB);
}

TEST(Backpressure, AnnouncedGigabytesTakeNoMemoryUntilTheirBytesCome) {
  Wire::Options options = many_connections();
  options.config.memory_bytes = 512 * MiB;
  options.config.item_bytes_max = 256 * MiB;
  Wire wire(options);
  const std::size_t before = heap_bytes();
  constexpr std::size_t count = 1'000;
  for (RawConnection* client : connect_many(wire, count)) {
    client->write("set big 0 0 200000000\r\nbegun");
  }
  for (RawConnection* client : connect_many(wire, 100)) {
    client->write("set huge 0 0 1073741824\r\nbegun");
  }
  wire.run();
  const std::size_t bound = simulated_bytes + limits::pending_input_bytes + 1024;
  EXPECT_LT(grown_since(before) / (count + 100), bound);
  // 200 GB are announced; the cache of 512 MB still takes others' values.
  expect_served(wire);
}

TEST(Backpressure, LinesThatComeByteByByteHoldAtMostOneSmallBufferEach) {
  Wire wire(many_connections());
  const std::size_t before = heap_bytes();
  constexpr std::size_t count = 2'000;
  const auto clients = connect_many(wire, count);
  const std::string line = "get " + std::string(60, 'k');
  for (const char byte : line) {
    for (RawConnection* client : clients) client->write(Bytes(&byte, 1));
    wire.run();
  }
  const std::size_t bound = simulated_bytes + limits::pending_input_bytes + 1024;
  EXPECT_LT(grown_since(before) / count, bound);
  expect_served(wire);
  for (RawConnection* client : clients) client->write("\r\n");
  wire.run();
  for (RawConnection* client : clients) EXPECT_EQ(client->take(), "END\r\n");
}

TEST(Backpressure, EndlessLineIsCutOff) {
  Wire wire(many_connections());
  RawConnection& client = wire.connect();
  client.write("set " + std::string(100'000, 'k'));
  wire.run();
  EXPECT_TRUE(client.ended().has_value());
  expect_served(wire);
}

}  // namespace
}  // namespace cacheismo::sim
