#include "sim/cluster/recorder.h"

#include <algorithm>
#include <utility>

#include "cacheismo/base/check.h"

namespace cacheismo::sim {

using linear::Operation;
using linear::Outcome;
using linear::Verb;

Recorder::Handle Recorder::begin(std::uint32_t key, Operation operation) {
  linear::History& history = histories_[key];
  operation.call_ns = clockwork_.now_ns;
  operation.outcome = Outcome::unknown;
  history.push_back(std::move(operation));
  return {key, history.size() - 1};
}

void Recorder::end(Handle handle, Operation operation) {
  Operation& begun = histories_[handle.key][handle.index];
  CHECK_EQ(begun.outcome, Outcome::unknown);
  CHECK_EQ(begun.verb, operation.verb);
  CHECK(operation.outcome != Outcome::unknown);
  CHECK(linear::fits(operation.verb, operation.outcome));
  operation.call_ns = begun.call_ns;
  operation.return_ns = clockwork_.now_ns;
  begun = std::move(operation);
}

/// A read without a reply explains nothing and changes nothing (linear/timeline.h).
void Recorder::withdraw(Handle handle) {
  Operation& begun = histories_[handle.key][handle.index];
  CHECK_EQ(begun.outcome, Outcome::unknown);
  begun.verb = Verb::get;
}

void Recorder::lost(std::uint32_t key) {
  const std::int64_t now_ns = clockwork_.now_ns;
  histories_[key].push_back({0, Verb::forget, Outcome::forgotten, now_ns, now_ns});
}

void Recorder::doubt_flushes(std::uint32_t key, const std::vector<linear::Span>& moving,
                             std::int64_t may_forget_from_ns) {
  const std::int64_t from_ns = moving.empty() ? linear::never_ns : moving.front().from_ns;
  linear::History twice;
  for (Operation& one : histories_[key]) {
    if (one.verb != Verb::flush) continue;
    const std::int64_t end_ns = linear::is_known(one) ? one.return_ns : linear::never_ns;
    if (end_ns >= from_ns) one.outcome = Outcome::unknown;
    if (!linear::is_known(one) && one.call_ns >= may_forget_from_ns) {
      one.verb = Verb::get;
    } else if (std::ranges::any_of(moving, [&](const linear::Span& span) {
                 return one.call_ns <= span.to_ns && span.from_ns <= end_ns;
               })) {
      twice.push_back(one);
    }
  }
  histories_[key].insert(histories_[key].end(), twice.begin(), twice.end());
}

Recorder::Judgement Recorder::judge(const std::vector<linear::CheckOptions>& options) const {
  Judgement judgement;
  for (std::uint32_t key = 0; key < keys_.count(); key++) {
    for (const Operation& one : histories_[key]) {
      judgement.operations++;
      judgement.unknown += one.outcome == Outcome::unknown ? 1u : 0u;
    }
    const linear::Result result = linear::check(histories_[key], options[key]);
    if (result.verdict == linear::Verdict::undecided) judgement.undecided++;
    if (result.verdict != linear::Verdict::not_linearizable) continue;
    judgement.failures.push_back("history: key " + keys_.item(key) + ": " + result.text);
  }
  return judgement;
}

}  // namespace cacheismo::sim
