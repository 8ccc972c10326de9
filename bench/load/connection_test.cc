// One connection against the other end of a socketpair, which answers well, badly, or not at all.

#include "bench/load/connection.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include "bench/load/call.h"
#include "bench/load/dataset.h"
#include "bench/load/tally.h"

namespace cacheismo::load {
namespace {

class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    server_ = ends[1];
    connection_ = std::make_unique<Connection>(ends[0], Protocol::classic, dataset_, &call_, 4);
  }
  ~ConnectionTest() override {
    if (server_ >= 0) close(server_);
  }

  void start_get(std::vector<std::uint64_t> ids, std::uint64_t due_ns = 100) {
    connection_->start(Operation::get, ids, due_ns, true);
    connection_->flush(tally_);
  }

  void start_call(std::uint64_t id, std::uint64_t due_ns = 100) {
    connection_->start(Operation::call, std::vector<std::uint64_t>{id}, due_ns, true);
    connection_->flush(tally_);
  }

  /// The server sends `bytes`; the connection reads once at time `now_ns`.
  void reply(const std::string& bytes, std::uint64_t now_ns = 150) {
    ASSERT_EQ(write(server_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    connection_->receive([now_ns] { return now_ns; }, true, tally_);
  }

  std::string value_reply(std::uint64_t id) {
    std::string key;
    dataset_.append_key(id, key);
    const std::string value(dataset_.value(id));
    return "VALUE " + key + " 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\n";
  }

  Dataset dataset_{{.key_count = 100, .key_bytes = 4, .value_bytes_min = 9, .value_bytes_max = 9}};
  Call call_{*Pattern::parse("counter:incr:c{object}:1"), *Pattern::parse("{number}")};
  Tally tally_;
  std::unique_ptr<Connection> connection_;
  int server_ = -1;
};

TEST_F(ConnectionTest, AHitIsCountedWithItsLatencySinceItWasDue) {
  start_get({7}, 100);
  reply(value_reply(7) + "END\r\n", 350);
  EXPECT_EQ(tally_.finished, 1u);
  EXPECT_EQ(tally_.hits, 1u);
  EXPECT_EQ(tally_.misses, 0u);
  EXPECT_EQ(tally_.get_ns.max(), 250u);
  EXPECT_EQ(connection_->in_flight(), 0u);
  EXPECT_TRUE(tally_.clean());
}

TEST_F(ConnectionTest, KeysThatAReplyPassesOverAreMisses) {
  start_get({1, 2, 3, 4, 5});
  reply(value_reply(2) + value_reply(4) + "END\r\n");
  EXPECT_EQ(tally_.hits, 2u);
  EXPECT_EQ(tally_.misses, 3u);
  EXPECT_TRUE(tally_.clean());
}

TEST_F(ConnectionTest, PipelinedRepliesInPiecesBelongToTheirRequestsInOrder) {
  for (int round = 0; round < 3; ++round) {  // more than the ring's four slots
    start_get({1});
    start_get({2});
    const std::string both = value_reply(1) + "END\r\nEND\r\n";
    reply(both.substr(0, 20));
    reply(both.substr(20));
  }
  EXPECT_EQ(tally_.finished, 6u);
  EXPECT_EQ(tally_.hits, 3u);
  EXPECT_EQ(tally_.misses, 3u);
  EXPECT_TRUE(tally_.clean());
}

TEST_F(ConnectionTest, TheValueOfAnotherKeyIsWrong) {
  start_get({1});
  std::string swapped = value_reply(2);
  swapped.replace(6, 4, "k001");
  reply(swapped + "END\r\n");
  EXPECT_EQ(tally_.wrong_values, 1u);
  EXPECT_EQ(tally_.finished, 1u);
  EXPECT_FALSE(tally_.clean());
}

TEST_F(ConnectionTest, AKeyThatWasNotAskedForOrComesTwiceIsWrong) {
  start_get({1});
  reply(value_reply(2) + "END\r\n");
  EXPECT_EQ(tally_.wrong_values, 1u);
  start_get({1});
  reply(value_reply(1) + value_reply(1) + "END\r\n");
  EXPECT_EQ(tally_.wrong_values, 2u);
}

TEST_F(ConnectionTest, AnErrorLineIsARefusalAndTheConnectionGoesOn) {
  connection_->start(Operation::set, std::vector<std::uint64_t>{1}, 0, true);
  connection_->flush(tally_);
  reply("SERVER_ERROR out of memory storing object\r\n");
  EXPECT_EQ(tally_.refused, 1u);
  EXPECT_EQ(tally_.first_error, "the server answered: SERVER_ERROR out of memory storing object");
  start_get({1});
  reply("END\r\n");
  EXPECT_EQ(tally_.finished, 2u);
  EXPECT_FALSE(connection_->lost());
}

TEST_F(ConnectionTest, ACallThatGetsItsAnswerIsCountedWithItsLatency) {
  start_call(7, 100);
  reply("VALUE counter:incr:c7:1 0 2\r\n19\r\nEND\r\n", 350);
  EXPECT_EQ(tally_.finished, 1u);
  EXPECT_EQ(tally_.call_ns.max(), 250u);
  EXPECT_EQ(tally_.get_ns.count(), 0u);
  EXPECT_TRUE(tally_.clean());
}

TEST_F(ConnectionTest, ACallsWrongAnswerIsQuoted) {
  start_call(7);
  reply("VALUE counter:incr:c7:1 0 16\r\nERROR_CACHE_MISS\r\nEND\r\n");
  EXPECT_EQ(tally_.wrong_values, 1u);
  EXPECT_EQ(tally_.first_error, "a wrong answer to counter:incr:c7:1: ERROR_CACHE_MISS");
  EXPECT_EQ(tally_.finished, 1u);
}

TEST_F(ConnectionTest, AnswersToAnotherCallAndSecondAnswersAreWrong) {
  start_call(7);
  reply("VALUE counter:incr:c8:1 0 2\r\n19\r\nEND\r\n");
  EXPECT_EQ(tally_.wrong_values, 1u);
  start_call(7);
  const std::string right = "VALUE counter:incr:c7:1 0 2\r\n19\r\n";
  reply(right + right + "END\r\n");
  EXPECT_EQ(tally_.wrong_values, 2u);
}

TEST_F(ConnectionTest, ACallWithoutAnAnswerIsWrong) {
  start_call(7);
  reply("END\r\n");
  EXPECT_EQ(tally_.wrong_values, 1u);
  EXPECT_EQ(tally_.first_error, "no answer to counter:incr:c7:1");
  EXPECT_FALSE(connection_->lost());
}

TEST_F(ConnectionTest, BytesThatNobodyAskedForLoseTheConnection) {
  reply("END\r\n");
  EXPECT_TRUE(connection_->lost());
  EXPECT_EQ(tally_.lost, 1u);
}

TEST_F(ConnectionTest, ARequestOpenWhenTheServerClosesIsUnanswered) {
  start_get({1});
  start_get({2});
  ASSERT_EQ(shutdown(server_, SHUT_WR), 0);
  connection_->receive([] { return std::uint64_t{0}; }, true, tally_);
  EXPECT_TRUE(connection_->lost());
  EXPECT_FALSE(connection_->has_room());
  EXPECT_EQ(tally_.unanswered, 2u);
  EXPECT_EQ(tally_.first_error, "the server closed a connection");
}

TEST_F(ConnectionTest, WhatTheKernelDoesNotTakeStaysForTheNextFlush) {
  const Dataset big({.key_count = 2, .value_bytes_min = 4 << 20, .value_bytes_max = 4 << 20});
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  Connection connection(ends[0], Protocol::classic, big, nullptr, 1);
  connection.start(Operation::set, std::vector<std::uint64_t>{1}, 0, true);
  std::string received;
  std::vector<char> piece(1 << 20);
  while (true) {
    connection.flush(tally_);
    const ssize_t got = read(ends[1], piece.data(), piece.size());
    if (got <= 0) break;
    received.append(piece.data(), static_cast<std::size_t>(got));
  }
  EXPECT_EQ(connection.unsent_bytes(), 0u);
  std::string expected;
  append_set(Protocol::classic, big, 1, expected);
  EXPECT_TRUE(received == expected);
  close(ends[1]);
}

TEST_F(ConnectionTest, AReplyLargerThanTheFirstBufferIsReadWhole) {
  const Dataset big({.key_count = 2, .value_bytes_min = 500'000, .value_bytes_max = 500'000});
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  Connection connection(ends[0], Protocol::redis, big, nullptr, 1);
  connection.start(Operation::get, std::vector<std::uint64_t>{1}, 0, true);
  const std::string answer = "$500000\r\n" + std::string(big.value(1)) + "\r\n";
  for (std::size_t sent = 0; sent < answer.size();) {
    const ssize_t wrote = write(ends[1], answer.data() + sent, answer.size() - sent);
    if (wrote > 0) sent += static_cast<std::size_t>(wrote);
    connection.receive([] { return std::uint64_t{1}; }, true, tally_);
  }
  while (connection.in_flight() > 0 && !connection.lost()) {
    connection.receive([] { return std::uint64_t{1}; }, true, tally_);
  }
  EXPECT_EQ(tally_.hits, 1u);
  EXPECT_TRUE(tally_.clean());
  close(ends[1]);
}

}  // namespace
}  // namespace cacheismo::load
