// CopiedKey: what clients and whoever looked were told about one replicated key, and whether the
// promises of replication (docs/CLUSTER.md, "Copies") explain it.
//
//   client 1   |-- set a: all copies --|
//   client 2                             |-- set b: 1 copy, 1 unknown --|
//   client 3                                                   |--- read: b or a ---|
//   holder n2                     x lost its memory                              look: b
//
// A write that all holders have acknowledged is `complete`. Its version is newer than that of a
// write x which was over when it began, if x was complete too, or if a holder was known to have x
// and no holder has forgotten anything since: x is `passed` then.
//
//  1. invented: nobody has asked for the value that was read.
//  2. returned: a value was read that was passed by a write that was complete before the read.
//  3. lost: nothing was read although a complete write was there before: no delete can be newer,
//     and of those who were asked one has never lost anything since.
//  4. agreement: at the end the holders have different states, which all of them have
//     acknowledged, and none has lost anything since.
//
// A write that nobody has acknowledged everywhere promises nothing: it may be read from one holder
// and not from the other, and be back at any time until `quiet_from_ns`, when nothing of before is
// under way any more. Under each ring that all nodes have (an era) other nodes hold the copies;
// between eras copies may be lost and old ones be read, and a write of an earlier era is lost with
// it. But it stays older than those of the next one.
//
// What it is not: it is no order of all operations; replication does not promise one.
//
// Cost: reads times writes.

#ifndef CACHEISMO_SIM_CLUSTER_COPIED_KEY_H_
#define CACHEISMO_SIM_CLUSTER_COPIED_KEY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/linear/history.h"

namespace cacheismo::sim {

class CopiedKey {
 public:
  using Time = std::int64_t;

  /// What the writer was told about its write.
  enum class Told : std::uint8_t {
    nothing,   ///< it may have happened, or happen yet
    partly,    ///< one holder at least has it
    complete,  ///< all have it
  };
  struct Span {
    Time from_ns = linear::never_ns;
    Time to_ns = linear::never_ns;
  };
  /// All nodes have one ring.
  struct Era {
    Span span;
    std::vector<std::size_t> holders;  ///< nodes by number
  };
  struct Options {
    bool may_lose = false;  ///< at any time: memory was short
    std::vector<Era> eras = {};
    Time quiet_from_ns = linear::never_ns;
  };
  /// Judged, for those who want to know that something was.
  struct Counts {
    std::uint64_t writes = 0;
    std::uint64_t complete = 0;
    std::uint64_t partly = 0;
    std::uint64_t reads = 0;
    std::uint64_t misses = 0;
    std::uint64_t guarded = 0;  ///< reads that must not show some value
    std::uint64_t secured = 0;  ///< reads that had to find something
    std::uint64_t agreed = 0;   ///< looks at all holders that had to agree
  };

  explicit CopiedKey(std::string name) : name_(std::move(name)) {}
  [[nodiscard]] const std::string& name() const { return name_; }

  /// nullopt: a delete. No two values of a key are the same. The number of the write.
  [[nodiscard]] std::size_t begin_write(std::optional<std::string> value, Time now_ns);
  void end_write(std::size_t write, Told told, Time now_ns);
  /// By a client: of the first holder that answers with a value, or of none if all answer.
  void read(Time call_ns, Time return_ns, std::optional<std::string> value);
  /// What a holder has now.
  void look(std::size_t holder, Time now_ns, std::optional<std::string> value);
  /// A holder may have lost what it had, at some instant of these.
  void lost(std::size_t holder, Span when) { losses_.push_back({holder, when}); }

  /// What is wrong, each with the rule's name.
  [[nodiscard]] std::vector<std::string> judge(const Options& options);
  /// After judge().
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  struct Write {
    std::optional<std::string> value;
    Time call_ns = 0;
    Time return_ns = linear::never_ns;
    Told told = Told::nothing;
  };
  struct Read {
    Time call_ns = 0;
    Time return_ns = 0;
    std::optional<std::string> value;
    std::optional<std::size_t> holder;  ///< of a look
  };
  struct Loss {
    std::size_t holder = 0;
    Span when;
  };

  [[nodiscard]] bool lost_something(std::size_t holder, Time from_ns, Time to_ns) const;
  [[nodiscard]] bool any_lost(const Era& era, Time from_ns, Time to_ns) const;
  /// The era that all of this time lies in; null: none.
  [[nodiscard]] const Era* era(Time from_ns, Time to_ns) const;
  /// Whether `later` has the newer version for all who have been asked until then.
  [[nodiscard]] bool passes(const Write& later, const Write& earlier, Time until_ns) const;
  [[nodiscard]] const Write* newest(Time before_ns, bool valued) const;
  [[nodiscard]] const Write* written(const std::string& value) const;
  [[nodiscard]] std::optional<std::string> judge_value(const Read& read) const;
  [[nodiscard]] std::optional<std::string> judge_miss(const Read& read) const;
  [[nodiscard]] bool is_guarded(const Read& read) const;
  [[nodiscard]] bool is_secured(const Read& read, const Write& write) const;
  [[nodiscard]] bool any_kept(const Era& era, const Read& read, Time from_ns) const;
  [[nodiscard]] std::optional<std::string> judge_agreement();
  [[nodiscard]] bool wrote_between(Time from_ns, Time to_ns) const;
  [[nodiscard]] bool must_agree(const Read& one, const Read& other) const;

  std::string name_;
  std::vector<Write> writes_;
  std::vector<Read> reads_;
  std::vector<Loss> losses_;
  Options options_;
  Counts counts_;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_CLUSTER_COPIED_KEY_H_
