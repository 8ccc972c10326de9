// Goal: the heap keeps what its head promises under any sequence of calls.
// Method: against a map of blocks whose bytes are known; the audit after every step.

#include "cacheismo/lua/heap.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "cacheismo/base/prng.h"

namespace cacheismo::lua {
namespace {

constexpr std::size_t region_bytes = 1 << 20;

class Region {
 public:
  explicit Region(std::size_t bytes = region_bytes)
      : memory_(static_cast<char*>(std::aligned_alloc(Heap::page_bytes, bytes))), bytes_(bytes) {}
  ~Region() { std::free(memory_); }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  [[nodiscard]] std::span<char> span() const { return {memory_, bytes_}; }

 private:
  char* memory_;
  std::size_t bytes_;
};

struct Block {
  std::size_t bytes;
  unsigned char fill;
};

/// The heap and the naive model: every block with the byte that fills it.
class Player {
 public:
  explicit Player(Heap& heap) : heap_(heap) {}

  void allocate(std::size_t bytes) {
    auto* at = static_cast<char*>(heap_.allocate(bytes));
    trace.push_back(at);
    if (at == nullptr) return;
    RC_ASSERT(reinterpret_cast<std::uintptr_t>(at) % 16 == 0u);
    keep(at, bytes);
  }
  void release(std::size_t which) {
    const auto at = pick(which);
    expect_filled(at->first, at->second.bytes, at->second.fill);
    heap_.release(at->first, at->second.bytes);
    blocks.erase(at);
  }
  void resize(std::size_t which, std::size_t bytes) {
    const auto at = pick(which);
    const Block was = at->second;
    auto* moved = static_cast<char*>(heap_.resize(at->first, was.bytes, bytes));
    trace.push_back(moved);
    if (moved == nullptr) {
      RC_ASSERT(bytes > was.bytes);
      return;
    }
    blocks.erase(at);
    expect_filled(moved, std::min(was.bytes, bytes), was.fill);
    keep(moved, bytes);
  }
  void release_all() {
    while (!blocks.empty()) release(0);
  }

  std::map<char*, Block> blocks;
  std::vector<char*> trace;

 private:
  std::map<char*, Block>::iterator pick(std::size_t which) {
    return std::next(blocks.begin(), static_cast<std::ptrdiff_t>(which % blocks.size()));
  }
  void keep(char* at, std::size_t bytes) {
    const auto after = blocks.lower_bound(at);
    if (after != blocks.end()) {
      RC_ASSERT(at + bytes <= after->first);
    }
    if (after != blocks.begin()) {
      const auto before = std::prev(after);
      RC_ASSERT(before->first + before->second.bytes <= at);
    }
    const auto fill = static_cast<unsigned char>(++serial_);
    std::memset(at, fill, bytes);
    blocks[at] = {.bytes = bytes, .fill = fill};
  }
  static void expect_filled(const char* at, std::size_t bytes, unsigned char fill) {
    const bool as_filled =
        static_cast<unsigned char>(*at) == fill && std::memcmp(at, at + 1, bytes - 1) == 0;
    RC_ASSERT(as_filled);
  }

