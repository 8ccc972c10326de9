// Goal: the line says where the copy is, also where FROM grew or nothing is known yet. Method: the
// text at made-up times.

#include "cacheismo/copy_progress.h"

#include <chrono>

#include <gtest/gtest.h>

namespace cacheismo {
namespace {

constexpr MonotonicTime start{std::chrono::seconds(100)};

TEST(CopyProgress, TellsItemsBytesRateAndWhatIsLeft) {
  CopyProgress progress(true);
  progress.begin("copy", 1000, start);
  EXPECT_EQ(progress.line(500, 64 * MiB, start + std::chrono::seconds(90)),
            "copy [==========>          ]  50%  500/1000 items  64.0 MiB  0.7 MiB/s  ETA 1:30");
}

TEST(CopyProgress, WithoutATerminalThereIsNoBar) {
  CopyProgress progress(false);
  progress.begin("compare", 4, start);
  EXPECT_EQ(progress.line(1, 100, start + std::chrono::seconds(1)),
            "compare  25%  1/4 items  100 B  100 B/s  ETA 0:03");
}

TEST(CopyProgress, MoreItemsThanThereWereAreAllThatThereAre) {
  CopyProgress progress(true);
  progress.begin("copy", 10, start);
  EXPECT_EQ(progress.line(20, 0, start + std::chrono::seconds(1)),
            "copy [====================>] 100%  20/10 items  0 B  0 B/s  ETA 0:00");
  progress.begin("copy", 0, start);
  EXPECT_EQ(progress.line(0, 0, start),
            "copy [>                    ]   0%  0/0 items  0 B  0 B/s  ETA -");
}

}  // namespace
}  // namespace cacheismo
