// A stream's slot comes back under a new generation; the views of an operation are a copy.

#include "cacheismo/io/stream_table.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cacheismo::io {
namespace {

TEST(StreamTable, SlotComesBackUnderANewGeneration) {
  StreamTable table;
  const StreamId first = table.add(5, nullptr);
  EXPECT_EQ(table.at(first).fd, 5);
  EXPECT_EQ(table.open_count(), 1u);
  table.remove(first);
  EXPECT_EQ(table.find(first), nullptr);
  const StreamId second = table.add(6, nullptr);
  EXPECT_EQ(second.slot, first.slot);
  EXPECT_NE(second.generation, first.generation);
  EXPECT_EQ(table.find(first), nullptr);
  EXPECT_EQ(table.find(second)->fd, 6);
}

TEST(StreamTable, NewStreamRemembersNothingOfTheFormerOne) {
  StreamTable table;
  const StreamId first = table.add(5, nullptr);
  table.at(first).readable = table.at(first).closing = table.at(first).queued = true;
  table.remove(first);
  const Stream& second = table.at(table.add(6, nullptr));
  EXPECT_FALSE(second.readable || second.closing || second.queued);
}

TEST(StreamTable, UnknownIdsFindNothing) {
  StreamTable table;
  EXPECT_EQ(table.find(StreamId{}), nullptr);
  (void)table.add(5, nullptr);
  EXPECT_EQ(table.find(StreamId{}), nullptr) << "generations start at 1";
  EXPECT_EQ(table.find(StreamId{7, 1}), nullptr);
}

TEST(StreamTable, ViewsAreCopiedAndBlocksAreUsedAgain) {
  StreamTable table;
  const StreamId id = table.add(5, nullptr);
  ViewList& list = table.at(id).send_views;
  const ViewBlock* block = nullptr;
  for (int round = 0; round < 3; ++round) {
    std::vector<Bytes> views = {"get", " ", "a\r\n"};
    table.put(list, std::span<const Bytes>(views));
    views.assign(3, Bytes());
    ASSERT_EQ(list.count, 3u);
    EXPECT_EQ(std::string(static_cast<char*>(list.data()[0].iov_base), list.data()[0].iov_len),
              "get");
    EXPECT_EQ(list.data()[2].iov_len, 3u);
    if (block == nullptr) block = list.block;
    EXPECT_EQ(list.block, block);
    table.clear(list);
    EXPECT_EQ(list.count, 0u);
  }
}

TEST(StreamTable, OneViewNeedsNoBlock) {
  StreamTable table;
  ViewList& list = table.at(table.add(5, nullptr)).receive_views;
  std::array<char, 4> window;
  const MutableBytes windows[] = {window};
  table.put(list, std::span<const MutableBytes>(windows));
  EXPECT_EQ(list.block, nullptr);
  EXPECT_EQ(list.data()->iov_base, window.data());
}

TEST(StreamTableDeathTest, DeadIdIsAProgrammersError) {
  StreamTable table;
  const StreamId id = table.add(5, nullptr);
  table.remove(id);
  EXPECT_DEATH((void)table.at(id), "CHECK failed");
}

}  // namespace
}  // namespace cacheismo::io
