// Checker: is there an order of one key's operations that explains what everybody was told?
//
//   history --> [ Wing and Gong's search, Lowe's memory of (operations done, state) ] --> Result
//
// The search takes, again and again, an operation that was called before any operation left over
// returned, and asks the register (register.h) whether it can be next; if none can, it goes back. A
// pair of (done, state) that was met before is not tried again: that is what makes it fast.
//
//  1. linearizable: an order was found. not_linearizable: there is none. undecided: more steps than
//     allowed; whoever asks counts those, because a checker that never decides checks nothing.
//  2. A cache may forget. With `may_forget_from_ns` the key may be lost at any instant from then
//     on, any number of times; one certain loss (a crash) is an operation, Verb::forget. With
//     `may_renumber_from_ns` its value may get another token. Without any the register is exact,
//     but for values that have seconds to live.
//  3. During a fork the key has two owners that do not know of each other. The second begins at the
//     first operation that it executes, with nothing or with what the first one has then, under
//     another token; what it has by the end of the fork is the key's state from then on, and what
//     the first one has is gone:
//
//       first    a ---- set b ---- get: b --.
//       second            get: miss -- set c -+--- get: c
//                  |<------- fork ------>|
//
//  4. The text of a failure names the first reply that nothing explains, by looking for the
//     shortest history that fails: all that was called before some instant, what had not returned
//     then unknown.
//
// Sources: Wing and Gong, "Testing and verifying concurrent objects", 1993; Lowe, "Testing for
// linearizability", 2017; Porcupine does the same.
// Cost: exponential in the operations that overlap, unknown ones foremost, hence the bound.

#ifndef CACHEISMO_SIM_LINEAR_CHECKER_H_
#define CACHEISMO_SIM_LINEAR_CHECKER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "sim/linear/history.h"

namespace cacheismo::linear {

struct Span {
  std::int64_t from_ns = 0;
  std::int64_t to_ns = never_ns;
};

struct CheckOptions {
  std::int64_t may_forget_from_ns = never_ns;
  std::int64_t may_renumber_from_ns = never_ns;
  std::vector<Span> forks = {};            ///< one behind the other; only where it may also forget
  std::int64_t second_ns = 1'000'000'000;  ///< of seconds to live
  std::int64_t expiry_slack_ns = 0;        ///< by how much a value may die too early or too late
  std::uint64_t steps_max = 2'000'000;     ///< of one search; a step asks the register once
};

enum class Verdict : std::uint8_t { linearizable, not_linearizable, undecided };

struct Result {
  Verdict verdict = Verdict::linearizable;
  std::uint64_t steps = 0;
  /// not_linearizable: the end of the shortest history that fails, one operation a line, and the
  /// best order that explains the rest. Otherwise empty.
  std::string text;
};

/// The key is absent at first. Requires that each outcome fits its verb and that no operation
/// returns before its call.
[[nodiscard]] Result check(const History& history, const CheckOptions& options = {});

}  // namespace cacheismo::linear

#endif  // CACHEISMO_SIM_LINEAR_CHECKER_H_
