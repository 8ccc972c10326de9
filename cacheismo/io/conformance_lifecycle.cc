// Conformance of what surrounds a stream: listening, connecting, identity, timers.

#include <chrono>
#include <set>
#include <utility>

#include "cacheismo/io/conformance.h"

namespace cacheismo::io {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

// ---- Listening ----------------------------------------------------------------------------------

TEST_P(Conformance, ListenerSaysWhereItReallyListens) {
  Acceptor& acceptor = make_acceptor();
  const Address asked = backend_->listen_address();
  ASSERT_TRUE(acceptor.listen(asked));
  const Address got = acceptor.address();
  EXPECT_EQ(got.kind, asked.kind);
  EXPECT_EQ(got.host, asked.host);
  EXPECT_EQ(got.port != 0, asked.kind == Address::Kind::tcp);
}

TEST_P(Conformance, TakenAddressIsRefused) {
  Acceptor& first = make_acceptor();
  ASSERT_TRUE(first.listen(backend_->listen_address()));
  const auto second = make_acceptor().listen(first.address());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), Error::refused);
}

TEST_P(Conformance, AddressIsFreeAgainAfterItsListenerClosed) {
  Acceptor& first = make_acceptor();
  ASSERT_TRUE(first.listen(backend_->listen_address()));
  const Address address = first.address();
  first.close();
  settle();
  Acceptor& second = make_acceptor();
  EXPECT_TRUE(second.listen(address));
}

TEST_P(Conformance, OneAcceptTakesOneConnection) {
  Acceptor& acceptor = make_acceptor();
  acceptor.accept_always = false;
  ASSERT_TRUE(acceptor.listen(backend_->listen_address()));
  acceptor.accept();
  Endpoint& first = make_endpoint();
  Endpoint& second = make_endpoint();
  first.connect(acceptor.address(), in(minutes(1)));
  second.connect(acceptor.address(), in(minutes(1)));
  EXPECT_TRUE(run_until([&] { return acceptor.accepted.size() == 1; }));
  settle();
  EXPECT_EQ(acceptor.accepted.size(), 1u);
  acceptor.accept();
  EXPECT_TRUE(run_until([&] { return acceptor.accepted.size() == 2; }));
}

TEST_P(Conformance, ClosingAListenerCancelsItsAccept) {
  Acceptor& acceptor = make_acceptor();
  ASSERT_TRUE(acceptor.listen(backend_->listen_address()));
  const Address address = acceptor.address();
  acceptor.accept();
  settle();
  acceptor.close();
  EXPECT_TRUE(run_until([&] { return !acceptor.accepting; }));
  ASSERT_EQ(acceptor.errors.size(), 1u);
  EXPECT_EQ(acceptor.errors[0], Error::cancelled);
  Endpoint& late = make_endpoint();
  late.connect(address, in(minutes(1)));
  EXPECT_TRUE(run_until([&] { return !late.connects.empty(); }));
  EXPECT_EQ(late.connects[0].error(), Error::refused);
}

TEST_P(Conformance, AcceptedStreamMayBeClosedWithoutAnOwner) {
  class Refuser final : public ListenerEvents {
   public:
    explicit Refuser(Io& io) : io_(io) {}
    void on_accepted(ListenerId, Result<Accepted, Error> result) override {
      if (result) io_.close(result->stream);
    }

   private:
    Io& io_;
  };
  Refuser refuser(io());
  const auto listener = io().listen(backend_->listen_address(), {}, refuser);
  ASSERT_TRUE(listener);
  io().accept(*listener);
  Endpoint& client = make_endpoint();
  client.connect(io().local_address(*listener), in(minutes(1)));
  ASSERT_TRUE(run_until([&] { return client.connected(); }));
  client.receive();
  EXPECT_TRUE(run_until([&] { return client.receive_error().has_value(); }));
  io().close_listener(*listener);
}

// ---- Connecting ---------------------------------------------------------------------------------

TEST_P(Conformance, ConnectToNobodyIsRefused) {
  Endpoint& client = make_endpoint();
  client.connect(backend_->refusing_address(), in(minutes(1)));
  EXPECT_TRUE(run_until([&] { return !client.connects.empty(); }));
  EXPECT_EQ(client.connects[0].error(), Error::refused);
  client.close();
  EXPECT_TRUE(run_until([&] { return client.closed; }));
}

