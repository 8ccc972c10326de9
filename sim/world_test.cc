// Goal: the simulated network is a network: bytes in order, whole, late, cut, or the connection
// dies; and the same seed gives the same run.
// Method: an echo server and talkers that check every byte they get back, under every fault.

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/check.h"
#include "cacheismo/io/io.h"
#include "sim/fault_plan.h"
#include "sim/mark.h"
#include "sim/world.h"

namespace cacheismo::sim {
namespace {

/// Sends back what it gets, one receive at a time.
class EchoServer final : io::ListenerEvents, io::StreamEvents, io::TimerEvents {
 public:
  EchoServer(SimIo& io, const io::Address& address) : io_(io) {
    listener_ = io_.listen(address, {.backlog = 4}, *this).value();
    io_.accept(listener_);
  }

 private:
  struct Held {
    std::string bytes;
    std::size_t sent = 0;
  };

  void on_accepted(io::ListenerId listener, Result<io::Accepted, io::Error> result) override {
    if (!result) {
      (void)io_.set_timer(io_.now().monotonic + std::chrono::milliseconds(10), *this);
      return;
    }
    io_.attach(result->stream, *this);
    io_.receive(result->stream);
    io_.accept(listener);
  }
  void on_timer(io::TimerId) override { io_.accept(listener_); }
  void on_connected(io::StreamId, Result<void, io::Error>) override { CHECK(false); }
  void on_received(io::StreamId stream, Result<io::Received, io::Error> result) override {
    if (!result) return io_.close(stream);
    if (held_.size() <= stream.slot) held_.resize(stream.slot + 1);
    held_[stream.slot] = {std::string(result->leased), 0};
    send_rest(stream);
  }
  void on_sent(io::StreamId stream, Result<std::size_t, io::Error> result) override {
    if (!result) return io_.close(stream);
    Held& held = held_[stream.slot];
    held.sent += *result;
    if (held.sent < held.bytes.size()) return send_rest(stream);
    io_.receive(stream);
  }
  void on_closed(io::StreamId) override {}
  void send_rest(io::StreamId stream) {
    const Held& held = held_[stream.slot];
    const Bytes view = Bytes(held.bytes).substr(held.sent);
    io_.send(stream, {&view, 1});
  }

  SimIo& io_;
  io::ListenerId listener_;
  std::deque<Held> held_;
};

/// Sends a known sequence of bytes and checks that exactly it comes back; connects again when its
/// connection dies. Talkers with odd labels hang up once in the middle.
class Talker final : io::StreamEvents {
 public:
  Talker(SimIo& io, const io::Address& server, std::uint64_t label, std::size_t bytes)
      : io_(io), server_(server), bytes_(bytes), hasty_(label % 2 == 1) {
    text_.resize(bytes);
    for (std::size_t i = 0; i < bytes; i++) text_[i] = static_cast<char>(i * 31 + label);
    connect();
  }
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] int failures() const { return failures_; }

 private:
  void connect() {
    sent_ = got_ = 0;
    stream_ = io_.connect(server_, io_.now().monotonic + std::chrono::seconds(3), *this);
  }
  void on_connected(io::StreamId, Result<void, io::Error> result) override {
    if (!result) return fail();
    send_some();
    io_.receive(stream_);
  }
  void send_some() {
    const Bytes view = Bytes(text_).substr(sent_);
    io_.send(stream_, {&view, 1});
  }
  void on_sent(io::StreamId, Result<std::size_t, io::Error> result) override {
    if (closing_) return;
    if (!result) return fail();
    sent_ += *result;
    if (sent_ < bytes_) return send_some();
    io_.shutdown(stream_);
  }
  void on_received(io::StreamId, Result<io::Received, io::Error> result) override {
    if (closing_) return;
    if (!result) {
      done_ = result.error() == io::Error::eof && got_ == bytes_;
      return done_ ? end() : fail();
    }
    ASSERT_LE(got_ + result->count, bytes_);
    ASSERT_EQ(result->leased, Bytes(text_).substr(got_, result->count));
    got_ += result->count;
    if (hasty_) {  // hangs up once, whatever else has arrived
      hasty_ = false;
      return end();
    }
    io_.receive(stream_);
  }
  void fail() {
    failures_++;
    end();
  }
  void end() {
    closing_ = true;
    io_.close(stream_);
  }
  void on_closed(io::StreamId) override {
    closing_ = false;
    if (!done_) connect();
  }

  SimIo& io_;
  io::Address server_;
  std::size_t bytes_;
  bool hasty_;
  std::string text_;
  std::size_t sent_ = 0;
  std::size_t got_ = 0;
  io::StreamId stream_;
  bool done_ = false;
  bool closing_ = false;
  int failures_ = 0;
};

const io::Address server_address{io::Address::Kind::tcp, "10.0.0.1", 11211};

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
