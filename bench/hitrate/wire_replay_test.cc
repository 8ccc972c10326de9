// WireReplay: expiries under a pace, and servers that are not there, say nothing, or hang up. What
// it counts against real servers is compare_test's matter.

#include "bench/hitrate/wire_replay.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace cacheismo::hitrate {
namespace {

/// 600,000 seconds long, the last second included.
Trace week() {
  Trace trace;
  trace.keys = 1;
  trace.requests.push_back({.key_id = 0, .value_bytes = 10, .key_bytes = 4});
  trace.requests.push_back({.time_seconds = 599'999, .value_bytes = 10, .key_bytes = 4});
  return trace;
}

TEST(WireReplay, ExpiriesShrinkAsTheTraceDoes) {
  WireOptions options;
  options.seconds = 60;
  EXPECT_EQ(wire_ttl_seconds(options, week(), 432'000), 43u);
  EXPECT_EQ(wire_ttl_seconds(options, week(), 436'000), 44u);
  EXPECT_EQ(wire_ttl_seconds(options, week(), 1), 1u);  // 0 would mean never
  EXPECT_EQ(wire_ttl_seconds(options, week(), 0), 0u);
}

TEST(WireReplay, StretchedExpiriesStayRelative) {
  WireOptions options;
  options.seconds = 6e6;
  EXPECT_EQ(wire_ttl_seconds(options, week(), 432'000), 30u * 86'400);
}

TEST(WireReplay, WithoutAPaceNothingExpires) {
  EXPECT_EQ(wire_ttl_seconds(WireOptions{}, week(), 432'000), 0u);
}

/// A socket that listens: the kernel accepts connections and what is sent, nobody answers.
class SilentServer {
 public:
  SilentServer() : descriptor_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(descriptor_, generic, bytes), 0);
    EXPECT_EQ(listen(descriptor_, 1), 0);
    EXPECT_EQ(getsockname(descriptor_, generic, &bytes), 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { hang_up(); }

  void hang_up() {
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = -1;
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  int descriptor_;
  std::uint16_t port_ = 0;
};

TEST(WireReplay, NoServerIsAnError) {
  SilentServer server;
  WireOptions options;
  options.port = server.port();
  server.hang_up();
  const auto result = replay_on_wire(week(), options, {});
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().find("connect"), std::string::npos) << result.error();
}

TEST(WireReplay, ASilentServerIsGivenUp) {
  const SilentServer server;
  WireOptions options;
  options.port = server.port();
  options.patience_seconds = 0.02;
  const auto result = replay_on_wire(week(), options, {});
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().find("says nothing"), std::string::npos) << result.error();
}

TEST(WireReplay, AServerThatHangsUpIsAnError) {
  SilentServer server;
  WireOptions options;
  options.port = server.port();
  bool hung_up = false;
  const auto hang_up = [&](double) {
    server.hang_up();
    hung_up = true;
  };
  const auto result = replay_on_wire(week(), options, hang_up);
  ASSERT_FALSE(result);
  EXPECT_TRUE(hung_up);
  EXPECT_EQ(result.error().find("says nothing"), std::string::npos) << result.error();
}

}  // namespace
}  // namespace cacheismo::hitrate