TEST_P(Conformance, ConnectThatIsNotAnsweredEndsAtItsDeadline) {
  Endpoint& client = make_endpoint();
  const Address address = backend_->black_hole();
  const MonotonicTime deadline = in(milliseconds(30));
  client.connect(address, deadline);
  EXPECT_TRUE(run_until([&] { return !client.connects.empty(); }));
  EXPECT_EQ(client.connects[0].error(), Error::timeout);
  EXPECT_GE(io().now().monotonic, deadline);
}

TEST_P(Conformance, ConnectThatSucceededDoesNotTimeOut) {
  (void)make_pair();
  Endpoint& quick = make_endpoint();
  quick.connect(pair_acceptor_->address(), in(std::chrono::seconds(5)));
  EXPECT_TRUE(run_until([&] { return quick.connected(); }));
  EXPECT_EQ(quick.connects.size(), 1u);
}

TEST_P(Conformance, CloseWhileConnecting) {
  Endpoint& client = make_endpoint();
  client.connect(backend_->black_hole(), in(minutes(1)));
  settle();
  client.close();
  EXPECT_TRUE(run_until([&] { return client.closed; }));
  ASSERT_EQ(client.connects.size(), 1u);
  EXPECT_EQ(client.connects[0].error(), Error::cancelled);
}

TEST_P(Conformance, CloseRightAfterConnect) {
  Acceptor& acceptor = make_acceptor();
  ASSERT_TRUE(acceptor.listen(backend_->listen_address()));
  acceptor.accept();
  Endpoint& client = make_endpoint();
  client.connect(acceptor.address(), in(minutes(1)));
  client.close();
  EXPECT_TRUE(run_until([&] { return client.closed; }));
  EXPECT_EQ(client.connects.size(), 1u);
}

TEST_P(Conformance, EachSideKnowsTheOthersAddress) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  EXPECT_EQ(io().peer_address(client.id), pair_acceptor_->address());
  EXPECT_EQ(io().peer_address(server.id).kind, pair_acceptor_->address().kind);
}

// ---- Identity -----------------------------------------------------------------------------------

TEST_P(Conformance, ManyConnectionsAtOnce) {
  const std::size_t count = std::min<std::size_t>(1000, backend_->connections_max());
  Acceptor& acceptor = make_acceptor();
  ASSERT_TRUE(acceptor.listen(backend_->listen_address(), {.backlog = 2000}));
  acceptor.when_accepted = [](Endpoint& server) {
    server.when_received = [&server] {
      if (!server.receives.back()) return;
      server.send_all(server.received);
    };
    server.receive();
  };
  acceptor.accept();
  std::size_t answered = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Endpoint& client = make_endpoint();
    client.when_connected = [&client, i] {
      if (!client.connected()) return;
      client.receive();
      client.send_all(std::string(1, static_cast<char>('a' + i % 26)));
    };
    client.when_received = [&answered] { ++answered; };
    client.connect(acceptor.address(), in(minutes(1)));
  }
  EXPECT_TRUE(run_until([&] { return answered == count; }));
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_EQ(endpoints_[i]->received, std::string(1, static_cast<char>('a' + i % 26)));
  }
}

TEST_P(Conformance, SlotsAreUsedAgainUnderANewGeneration) {
  std::set<std::pair<std::uint32_t, std::uint32_t>> ids;
  std::set<std::uint32_t> slots;
  for (int i = 0; i < 100; ++i) {
    const Pair pair = make_pair();
    Endpoint& client = pair.client;
    Endpoint& server = pair.server;
    for (const StreamId id : {client.id, server.id}) {
      EXPECT_TRUE(ids.emplace(id.slot, id.generation).second) << "an id was given out twice";
      slots.insert(id.slot);
    }
    server.receive();
    client.close();
    EXPECT_TRUE(run_until([&] { return client.closed && !server.receiving; }));
    server.close();
    EXPECT_TRUE(run_until([&] { return server.closed; }));
  }
  EXPECT_LT(slots.size(), 20u) << "slots are not used again";
}

TEST_P(Conformance, StreamOpenedInsideOnClosedLives) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  Endpoint& next = make_endpoint();
  client.when_closed = [&] { next.connect(pair_acceptor_->address(), in(minutes(1))); };
  client.close();
  EXPECT_TRUE(run_until([&] { return next.connected(); }));
  EXPECT_TRUE(run_until([&] { return pair_acceptor_->accepted.size() == 2; }));
  pair_acceptor_->accepted[1]->receive();
  next.send("x");
  EXPECT_TRUE(run_until([&] { return pair_acceptor_->accepted[1]->received == "x"; }));
  EXPECT_TRUE(server.alive);
}

