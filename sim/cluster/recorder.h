// Recorder: the histories of all keys of a run, as its clients saw them.
//
//   client: begin(key, operation) ... end(what it was told) | nothing more, if no reply came
//   owner of a node that crashed: lost(key)
//
// Times are of the world, not of a host's clocks. An operation that is begun and not ended has no
// known outcome.
//
// What it is not: it judges nothing itself (linear/checker.h).

#ifndef CACHEISMO_SIM_CLUSTER_RECORDER_H_
#define CACHEISMO_SIM_CLUSTER_RECORDER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/clockwork.h"
#include "sim/cluster/keys.h"
#include "sim/linear/checker.h"
#include "sim/linear/history.h"

namespace cacheismo::sim {

class Recorder {
 public:
  /// Names an operation between its begin and its end.
  struct Handle {
    std::uint32_t key = 0;
    std::size_t index = 0;
  };

  struct Judgement {
    std::uint64_t operations = 0;
    std::uint64_t unknown = 0;    ///< operations without a known outcome
    std::uint64_t undecided = 0;  ///< keys that took too many steps
    /// Of each key whose history no order explains.
    std::vector<std::string> failures;
  };

  Recorder(const Clockwork& clockwork, const Keys& keys)
      : clockwork_(clockwork), keys_(keys), histories_(keys.count()) {}

  [[nodiscard]] const Keys& keys() const { return keys_; }
  [[nodiscard]] const Clockwork& clockwork() const { return clockwork_; }

  /// `operation` needs verb, client and what is asked; its time is now.
  [[nodiscard]] Handle begin(std::uint32_t key, linear::Operation operation);
  /// The operation with what was told filled in; its time is now. Requires a known outcome.
  void end(Handle handle, linear::Operation operation);
  [[nodiscard]] const linear::Operation& at(Handle handle) const {
    return histories_[handle.key][handle.index];
  }
  /// The operation was certainly not executed, and will not be. Requires that it has not ended.
  void withdraw(Handle handle);
  /// The key's owner lost its memory.
  void lost(std::uint32_t key);

  /// Flushes since the key began to move may have missed it. Of those whose outcome is
  /// not known none is kept from `may_forget_from_ns` on: a loss explains as much.
  /// Those of the time that it was `moving` in may have happened twice, at its old owner and at the
  /// new one.
  void doubt_flushes(std::uint32_t key, const std::vector<linear::Span>& moving,
                     std::int64_t may_forget_from_ns);

  [[nodiscard]] const linear::History& history(std::uint32_t key) const { return histories_[key]; }
  /// `options`: of each key.
  [[nodiscard]] Judgement judge(const std::vector<linear::CheckOptions>& options) const;

 private:
  const Clockwork& clockwork_;
  Keys keys_;
  std::vector<linear::History> histories_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_CLUSTER_RECORDER_H_
