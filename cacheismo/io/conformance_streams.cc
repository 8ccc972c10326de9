// Conformance of one connected stream: what is sent arrives, whole and in order.

#include <array>
#include <chrono>
#include <numeric>

#include "cacheismo/base/limits.h"
#include "cacheismo/io/conformance.h"

namespace cacheismo::io {
namespace {

std::size_t succeeded_bytes(const std::vector<Result<std::size_t, Error>>& results) {
  std::size_t total = 0;
  for (const auto& result : results) total += result.value_or(0);
  return total;
}

// ---- Bytes --------------------------------------------------------------------------------------

TEST_P(Conformance, BytesArriveInOrderBothWays) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  client.receive_all();
  server.receive_all();
  client.send_all("get a\r\n");
  server.send_all("VALUE a 0 1\r\nx\r\nEND\r\n");
  EXPECT_TRUE(
      run_until([&] { return client.received.size() == 21 && server.received.size() == 7; }));
  EXPECT_EQ(server.received, "get a\r\n");
  EXPECT_EQ(client.received, "VALUE a 0 1\r\nx\r\nEND\r\n");
}

TEST_P(Conformance, ReceiveAskedForBeforeTheBytesCome) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  server.receive();
  settle();
  EXPECT_TRUE(server.receives.empty());
  client.send("x");
  EXPECT_TRUE(run_until([&] { return server.received == "x"; }));
}

TEST_P(Conformance, BytesThatCameBeforeReceiveWasAskedFor) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  client.send("x");
  EXPECT_TRUE(run_until([&] { return !client.sends.empty(); }));
  settle();
  EXPECT_TRUE(server.receives.empty());
  server.receive();
  EXPECT_TRUE(run_until([&] { return server.received == "x"; }));
}

TEST_P(Conformance, ConversationWithinCallbacks) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  constexpr std::size_t rounds = 200;
  server.when_received = [&] {
    server.receive();
    server.send("a");
  };
  client.when_received = [&] {
    if (client.received.size() == rounds) return;
    client.receive();
    client.send("q");
  };
  server.receive();
  client.receive();
  client.send("q");
  EXPECT_TRUE(run_until([&] { return client.received.size() == rounds; }));
  EXPECT_EQ(server.received, std::string(rounds, 'q'));
}

TEST_P(Conformance, BigTransferBothWaysAtOnce) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  const std::string up = pattern(700 * KiB);
  const std::string down = pattern(500 * KiB + 1);
  client.receive_all();
  server.receive_all();
  client.send_all(up);
  server.send_all(down);
  EXPECT_TRUE(run_until([&] {
    return server.received.size() == up.size() && client.received.size() == down.size();
  }));
  EXPECT_TRUE(server.received == up);
  EXPECT_TRUE(client.received == down);
}

TEST_P(Conformance, UnreadStreamStopsItsSenderUntilItIsRead) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  const std::string chunk = pattern(64 * KiB);
  const std::size_t taken = fill(client, chunk);
  server.receive_all();
  EXPECT_TRUE(run_until([&] { return !client.sending; })) << "reading did not wake the sender";
  const std::size_t total = taken + client.sends.back().value_or(0);
  EXPECT_GT(total, taken);
  EXPECT_TRUE(run_until([&] { return server.received.size() == total; }));
  // Each send offered the chunk from its start, and took a prefix.
  std::string expected;
  for (const auto& sent : client.sends) expected.append(chunk, 0, sent.value());
  EXPECT_TRUE(server.received == expected);
}

TEST_P(Conformance, SmallWindowsTakeABigTransfer) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  const std::string bytes = pattern(20'000);
  std::array<char, 7> window;
  std::string arrived;
  server.when_received = [&] {
    arrived.append(window.data(), server.receives.back().value());
    if (arrived.size() < bytes.size()) server.receive_into({window});
  };
  server.receive_into({window});
  client.send_all(bytes);
  EXPECT_TRUE(run_until([&] { return arrived.size() == bytes.size(); }));
  EXPECT_TRUE(arrived == bytes);
}

TEST_P(Conformance, ManyWindowsAreFilledFrontToBackAndNoFurther) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  // Windows of 1 to 64 bytes at every second place of one buffer.
  std::string buffer(2 * 65 * 64, '.');
  std::vector<MutableBytes> windows;
  std::size_t room = 0;
  for (std::size_t i = 0; i < limits::send_views_max; ++i) {
    windows.emplace_back(buffer.data() + i * 128, i + 1);
    room += i + 1;
  }
  const std::string bytes = pattern(room - 5);
  std::size_t arrived = 0;
  const auto ask = [&] {
    std::vector<MutableBytes> rest;
    std::size_t skip = arrived;
    for (const MutableBytes window : windows) {
      const std::size_t skipped = std::min(skip, window.size());
      skip -= skipped;
      if (skipped < window.size()) rest.push_back(window.subspan(skipped));
    }
    server.receive_into(rest);
  };
  server.when_received = [&] {
    arrived += server.receives.back().value();
    if (arrived < bytes.size()) ask();
  };
  ask();
  client.send_all(bytes);
  EXPECT_TRUE(run_until([&] { return arrived == bytes.size(); }));
  std::string expected(buffer.size(), '.');
  std::size_t from = 0;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const std::string part = bytes.substr(from, i + 1);
    expected.replace(i * 128, part.size(), part);
    from += part.size();
  }
  EXPECT_TRUE(buffer == expected);
}

TEST_P(Conformance, ManyViewsAreSentInOrderAndEmptyOnesDoNotMatter) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  const std::string bytes = pattern(limits::send_views_max * 1000);
  std::size_t taken = 0;
  const auto offer = [&] {
    std::vector<Bytes> views;
    for (std::size_t i = 0; i < limits::send_views_max; ++i) {
      const std::size_t begin = std::max(taken, i * 1000);
      const std::size_t end = i % 7 == 3 ? begin : (i + 1) * 1000;
      views.push_back(begin < end ? Bytes(bytes).substr(begin, end - begin) : Bytes());
    }
    client.send(views);
  };
  // What is left out of every seventh view.
  std::string expected;
  for (std::size_t i = 0; i < limits::send_views_max; ++i) {
    if (i % 7 != 3) expected += bytes.substr(i * 1000, 1000);
  }
  offer();
  EXPECT_TRUE(run_until([&] { return !client.sending; }));
  taken = client.sends.back().value();
  expected.resize(taken);
  server.receive_all();
  EXPECT_TRUE(run_until([&] { return server.received.size() == taken; }));
  EXPECT_TRUE(server.received == expected);
}

TEST_P(Conformance, StreamWithEndlessDataLeavesOthersTheirTurn) {
  const Pair flood = make_pair();
  Endpoint& flood_from = flood.client;
  Endpoint& flood_to = flood.server;
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  const std::string chunk = pattern(64 * KiB);
  flood_from.when_sent = [&] { flood_from.send(chunk); };
  flood_from.send(chunk);
  flood_to.when_received = [&] {
    flood_to.received.clear();
    flood_to.receive();
  };
  flood_to.receive();
  server.when_received = [&] {
    server.receive();
    server.send("a");
  };
  server.receive();
  client.when_received = [&] {
    client.receive();
    client.send("q");
  };
  client.receive();
  client.send("q");
  EXPECT_TRUE(run_until([&] { return client.received.size() >= 50; }));
  EXPECT_GT(succeeded_bytes(flood_to.receives), 50u);
  client.when_received = flood_to.when_received = flood_from.when_sent = {};
}

}  // namespace
}  // namespace cacheismo::io
