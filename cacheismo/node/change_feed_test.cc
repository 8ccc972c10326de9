// Goal: who asks for changes hears of each, whatever made it, or that it has missed some.
// Method: two simulated nodes with the shipped types, and a copier that applies at one what the
// other tells; both are then asked the same, the time to live included.

#include "cacheismo/node/change_feed.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/node/item_form.h"
#include "cacheismo/node/test_transfer.h"
#include "sim/wire.h"

namespace cacheismo::node {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t header_bytes = 17;

struct Told {
  std::uint64_t position = 0;
  std::uint64_t left = 0;
  bool missing = false;
  std::string forms;
};

class ChangeFeedTest : public testing::TestWithParam<sim::Cuts> {
 protected:
  ChangeFeedTest() : from(copying_options(GetParam())), to(copying_options(GetParam())) {
    position = ask(0).position;
  }

  Told ask(std::uint64_t from_position) {
    const std::string reply = from.ask(
        source, "mg cluster:changes:" + std::to_string(from_position) + " v P1.0.0.1000\r\n");
    EXPECT_TRUE(reply.starts_with("VA ")) << reply;
    const std::string told = block(reply);
    EXPECT_GE(told.size(), header_bytes);
    return {.position = number_at(Bytes(told).substr(0, 8)),
            .left = number_at(Bytes(told).substr(8, 8)),
            .missing = told[16] != 0,
            .forms = told.substr(header_bytes)};
  }

  /// Until nothing is left; the keys that were told, in order.
  std::vector<std::string> follow() {
    std::vector<std::string> keys;
    Told told;
    do {
      told = ask(position);
      EXPECT_FALSE(told.missing);
      position = told.position;
      Bytes rest = told.forms;
      while (auto item = take_item(rest)) keys.emplace_back(item->key);
      EXPECT_TRUE(rest.empty());
      if (!told.forms.empty()) {
        EXPECT_EQ(to.ask(target, "ms cluster:items " + std::to_string(told.forms.size()) +
                                     " P1.0.0.1000\r\n" + told.forms + "\r\n"),
                  "HD\r\n");
      }
    } while (told.left > 0);
    return keys;
  }

  /// Both answer the same, but for the marks of a recache, which are not copied.
  void expect_same(const std::string& question) {
    std::string answer = from.ask(source, question);
    for (const Bytes mark : {" W\r", " X\r", " Z\r", " X\r"})
      if (const auto at = answer.find(mark); at != std::string::npos) answer.erase(at, 2);
    EXPECT_EQ(answer, to.ask(target, question));
  }

