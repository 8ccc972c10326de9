// What tests of the world share: a server that sends back what it gets, and a client that checks
// every byte of it.

#ifndef CACHEISMO_SIM_TEST_ECHO_H_
#define CACHEISMO_SIM_TEST_ECHO_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/check.h"
#include "cacheismo/io/io.h"
#include "sim/world.h"

namespace cacheismo::sim {

/// Sends back what it gets, one receive at a time. When its host crashes it lets go of everything.
class EchoServer final : public HostFaults, io::ListenerEvents, io::StreamEvents, io::TimerEvents {
 public:
  EchoServer(SimIo& io, const io::Address& address) : io_(io), address_(address) { listen(); }

  void on_crash(SimIo&) override {
    crashes_++;
    io_.close_listener(listener_);
    for (const io::StreamId stream : open_) {
      if (!is_closing(stream)) close(stream);
    }
  }
  void on_restart(SimIo&) override {
    EXPECT_TRUE(open_.empty());
    listen();
  }
  [[nodiscard]] int crashes() const { return crashes_; }

 private:
  struct Held {
    std::string bytes;
    std::size_t sent = 0;
  };

  void listen() {
    listener_ = io_.listen(address_, {.backlog = 4}, *this).value();
    io_.accept(listener_);
  }
  void close(io::StreamId stream) {
    closing_.push_back(stream);
    io_.close(stream);
  }
  void on_accepted(io::ListenerId listener, Result<io::Accepted, io::Error> result) override {
    if (io_.is_down()) {
      EXPECT_EQ(result.error(), io::Error::cancelled);
      return;
    }
    if (!result) {
      (void)io_.set_timer(io_.now().monotonic + std::chrono::milliseconds(10), *this);
      return;
    }
    io_.attach(result->stream, *this);
    open_.push_back(result->stream);
    io_.receive(result->stream);
    io_.accept(listener);
  }
  void on_timer(io::TimerId) override { io_.accept(listener_); }
  void on_connected(io::StreamId, Result<void, io::Error>) override { CHECK(false); }
  void on_received(io::StreamId stream, Result<io::Received, io::Error> result) override {
    if (is_closing(stream)) return;
    if (!result) return close(stream);
    if (held_.size() <= stream.slot) held_.resize(stream.slot + 1);
    held_[stream.slot] = {std::string(result->leased), 0};
    send_rest(stream);
  }
  void on_sent(io::StreamId stream, Result<std::size_t, io::Error> result) override {
    if (is_closing(stream)) return;
    if (!result) return close(stream);
    Held& held = held_[stream.slot];
    held.sent += *result;
    if (held.sent < held.bytes.size()) return send_rest(stream);
    io_.receive(stream);
  }
  void on_closed(io::StreamId stream) override {
    std::erase(open_, stream);
    std::erase(closing_, stream);
  }
  [[nodiscard]] bool is_closing(io::StreamId stream) const {
    return std::find(closing_.begin(), closing_.end(), stream) != closing_.end();
  }
  void send_rest(io::StreamId stream) {
    const Held& held = held_[stream.slot];
    const Bytes view = Bytes(held.bytes).substr(held.sent);
    io_.send(stream, {&view, 1});
  }

  SimIo& io_;
  io::Address address_;
  io::ListenerId listener_;
  std::deque<Held> held_;
  std::vector<io::StreamId> open_;
  std::vector<io::StreamId> closing_;
  int crashes_ = 0;
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

inline const io::Address server_address{io::Address::Kind::tcp, "10.0.0.1", 11211};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_TEST_ECHO_H_
