// Goal: a call that waits for another node holds few bytes, of the scripts' heap and of the
// process's, as docs/SCRIPTING.md states; one that runs out of memory, wherever that is, ends and
// leaves nothing. Method: a thousand calls, operator new counts; one call with ever more memory.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>

#include "cacheismo/base/units.h"
#include "cacheismo/io/arena_memory.h"
#include "cacheismo/lua/engine.h"
#include "cacheismo/lua/map_host.h"
#include "cacheismo/lua/remote.h"

namespace {

std::size_t allocated_bytes = 0;

}  // namespace

void* operator new(std::size_t bytes) {
  void* block = std::malloc(bytes);
  if (block == nullptr) std::abort();
  allocated_bytes += malloc_usable_size(block);
  return block;
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return operator new(bytes);
}
void operator delete(void* block) noexcept {
  if (block == nullptr) return;
  allocated_bytes -= malloc_usable_size(block);
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept { operator delete(block); }

namespace cacheismo::lua {
namespace {

constexpr const char* script = R"(
  local t = object.type("t")
  function t.async.get(key)
    local value = getFromServer("node-1.example.org:11211", "some:key:of:a:client")
    return value
  end
)";

TEST(RemoteMemory, ACallThatWaitsHoldsAStatedNumberOfBytes) {
  constexpr std::size_t calls = 1000;
  const auto memory = io::ArenaMemory::reserve(64 * MiB, 4 * GiB);
  Heap heap(memory->bytes());
  MapHost host;
  Engine engine(heap, host, {});
  const std::vector<Script> scripts{{.name = "t.lua", .source = script}};
  ASSERT_TRUE(engine.load(scripts).has_value());
  while (engine.maintain()) {
  }
  Bytes rest;
  const Method& method = *engine.find("t:get:alice", rest);
  std::vector<std::uint64_t> waiting;
  waiting.reserve(calls);
  const std::size_t heap_before = heap.used_bytes();
  const std::size_t process_before = allocated_bytes;
  for (std::size_t i = 0; i < calls; ++i) {
    const Answer answer = engine.call(method, rest, std::nullopt);
    ASSERT_EQ(answer.is, Answer::Is::waiting);
    waiting.push_back(answer.call);
  }
  const std::size_t heap_bytes = (heap.used_bytes() - heap_before) / calls;
  const std::size_t process_bytes = (allocated_bytes - process_before) / calls;
  std::printf("a call that waits holds %zu bytes of the scripts' heap and %zu of the process's\n",
              heap_bytes, process_bytes);
  EXPECT_GT(heap_bytes, 500u);
  EXPECT_LE(heap_bytes, 1536u);
  EXPECT_GT(process_bytes, 500u);
  EXPECT_LE(process_bytes, 1536u);
  for (const std::uint64_t id : waiting) engine.cancel(id);
  while (engine.maintain()) {
  }
  EXPECT_LE(heap.used_bytes(), heap_before + 100 * KiB);
}

constexpr const char* asks_twice = R"(
  local t = object.type("t")
  function t.async.ask(key)
    local value, flags = getFromServer("n1", key)
    local values, coverage = getInParallel({ n1 = { "a", "b" }, n2 = "c" })
    return value .. flags .. values.n1.a .. coverage.missing[1].code
  end
)";

/// How a call that may take `heap_bytes` ends.
std::string outcome(Heap& heap, std::size_t heap_bytes) {
  MapHost host;
  EngineOptions options;
  options.call.heap_bytes = heap_bytes;
  Engine engine(heap, host, options);
  const std::vector<Script> scripts{{.name = "t.lua", .source = asks_twice}};
  EXPECT_TRUE(engine.load(scripts).has_value());
  Bytes rest;
  const Method& method = *engine.find("t:ask:alice", rest);
  Answer answer = engine.call(method, rest, std::nullopt);
  while (answer.is == Answer::Is::waiting) {
    std::vector<RemoteReply> replies(answer.remote->requests.size());
    for (RemoteReply& reply : replies) {
      reply.code = RemoteReply::Code::value;
      reply.value = "x";
    }
    if (replies.size() > 1) replies.back().code = RemoteReply::Code::timeout;
    answer = engine.resume(answer.call, replies);
  }
  EXPECT_EQ(engine.waiting_calls(), 0u);
  EXPECT_EQ(engine.audit(), std::nullopt);
  return (answer.is == Answer::Is::value ? "" : "error: ") + std::string(answer.text);
}

TEST(RemoteMemory, ACallThatRunsOutOfItAnywhereEndsAndLeavesNothing) {
  const auto memory = io::ArenaMemory::reserve(16 * MiB, 4 * GiB);
  Heap heap(memory->bytes());
  int failures = 0;
  std::string text;
  for (std::size_t heap_bytes = 0; heap_bytes < 16 * KiB; heap_bytes += 64) {
    text = outcome(heap, heap_bytes);
    EXPECT_EQ(heap.used_bytes(), 0u);
    if (text == "x0xtimeout") break;
    ++failures;
    EXPECT_NE(text.find("memory"), std::string::npos) << heap_bytes << ": " << text;
  }
  EXPECT_EQ(text, "x0xtimeout");
  EXPECT_GT(failures, 10);
}

}  // namespace
}  // namespace cacheismo::lua
