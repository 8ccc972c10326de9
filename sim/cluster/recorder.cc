#include "sim/cluster/recorder.h"

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

void Recorder::doubt_flushes(std::uint32_t key, std::int64_t from_ns,
                             std::int64_t may_forget_from_ns) {
  for (Operation& one : histories_[key]) {
    if (one.verb != Verb::flush) continue;
    if (linear::is_known(one) && one.return_ns >= from_ns) one.outcome = Outcome::unknown;
    if (!linear::is_known(one) && one.call_ns >= may_forget_from_ns) one.verb = Verb::get;
  }
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
