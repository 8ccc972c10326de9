// Conformance of one connected stream: bytes, ends, cancel and close.

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

// ---- The end of one direction -------------------------------------------------------------------

TEST_P(Conformance, HalfClosedStreamStillCarriesTheOtherDirection) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  server.receive_all();
  client.receive_all();
  client.send_all("last words", [&] { client.shutdown(); });
  EXPECT_TRUE(run_until([&] { return server.receive_error().has_value(); }));
  EXPECT_EQ(server.receive_error(), Error::eof);
  EXPECT_EQ(server.received, "last words");
  server.send_all(pattern(100'000));
  EXPECT_TRUE(run_until([&] { return client.received.size() == 100'000; }));
  EXPECT_TRUE(client.received == pattern(100'000));
  server.shutdown();
  EXPECT_TRUE(run_until([&] { return client.receive_error().has_value(); }));
  EXPECT_EQ(client.receive_error(), Error::eof);
}

TEST_P(Conformance, EofIsReportedToEveryReceive) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  client.shutdown();
  server.receive();
  EXPECT_TRUE(run_until([&] { return server.receives.size() == 1; }));
  server.receive();
  EXPECT_TRUE(run_until([&] { return server.receives.size() == 2; }));
  for (const auto& result : server.receives) EXPECT_EQ(result.error(), Error::eof);
}

TEST_P(Conformance, CloseDeliversWhatWasTakenAndThenEof) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  const std::string bytes = pattern(300'000);
  client.send_all(bytes, [&] { client.close(); });
  server.receive_all();
  EXPECT_TRUE(run_until([&] { return server.receive_error().has_value(); }));
  EXPECT_TRUE(server.received == bytes);
  EXPECT_EQ(server.receive_error(), Error::eof);
  EXPECT_TRUE(run_until([&] { return client.closed; }));
}

TEST_P(Conformance, CloseWithUnreadBytesResetsTheOtherSide) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  std::size_t written = 0;
  client.when_sent = [&] {
    written += client.sends.back().value_or(0);
    if (client.sends.back() && written < 1000) client.send("0123456789");
  };
  client.send("0123456789");
  EXPECT_TRUE(run_until([&] { return written >= 1000; }));
  char byte;
  server.receive_into({MutableBytes(&byte, 1)});
  EXPECT_TRUE(run_until([&] { return !server.receives.empty(); }));
  settle();  // the rest arrives, unread
  server.close();
  client.receive();
  EXPECT_TRUE(run_until([&] { return client.receive_error().has_value(); }));
  EXPECT_EQ(client.receive_error(), Error::reset);
  client.when_sent = {};
  client.send("x");
  EXPECT_TRUE(run_until([&] { return client.send_error().has_value(); }));
  EXPECT_EQ(client.send_error(), Error::reset);
}

TEST_P(Conformance, SendingToOneThatHasGoneEndsInReset) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  server.close();
  client.when_sent = [&] {
    if (client.sends.back()) client.send("anybody there?");
  };
  client.send("anybody there?");
  EXPECT_TRUE(run_until([&] { return client.send_error().has_value(); }));
  EXPECT_EQ(client.send_error(), Error::reset);
}

// ---- Cancel and close ---------------------------------------------------------------------------

TEST_P(Conformance, CancelledReceiveMayBeAskedForAgain) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  server.receive();
  settle();
  server.cancel();
  EXPECT_TRUE(run_until([&] { return !server.receiving; }));
  EXPECT_EQ(server.receive_error(), Error::cancelled);
  client.send("x");
  server.receive();
  EXPECT_TRUE(run_until([&] { return server.received == "x"; }));
}

TEST_P(Conformance, CancelledReceiveIntoLeavesItsWindowsAlone) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  std::string window(100, '.');
  server.receive_into({MutableBytes(window)});
  server.cancel();
  EXPECT_TRUE(run_until([&] { return !server.receiving; }));
  EXPECT_EQ(server.receive_error(), Error::cancelled);
  client.send("late");
  EXPECT_TRUE(run_until([&] { return !client.sending; }));
  settle();
  EXPECT_EQ(window, std::string(100, '.'));
}

TEST_P(Conformance, CancelledSendReportsItselfOrWhatWasTaken) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  const std::string chunk = pattern(64 * KiB);
  std::size_t taken = fill(client, chunk);
  client.receive();
  client.cancel();
  EXPECT_TRUE(run_until([&] { return !client.sending && !client.receiving; }));
  EXPECT_EQ(client.receive_error(), Error::cancelled);
  if (client.send_error()) EXPECT_EQ(client.send_error(), Error::cancelled);
  taken += client.sends.back().value_or(0);
  client.close();
  server.receive_all();
  EXPECT_TRUE(run_until([&] { return server.receive_error().has_value(); }));
  EXPECT_EQ(server.receive_error(), Error::eof);
  EXPECT_EQ(server.received.size(), taken);
}

TEST_P(Conformance, CancelWithNothingOutstandingDoesNothing) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  server.cancel();
  client.send("x");
  EXPECT_TRUE(run_until([&] { return !client.sends.empty(); }));
  client.cancel();  // after completion
  server.receive();
  EXPECT_TRUE(run_until([&] { return server.received == "x"; }));
  server.cancel();
  client.send("y");
  server.receive();
  EXPECT_TRUE(run_until([&] { return server.received == "xy"; }));
  EXPECT_EQ(server.receives.size(), 2u);
}

TEST_P(Conformance, CloseWithBothOperationsOutstanding) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  fill(client, pattern(64 * KiB));
  client.receive();
  client.close();
  EXPECT_TRUE(run_until([&] { return client.closed; }));
  EXPECT_EQ(client.receive_error(), Error::cancelled);
  if (client.send_error()) EXPECT_EQ(client.send_error(), Error::cancelled);
  server.receive_all();
  EXPECT_TRUE(run_until([&] { return server.receive_error().has_value(); }));
}

TEST_P(Conformance, CloseRightAfterAsking) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  client.send("x");
  client.receive();
  client.close();
  EXPECT_TRUE(run_until([&] { return client.closed; }));
  EXPECT_EQ(client.sends.size(), 1u);
  EXPECT_EQ(client.receives.size(), 1u);
  server.receive_all();
  EXPECT_TRUE(run_until([&] { return server.receive_error().has_value(); }));
  EXPECT_EQ(server.received.size(), succeeded_bytes(client.sends));
}

TEST_P(Conformance, CloseAfterCancel) {
  const Pair pair = make_pair();
  Endpoint& server = pair.server;
  server.receive();
  server.cancel();
  server.close();
  EXPECT_TRUE(run_until([&] { return server.closed; }));
  EXPECT_EQ(server.receives.size(), 1u);
  EXPECT_EQ(server.receive_error(), Error::cancelled);
}

TEST_P(Conformance, CloseInsideACompletion) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  server.when_received = [&] { server.close(); };
  server.receive();
  client.send("x");
  client.receive();
  EXPECT_TRUE(run_until([&] { return server.closed && client.receive_error().has_value(); }));
  EXPECT_EQ(client.receive_error(), Error::eof);
}

TEST_P(Conformance, CloseOfAnotherStreamInsideACompletion) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  const Pair other = make_pair();
  Endpoint& other_client = other.client;
  Endpoint& other_server = other.server;
  server.when_received = [&] { other_server.close(); };
  other_server.receive();
  server.receive();
  other_client.send("unread");
  client.send("x");
  EXPECT_TRUE(run_until([&] { return other_server.closed; }));
}

}  // namespace
}  // namespace cacheismo::io
