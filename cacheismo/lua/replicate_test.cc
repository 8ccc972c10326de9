// Goal: replicate() sends the state of an item to the nodes that should have it, and says of each
// what is known. Method: a ring of three names; replies are made up by the test.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/lua/remote_case.h"

namespace cacheismo::lua {
namespace {

using Code = RemoteReply::Code;

const RemoteReply done{.code = Code::done, .sent = true};

/// The owners of "keyed", five bytes, are n2, n0 (this node) and n1.
class ReplicateTest : public RemoteTest {
 protected:
  ReplicateTest() {
    host.ring = {{.name = "n0", .self = true}, {.name = "n1"}, {.name = "n2"}};
    host.items["keyed"].value = "state";
  }
  void replicate(const std::string& options) {
    method("local r = replicate('keyed'" + options + ")\n" +
           "return r.acked .. ' ' .. r.failed .. ' ' .. r.unknown .. ' ' .. tostring(r.ok)");
  }
};

TEST_F(ReplicateTest, SendsTheItemToTheOtherOwner) {
  replicate("");
  const Answer waits = call();
  ASSERT_EQ(asked(waits), "set n2 cluster:replica");
  EXPECT_EQ(waits.remote->requests.front().value, "1 keyed state");
  EXPECT_TRUE(waits.remote->requests.front().to_the_end);
  EXPECT_EQ(waits.remote->wanted, 1u);
  EXPECT_EQ(waits.remote->timeout_ns, 1'000'000'000);
  EXPECT_EQ(shown(engine_->resume(waits.call, std::vector{done})), "2 0 0 true");
}

TEST_F(ReplicateTest, ANodeThatIsNoOwnerSendsToAllOfThemAndDoesNotCount) {
  replicate(", { copies = 1 }");
  const Answer waits = call();
  EXPECT_EQ(asked(waits), "set n2 cluster:replica");
  EXPECT_EQ(shown(engine_->resume(waits.call, std::vector{done})), "1 0 0 true");
}

TEST_F(ReplicateTest, GoesOnWhenEnoughHaveConfirmed) {
  replicate(", { copies = 3, ack = 2, timeout = 0.5 }");
  const Answer waits = call();
  EXPECT_EQ(asked(waits), "set n2 cluster:replica; set n1 cluster:replica");
  EXPECT_EQ(waits.remote->wanted, 1u);
  EXPECT_EQ(waits.remote->timeout_ns, 500'000'000);
  EXPECT_EQ(shown(engine_->resume(waits.call, std::vector{done, failed(Code::cancelled, true)})),
            "2 0 1 true");
}

TEST_F(ReplicateTest, SaysWhatHasFailedAndWhatNobodyKnows) {
  replicate(", { copies = 3 }");
  EXPECT_EQ(answered({failed(Code::refused), failed(Code::timeout, true)}), "1 1 1 false");
  EXPECT_EQ(answered({failed(Code::timeout), failed(Code::reset, true)}), "1 1 1 false");
  EXPECT_EQ(answered({done, failed(Code::remote, true, "SERVER_ERROR replica: no memory")}),
            "2 1 0 false");
}

TEST_F(ReplicateTest, WithoutAnyConfirmationToWaitForItWaitsForNone) {
  replicate(", { copies = 3, ack = 1 }");
  const Answer waits = call();
  EXPECT_EQ(waits.remote->wanted, 0u);
}

TEST_F(ReplicateTest, IsTriedOnceMoreWhereANewerVersionIsKnown) {
  replicate("");
  const RemoteReply newer = failed(Code::remote, true, "SERVER_ERROR replica: newer 1.2.3");
  const Answer first = call();
  EXPECT_EQ(first.remote->requests.front().value, "1 keyed state");
  host.now_ns += 250'000'000;
  const Answer second = engine_->resume(first.call, std::vector{newer});
  ASSERT_EQ(second.is, Answer::Is::waiting);
  EXPECT_EQ(second.remote->requests.front().value, "2 keyed state");
  EXPECT_NEAR(static_cast<double>(second.remote->timeout_ns), 0.75e9, 1e6);
  EXPECT_EQ(shown(engine_->resume(second.call, std::vector{newer})), "1 1 0 false");
}

TEST_F(ReplicateTest, AnItemThatIsGoneIsSentAsThat) {
  host.items.clear();
  replicate("");
  EXPECT_EQ(call().remote->requests.front().value, "1 keyed gone");
}

TEST_F(ReplicateTest, AnItemThatIsGoneAtTheSecondTryIsNotSentAsThat) {
  replicate("");
  const RemoteReply newer = failed(Code::remote, true, "SERVER_ERROR replica: newer 1.2.3");
  const Answer first = call();
  host.items.clear();
  EXPECT_EQ(shown(engine_->resume(first.call, std::vector{newer})), "1 1 0 false");
}

TEST_F(ReplicateTest, WhatAnotherStateHasTakenThePlaceOfIsNotSentAgain) {
  replicate("");
  const RemoteReply newer = failed(Code::remote, true, "SERVER_ERROR replica: newer 1.2.3");
  const Answer first = call();
  host.taken_over = true;
  EXPECT_EQ(shown(engine_->resume(first.call, std::vector{newer})), "1 1 0 false");
}

TEST_F(ReplicateTest, AnItemCanBeMadeGoneEverywhere) {
  replicate(", { gone = true }");
  const Answer waits = call();
  EXPECT_EQ(waits.remote->requests.front().value, "1 keyed gone");
  EXPECT_FALSE(host.items.contains("keyed"));
  EXPECT_EQ(shown(engine_->resume(waits.call, std::vector{done})), "2 0 0 true");
  replicate(", { gone = true, value = 'x' }");
  EXPECT_NE(shown(call()).find("replicate: an item that is gone has no value"), std::string::npos);
}

TEST_F(ReplicateTest, AValueIsStoredWhereItShouldBeAndSent) {
  replicate(", { value = 'new', flags = 7, ttl = 60 }");
  const Answer waits = call();
  EXPECT_EQ(waits.remote->requests.front().value, "1 keyed new 7 60");
  EXPECT_EQ(host.items["keyed"].value, "new");
  EXPECT_EQ(shown(engine_->resume(waits.call, std::vector{done})), "2 0 0 true");
}

TEST_F(ReplicateTest, AValueIsNotStoredAtANodeThatIsNoOwner) {
  replicate(", { value = 'new', copies = 1 }");
  EXPECT_EQ(asked(call()), "set n2 cluster:replica");
  EXPECT_EQ(host.items["keyed"].value, "state");
}

TEST_F(ReplicateTest, AValueForWhichThereIsNoMemoryHereIsAFailure) {
  host.refuses_items = true;
  replicate(", { value = 'new' }");
  EXPECT_EQ(answered({done}), "1 1 0 false");
}

TEST_F(ReplicateTest, WithoutAClusterTheOnlyCopyIsHere) {
  host.ring.clear();
  replicate("");
  EXPECT_EQ(shown(call()), "1 0 0 true");
  replicate(", { ack = 2 }");
  EXPECT_EQ(shown(call()), "1 0 0 false");
}

TEST_F(ReplicateTest, WhatCannotBeSentIsAnError) {
  host.items["keyed"].value = "too much";
  replicate("");
  EXPECT_NE(shown(call()).find("replicate: too much"), std::string::npos);
}

TEST_F(ReplicateTest, WrongOptionsAreErrorsOfTheCaller) {
  replicate(", { copy = 3 }");
  EXPECT_NE(shown(call()).find("t.lua:3: replicate: there is no option 'copy'"), std::string::npos)
      << shown(call());
  replicate(", { copies = 0 }");
  EXPECT_NE(shown(call()).find("replicate: copies is a whole number, 1 to 256"), std::string::npos);
  replicate(", { copies = 2, ack = 3 }");
  EXPECT_NE(shown(call()).find("replicate: ack is a whole number, 0 to 2"), std::string::npos);
  replicate(", { timeout = 0 }");
  EXPECT_NE(shown(call()).find("replicate: timeout is a number of seconds"), std::string::npos);
}

TEST_F(ReplicateTest, OnlyWhatIsCommittedCanBeSent) {
  method("replicate('keyed')", "update");
  host.objects["t$k"] = {};
  EXPECT_NE(shown(call()).find("replicate works in an async method"), std::string::npos);
  method("return atomically(function(self) self.a = 1; replicate('keyed') end)");
  EXPECT_NE(shown(call()).find("not while loading, in a read, an update"), std::string::npos);
}

}  // namespace
}  // namespace cacheismo::lua
