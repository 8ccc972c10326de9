// Goal: a crash ends everything that was on a host and keeps the contract of the Io while it does;
// a partition separates hosts, one way or both, for as long as it is said to.
// Method: an echo server and a talker; for the contract an owner that has one of each operation
// outstanding and counts what completes.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/io/io.h"
#include "sim/fault_plan.h"
#include "sim/mark.h"
#include "sim/test_echo.h"
#include "sim/world.h"

namespace cacheismo::sim {
namespace {

TEST(Crash, EndsWhatStoodAndNothingOfTheDeadIsHeard) {
  FaultPlan plan = calm_plan();
  World world(1, plan);
  SimIo& server_io = world.add_host("10.0.0.1");
  SimIo& client_io = world.add_host("10.0.1.1");
  EchoServer server(server_io, server_address);
  world.may_crash(server_io, server);
  Talker client(client_io, server_address, 2, 10'000'000);
  world.run_until(std::chrono::milliseconds(1));
  ASSERT_EQ(server_io.streams_open(), 1u);
  world.crash(server_io, std::chrono::seconds(1));
  EXPECT_EQ(server.crashes(), 0);  // not inside the call
  world.run_for(std::chrono::milliseconds(10));
  EXPECT_EQ(server.crashes(), 1);
  EXPECT_TRUE(server_io.is_down());
  EXPECT_EQ(server_io.streams_open(), 0u);
  EXPECT_GT(client.failures(), 1);                  // the reset, and then nobody listened
  world.crash(server_io, std::chrono::seconds(1));  // it is down already
  world.run_for(std::chrono::seconds(30));
  EXPECT_EQ(server.crashes(), 1);
  EXPECT_FALSE(server_io.is_down());
  EXPECT_TRUE(client.done());
  EXPECT_EQ(world.marks().count(Mark::reset_by_crash), 1u);
}

TEST(Crash, OfAPausedHostDoesNotWaitForIt) {
  World world(1, calm_plan());
  SimIo& server_io = world.add_host("10.0.0.1");
  (void)world.add_host("10.0.1.1");
  EchoServer server(server_io, server_address);
  world.may_crash(server_io, server);
  server_io.pause(std::chrono::hours(1));
  world.crash(server_io, std::chrono::milliseconds(1));
  world.run_for(std::chrono::milliseconds(2));
  EXPECT_EQ(server.crashes(), 1);
  EXPECT_FALSE(server_io.is_down());
}

TEST(Crash, TimersOfTheDeadDoNotFire) {
  struct Alarm final : HostFaults, io::TimerEvents {
    void on_crash(SimIo&) override {}
    void on_restart(SimIo&) override {}
    void on_timer(io::TimerId) override { fired++; }
    int fired = 0;
  } alarm;
  World world(1);
  SimIo& io = world.add_host("10.0.0.1");
  world.may_crash(io, alarm);
  const io::TimerId old = io.set_timer(io.now().monotonic + std::chrono::seconds(2), alarm);
  world.crash(io, std::chrono::seconds(1));
  world.run_for(std::chrono::seconds(5));
  EXPECT_EQ(alarm.fired, 0);
  EXPECT_FALSE(io.cancel_timer(old));
  (void)io.set_timer(io.now().monotonic + std::chrono::seconds(2), alarm);
  world.run_for(std::chrono::seconds(5));
  EXPECT_EQ(alarm.fired, 1);
}

/// Everything that it hears, as words in order; closes what it has when its host crashes.
class Listening final : public HostFaults,
                        public io::ListenerEvents,
                        public io::StreamEvents,
                        public io::TimerEvents {
 public:
  explicit Listening(SimIo& io) : io_(io) {}

  void on_crash(SimIo&) override {
    heard.emplace_back("crash");
    if (listener) io_.close_listener(*listener);
    for (const io::StreamId stream : streams) io_.close(stream);
    (void)io_.set_timer(io_.now().monotonic, *this);  // a node's turn
    EXPECT_EQ(heard.back(), "crash");                 // nothing completes inside a call
  }
  void on_restart(SimIo&) override { heard.emplace_back("restart"); }
  void on_accepted(io::ListenerId, Result<io::Accepted, io::Error> result) override {
    heard.emplace_back(std::string("accept ") + io::to_string(result.error()));
  }
  void on_connected(io::StreamId stream, Result<void, io::Error> result) override {
    say(stream, "connect", result ? "done" : io::to_string(result.error()));
  }
  void on_received(io::StreamId stream, Result<io::Received, io::Error> result) override {
    say(stream, "receive", result ? "done" : io::to_string(result.error()));
  }
  void on_sent(io::StreamId stream, Result<std::size_t, io::Error> result) override {
    say(stream, "send", result ? "done" : io::to_string(result.error()));
  }
  void on_closed(io::StreamId stream) override { say(stream, "close", "done"); }
  void on_timer(io::TimerId) override { heard.emplace_back("timer"); }

  std::optional<io::ListenerId> listener;
  std::vector<io::StreamId> streams;
  std::vector<std::string> heard;

 private:
  void say(io::StreamId stream, const char* what, const char* how) {
    heard.push_back(std::to_string(stream.slot) + ' ' + what + ' ' + how);
  }

  SimIo& io_;
};

TEST(Crash, EveryOperationCompletesOnceAndBeforeItsStreamIsClosed) {
  World world(1);
  SimIo& io = world.add_host("10.0.0.1");
  SimIo& other_io = world.add_host("10.0.0.2");
  Listening owner(io);
  Listening other(other_io);
  world.may_crash(io, owner);
  world.network().black_hole({io::Address::Kind::tcp, "10.9.9.9", 1});
  owner.listener = io.listen(server_address, {}, owner).value();
  io.accept(*owner.listener);
  const io::Address there{io::Address::Kind::tcp, "10.0.0.2", 1};
  (void)other_io.listen(there, {}, other).value();  // which never accepts, and so never reads
  const MonotonicTime later = io.now().monotonic + std::chrono::hours(1);
  owner.streams = {io.connect(there, later, owner),
                   io.connect({io::Address::Kind::tcp, "10.9.9.9", 1}, later, owner)};
  ASSERT_TRUE(world.settle());
  const std::string bytes(200'000, 'b');
  const Bytes view = bytes;
  io.send(owner.streams[0], {&view, 1});
  ASSERT_TRUE(world.settle());  // fills the buffers
  io.send(owner.streams[0], {&view, 1});
  io.receive(owner.streams[0]);
  ASSERT_TRUE(world.settle());
  ASSERT_EQ(owner.heard, (std::vector<std::string>{"0 connect done", "0 send done"}));
  owner.heard.clear();
  world.crash(io, std::chrono::seconds(1));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(owner.heard,
            (std::vector<std::string>{"crash", "timer", "accept cancelled", "0 send reset",
                                      "1 connect cancelled", "0 receive reset", "1 close done",
                                      "0 close done"}));
  world.run_for(std::chrono::hours(2));
  EXPECT_EQ(owner.heard.size(), 9u);
  EXPECT_EQ(owner.heard.back(), "restart");
  EXPECT_EQ(world.network().channels_open(), 1u);  // the one that still waits to be accepted
}

/// One talker in a partition that lasts from 1 ms to 2 s of a run of `length`.
struct Parted {
  explicit Parted(bool one_way, bool connected)
      : world(1, calm_plan()),
        server_io(world.add_host("10.0.0.1")),
        client_io(world.add_host("10.0.1.1")),
        server(server_io, server_address) {
    if (connected) client.emplace(client_io, server_address, 2, 10'000'000);
    world.run_until(std::chrono::milliseconds(1));
    const std::uint16_t group[] = {client_io.number()};
    world.partition(group, one_way, std::chrono::milliseconds(1999));
    if (!connected) client.emplace(client_io, server_address, 2, 1'000);
    world.run_until(std::chrono::milliseconds(1900));
  }

  World world;
  SimIo& server_io;
  SimIo& client_io;
  EchoServer server;
  std::optional<Talker> client;
};

TEST(Partition, HoldsBytesUntilItsEnd) {
  Parted parted(false, true);
  EXPECT_FALSE(parted.client->done());
  EXPECT_EQ(parted.client->failures(), 0);
  EXPECT_GT(parted.world.marks().count(Mark::held_by_partition), 0u);
  parted.world.run_until(std::chrono::milliseconds(2500));
  EXPECT_TRUE(parted.client->done());
  EXPECT_EQ(parted.client->failures(), 0);
}

TEST(Partition, ConnectIntoAPartitionVanishes) {
  Parted parted(false, false);
  EXPECT_EQ(parted.server_io.streams_open(), 0u);
  EXPECT_EQ(parted.world.marks().count(Mark::connect_partitioned), 1u);
  parted.world.run_until(std::chrono::milliseconds(2900));
  EXPECT_EQ(parted.server_io.streams_open(), 0u);  // its end does not bring it back
  parted.world.run_until(std::chrono::seconds(4));
  EXPECT_EQ(parted.client->failures(), 1);  // the deadline, 3 s
  EXPECT_TRUE(parted.client->done());
}

TEST(Partition, OneWayPartitionLetsTheOtherWayPass) {
  Parted parted(true, false);
  EXPECT_EQ(parted.world.marks().count(Mark::connect_partitioned), 1u);
  // The other way the request arrives, and its answer waits.
  EchoServer behind(parted.client_io, {io::Address::Kind::tcp, "10.0.1.1", 11211});
  Talker talker(parted.server_io, {io::Address::Kind::tcp, "10.0.1.1", 11211}, 2, 100);
  parted.world.run_until(std::chrono::milliseconds(1950));
  EXPECT_EQ(parted.client_io.streams_open(), 2u);
  EXPECT_FALSE(talker.done());
  parted.world.run_until(std::chrono::milliseconds(2100));
  EXPECT_TRUE(talker.done());
  EXPECT_EQ(talker.failures(), 0);
}

}  // namespace
}  // namespace cacheismo::sim