// ---- Timers -------------------------------------------------------------------------------------

TEST_P(Conformance, TimersFireInTheOrderOfTheirDeadlines) {
  Alarm alarm(watcher_);
  const MonotonicTime start = io().now().monotonic;
  std::vector<TimerId> expected(20);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const std::size_t place = i * 7 % expected.size();
    expected[place] = alarm.set(start + milliseconds(1 + place));
  }
  EXPECT_TRUE(run_until([&] { return alarm.fired.size() == expected.size(); }));
  EXPECT_EQ(alarm.fired, expected);
}

TEST_P(Conformance, TimersWithOneDeadlineFireInTheOrderInWhichTheyWereSet) {
  Alarm alarm(watcher_);
  const MonotonicTime deadline = in(milliseconds(3));
  std::vector<TimerId> expected;
  for (int i = 0; i < 50; ++i) expected.push_back(alarm.set(deadline));
  EXPECT_TRUE(run_until([&] { return alarm.fired.size() == expected.size(); }));
  EXPECT_EQ(alarm.fired, expected);
}

TEST_P(Conformance, CancelledTimerDoesNotFire) {
  Alarm alarm(watcher_);
  const TimerId first = alarm.set(in(milliseconds(1)));
  const TimerId second = alarm.set(in(milliseconds(2)));
  const TimerId third = alarm.set(in(milliseconds(3)));
  EXPECT_TRUE(io().cancel_timer(second));
  EXPECT_FALSE(io().cancel_timer(second));
  EXPECT_TRUE(run_until([&] { return alarm.fired.size() == 2; }));
  EXPECT_EQ(alarm.fired, (std::vector{first, third}));
  EXPECT_FALSE(io().cancel_timer(first)) << "it has fired";
  EXPECT_FALSE(io().cancel_timer(TimerId{}));
}

TEST_P(Conformance, TimerMayCancelAnotherThatIsDueWithIt) {
  Alarm alarm(watcher_);
  const MonotonicTime deadline = in(milliseconds(2));
  const TimerId first = alarm.set(deadline);
  const TimerId second = alarm.set(deadline);
  alarm.when_fired = [&](TimerId) { EXPECT_TRUE(io().cancel_timer(second)); };
  EXPECT_TRUE(run_until([&] { return !alarm.fired.empty(); }));
  settle();
  EXPECT_EQ(alarm.fired, std::vector{first});
}

TEST_P(Conformance, PastDeadlineFiresSoonAndInOrder) {
  Alarm alarm(watcher_);
  const TimerId late = alarm.set(in(-milliseconds(1)));
  const TimerId later = alarm.set(in(-milliseconds(2)));
  EXPECT_TRUE(run_until([&] { return alarm.fired.size() == 2; }));
  EXPECT_EQ(alarm.fired, (std::vector{later, late}));
}

TEST_P(Conformance, TimerThatSetsItselfInThePastLeavesOthersTheirTurn) {
  const Pair pair = make_pair();
  Endpoint& client = pair.client;
  Endpoint& server = pair.server;
  Alarm alarm(watcher_);
  bool stop = false;
  bool stopped = false;
  alarm.when_fired = [&](TimerId) {
    stopped = stop;
    if (!stop) (void)alarm.set(in(-milliseconds(1)));
  };
  (void)alarm.set(in(-milliseconds(1)));
  server.receive();
  client.send("x");
  // In a world in which such a timer takes no time, nothing would arrive before it stops.
  EXPECT_TRUE(run_until([&] { return server.received == "x" || alarm.fired.size() > 1000; }));
  EXPECT_GT(alarm.fired.size(), 0u);
  stop = true;
  EXPECT_TRUE(run_until([&] { return stopped && server.received == "x"; }));
}

TEST_P(Conformance, IdOfAFiredTimerIsNotGivenOutAgain) {
  Alarm alarm(watcher_);
  std::set<std::uint64_t> ids;
  for (std::size_t i = 0; i < 50; ++i) {
    EXPECT_TRUE(ids.insert(alarm.set(in(-milliseconds(1))).value).second);
    EXPECT_TRUE(run_until([&] { return alarm.fired.size() == i + 1; }));
  }
}

}  // namespace
}  // namespace cacheismo::io
