// TestWire: one node and a few clients in a simulated world, for tests with values alone.
//
//   Client --send("get a\r\n")--> World --> Node          wire.say(client, "get a\r\n") ==
//   "END\r\n"
//
// Time passes only when a test lets it; every destructor runs the node's audit and its stop.

#ifndef CACHEISMO_NODE_TEST_WIRE_H_
#define CACHEISMO_NODE_TEST_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/node/node.h"
#include "sim/world.h"

namespace cacheismo::node {

// ---- Text of requests and replies ---------------------------------------------------------------

inline std::string set(const std::string& key, const std::string& value,
                       const std::string& tail = "") {
  return "set " + key + " 0 0 " + std::to_string(value.size()) + tail + "\r\n" + value + "\r\n";
}
inline std::string hit(const std::string& key, const std::string& value) {
  return "VALUE " + key + " 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\n";
}
/// Bytes that tell their place.
inline std::string pattern(std::size_t size, char first = 'a') {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i)
    text[i] = static_cast<char>(first + (i * 7 + i / 251) % 26);
  return text;
}
inline std::string repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

class QuietLog final : public Log {
 public:
  void write(Level level, Bytes event, Bytes fields) override {
    if (level != Level::info) lines.push_back(std::string(event) + " " + std::string(fields));
  }
  std::vector<std::string> lines;
};

/// A client that reads everything unless it is told not to.
class TestClient final : public io::StreamEvents {
 public:
  TestClient(io::Io& io, const io::Address& address) : io_(io) {
    stream_ = io_.connect(address, io_.now().monotonic + std::chrono::seconds(5), *this);
  }

  void send(std::string text) {
    unsent_.push_back(std::move(text));
    pump();
  }
  /// Stops or starts reading.
  void read(bool on) {
    reading_ = on;
    want();
  }
  void close() {
    if (!closed_ && !closing_) {
      closing_ = true;
      io_.close(stream_);
    }
  }
  void shutdown() { io_.shutdown(stream_); }

  [[nodiscard]] std::string take() { return std::exchange(received_, {}); }
  [[nodiscard]] const std::string& received() const { return received_; }
  [[nodiscard]] bool at_end() const { return at_end_; }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] bool all_sent() const { return unsent_.empty() && !sending_; }

  void on_connected(io::StreamId, Result<void, io::Error> result) override {
    connected_ = result.has_value();
    at_end_ = !connected_;
    pump();
    want();
  }
  void on_received(io::StreamId, Result<io::Received, io::Error> result) override {
    receiving_ = false;
    if (!result) {
      at_end_ = true;
      return;
    }
    received_ += result->leased;
    want();
  }
  void on_sent(io::StreamId, Result<std::size_t, io::Error> result) override {
    sending_ = false;
    if (!result) return;
    offset_ += *result;
    if (offset_ == unsent_.front().size()) {
      unsent_.pop_front();
      offset_ = 0;
    }
    pump();
  }
  void on_closed(io::StreamId) override { closed_ = true; }

 private:
  void want() {
    if (!connected_ || !reading_ || receiving_ || closing_ || at_end_) return;
    receiving_ = true;
    io_.receive(stream_);
  }
  void pump() {
    if (!connected_ || sending_ || closing_ || unsent_.empty()) return;
    const Bytes rest = Bytes(unsent_.front()).substr(offset_);
    if (rest.empty()) return;
    sending_ = true;
    io_.send(stream_, std::span(&rest, 1));
  }

  io::Io& io_;
  io::StreamId stream_;
  std::deque<std::string> unsent_;
  std::size_t offset_ = 0;
  std::string received_;
  bool connected_ = false;
  bool reading_ = true;
  bool receiving_ = false;
  bool sending_ = false;
  bool at_end_ = false;
  bool closing_ = false;
  bool closed_ = false;
};

class TestWire {
 public:
  explicit TestWire(Config config = {}, sim::Cuts cuts = sim::Cuts::whole)
      : arena_(config.memory_bytes, '\0'),
        world_(7),
        server_(world_.add_host("10.0.0.1")),
        other_(world_.add_host("10.0.0.2")) {
    server_.set_cuts(cuts);
    config.listen = {{io::Address::Kind::tcp, "10.0.0.1", 11211}};
    node_ = std::make_unique<Node>(config, server_, log_, std::span(arena_));
    const auto started = node_->start();
    EXPECT_TRUE(started) << started.error();
  }
  ~TestWire() {
    EXPECT_EQ(node_->audit(), std::nullopt);
    node_->stop(Stop::at_once);
    for (auto& client : clients_) client->close();
    run();
    EXPECT_TRUE(node_->stopped());
    EXPECT_EQ(node_->audit(), std::nullopt);
  }

  TestClient& connect() {
    clients_.push_back(std::make_unique<TestClient>(
        other_, io::Address{io::Address::Kind::tcp, "10.0.0.1", 11211}));
    run();
    return *clients_.back();
  }
  /// Lets a tenth of a second pass: every byte on its way arrives.
  void run(Duration time = std::chrono::milliseconds(100)) { world_.run_for(time); }
  /// Sends, waits, and returns what came back.
  std::string say(TestClient& client, std::string text) {
    client.send(std::move(text));
    run();
    EXPECT_EQ(node_->audit(), std::nullopt);
    return client.take();
  }
  /// One line of `stats`.
  std::uint64_t stat(TestClient& client, const std::string& name) {
    const std::string all = say(client, "stats\r\n");
    const std::string start = "STAT " + name + " ";
    const std::size_t at = all.find(start);
    EXPECT_NE(at, std::string::npos) << name;
    return at == std::string::npos ? 0 : std::stoull(all.substr(at + start.size()));
  }

  [[nodiscard]] Node& node() { return *node_; }
  [[nodiscard]] sim::SimIo& server() { return server_; }
  [[nodiscard]] sim::World& world() { return world_; }
  [[nodiscard]] QuietLog& log() { return log_; }

 private:
  std::string arena_;
  QuietLog log_;
  sim::World world_;
  sim::SimIo& server_;
  sim::SimIo& other_;
  std::unique_ptr<Node> node_;
  std::vector<std::unique_ptr<TestClient>> clients_;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_TEST_WIRE_H_
