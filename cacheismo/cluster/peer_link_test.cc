// Goal: every edge of a conversation does what peer_link.h says. Method: a table of what a peer may
// answer, each whole and byte by byte; then situations of sending, time and connections, one each.

#include "cacheismo/cluster/peer_link.h"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/cluster/test_talk.h"

namespace cacheismo::cluster {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;
using State = PeerLink::State;

// ---- Replies ------------------------------------------------------------------------------------

PeerCall call(std::uint64_t tag, const std::string& bytes, const std::string& key,
              bool echoes = true) {
  PeerCall made = get_call(tag, key);
  made.bytes = bytes;
  made.echoes = echoes;
  return made;
}

struct Situation {
  const char* name;
  std::vector<PeerCall> calls;
  std::string received;
  Lines lines;
  bool closes = false;
};

const std::vector<Situation> situations = {
    {"AValue", {get_call(1, "k")}, value_reply(1, "k", "abc"), {"1 VA abc"}},
    {"AnEmptyValue", {get_call(1, "k")}, value_reply(1, "k", ""), {"1 VA "}},
    {"AValueWithALineInIt",
     {get_call(1, "k")},
     value_reply(1, "k", "a\r\nEN O1 kk\r\n"),
     {"1 VA a\r\nEN O1 kk\r\n"}},
    {"AMiss", {get_call(1, "k")}, miss_reply(1, "k"), {"1 EN"}},
    {"OtherFlagsBetween", {get_call(1, "k")}, "HD f5 O1 s3 kk t-1\r\n", {"1 HD"}},
    {"EachWordOfAMetaReply",
     {get_call(1, "a"), get_call(2, "b"), get_call(3, "c"), get_call(4, "d")},
     "HD O1 ka\r\nNF O2 kb\r\nNS O3 kc\r\nEX O4 kd\r\n",
     {"1 HD", "2 NF", "3 NS", "4 EX"}},
    {"RepliesInOneBatch",
     {get_call(1, "a"), get_call(2, "b")},
     value_reply(1, "a", "x") + miss_reply(2, "b"),
     {"1 VA x", "2 EN"}},
    {"HalfOfASecondReply",
     {get_call(1, "a"), get_call(2, "b")},
     miss_reply(1, "a") + "VA 5 O2 kb\r\nab",
     {"1 EN"}},
    {"ABase64KeyAsEncoded",
     {call(1, "mg AAE= b v k O1\r\n", "AAE=")},
     "EN kAAE= b O1\r\n",
     {"1 EN"}},
    {"DebugHasNoOpaque",
     {call(1, "me k\r\n", "k", false)},
     "ME k exp=-1 la=0\r\n",
     {"1 ME exp=-1 la=0"}},
    {"DebugMisses", {call(1, "me k\r\n", "k", false)}, "EN\r\n", {"1 EN"}},
    {"ANoop", {call(1, "mn\r\n", "", false)}, "MN\r\n", {"1 MN"}},
    {"ErrorsAnswerTheOldest",
     {get_call(1, "a"), get_call(2, "b"), get_call(3, "c")},
     "SERVER_ERROR wrong-owner epoch=7\r\nERROR\r\nCLIENT_ERROR bad\r\n",
     {"1 SERVER_ERROR wrong-owner epoch=7", "2 ERROR", "3 CLIENT_ERROR bad"}},

    {"AnotherOpaque", {get_call(1, "k")}, miss_reply(2, "k"), {"1 protocol sent"}, true},
    {"AnOpaqueThatOnlyBeginsRight", {get_call(1, "k")}, "EN O12 kk\r\n", {"1 protocol sent"}, true},
    {"AnOpaqueWithAZeroBefore", {get_call(1, "k")}, "EN O01 kk\r\n", {"1 protocol sent"}, true},
    {"NoOpaque", {get_call(1, "k")}, "EN kk\r\n", {"1 protocol sent"}, true},
    {"AnotherKey", {get_call(1, "k")}, miss_reply(1, "l"), {"1 protocol sent"}, true},
    {"NoKey", {get_call(1, "k")}, "EN O1\r\n", {"1 protocol sent"}, true},
    {"RepliesInAnotherOrder",
     {get_call(1, "a"), get_call(2, "b")},
     miss_reply(2, "b") + miss_reply(1, "a"),
     {"1 protocol sent", "2 protocol sent"},
     true},
    {"AMismatchBehindAGoodReply",
     {get_call(1, "a"), get_call(2, "b"), get_call(3, "c")},
     miss_reply(1, "a") + miss_reply(3, "c"),
     {"1 EN", "2 protocol sent", "3 protocol sent"},
     true},
    {"DebugOfAnotherKey",
     {call(1, "me k\r\n", "k", false)},
     "ME l exp=-1\r\n",
     {"1 protocol sent"},
     true},
    {"DebugToAGet", {get_call(1, "k")}, "ME k exp=-1\r\n", {"1 protocol sent"}, true},
    {"AHitToADebug", {call(1, "me k\r\n", "k", false)}, "HD\r\n", {"1 protocol sent"}, true},
    {"ANoopToAGet", {get_call(1, "k")}, "MN\r\n", {"1 protocol sent"}, true},
    {"AClassicReply", {get_call(1, "k")}, "VALUE k 0 1\r\nx\r\nEND\r\n", {"1 protocol sent"}, true},
    {"ALineThatIsNoReply", {get_call(1, "k")}, "hello\r\n", {"1 protocol sent"}, true},
    {"AValueWithoutItsEnd", {get_call(1, "k")}, "VA 1 O1 kk\r\nabc", {"1 protocol sent"}, true},
    {"AnEndlessLine",
     {get_call(1, "k")},
     std::string(limits::line_bytes_max, 'a'),
     {"1 protocol sent"},
     true},
    {"AValueAboveTheLimit", {get_call(1, "k")}, "VA 100000 O1 kk\r\n", {"1 protocol sent"}, true},
    {"AReplyTooMany", {get_call(1, "k")}, miss_reply(1, "k") + miss_reply(1, "k"), {"1 EN"}, true},
    {"AnErrorTooMany",
     {get_call(1, "k")},
     miss_reply(1, "k") + "SERVER_ERROR shutting down\r\n",
     {"1 EN"},
     true},
};

class PeerLinkReplies : public testing::TestWithParam<Situation> {};

TEST_P(PeerLinkReplies, Whole) {
  TestTalk talk;
  for (const PeerCall& one : GetParam().calls) EXPECT_EQ(talk.submit(one), std::nullopt);
  talk.connect();
  talk.send();
  EXPECT_EQ(talk.receive(GetParam().received), GetParam().closes);
  EXPECT_EQ(talk.lines(), GetParam().lines);
  EXPECT_EQ(talk.link().state(), GetParam().closes ? State::closing : State::up);
}

TEST_P(PeerLinkReplies, ByteByByte) {
  TestTalk talk;
  for (const PeerCall& one : GetParam().calls) EXPECT_EQ(talk.submit(one), std::nullopt);
  talk.connect();
  talk.send();
  EXPECT_EQ(talk.receive_byte_by_byte(GetParam().received), GetParam().closes);
  EXPECT_EQ(talk.lines(), GetParam().lines);
}

INSTANTIATE_TEST_SUITE_P(Situations, PeerLinkReplies, testing::ValuesIn(situations),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(PeerLink, AReplyBeforeAnythingWasSentEndsTheConnection) {
  TestTalk talk;
  talk.get(1);
  talk.connect();
  EXPECT_TRUE(talk.receive("SERVER_ERROR no\r\n"));
  EXPECT_EQ(talk.lines(), Lines{"1 protocol"});
}

TEST(PeerLink, ALongValueArrivesInPieces) {
  TestTalk talk;
  talk.get(1);
  talk.connect();
  talk.send();
  const std::string value(90'000, 'v');
  const std::string reply = value_reply(1, "k", value);
  for (std::size_t at = 0; at < reply.size(); at += 30'000)
    EXPECT_FALSE(talk.receive(Bytes(reply).substr(at, 30'000)));
  EXPECT_EQ(talk.lines(), Lines{"1 VA " + value});
}

// ---- Sending ------------------------------------------------------------------------------------

TEST(PeerLink, NothingIsOfferedWithoutAConnection) {
  TestTalk talk;
  EXPECT_FALSE(talk.link().wants_connect());
  talk.get(1);
  EXPECT_EQ(talk.offer(), "");
  EXPECT_TRUE(talk.link().wants_connect());
  talk.link().on_connecting();
  EXPECT_EQ(talk.offer(), "");
  EXPECT_FALSE(talk.link().wants_connect());
  talk.link().on_connected();
  EXPECT_EQ(talk.offer(), "mg k v k O1\r\n");
}

TEST(PeerLink, RequestsOfAnEventAreOfferedTogetherAndInOrder) {
  TestTalk talk;
  talk.get(1, "a");
  talk.get(2, "b");
  talk.connect();
  EXPECT_EQ(talk.offer(), "mg a v k O1\r\nmg b v k O2\r\n");
}

TEST(PeerLink, WhatWasNotTakenIsOfferedAgain) {
  TestTalk talk;
  talk.get(1, "a");
  talk.get(2, "b");
  talk.connect();
  talk.offer();
  talk.link().taken(15);
  EXPECT_EQ(talk.link().queued_bytes(), 11u);
  talk.get(3, "c");
  EXPECT_EQ(talk.send(), " b v k O2\r\nmg c v k O3\r\n");
  EXPECT_EQ(talk.link().queued_bytes(), 0u);
}

TEST(PeerLink, AReplyMayComeBeforeTheSendIsKnownToHaveEnded) {
  TestTalk talk;
  talk.get(1, "a");
  talk.get(2, "b");
  talk.connect();
  talk.offer();
  EXPECT_FALSE(talk.receive(miss_reply(1, "a") + miss_reply(2, "b")));
  EXPECT_EQ(talk.lines(), (Lines{"1 EN", "2 EN"}));
  EXPECT_FALSE(talk.link().idle());
  talk.link().taken(26);
  EXPECT_TRUE(talk.link().idle());
  EXPECT_EQ(talk.link().audit(), std::nullopt);
}

TEST(PeerLink, ARequestThatIsRefusedHalfwayIsStillSentToItsEnd) {
  TestTalk talk;
  talk.submit(call(1, "ms k 4 k O1\r\nabcd\r\n", "k"));
  talk.get(2);
  talk.connect();
  talk.offer();
  talk.link().taken(15);
  EXPECT_FALSE(talk.receive("SERVER_ERROR object too large for cache\r\n"));
  EXPECT_EQ(talk.lines(), Lines{"1 SERVER_ERROR object too large for cache"});
  EXPECT_EQ(talk.send(), "cd\r\nmg k v k O2\r\n");
  EXPECT_FALSE(talk.receive(miss_reply(2, "k")));
  EXPECT_EQ(talk.lines(), Lines{"2 EN"});
  EXPECT_TRUE(talk.link().idle());
}

TEST(PeerLink, TooManyCallsAreAnOverload) {
  TestTalk talk;
  for (std::uint64_t tag = 1; tag <= limits::peer_calls_max; ++tag)
    EXPECT_EQ(talk.link().submit(get_call(tag, "k"), talk.now()).has_value(), true);
  EXPECT_EQ(talk.get(limits::peer_calls_max + 1), Failure::overload);
  talk.cancel(7);
  EXPECT_EQ(talk.get(limits::peer_calls_max + 1), std::nullopt);
}

TEST(PeerLink, TooManyQueuedBytesAreAnOverloadButOneCallMayBeLarger) {
  TestTalk talk;
  const auto sized = [&](std::uint64_t tag, std::size_t size) {
    return call(tag, std::string(size, 'x'), "k");
  };
  EXPECT_EQ(talk.submit(sized(1, limits::peer_queued_bytes_max + 1)), std::nullopt);
  EXPECT_EQ(talk.get(2), Failure::overload);
  talk.connect();
  talk.send();
  EXPECT_EQ(talk.submit(sized(3, limits::peer_queued_bytes_max)), std::nullopt);
  EXPECT_EQ(talk.submit(sized(4, 1)), Failure::overload);
  talk.cancel(3);
  EXPECT_EQ(talk.submit(sized(4, 1)), std::nullopt);
}

// ---- Cancelling ---------------------------------------------------------------------------------

TEST(PeerLink, ACallThatWasNotSentIsWithdrawn) {
  TestTalk talk;
  talk.get(1, "a");
  talk.get(2, "b");
  talk.get(3, "c");
  talk.cancel(2);
  talk.connect();
  EXPECT_EQ(talk.send(), "mg a v k O1\r\nmg c v k O3\r\n");
  EXPECT_FALSE(talk.receive(miss_reply(1, "a") + miss_reply(3, "c")));
  EXPECT_EQ(talk.lines(), (Lines{"1 EN", "3 EN"}));
}

TEST(PeerLink, TheLateReplyOfACancelledCallIsSwallowed) {
  TestTalk talk;
  talk.get(1, "a");
  talk.get(2, "b");
  talk.connect();
  talk.send();
  talk.cancel(1);
  EXPECT_EQ(talk.link().in_flight(), 1u);
  EXPECT_FALSE(talk.receive(value_reply(1, "a", "late") + miss_reply(2, "b")));
  EXPECT_EQ(talk.lines(), Lines{"2 EN"});
  EXPECT_EQ(talk.link().counters().late_replies, 1u);
}

TEST(PeerLink, TheLateReplyIsCheckedTooAndMustBeItsOwn) {
  TestTalk talk;
  talk.get(1, "a");
  talk.get(2, "b");
  talk.connect();
  talk.send();
  talk.cancel(1);
  EXPECT_TRUE(talk.receive(miss_reply(2, "b")));
  EXPECT_EQ(talk.lines(), Lines{"2 protocol sent"});
}

TEST(PeerLink, ACallThatWasOfferedAndNotTakenIsWithdrawnAfterAll) {
  TestTalk talk;
  talk.get(1, "a");
  talk.get(2, "b");
  talk.get(3, "c");
  talk.connect();
  talk.offer();
  talk.cancel(2);
  talk.link().taken(13);
  EXPECT_EQ(talk.send(), "mg c v k O3\r\n");
  EXPECT_FALSE(talk.receive(miss_reply(1, "a") + miss_reply(3, "c")));
  EXPECT_EQ(talk.lines(), (Lines{"1 EN", "3 EN"}));
}

TEST(PeerLink, ACallThatIsPartlySentIsSentToItsEnd) {
  TestTalk talk;
  talk.get(1);
  talk.connect();
  talk.offer();
  talk.link().taken(3);
  talk.cancel(1);
  EXPECT_EQ(talk.send(), "k v k O1\r\n");
  EXPECT_FALSE(talk.receive(miss_reply(1, "k")));
  EXPECT_EQ(talk.lines(), Lines{});
  EXPECT_TRUE(talk.link().idle());
}

TEST(PeerLink, OnesFailureMayCancelAnothersThatIsOnItsWay) {
  TestTalk talk;
  for (std::uint64_t tag = 1; tag <= 3; ++tag) talk.get(tag);
  talk.connect();
  talk.send();
  talk.meanwhile = [&](std::uint64_t tag) {
    if (tag == 1) talk.link().cancel(2, talk.now());
  };
  talk.lose();
  EXPECT_EQ(talk.lines(), (Lines{"1 reset sent", "3 reset sent"}));
}

TEST(PeerLink, AReplyMayCauseTheNextCall) {
  TestTalk talk;
  talk.get(1, "a");
  talk.get(2, "b");
  talk.connect();
  talk.send();
  talk.meanwhile = [&](std::uint64_t tag) {
    if (tag == 1) talk.get(3, "c");
  };
  EXPECT_FALSE(talk.receive(miss_reply(1, "a") + miss_reply(2, "b")));
  EXPECT_EQ(talk.send(), "mg c v k O3\r\n");
  EXPECT_FALSE(talk.receive(miss_reply(3, "c")));
  EXPECT_EQ(talk.lines(), (Lines{"1 EN", "2 EN", "3 EN"}));
}

TEST(PeerLink, AReplyMayCauseTheEnd) {
  TestTalk talk;
  talk.get(1, "a");
  talk.get(2, "b");
  talk.connect();
  talk.send();
  talk.meanwhile = [&](std::uint64_t tag) {
    if (tag == 1) talk.link().give_up(Failure::cancelled);
  };
  EXPECT_TRUE(talk.receive(miss_reply(1, "a") + miss_reply(2, "b")));
  EXPECT_EQ(talk.lines(), (Lines{"1 EN", "2 cancelled sent"}));
}

}  // namespace
}  // namespace cacheismo::cluster
