// Goal: calls over real connections end as peers.h says, whatever becomes of the peer. Method: the
// Peers of one simulated host, and a real node on another; each test lets time pass itself.

#include "cacheismo/node/peers.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/node/test_peers.h"

namespace cacheismo::node {
namespace {

using namespace std::chrono_literals;
using cluster::Failure;
using Lines = std::vector<std::string>;

TEST_F(PeersTest, CallsArePipelinedAndAnsweredInOrder) {
  set("a", "1");
  set("b", "2");
  get("b");
  get("c");
  get("a");
  run();
  EXPECT_EQ(lines(), (Lines{"HD", "HD", "2", "EN", "1"}));
  EXPECT_EQ(stats().counters.connections, 1u);
}

TEST_F(PeersTest, WhatOneEventSubmitsGoesOutInOneSend) {
  get("warm");
  run();
  EXPECT_EQ(sends_.take(), 1);
  in_an_event([this] {
    for (int i = 0; i < 500; ++i) get("k" + std::to_string(i));
  });
  EXPECT_EQ(sends_.take(), 1);
  EXPECT_EQ(lines(), Lines(501, "EN"));
}

TEST_F(PeersTest, ShortAndLongRequestsGoOutTogetherAndInOrder) {
  get("warm");
  run();
  lines();
  const std::string value = pattern(10'000);
  Lines expected;
  in_an_event([&] {
    for (int i = 0; i < 5; ++i) {
      get("k");
      get("k");
      set("k", value + std::to_string(i));
      set("l", "short" + std::to_string(i));
    }
    get("k");
    get("l");
  });
  EXPECT_EQ(sends_.take(), 2);
  for (int i = 0; i < 5; ++i) {
    const std::string before = i == 0 ? "EN" : value + std::to_string(i - 1);
    expected.insert(expected.end(), {before, before, "HD", "HD"});
  }
  expected.insert(expected.end(), {value + "4", "short4"});
  EXPECT_EQ(lines(), expected);
}

TEST_F(PeersTest, MoreThanOneSendTakesIsSentInSeveral) {
  get("warm");
  run();
  lines();
  const std::string value = pattern(3000);
  in_an_event([&] {
    for (int i = 0; i < 100; ++i) set("k" + std::to_string(i), value);
    for (int i = 0; i < 100; ++i) get("k" + std::to_string(i));
  });
  run(1s);
  Lines expected(100, "HD");
  expected.insert(expected.end(), 100, value);
  EXPECT_EQ(lines(), expected);
  EXPECT_GT(sends_.take(), 4);
}

TEST_F(PeersTest, WhatRepliesOfOneBatchCauseGoesOutInOneSend) {
  for (int i = 0; i < 20; ++i) get("k");
  int left = 20;
  meanwhile_ = [this, &left] {
    if (left-- > 0) get("l");
  };
  run();
  EXPECT_EQ(lines().size(), 40u);
  EXPECT_EQ(sends_.take(), 2);
}

TEST_F(PeersTest, AnErrorOfThePeerIsAReply) {
  call("ms k S1 I 1", "k");
  run();
  EXPECT_EQ(lines(), Lines{"bad command line format"});
}

TEST_F(PeersTest, ALongValueGoesAndComesOverAConnectionOfItsOwn) {
  const std::string value = pattern(300'000);
  get("k");
  run();
  EXPECT_EQ(stats().connections, 1u);
  set("long", value);
  run(200ms);
  EXPECT_EQ(stats().connections, 2u);
  get("long", true);
  run(200ms);
  EXPECT_EQ(lines(), (Lines{"EN", "HD", value}));
}

TEST_F(PeersTest, ACancelledCallIsHeardOfNoMore) {
  get("a");
  get("b");
  cancel(last_);
  get("c");
  run();
  EXPECT_EQ(lines(), (Lines{"EN", "EN"}));
  get("a");
  host_.pause(50ms);
  world_.run_for(10ms);  // it was sent
  cancel(last_);
  run(100ms);
  EXPECT_EQ(lines(), Lines{});
  EXPECT_EQ(stats().counters.late_replies, 1u);
}

TEST_F(PeersTest, APeerThatSleepsMakesCallsTimeOutAndItsLateRepliesAreSwallowed) {
  get("warm");
  run();
  lines();
  host_.pause(1500ms);
  get("a");
  get("b");
  run(999ms);
  EXPECT_EQ(lines(), Lines{});
  run(10ms);
  EXPECT_EQ(lines(), (Lines{"timeout sent", "timeout sent"}));
  run(1s);
  EXPECT_EQ(stats().counters.late_replies, 2u);
  get("c");
  run();
  EXPECT_EQ(lines(), Lines{"EN"});
  EXPECT_EQ(stats().counters.connections, 1u);
}

TEST_F(PeersTest, APeerThatStaysSilentIsGivenUp) {
  get("warm");
  run();
  host_.pause(1h);
  get("a");
  run(1s + limits::peer_stuck + 100ms);
  EXPECT_EQ(lines(), (Lines{"EN", "timeout sent"}));
  EXPECT_EQ(stats().connections, 0u);
  host_.wake();
}

TEST_F(PeersTest, APeerThatEndsResetsItsCallsAndRefusesTheNext) {
  get("warm");
  run();
  lines();
  host_.pause(20ms);
  get("a");
  world_.run_for(10ms);
  other_.stop(world_);
  EXPECT_EQ(lines(), Lines{"reset sent"});
  get("b");
  run();
  EXPECT_EQ(lines(), Lines{"refused"});
}

TEST_F(PeersTest, APeerThatIsGoneIsLeftAloneAndFoundAgain) {
  other_.stop(world_);
  for (std::uint32_t i = 0; i < limits::peer_failures_max; ++i) {
    EXPECT_EQ(get("a"), std::nullopt);
    run();
  }
  EXPECT_EQ(lines(), (Lines{"refused", "refused", "refused"}));
  EXPECT_EQ(get("a"), Failure::refused);
  EXPECT_EQ(stats().circuit, cluster::Circuit::State::open);
  EXPECT_EQ(log_.lines.size(), 1u);
  other_.start();
  run(limits::peer_pause_min);
  EXPECT_EQ(get("a"), std::nullopt);
  EXPECT_EQ(get("b"), Failure::refused);
  run();
  EXPECT_EQ(lines(), Lines{"EN"});
  EXPECT_EQ(get("b"), std::nullopt);
  EXPECT_EQ(stats().circuit, cluster::Circuit::State::closed);
  run();
}

TEST_F(PeersTest, AConnectionIsClosedWhenUnusedAndMadeAgain) {
  get("a");
  run();
  EXPECT_EQ(stats().connections, 1u);
  run(limits::peer_idle - 100ms);
  EXPECT_EQ(stats().connections, 1u);
  run(200ms);
  EXPECT_EQ(stats().connections, 0u);
  EXPECT_EQ(io_.streams_open(), 0u);
  get("a");
  run();
  EXPECT_EQ(lines(), (Lines{"EN", "EN"}));
  EXPECT_EQ(stats().counters.connections, 2u);
}

TEST_F(PeersTest, OfTooManyPeersTheLongestUnusedMakesRoom) {
  get("a");
  run();
  for (std::size_t i = 0; i < limits::peers_max; ++i) {
    PeerRequest request{.bytes = "mn\r\n", .echoes = false};
    request.deadline = io_.now().monotonic + limits::peer_timeout;
    const io::Address nobody{io::Address::Kind::tcp, "10.0.0.2",
                             static_cast<std::uint16_t>(2000 + i)};
    const auto id = peers_.submit(nobody, std::move(request), *this);
    ASSERT_TRUE(id.has_value());
    peers_.cancel(*id);
    run(1ms);
  }
  EXPECT_EQ(peers_.stats().size(), limits::peers_max);
  EXPECT_EQ(stats().address.port, 2000u);
  EXPECT_EQ(io_.streams_open(), 0u);
}

TEST_F(PeersTest, WhenAllPeersAreInUseANewOneIsAnOverload) {
  const auto submit_to = [this](std::size_t port) {
    PeerRequest request{.bytes = "mn\r\n", .echoes = false};
    request.deadline = io_.now().monotonic + limits::peer_timeout;
    return peers_.submit({io::Address::Kind::tcp, "10.0.0.2", static_cast<std::uint16_t>(port)},
                         std::move(request), *this);
  };
  std::vector<std::uint64_t> ids;
  for (std::size_t i = 0; i < limits::peers_max; ++i) ids.push_back(*submit_to(2000 + i));
  EXPECT_EQ(submit_to(5000).error(), Failure::overload);
  for (const std::uint64_t id : ids) peers_.cancel(id);
  run();
}

TEST_F(PeersTest, StoppingFailsWhatIsUnderWay) {
  get("warm");
  run();
  lines();
  host_.pause(1h);
  get("a");
  world_.run_for(1ms);
  get("b");
  meanwhile_ = [this] { EXPECT_EQ(get("c"), Failure::cancelled); };
  peers_.stop();
  EXPECT_EQ(lines(), (Lines{"cancelled sent", "cancelled"}));
  EXPECT_EQ(peers_.audit(), std::nullopt);
  host_.wake();
}

TEST_F(PeersTest, StoppingInsideAReply) {
  for (int i = 0; i < 3; ++i) get("a");
  bool first = true;
  meanwhile_ = [this, &first] {
    if (std::exchange(first, false)) peers_.stop();
  };
  run();
  EXPECT_EQ(lines(), (Lines{"EN", "cancelled sent", "cancelled sent"}));
  EXPECT_TRUE(peers_.stopped());
}

}  // namespace
}  // namespace cacheismo::node
