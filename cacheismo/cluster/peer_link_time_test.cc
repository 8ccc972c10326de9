// Goal: deadlines, lost connections, calls that go again and the circuit do what peer_link.h says.
// Method: one situation each, with a clock and a peer that the test plays.

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/cluster/peer_link.h"
#include "cacheismo/cluster/test_talk.h"

namespace cacheismo::cluster {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;
using State = PeerLink::State;

// ---- Time ---------------------------------------------------------------------------------------

TEST(PeerLink, ACallWhoseDeadlineHasPassedIsNotTaken) {
  TestTalk talk;
  PeerCall late = get_call(1, "k");
  late.deadline = talk.now();
  EXPECT_EQ(talk.submit(late), Failure::timeout);
  EXPECT_EQ(talk.link().next_deadline(), std::nullopt);
}

TEST(PeerLink, ACallTimesOutAtItsDeadlineAndItsLateReplyIsSwallowed) {
  TestTalk talk;
  talk.get(1, "a");
  talk.pass(400ms);
  talk.get(2, "b");
  talk.connect();
  talk.send();
  EXPECT_EQ(talk.link().next_deadline(), MonotonicTime(1s));
  EXPECT_FALSE(talk.pass(600ms - 1ns));
  EXPECT_EQ(talk.lines(), Lines{});
  EXPECT_FALSE(talk.pass(1ns));
  EXPECT_EQ(talk.lines(), Lines{"1 timeout sent"});
  EXPECT_EQ(talk.link().next_deadline(), MonotonicTime(1400ms));
  EXPECT_FALSE(talk.receive(miss_reply(1, "a") + miss_reply(2, "b")));
  EXPECT_EQ(talk.lines(), Lines{"2 EN"});
}

TEST(PeerLink, ACallThatTimesOutUnsentIsNotSentAfterwards) {
  TestTalk talk;
  talk.get(1, "a");
  talk.pass(500ms);
  talk.get(2, "b");
  talk.pass(500ms);
  EXPECT_EQ(talk.lines(), Lines{"1 timeout"});
  talk.connect();
  EXPECT_EQ(talk.send(), "mg b v k O2\r\n");
}

TEST(PeerLink, APeerThatIsStuckIsGivenUp) {
  TestTalk talk;
  PeerCall patient = get_call(2, "b");
  patient.deadline = MonotonicTime(1h);
  talk.get(1, "a");
  talk.submit(patient);
  talk.connect();
  talk.send();
  talk.pass(1s);
  EXPECT_EQ(talk.lines(), Lines{"1 timeout sent"});
  EXPECT_EQ(talk.link().next_deadline(), MonotonicTime(1s + limits::peer_stuck));
  EXPECT_FALSE(talk.pass(limits::peer_stuck - 1ns));
  EXPECT_TRUE(talk.pass(1ns));
  EXPECT_EQ(talk.lines(), Lines{"2 reset sent"});
  EXPECT_EQ(talk.link().state(), State::closing);
}

TEST(PeerLink, APeerThatIsBusyForSomebodyIsNotStuck) {
  TestTalk talk;
  PeerCall patient = get_call(1, "a");
  patient.deadline = MonotonicTime(1h);
  talk.submit(patient);
  talk.get(2, "b");
  talk.connect();
  talk.send();
  talk.pass(1s);
  EXPECT_FALSE(talk.pass(10 * limits::peer_stuck));
  EXPECT_FALSE(talk.receive(miss_reply(1, "a")));
  EXPECT_EQ(talk.lines(), (Lines{"2 timeout sent", "1 EN"}));
  // From now on it is the second call that keeps it.
  EXPECT_FALSE(talk.pass(limits::peer_stuck - 1ns));
  EXPECT_TRUE(talk.pass(1ns));
}

// ---- Connections --------------------------------------------------------------------------------

TEST(PeerLink, AConnectThatFailsFailsWhatIsQueued) {
  TestTalk talk;
  talk.get(1);
  talk.get(2);
  talk.refuse();
  EXPECT_EQ(talk.lines(), (Lines{"1 refused", "2 refused"}));
  talk.get(3);
  talk.refuse(Failure::timeout);
  EXPECT_EQ(talk.lines(), Lines{"3 timeout"});
  EXPECT_EQ(talk.link().state(), State::down);
  EXPECT_FALSE(talk.link().wants_connect());
}

TEST(PeerLink, ALostConnectionFailsWhatWasSentAndTakesTheRestToTheNext) {
  TestTalk talk;
  talk.get(1, "a");
  talk.connect();
  talk.send();
  talk.get(2, "b");
  talk.lose();
  EXPECT_EQ(talk.lines(), Lines{"1 reset sent"});
  talk.connect();
  EXPECT_EQ(talk.send(), "mg b v k O2\r\n");
  EXPECT_FALSE(talk.receive(miss_reply(2, "b")));
  EXPECT_EQ(talk.lines(), Lines{"2 EN"});
}

TEST(PeerLink, ACallGoesAgainOnlyOnce) {
  TestTalk talk;
  talk.get(1);
  talk.connect();
  talk.lose();
  EXPECT_EQ(talk.lines(), Lines{});
  talk.connect();
  talk.lose();
  EXPECT_EQ(talk.lines(), Lines{"1 reset"});
}

TEST(PeerLink, ACallThatIsReadOnlyIsSentAgainInItsPlace) {
  TestTalk talk;
  talk.get_read_only(1, "a");
  talk.get(2, "b");
  talk.get_read_only(3, "c");
  talk.connect();
  talk.offer();
  talk.link().taken(28);
  talk.get(4, "d");
  talk.lose();
  EXPECT_EQ(talk.lines(), Lines{"2 reset sent"});
  EXPECT_EQ(talk.link().counters().sent_again, 2u);
  talk.connect();
  EXPECT_EQ(talk.send(), "mg a v k O1\r\nmg c v k O3\r\nmg d v k O4\r\n");
  EXPECT_FALSE(talk.receive(miss_reply(1, "a") + miss_reply(3, "c") + miss_reply(4, "d")));
  EXPECT_EQ(talk.lines(), (Lines{"1 EN", "3 EN", "4 EN"}));
}

TEST(PeerLink, ACallThatWasSentBeforeFailsAsSent) {
  TestTalk talk;
  talk.get_read_only(1);
  talk.connect();
  talk.send();
  talk.lose();
  talk.refuse();
  EXPECT_EQ(talk.lines(), Lines{"1 refused sent"});
}

TEST(PeerLink, SendingAgainHasABudget) {
  TestTalk talk;
  const std::uint64_t calls = limits::peer_again_at_once_max + 100;
  for (std::uint64_t tag = 1; tag <= calls; ++tag) talk.get_read_only(tag);
  talk.connect();
  talk.send();
  talk.lose();
  EXPECT_EQ(talk.link().counters().sent_again, limits::peer_again_at_once_max);
  EXPECT_EQ(talk.lines().size(), calls - limits::peer_again_at_once_max);
}

TEST(PeerLink, BytesOfALostConnectionStayUntilItIsClosed) {
  TestTalk talk;
  const std::string value(1000, 'v');
  PeerCall set = get_call(1, "k");
  set.bytes = "ms k 1000 k O1\r\n" + value + "\r\n";
  talk.submit(set);
  talk.get_read_only(2);
  talk.connect();
  std::array<Bytes, 2> views;
  ASSERT_EQ(talk.link().output(views), 2u);
  talk.link().on_lost(talk.now());
  EXPECT_EQ(talk.lines(), Lines{"1 reset sent"});
  talk.cancel(2);
  EXPECT_EQ(views[0], set.bytes);
  EXPECT_EQ(views[1], "mg k v k O2\r\n");
  talk.get(3);
  talk.closed();
  talk.connect();
  EXPECT_EQ(talk.send(), "mg k v k O3\r\n");
}

TEST(PeerLink, HalfAReplyIsForgottenWithItsConnection) {
  TestTalk talk;
  talk.get(1);
  talk.connect();
  talk.send();
  EXPECT_FALSE(talk.receive("VA 5 O1 kk\r\nab"));
  talk.lose();
  talk.get(2);
  talk.connect();
  talk.send();
  EXPECT_FALSE(talk.receive(miss_reply(2, "k")));
  EXPECT_EQ(talk.lines(), (Lines{"1 reset sent", "2 EN"}));
}

TEST(PeerLink, ALateReplyOfTheConnectionBeforeIsNotWaitedFor) {
  TestTalk talk;
  talk.get(1);
  talk.connect();
  talk.send();
  talk.cancel(1);
  talk.lose();
  EXPECT_TRUE(talk.link().idle());
  EXPECT_FALSE(talk.link().wants_connect());
}

TEST(PeerLink, GivingUpFailsEverythingInWhateverState) {
  TestTalk down;
  down.get(1);
  down.link().give_up(Failure::cancelled);
  EXPECT_EQ(down.lines(), Lines{"1 cancelled"});
  EXPECT_EQ(down.link().state(), State::down);

  TestTalk connecting;
  connecting.get(1);
  connecting.link().on_connecting();
  connecting.link().give_up(Failure::cancelled);
  EXPECT_EQ(connecting.lines(), Lines{"1 cancelled"});
  EXPECT_EQ(connecting.link().state(), State::closing);

  connecting.get(2);
  connecting.link().give_up(Failure::cancelled);
  EXPECT_EQ(connecting.lines(), Lines{"2 cancelled"});
  connecting.closed();

  TestTalk up;
  up.get(1);
  up.connect();
  up.send();
  up.get(2);
  up.link().give_up(Failure::cancelled);
  EXPECT_EQ(up.lines(), (Lines{"1 cancelled sent", "2 cancelled"}));
  EXPECT_EQ(up.link().audit(), std::nullopt);
}

// ---- The circuit --------------------------------------------------------------------------------

void open_circuit(TestTalk& talk) {
  for (std::uint64_t tag = 1; tag <= limits::peer_failures_max; ++tag) {
    EXPECT_EQ(talk.get(tag), std::nullopt);
    talk.refuse();
  }
  talk.lines();
}

TEST(PeerLink, AfterThreeFailuresCallsAreRefusedAtOnce) {
  TestTalk talk;
  open_circuit(talk);
  EXPECT_EQ(talk.get(9), Failure::refused);
  EXPECT_FALSE(talk.link().wants_connect());
}

TEST(PeerLink, AProbeThatIsAnsweredLetsEverythingThrough) {
  TestTalk talk;
  open_circuit(talk);
  talk.pass(limits::peer_pause_min);
  EXPECT_EQ(talk.get(10), std::nullopt);
  EXPECT_EQ(talk.get(11), Failure::refused);
  talk.connect();
  talk.send();
  EXPECT_EQ(talk.get(12), Failure::refused);
  EXPECT_FALSE(talk.receive(miss_reply(10, "k")));
  EXPECT_EQ(talk.get(13), std::nullopt);
}

TEST(PeerLink, AProbeThatFailsKeepsItOpen) {
  TestTalk talk;
  open_circuit(talk);
  talk.pass(limits::peer_pause_min);
  EXPECT_EQ(talk.get(10), std::nullopt);
  talk.connect();
  talk.send();
  talk.lose();
  EXPECT_EQ(talk.lines(), Lines{"10 reset sent"});
  EXPECT_EQ(talk.get(11), Failure::refused);
}

TEST(PeerLink, AProbeThatIsCancelledUnsentIsFollowedByAnother) {
  TestTalk talk;
  open_circuit(talk);
  talk.pass(limits::peer_pause_min);
  EXPECT_EQ(talk.get(10), std::nullopt);
  talk.cancel(10);
  EXPECT_EQ(talk.get(11), std::nullopt);
}

TEST(PeerLink, AProbeThatIsCancelledAndAnsweredHasTold) {
  TestTalk talk;
  open_circuit(talk);
  talk.pass(limits::peer_pause_min);
  talk.get(10);
  talk.connect();
  talk.send();
  talk.cancel(10);
  EXPECT_EQ(talk.get(11), Failure::refused);
  EXPECT_FALSE(talk.receive(miss_reply(10, "k")));
  EXPECT_EQ(talk.get(11), std::nullopt);
}

TEST(PeerLink, TimeoutsOpenItAndALateReplyDoesNotCloseIt) {
  TestTalk talk;
  for (std::uint64_t tag = 1; tag <= 3; ++tag) talk.get(tag);
  talk.connect();
  talk.send();
  talk.pass(1s);
  EXPECT_EQ(talk.lines().size(), 3u);
  EXPECT_EQ(talk.get(4), Failure::refused);
  EXPECT_FALSE(talk.receive(miss_reply(1, "k")));
  EXPECT_EQ(talk.get(4), Failure::refused);
}

TEST(PeerLink, AConnectionThatEndsWithNothingInFlightIsNoFailure) {
  TestTalk talk;
  for (std::uint64_t tag = 1; tag <= 10; ++tag) {
    EXPECT_EQ(talk.get(tag), std::nullopt);
    talk.connect();
    talk.send();
    talk.receive(miss_reply(tag, "k"));
    talk.lose();
  }
  EXPECT_EQ(talk.link().circuit().state(), Circuit::State::closed);
}

TEST(PeerLink, ACallThatTimedOutDoesNotCountAgainWhenItsConnectionEnds) {
  TestTalk talk;
  talk.get(1);
  talk.get(2);
  talk.connect();
  talk.send();
  talk.pass(1s);
  talk.lose();
  EXPECT_EQ(talk.get(3), std::nullopt);
}

TEST(PeerLink, CountsWhatHappened) {
  TestTalk talk;
  talk.get(1);
  talk.refuse();
  talk.get(2);
  talk.get(3);
  talk.connect();
  talk.send();
  talk.cancel(2);
  talk.receive(miss_reply(2, "k") + miss_reply(3, "k"));
  const PeerCounters& counters = talk.link().counters();
  EXPECT_EQ(counters.calls, 3u);
  EXPECT_EQ(counters.replies, 1u);
  EXPECT_EQ(counters.late_replies, 1u);
  EXPECT_EQ(counters.failures[static_cast<std::size_t>(Failure::refused)], 1u);
  EXPECT_EQ(counters.connections, 1u);
  EXPECT_EQ(counters.bytes_sent, 26u);
  EXPECT_EQ(counters.bytes_received, 20u);
}

}  // namespace
}  // namespace cacheismo::cluster