  sim::Wire from;
  sim::Wire to;
  sim::RawConnection& source = from.connect();
  sim::RawConnection& target = to.connect();
  std::uint64_t position = 0;
};

TEST_P(ChangeFeedTest, EveryKindOfWriteIsTold) {
  const std::vector<std::string> writes = {
      "set a 7 100 1\r\nx\r\n",
      "append a 0 0 2\r\nyz\r\n",
      "prepend a 0 0 1\r\nw\r\n",
      "touch a 500\r\n",
      "gat 400 a\r\n",
      "add n 0 0 1\r\n5\r\n",
      "incr n 10\r\n",
      "decr n 1\r\n",
      "ma n T300\r\n",
      "mg v N60 v\r\n",
      "mg a T700 v\r\n",
      "ms a 2 F9 T50\r\nhi\r\n",
      "md a x F3\r\n",
      "md a I T90\r\n",
      "replace n 1 0 3\r\nabc\r\n",
      "get set:new:s\r\n",
      "get set:put:s:x\r\n",
      "get set:delete:s:x\r\n",
      "get map:new:x\r\n",
      "delete a\r\n",
      "delete n\r\n",
      "set m 0 0 600\r\n" + std::string(600, 'm') + "\r\n",
      "delete set$s\r\n",
  };
  for (const std::string& write : writes) {
    const std::string answer = from.ask(source, write);
    EXPECT_EQ(answer.find("ERROR"), std::string::npos) << write << answer;
    EXPECT_FALSE(follow().empty()) << write;
    for (const std::string key : {"a", "n", "v", "m"}) expect_same("mg " + key + " v f t s\r\n");
    expect_same("get set:count:s\r\n");
  }
  EXPECT_TRUE(follow().empty());
}

TEST_P(ChangeFeedTest, WhatChangesNothingIsNotTold) {
  (void)from.ask(source, "set a 0 0 1\r\nx\r\n");
  (void)follow();
  (void)from.ask(source,
                 "get a b\r\nmg a v\r\nadd a 0 0 1\r\ny\r\ndelete b\r\nincr b 1\r\n"
                 "cas a 0 0 1 99\r\ny\r\nreplace b 0 0 1\r\ny\r\n");
  EXPECT_TRUE(follow().empty());
}

TEST_P(ChangeFeedTest, ACasIsToldWhenItStores) {
  (void)from.ask(source, "set a 0 0 1\r\nx\r\n");
  const std::string got = from.ask(source, "gets a\r\n");
  const std::string cas = got.substr(12, got.find("\r\n") - 12);
  (void)follow();
  EXPECT_EQ(from.ask(source, "cas a 0 0 2 " + cas + "\r\nyy\r\n"), "STORED\r\n");
  EXPECT_EQ(follow(), std::vector<std::string>{"a"});
  expect_same("get a\r\n");
}

TEST_P(ChangeFeedTest, AFlushIsToldWhereItHappened) {
  (void)from.ask(source, "set a 0 0 1\r\nx\r\nset b 0 0 1\r\nx\r\n");
  (void)follow();
  (void)from.ask(source, "set b 0 0 1\r\ny\r\nflush_all\r\nset c 0 0 1\r\nz\r\n");
  EXPECT_EQ(follow(), (std::vector<std::string>{"b", "*", "c"}));
  EXPECT_EQ(to.ask(target, "get a b c\r\n"), "VALUE c 0 1\r\nz\r\nEND\r\n");
}

TEST_P(ChangeFeedTest, AFlushThatWasOrderedForLaterIsToldWhenItsTimeHasCome) {
  (void)from.ask(source, "set a 0 0 1\r\nx\r\nflush_all 3\r\n");
  EXPECT_EQ(follow(), std::vector<std::string>{"a"});
  from.advance(4s);
  EXPECT_EQ(follow(), std::vector<std::string>{"*"});
  EXPECT_EQ(to.ask(target, "get a\r\n"), "END\r\n");
}

TEST_P(ChangeFeedTest, WhatIsEvictedIsToldAsGone) {
  for (int i = 0; i < 400; ++i) {
    (void)from.ask(
        source, "set k" + std::to_string(i) + " 0 0 60000\r\n" + std::string(60'000, 'v') + "\r\n");
  }
  ASSERT_EQ(from.ask(source, "mg k0\r\n"), "EN\r\n");
  const std::vector<std::string> keys = follow();
  EXPECT_NE(std::find(keys.begin(), keys.end(), "k0"), keys.end());
}

TEST_P(ChangeFeedTest, AnAnswerIsBoundedAndSaysWhatIsLeft) {
  std::string requests;
  for (int i = 0; i < 1000; ++i)
    requests += "set k" + std::to_string(i) + " 0 0 1 noreply\r\nx\r\n";
  EXPECT_EQ(from.ask(source, requests + "mn\r\n"), "MN\r\n");
  const Told told = ask(position);
  std::size_t count = 0;
  for (Bytes rest = told.forms; take_item(rest);) ++count;
  EXPECT_EQ(count, limits::changes_per_turn);
  EXPECT_GT(told.left, 0u);
  EXPECT_EQ(follow().size(), 1000u);
  EXPECT_EQ(to.ask(target, "mg k999 v\r\n"), "VA 1\r\nx\r\n");
}

TEST_P(ChangeFeedTest, ALongItemIsOnlyNamed) {
  (void)from.ask(source, "set a 0 0 100000\r\n" + std::string(100'000, 'a') + "\r\n");
  const Told told = ask(position);
  Bytes rest = told.forms;
  const auto item = take_item(rest);
  ASSERT_TRUE(item && rest.empty());
  EXPECT_EQ(item->kind, ItemForm::Kind::long_one);
  EXPECT_EQ(item->key, "a");
}

TEST_P(ChangeFeedTest, ToAskTwiceIsToBeToldTwice) {
  (void)from.ask(source, "set a 0 0 1\r\nx\r\n");
  const Told once = ask(position);
  EXPECT_EQ(ask(position).forms, once.forms);
}

INSTANTIATE_TEST_SUITE_P(Cuts, ChangeFeedTest,
                         testing::Values(sim::Cuts::whole, sim::Cuts::random));

class MissedTest : public ChangeFeedTest {};

TEST_P(MissedTest, WhoFallsBehindTheBoundIsToldThatSomethingIsMissing) {
  (void)from.ask(source, "set before 0 0 1\r\nx\r\n");
  std::string requests;
  for (int i = 0; i < 5000; ++i) {
    const std::string key = std::to_string(i) + std::string(240, 'k');
    requests += "set " + key + " 0 0 1 noreply\r\nx\r\n";
  }
  ASSERT_GT(std::size_t{5000} * 240, limits::change_log_bytes);
  EXPECT_EQ(from.ask(source, requests + "mn\r\n"), "MN\r\n");
  const Told told = ask(position);
  EXPECT_TRUE(told.missing);
  EXPECT_TRUE(told.forms.empty());
  position = told.position;
  (void)from.ask(source, "set after 0 0 1\r\nx\r\n");
  EXPECT_EQ(follow(), std::vector<std::string>{"after"});
}

TEST_P(MissedTest, ALogThatNobodyAsksForIsGivenUpAndItsPositionsAreNotKnownAnyMore) {
  from.advance(limits::change_log_patience - 2s);
  EXPECT_FALSE(ask(position).missing);
  from.advance(limits::change_log_patience + 2s);
  const Told told = ask(position);
  EXPECT_TRUE(told.missing);
  EXPECT_GT(told.position, position);
  EXPECT_FALSE(ask(told.position).missing);
}

TEST_P(MissedTest, APositionOfAnotherLifeIsNotKnown) {
  sim::Wire other(copying_options(GetParam()));
  sim::RawConnection& client = other.connect();
  other.advance(1s);
  const std::string reply =
      other.ask(client, "mg cluster:changes:" + std::to_string(position) + " v P1.0.0.1000\r\n");
  ASSERT_TRUE(reply.starts_with("VA 17\r\n"));
  EXPECT_EQ(reply[7 + 16], 1);
}

TEST_P(MissedTest, WhatIsNoPositionIsRefusedAndMadeUpOnesAreAnswered) {
  EXPECT_EQ(from.ask(source, "mg cluster:changes:x v P1.0.0.1000\r\n"),
            "SERVER_ERROR cluster: \"x\" is no position\r\n");
  (void)from.ask(source, "set abcdefgh 0 0 1\r\nx\r\n");
  for (std::uint64_t off = 0; off < 20; ++off) EXPECT_LE(ask(position + off).left, 9u);
  EXPECT_EQ(from.ask(source, "mg cluster:changes:1 v\r\n"), "EN\r\n");
}

INSTANTIATE_TEST_SUITE_P(Whole, MissedTest, testing::Values(sim::Cuts::whole));

}  // namespace
}  // namespace cacheismo::node