  Heap& heap_;
  unsigned serial_ = 0;
};

std::size_t any_size(Prng& prng) {
  const std::uint64_t kind = prng.below(12);
  if (kind < 6) return prng.between(1, 300);
  if (kind < 9) return prng.between(300, 2'500);
  if (kind < 11) return prng.between(2'500, 20'000);
  return prng.between(1, 900'000);
}

struct Step {
  int kind;
  std::size_t which;
  std::size_t bytes;
};

/// From one number: to generate each step by itself takes RapidCheck longer than to play it.
std::vector<Step> any_steps() {
  Prng prng(*rc::gen::arbitrary<std::uint64_t>());
  const int count = *rc::gen::inRange(1, 250);
  std::vector<Step> steps;
  for (int i = 0; i < count; ++i) {
    const auto kind = static_cast<int>(prng.below(10));
    const std::size_t which = prng.below(1'000);
    steps.push_back({.kind = kind, .which = which, .bytes = any_size(prng)});
  }
  return steps;
}

void play(Player& player, const Step& step) {
  if (player.blocks.empty() || step.kind < 5) {
    player.allocate(step.bytes);
  } else if (step.kind < 8) {
    player.resize(step.which, step.bytes);
  } else {
    player.release(step.which);
  }
}

void expect_sound(const Heap& heap) {
  const auto broken = heap.audit();
  if (broken) RC_FAIL(*broken);
}

RC_GTEST_PROP(Heap, BlocksKeepTheirBytesAndNeverOverlap, ()) {
  const Region region;
  Heap heap(region.span());
  Player player(heap);
  for (const Step& step : any_steps()) {
    play(player, step);
    expect_sound(heap);
    std::size_t asked = 0;
    for (const auto& [at, block] : player.blocks) asked += block.bytes;
    RC_ASSERT(heap.used_bytes() >= asked);
    RC_ASSERT(heap.used_bytes() <= region_bytes);
  }
  player.release_all();
  expect_sound(heap);
  RC_ASSERT(heap.used_bytes() == 0u);
  // All pages joined again.
  void* all = heap.allocate(region_bytes);
  const bool whole = all != nullptr;
  RC_ASSERT(whole);
  heap.release(all, region_bytes);
}

RC_GTEST_PROP(Heap, TheSameCallsGiveTheSameOffsets, ()) {
  const Region one;
  const Region two;
  Heap first(one.span());
  Heap second(two.span());
  Player of_first(first);
  Player of_second(second);
  for (const Step& step : any_steps()) {
    play(of_first, step);
    play(of_second, step);
  }
  RC_ASSERT(of_first.trace.size() == of_second.trace.size());
  for (std::size_t i = 0; i < of_first.trace.size(); ++i) {
    const char* a = of_first.trace[i];
    const char* b = of_second.trace[i];
    RC_ASSERT((a == nullptr) == (b == nullptr));
    if (a != nullptr) {
      RC_ASSERT(a - one.span().data() == b - two.span().data());
    }
  }
  of_first.release_all();
  of_second.release_all();
}

TEST(HeapTest, ABlockThatDoesNotFitIsRefusedAndNothingIsLost) {
  const Region region;
  Heap heap(region.span());
  EXPECT_EQ(heap.allocate(region_bytes + 1), nullptr);
  EXPECT_EQ(heap.allocate(~std::size_t{0} - 100), nullptr);
  void* all = heap.allocate(region_bytes);
  ASSERT_NE(all, nullptr);
  EXPECT_EQ(heap.allocate(1), nullptr);
  heap.release(all, region_bytes);
  EXPECT_EQ(heap.used_bytes(), 0u);
}

TEST(HeapTest, ShrinkingInAFullHeapLeavesTheBlockInItsPlace) {
  const Region region;
  Heap heap(region.span());
  void* large = heap.allocate(10'000);
  void* rest = heap.allocate(region_bytes - 3 * Heap::page_bytes);
  ASSERT_NE(rest, nullptr);
  void* small = heap.resize(rest, region_bytes - 3 * Heap::page_bytes,
                            region_bytes - 3 * Heap::page_bytes - 1);
  EXPECT_EQ(small, rest);
  EXPECT_EQ(heap.resize(large, 10'000, 100), large);
  EXPECT_EQ(heap.audit(), std::nullopt);
  heap.release(large, 100);
  heap.release(rest, region_bytes - 3 * Heap::page_bytes - 1);
  EXPECT_EQ(heap.used_bytes(), 0u);
}

TEST(HeapTest, ALargeBlockGrowsInItsPlaceWhenThePagesBehindItAreFree) {
  const Region region;
  Heap heap(region.span());
  void* block = heap.allocate(10'000);
  EXPECT_EQ(heap.resize(block, 10'000, 100'000), block);
  EXPECT_EQ(heap.used_bytes(), 25 * Heap::page_bytes);
  heap.release(block, 100'000);
}

TEST(HeapDeathTest, ReleasingTwiceIsAProgrammersError) {
  const Region region;
  Heap heap(region.span());
  void* keeps_the_page = heap.allocate(32);
  void* block = heap.allocate(32);
  heap.release(block, 32);
  EXPECT_DEATH(heap.release(block, 32), "CHECK failed");
  heap.release(keeps_the_page, 32);
}

}  // namespace
}  // namespace cacheismo::lua
