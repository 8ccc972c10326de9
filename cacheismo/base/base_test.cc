// Goal: the vocabulary means the same on every machine.
// Method: fixed vectors for the sequences and hashes; death tests for CHECK.

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/check.h"
#include "cacheismo/base/hash.h"
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

TEST(CheckDeathTest, FailureNamesPlaceExpressionAndOperands) {
  EXPECT_DEATH(CHECK_EQ(1 + 1, 3), "base_test.cc:[0-9]+: CHECK failed: 1 \\+ 1 == 3 \\(2 vs 3\\)");
  EXPECT_DEATH(CHECK(false), "CHECK failed: false");
}

}  // namespace
}  // namespace cacheismo
