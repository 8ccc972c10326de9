// A log line is one event, whatever its fields hold.

#include "cacheismo/stderr_log.h"

#include <chrono>

#include <gtest/gtest.h>

namespace cacheismo {
namespace {

TEST(LogLine, IsOneStructuredLine) {
  const WallTime time(std::chrono::seconds(1'772'600'767) + std::chrono::milliseconds(89));
  EXPECT_EQ(log_line(time, node::Level::warn, "accept_paused", "error=no_resources"),
            "2026-03-04T05:06:07.089Z level=warn event=accept_paused error=no_resources\n");
  EXPECT_EQ(log_line(WallTime(), node::Level::info, "stopped", ""),
            "1970-01-01T00:00:00.000Z level=info event=stopped\n");
}

TEST(LogLine, NewlineInAFieldDoesNotForgeAnotherEvent) {
  EXPECT_EQ(log_line(WallTime(), node::Level::debug, "x", "key=a\nb"),
            "1970-01-01T00:00:00.000Z level=debug event=x key=a b\n");
}

}  // namespace
}  // namespace cacheismo
