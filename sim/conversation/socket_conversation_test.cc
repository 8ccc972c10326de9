// Goal: the program on a real socket says byte for byte what the conversations say; and so does the
// distribution's memcached wherever they claim that it does.
// Method: each situation gets a fresh process on a free port, and is played by blocking clients
// that wait for bytes and never for time.

#include <unistd.h>

#include <string>

#include <gtest/gtest.h>

#include "sim/conversation/player.h"
#include "sim/conversation/server_process.h"
#include "sim/conversation/shelf.h"
#include "sim/conversation/socket_clients.h"

namespace cacheismo::conversation {
namespace {

const char* const our_program = "cacheismo/cacheismo";
const char* const memcached = "/usr/bin/memcached";

class OverSockets : public testing::TestWithParam<ShelvedSituation> {
 protected:
  static void talk_to(const std::string& program, SocketClients::Ending ending) {
    const Situation& situation = GetParam().situation;
    if (situation.takes_time()) GTEST_SKIP() << "time passes in it: played in the simulated world";
    if (!situation.uncut_because.empty())
      GTEST_SKIP() << "a real wire cuts where it likes: " << situation.uncut_because;
    auto server = ServerProcess::start(program, situation.flags);
    ASSERT_TRUE(server.has_value()) << server.error();
    SocketClients clients(std::move(*server), ending);
    const auto wrong = play(situation, clients);
    EXPECT_FALSE(wrong.has_value()) << GetParam().file << " == " << situation.name << "\n"
                                    << *wrong;
  }
};

using Daemon = OverSockets;

TEST_P(Daemon, Agrees) { talk_to(our_program, SocketClients::Ending::in_order); }

INSTANTIATE_TEST_SUITE_P(Conversations, Daemon, testing::ValuesIn(all_situations()), name_of_case);

using Memcached = OverSockets;

TEST_P(Memcached, Agrees) {
  if (!GetParam().situation.common)
    GTEST_SKIP() << "not common: " << GetParam().situation.not_common_because;
  if (::access(memcached, X_OK) != 0)
    GTEST_SKIP() << "no " << memcached << " on this machine; tools/install test brings it";
  // Its orderly end waits for its clock's next second.
  talk_to(memcached, SocketClients::Ending::killed);
}

INSTANTIATE_TEST_SUITE_P(Conversations, Memcached, testing::ValuesIn(all_situations()),
                         name_of_case);

}  // namespace
}  // namespace cacheismo::conversation
