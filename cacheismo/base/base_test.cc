// Goal: the vocabulary means the same on every machine.
// Method: fixed vectors for the sequences and hashes; death tests for CHECK.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/check.h"
#include "cacheismo/base/hash.h"
#include "cacheismo/base/node_pool.h"
#include "cacheismo/base/prng.h"

namespace cacheismo {
namespace {

TEST(Prng, SameSeedGivesTheSameSequence) {
  Prng a(7);
  Prng b(7);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(a.next(), b.next());
}

TEST(Prng, FirstDrawsAreTheseOnEveryMachine) {
  Prng prng(0);
  EXPECT_EQ(prng.next(), 5987356902031041503u);
  EXPECT_EQ(prng.next(), 7051070477665621255u);
  EXPECT_EQ(prng.next(), 6633766593972829180u);
}

TEST(Prng, BelowStaysBelowAndReachesBothEnds) {
  Prng prng(1);
  std::vector<int> seen(10);
  for (int i = 0; i < 1000; ++i) ++seen.at(prng.below(10));
  for (int count : seen) EXPECT_GT(count, 50);
}

TEST(Prng, DerivingAStreamDoesNotAdvanceItsSource) {
  Prng a(3);
  Prng b(3);
  Prng child = a.derive(1);
  EXPECT_NE(child.next(), a.derive(2).next());
  EXPECT_EQ(a.next(), b.next());
}

TEST(Hash, DependsOnSeedAndBytesOnly) {
  EXPECT_EQ(hash64("alice", 1), hash64(std::string("alice"), 1));
  EXPECT_NE(hash64("alice", 1), hash64("alice", 2));
  EXPECT_EQ(hash64("", 0), 0x2d06800538d394c2u);  // XXH3's published value of the empty input
}

// ---- NodePool

TEST(NodePool, BlocksInUseNeverOverlapWhateverTheirSizes) {
  NodePool pool;
  Prng random(1);
  struct Block {
    char* at;
    std::size_t bytes;
    char mark;
  };
  std::vector<Block> blocks;
  const auto is_whole = [](const Block& block) {
    return Bytes(block.at, block.bytes).find_first_not_of(block.mark) == Bytes::npos;
  };
  for (int i = 0; i < 20'000; ++i) {
    if (blocks.empty() || random.chance(11, 20)) {
      const std::size_t bytes = 1 + random.below(random.chance(1, 10) ? 2000 : 100);
      Block block{static_cast<char*>(pool.allocate(bytes)), bytes, static_cast<char>(i)};
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.at) % alignof(std::max_align_t), 0u);
      std::fill_n(block.at, bytes, block.mark);
      blocks.push_back(block);
    } else {
      std::swap(blocks[random.below(blocks.size())], blocks.back());
      ASSERT_TRUE(is_whole(blocks.back()));
      pool.deallocate(blocks.back().at, blocks.back().bytes);
      blocks.pop_back();
    }
  }
  for (const Block& block : blocks) {
    EXPECT_TRUE(is_whole(block));
    pool.deallocate(block.at, block.bytes);
  }
}

TEST(NodePool, ABlockThatIsGivenBackIsTheNextOneOfItsSize) {
  NodePool pool;
  void* const first = pool.allocate(40);
  void* const second = pool.allocate(40);
  EXPECT_NE(first, second);
  pool.deallocate(first, 40);
  EXPECT_NE(pool.allocate(100), first);
  EXPECT_EQ(pool.allocate(33), first);
}

TEST(CheckDeathTest, FailureNamesPlaceExpressionAndOperands) {
  EXPECT_DEATH(CHECK_EQ(1 + 1, 3), "base_test.cc:[0-9]+: CHECK failed: 1 \\+ 1 == 3 \\(2 vs 3\\)");
  EXPECT_DEATH(CHECK(false), "CHECK failed: false");
}

}  // namespace
}  // namespace cacheismo
