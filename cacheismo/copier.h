// Copier: makes TO answer as FROM does while FROM goes on; what `cacheismo copy` does once it knows
// where both are.
//
//   walk    FROM --each item, or its digest--> TO   by slices
//   stream  FROM --what has changed since----> TO   behind each slice, and until none is left
//
//   copy -> compare -> ... -> compare -> caught up -> same     (copier_passes.cc has the passes)
//              ^ differences, or   |         | --follow
//              | changes missed    |         v
//              +-------------------+------ follow -> ...
//
//  1. What is applied at TO is applied in the order in which FROM was read, or is followed by what
//     changed meanwhile: so TO is as FROM was when it last said that nothing is left to tell.
//  2. That is known to be so when a whole pass of digests has found no difference but in keys that
//     were just told as changed, nothing was missed, and TO took everything and evicted nothing.
//  3. Where FROM could not keep all changes (change_log_bytes), the next pass finds them.
//
// Cost: memory for a slice, an answer with changes and what is under way to TO.
// What it is not: it resolves no names and reads no files (copy.h).

#ifndef CACHEISMO_COPIER_H_
#define CACHEISMO_COPIER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"
#include "cacheismo/base/units.h"
#include "cacheismo/copy_options.h"
#include "cacheismo/copy_progress.h"
#include "cacheismo/copy_sink.h"
#include "cacheismo/copy_source.h"
#include "cacheismo/copy_wire.h"
#include "cacheismo/io/io.h"

namespace cacheismo {

struct CopyNodes {
  io::Address from;
  io::Address to;
  std::string user;  ///< empty: nobody asks for a password
  std::string password;
};

class Copier {
 public:
  /// Both outlive it. `terminal`: a bar may be drawn on stderr.
  Copier(const CopyOptions& options, CopyIo& io, bool terminal);

  /// The exit code: 0 both answer the same; 1 they do not.
  [[nodiscard]] Result<int, std::string> run(const CopyNodes& nodes);
  /// Ends a copy; one that follows catches up first, unless it is said twice.
  void interrupt();

  [[nodiscard]] bool writing() const { return sink_.has_value(); }
  void clear_line() { progress_.end(); }

 private:
  using Outcome = Result<void, std::string>;

  struct Difference {
    std::string key;
    const char* what = "";
  };

  [[nodiscard]] Outcome open(const CopyNodes& nodes);
  [[nodiscard]] Outcome open_sink(const CopyNodes& nodes);
  [[nodiscard]] Result<int, std::string> passes();
  [[nodiscard]] Outcome begin_pass();
  [[nodiscard]] Result<int, std::string> judge();
  [[nodiscard]] Result<bool, std::string> settle();
  [[nodiscard]] Result<int, std::string> explain();
  [[nodiscard]] Outcome follow();
  void say_differences() const;

  // copier_passes.cc
  [[nodiscard]] Outcome after_slice();
  [[nodiscard]] Outcome keep_alive();
  [[nodiscard]] Outcome put(Bytes forms);
  [[nodiscard]] Outcome apply(const CopySource::Changes& changes);
  [[nodiscard]] Outcome catch_up();
  [[nodiscard]] Outcome copy_all();
  [[nodiscard]] Outcome compare();
  [[nodiscard]] Outcome compare_slice(Bytes forms);
  [[nodiscard]] Outcome look_for_gone(Bytes forms);
  [[nodiscard]] Outcome settle_differences(std::vector<Difference>& found);
  [[nodiscard]] Outcome copy_again(const std::vector<Difference>& keys);
  void note(const Difference& difference);

  const CopyOptions& options_;
  CopyIo& io_;
  CopyLink link_;
  CopyProgress progress_;
  std::optional<CopySource> from_;
  std::optional<CopySource> to_;
  std::optional<CopyWire> sink_wire_;
  std::optional<CopySink> sink_;  ///< none for --verify
  CopyFacts from_facts_;
  CopyFacts to_facts_;
  std::uint64_t seen_ = 0;         ///< items of this pass
  std::uint64_t differences_ = 0;  ///< of this pass
  std::uint64_t not_asked_ = 0;    ///< of this pass: keys that no request can hold
  bool to_is_empty_ = false;
  std::uint64_t refused_before_ = 0;  ///< by TO before this pass
  std::uint64_t evicted_before_ = 0;  ///< from TO before this pass
  std::vector<Difference> named_;
  std::uint64_t left_ = 0;     ///< changes that FROM had not told when it was last asked
  std::uint64_t applied_ = 0;  ///< changes in all
  bool missed_ = false;        ///< in this pass or since: changes that FROM does not know any more
  bool all_changed_ = false;   ///< since the slice that is looked at: FROM was flushed
  std::unordered_set<std::string> changed_;  ///< since that slice: keys; looked up, never iterated
  bool following_ = false;
  bool follow_ends_ = false;
  MonotonicTime kept_alive_;
};

}  // namespace cacheismo

#endif  // CACHEISMO_COPIER_H_
