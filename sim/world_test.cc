// Goal: the simulated network is a network: bytes in order, whole, late, cut, or the connection
// dies; and the same seed gives the same run.
// Method: an echo server and talkers that check every byte they get back, under every fault.

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/fault_plan.h"
#include "sim/mark.h"
#include "sim/test_echo.h"
#include "sim/world.h"

namespace cacheismo::sim {
namespace {

struct Outcome {
  std::uint64_t hash = 0;
  std::uint64_t events = 0;
  bool all_done = true;
  int failures = 0;
  Marks marks;
};

Outcome echo(std::uint64_t seed, const FaultPlan& plan, std::size_t bytes, int talkers) {
  World world(seed, plan);
  SimIo& server_io = world.add_host("10.0.0.1");
  std::vector<SimIo*> client_ios;
  for (int i = 0; i < 3; i++) client_ios.push_back(&world.add_host("10.0.1." + std::to_string(i)));
  EchoServer server(server_io, server_address);
  world.may_crash(server_io, server);
  std::vector<std::unique_ptr<Talker>> clients;
  for (int i = 0; i < talkers; i++) {
    clients.push_back(std::make_unique<Talker>(*client_ios[static_cast<std::size_t>(i) % 3],
                                               server_address, static_cast<std::uint64_t>(i),
                                               bytes));
  }
  world.run_until(std::chrono::seconds(120));
  Outcome outcome;
  for (const auto& client : clients) {
    outcome.all_done = outcome.all_done && client->done();
    outcome.failures += client->failures();
  }
  outcome.hash = world.hash();
  outcome.events = world.events();
  outcome.marks = world.marks();
  return outcome;
}

TEST(World, WithoutFaultsEverythingArrivesInTheSameInstant) {
  World world(1);
  SimIo& server_io = world.add_host("10.0.0.1");
  SimIo& client_io = world.add_host("10.0.1.1");
  EchoServer server(server_io, server_address);
  Talker client(client_io, server_address, 5, 1'000'000);
  EXPECT_TRUE(world.settle());
  EXPECT_TRUE(client.done());
  EXPECT_EQ(world.now().count(), 0);
}

TEST(World, ByteByByteDeliversEveryByteOnce) {
  FaultPlan plan;
  plan.cuts = static_cast<std::uint64_t>(Cuts::byte_by_byte);
  const Outcome outcome = echo(1, plan, 5'000, 3);
  EXPECT_TRUE(outcome.all_done);
  EXPECT_EQ(outcome.failures, 0);
  EXPECT_GT(outcome.events, 3u * 4u * 5'000u);
}

TEST(World, CalmNetworkHasNoFailures) {
  const Outcome outcome = echo(3, calm_plan(), 200'000, 20);
  EXPECT_TRUE(outcome.all_done);
  EXPECT_EQ(outcome.failures, 0);
}

TEST(World, AfterTheFaultsEveryTalkerGetsItsBytes) {
  Marks marks;
  int failures = 0;
  for (std::uint64_t seed = 0; seed < 40; seed++) {
    FaultPlan plan = draw_fault_plan(Prng(seed));
    plan.until_ns = 20'000'000'000;
    const Outcome outcome = echo(seed, plan, 20'000, 20);
    EXPECT_TRUE(outcome.all_done) << "seed " << seed << " " << print(plan);
    failures += outcome.failures;
    marks.add(outcome.marks);
  }
  EXPECT_GT(failures, 0);
  for (std::size_t mark = 0; mark < marks_count; mark++) {
    EXPECT_GT(marks.count(static_cast<Mark>(mark)), 0u) << to_string(static_cast<Mark>(mark));
  }
}

TEST(World, HostWithoutDescriptorsSaysSoAndRecovers) {
  World world(1);
  SimIo& server_io = world.add_host("10.0.0.1");
  SimIo& client_io = world.add_host("10.0.1.1");
  EchoServer server(server_io, server_address);
  client_io.set_streams_max(0);
  Talker client(client_io, server_address, 2, 100);
  for (int i = 0; i < 50; i++) (void)world.step();
  EXPECT_GT(client.failures(), 0);
  EXPECT_FALSE(client.done());
  EXPECT_EQ(world.network().channels_open(), client_io.streams_open());
  client_io.set_streams_max(10);
  EXPECT_TRUE(world.settle());
  EXPECT_TRUE(client.done());
}

TEST(World, SameSeedSameHash) {
  for (std::uint64_t seed = 0; seed < 20; seed++) {
    FaultPlan plan = draw_fault_plan(Prng(seed));
    plan.until_ns = 2'000'000'000;
    const Outcome first = echo(seed, plan, 3'000, 10);
    const Outcome second = echo(seed, plan, 3'000, 10);
    EXPECT_EQ(first.hash, second.hash);
    EXPECT_EQ(first.events, second.events);
    EXPECT_NE(first.hash, echo(seed + 1, plan, 3'000, 10).hash);
  }
}

}  // namespace
}  // namespace cacheismo::sim
