// Goal: bytes come out as they went in, memory is held only while there are any, and the bound over
// all connections holds. Method: values.

#include "cacheismo/node/input_buffer.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"

namespace cacheismo::node {
namespace {

TEST(InputBuffer, EmptyHoldsNoMemory) {
  InputMemory memory;
  InputBuffer buffer;
  EXPECT_TRUE(buffer.append(memory, ""));
  EXPECT_EQ(memory.buffers(), 0u);
  ASSERT_TRUE(buffer.append(memory, "get a"));
  EXPECT_EQ(memory.buffers(), 1u);
  EXPECT_EQ(memory.leased_bytes(), limits::pending_input_bytes);
  buffer.remove_prefix(memory, 5);
  EXPECT_EQ(memory.buffers(), 0u);
  EXPECT_EQ(memory.leased_bytes(), 0u);
  EXPECT_EQ(memory.free_bytes(), limits::pending_input_bytes);
}

TEST(InputBuffer, KeepsItsBytesWhileItGrows) {
  InputMemory memory;
  InputBuffer buffer;
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    const std::string part = "part " + std::to_string(i) + ";";
    ASSERT_TRUE(buffer.append(memory, part));
    expected += part;
    if (i % 3 == 0) {
      buffer.remove_prefix(memory, 4);
      expected.erase(0, 4);
    }
    ASSERT_EQ(buffer.bytes(), expected);
  }
  EXPECT_EQ(memory.buffers(), 1u);
  buffer.truncate(10);
  EXPECT_EQ(buffer.bytes(), expected.substr(0, 10));
  buffer.clear(memory);
  EXPECT_EQ(memory.buffers(), 0u);
}

TEST(InputBuffer, SmallPiecesSlideInsteadOfGrowing) {
  InputMemory memory;
  InputBuffer buffer;
  const std::string half(limits::pending_input_bytes / 2, 'h');
  ASSERT_TRUE(buffer.append(memory, half));
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(buffer.append(memory, half));
    buffer.remove_prefix(memory, half.size());
  }
  EXPECT_EQ(memory.backlog_bytes(), 0u);
  buffer.clear(memory);
}

TEST(InputBuffer, BacklogOfAllConnectionsIsBounded) {
  InputMemory memory;
  std::vector<InputBuffer> buffers(4000);
  const std::string backlog(limits::backlog_block_bytes, 'b');
  std::size_t taken = 0;
  while (buffers[taken].append(memory, backlog)) ++taken;
  EXPECT_EQ(taken, limits::input_backlog_bytes_max / limits::backlog_block_bytes);
  EXPECT_TRUE(buffers[taken].empty());
  ASSERT_TRUE(buffers[taken].append(memory, "small ones are not counted"));
  EXPECT_FALSE(buffers[taken].append(memory, backlog));
  EXPECT_EQ(buffers[taken].bytes(), "small ones are not counted");
  buffers[0].clear(memory);
  EXPECT_TRUE(buffers[taken].append(memory, backlog.substr(100)));
  for (InputBuffer& buffer : buffers) buffer.clear(memory);
  EXPECT_EQ(memory.backlog_bytes(), 0u);
  EXPECT_LE(memory.free_bytes(), 2 * limits::free_block_bytes_max);
}

TEST(InputBuffer, LongestMultiGetLineFits) {
  InputMemory memory;
  InputBuffer buffer;
  const std::string part(limits::receive_bytes, 'k');
  while (buffer.size() < limits::multiget_line_bytes_max) ASSERT_TRUE(buffer.append(memory, part));
  EXPECT_LE(memory.backlog_bytes(), 2 * limits::multiget_line_bytes_max);
  buffer.clear(memory);
}

}  // namespace
}  // namespace cacheismo::node
