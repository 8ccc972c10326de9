// Recorder: the histories of all keys of a run, as its clients saw them.
//
//   client: begin(key, operation) ... end(what it was told) | nothing more, if no reply came
//   owner of a node that crashed: lost(key, certain)
//
// Times are of the world, not of a host's clocks. A client has one operation at a time; one that is
// begun and not ended has no known outcome.
//
// What it is not: it judges nothing itself (linear/checker.h).

#ifndef CACHEISMO_SIM_CLUSTER_RECORDER_H_
#define CACHEISMO_SIM_CLUSTER_RECORDER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/clockwork.h"
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

  Recorder(const Clockwork& clockwork, std::uint32_t keys)
      : clockwork_(clockwork), histories_(keys) {}

  [[nodiscard]] std::uint32_t keys() const { return static_cast<std::uint32_t>(histories_.size()); }
  /// "k0", "k1", ...
  [[nodiscard]] static std::string name(std::uint32_t key) { return "k" + std::to_string(key); }
  /// A key whose values are decimal numbers; incr is for those.
  [[nodiscard]] static bool is_number(std::uint32_t key) { return key % 3 == 2; }

  /// `operation` needs verb, client and what is asked; its time is now.
  [[nodiscard]] Handle begin(std::uint32_t key, linear::Operation operation);
  /// The operation with what was told filled in; its time is now. Requires a known outcome.
  void end(Handle handle, linear::Operation operation);
  [[nodiscard]] const linear::Operation& at(Handle handle) const {
    return histories_[handle.key][handle.index];
  }
  /// The key's owner lost its memory; not `certain`: it may have been the owner.
  void lost(std::uint32_t key, bool certain);

  [[nodiscard]] const linear::History& history(std::uint32_t key) const { return histories_[key]; }
  [[nodiscard]] Judgement judge(const linear::CheckOptions& options = {}) const;

 private:
  const Clockwork& clockwork_;
  std::vector<linear::History> histories_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_CLUSTER_RECORDER_H_
