// Goal: replies leave in the order of their requests, whatever order they arrive in, and a group's
// error silences what is left of it. Method: a queue, and what it says after each step.

#include "cacheismo/node/reply_queue.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cacheismo::node {
namespace {

class ReplyQueueTest : public testing::Test {
 protected:
  std::uint64_t owe(std::uint32_t group = 0) {
    OwedReply reply;
    reply.group = group;
    reply.call = ++last_call_;
    return queue_.owe(std::move(reply));
  }
  /// Everything that can be said now.
  std::string say() {
    std::string all;
    while (const std::string* text =
               queue_.front([&](OwedReply& reply) { dropped_.push_back(reply.call); })) {
      all += *text;
      queue_.pop_front();
    }
    EXPECT_EQ(queue_.audit(), std::nullopt);
    return all;
  }

  ReplyQueue queue_;
  std::uint64_t last_call_ = 0;
  std::vector<std::uint64_t> dropped_;
};

TEST_F(ReplyQueueTest, WhatArrivesLateHoldsUpWhatComesBehindIt) {
  const std::uint64_t first = owe();
  queue_.append("b", 0);
  const std::uint64_t third = owe();
  EXPECT_FALSE(queue_.arrived(third, "c", false));
  EXPECT_EQ(say(), "");
  EXPECT_TRUE(queue_.arrived(first, "a", false));
  EXPECT_EQ(say(), "abc");
  EXPECT_TRUE(queue_.empty());
}

TEST_F(ReplyQueueTest, AnErrorThatIsReadyAtOnceIsHeldAsAnyText) {
  const std::uint64_t first = owe();
  OwedReply refused;
  refused.ready = refused.error = true;
  refused.text = std::string(limits::owed_reply_bytes_max, 'e');
  queue_.owe(refused);
  EXPECT_TRUE(queue_.full());
  EXPECT_EQ(queue_.audit(), std::nullopt);
  queue_.arrived(first, "a", false);
  EXPECT_EQ(say(), "a" + refused.text);
  EXPECT_FALSE(queue_.full());
}

TEST_F(ReplyQueueTest, NumbersStayTrueAfterRepliesHaveLeft) {
  EXPECT_TRUE(queue_.arrived(owe(), "a", false));
  const std::uint64_t second = owe();
  EXPECT_EQ(say(), "a");
  EXPECT_TRUE(queue_.arrived(second, "b", false));
  EXPECT_EQ(say(), "b");
}

TEST_F(ReplyQueueTest, AnErrorEndsItsGroupAndNothingElse) {
  const std::uint32_t group = queue_.new_group();
  const std::uint64_t good = owe(group);
  const std::uint64_t bad = owe(group);
  owe(group);
  queue_.append("END", group);
  queue_.arrived(good, "v", false);
  queue_.arrived(bad, "error", true);
  EXPECT_EQ(say(), "verror");
  EXPECT_EQ(dropped_, std::vector<std::uint64_t>{3});
  EXPECT_TRUE(queue_.is_silenced(group));
  const std::uint64_t next = owe();
  queue_.append("next", 0);
  queue_.arrived(next, "", false);
  EXPECT_EQ(say(), "next");
}

TEST_F(ReplyQueueTest, AnErrorOutsideOfAGroupSilencesNothing) {
  queue_.arrived(owe(), "error", true);
  queue_.append("b", 0);
  EXPECT_EQ(say(), "errorb");
}

TEST_F(ReplyQueueTest, IsFullByCountAndByBytes) {
  const std::uint64_t first = owe();
  EXPECT_FALSE(queue_.full());
  queue_.append(std::string(limits::owed_reply_bytes_max, 'x'), 0);
  EXPECT_TRUE(queue_.full());
  queue_.arrived(first, "", false);
  EXPECT_EQ(say().size(), limits::owed_reply_bytes_max);
  for (std::size_t i = 0; i < limits::owed_replies_max; ++i) {
    EXPECT_FALSE(queue_.full());
    owe();
  }
  EXPECT_TRUE(queue_.full());
}

}  // namespace
}  // namespace cacheismo::node
