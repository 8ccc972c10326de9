// Goal: a flush of a key that is moving may have happened at its old owner and at the new one, and
// at no other time twice. Method: one history of a counter that was flushed before and after it was
// counted, in one flush.

#include <cstdint>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "sim/clockwork.h"
#include "sim/cluster/keys.h"
#include "sim/cluster/recorder.h"
#include "sim/fault_plan.h"
#include "sim/linear/checker.h"
#include "sim/linear/history.h"

namespace cacheismo::sim {
namespace {

using linear::Outcome;
using linear::Verb;

class RecorderTest : public testing::Test {
 protected:
  void at(std::int64_t now_ns) { clockwork_->now_ns = now_ns; }
  Recorder::Handle begin(Verb verb, std::uint64_t number = 0) {
    return recorder_.begin(0, {.verb = verb, .number = number});
  }
  void count(std::int64_t from_ns, std::uint64_t result) {
    at(from_ns);
    const auto handle = begin(Verb::count, 1);
    at(from_ns + 1);
    recorder_.end(handle,
                  {.verb = Verb::count, .outcome = Outcome::number, .number = 1, .result = result});
  }
  /// 1, 2; then a flush, in the time of which there is 1, and then nothing.
  void record() {
    count(10, 1);
    count(20, 2);
    at(30);
    const auto flush = begin(Verb::flush);
    count(40, 1);
    at(50);
    const auto read = begin(Verb::get);
    at(51);
    recorder_.end(read, {.verb = Verb::get, .outcome = Outcome::miss});
    at(60);
    recorder_.end(flush, {.verb = Verb::flush, .outcome = Outcome::forgotten});
  }
  std::size_t failures(const std::vector<linear::Span>& moving) {
    recorder_.doubt_flushes(0, moving, linear::never_ns);
    return recorder_.judge({linear::CheckOptions{}}).failures.size();
  }

  std::unique_ptr<Clockwork> clockwork_ = std::make_unique<Clockwork>(1, calm_plan(), nullptr);
  Recorder recorder_{*clockwork_, Keys(0, 1)};
};

TEST_F(RecorderTest, AKeyThatStaysIsFlushedOnce) {
  record();
  EXPECT_EQ(failures({}), 1u);
}

TEST_F(RecorderTest, AKeyThatMovesMeanwhileIsFlushedAtBothOwners) {
  record();
  EXPECT_EQ(failures({{25, 45}}), 0u);
}

TEST_F(RecorderTest, AKeyThatHasMovedBeforeIsFlushedOnce) {
  record();
  EXPECT_EQ(failures({{5, 15}}), 1u);
}

}  // namespace
}  // namespace cacheismo::sim
