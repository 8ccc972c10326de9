// Goal: the node says byte for byte what the conversations say, however its bytes are cut.
// Method: each situation gets a fresh node in a simulated world; it is played with whole
// deliveries, byte by byte, and with random cuts. Time passes as the situation says.

#include <string>

#include <gtest/gtest.h>

#include "sim/conversation/player.h"
#include "sim/conversation/shelf.h"
#include "sim/conversation/simulated_clients.h"

namespace cacheismo::conversation {
namespace {

/// One byte at a time costs about a microsecond each, three times over.
constexpr std::size_t single_bytes_max = 400'000;

class Node : public testing::TestWithParam<ShelvedSituation> {
 protected:
  static void talk(sim::Cuts cuts) {
    const Situation& situation = GetParam().situation;
    auto options = options_of(situation.flags);
    ASSERT_TRUE(options.has_value()) << options.error();
    options->cuts = cuts;
    SimulatedClients clients(*options);
    const auto wrong = play(situation, clients);
    EXPECT_FALSE(wrong.has_value()) << GetParam().file << " == " << situation.name << "\n"
                                    << *wrong;
  }
};

TEST_P(Node, Whole) { talk(sim::Cuts::whole); }

TEST_P(Node, RandomlyCut) {
  if (!GetParam().situation.uncut_because.empty())
    GTEST_SKIP() << "not to be cut: " << GetParam().situation.uncut_because;
  talk(sim::Cuts::random);
}

TEST_P(Node, ByteByByte) {
  if (!GetParam().situation.uncut_because.empty())
    GTEST_SKIP() << "not to be cut: " << GetParam().situation.uncut_because;
  if (GetParam().situation.bytes() > single_bytes_max)
    GTEST_SKIP() << "too many bytes to be sent one at a time";
  talk(sim::Cuts::byte_by_byte);
}

INSTANTIATE_TEST_SUITE_P(Conversations, Node, testing::ValuesIn(all_situations()), name_of_case);

}  // namespace
}  // namespace cacheismo::conversation
