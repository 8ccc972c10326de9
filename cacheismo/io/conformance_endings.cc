// Conformance of how a stream ends: half-close, reset, cancel and close.

#include <cstddef>
#include <string>
#include <vector>

#include "cacheismo/io/conformance.h"

namespace cacheismo::io {
namespace {

std::size_t succeeded_bytes(const std::vector<Result<std::size_t, Error>>& results) {
  std::size_t total = 0;
  for (const auto& result : results) total += result.value_or(0);
  return total;
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
  EXPECT_EQ(client.send_error().value_or(Error::cancelled), Error::cancelled);
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
  EXPECT_EQ(client.send_error().value_or(Error::cancelled), Error::cancelled);
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
