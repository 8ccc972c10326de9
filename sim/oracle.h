// Oracle: what all clients of a run know together, and the list of what went wrong.
//
// The first violation is what matters: everything after it may be its consequence.
// Times are of the world, not of a host's clocks.

#ifndef CACHEISMO_SIM_ORACLE_H_
#define CACHEISMO_SIM_ORACLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"

namespace cacheismo::sim {

/// What clients did and saw. Every one of them is reached by some seed, or a test fails.
enum class Tally : std::uint8_t {
  requests,           ///< sent
  replies,            ///< received and judged
  hits,               ///< values that were returned
  misses,             ///< keys that were not there
  stored,             ///< writes that were acknowledged
  no_memory,          ///< writes that found no memory
  connections,        ///< that stood
  connect_failures,   ///< refused, timed out
  connections_lost,   ///< reset or ended by the other side with requests outstanding
  timeouts,           ///< requests that were given up
  closed_while_idle,  ///< connections that the node ended with nothing outstanding
  turned_away,        ///< too many connections
  keys_retired,       ///< keys whose last write may or may not have happened
  half_closes,        ///< connections that a client ended with eof and read to their end
  resets,             ///< connections that a client reset with requests under way
  stalls,             ///< connections whose replies were never read
  expired,            ///< keys that were known to be gone at their deadline
  compare_writes,     ///< cas that met the value it asked for
  cas_not_kept,       ///< CAS values that were given out and did not last
  compare_conflicts,  ///< cas that met another value
  flushes,            ///< flush_all
  calls,              ///< of objects' methods that were answered
  calls_missed,       ///< that answered nil
  calls_no_memory,    ///< that found no memory for the object
  calls_in_doubt,     ///< updates that may or may not have happened
  shared_calls,       ///< of counters that all clients share
  objects_gone,       ///< objects that were found to be evicted or flushed
  evictions,          ///< of the node, as its stats say at the end
  reclaimed,          ///< of the node, as its stats say at the end
};

inline constexpr std::size_t tallies_count = static_cast<std::size_t>(Tally::reclaimed) + 1;

/// "requests", ...
[[nodiscard]] const char* to_string(Tally tally);

class Oracle {
 public:
  /// `lossless`: memory is ample and nothing is evicted, so that a value which was acknowledged
  /// must be there. `healed_ns`: from then on nothing breaks connections; negative: never.
  Oracle(bool lossless, std::int64_t healed_ns) : lossless_(lossless), healed_ns_(healed_ns) {}

  [[nodiscard]] bool lossless() const { return lossless_; }
  /// Whether what began at `since_ns` must succeed.
  [[nodiscard]] bool calm_since(std::int64_t since_ns) const {
    return healed_ns_ >= 0 && since_ns >= healed_ns_;
  }

  void violation(std::int64_t now_ns, std::string text);
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

  void count(Tally tally, std::uint64_t by = 1) { tallies_[static_cast<std::size_t>(tally)] += by; }
  [[nodiscard]] std::uint64_t counted(Tally tally) const {
    return tallies_[static_cast<std::size_t>(tally)];
  }

  // ---- flush_all: takes everything that was written before it ended
  // ------------------------------
  void flush_begins() { flushes_under_way_++; }
  void flush_ends(std::int64_t now_ns, bool may_come_later);
  [[nodiscard]] bool may_be_flushed(std::int64_t written_ns) const {
    return flush_in_doubt_ || flushes_under_way_ > 0 || last_flush_ns_ >= written_ns;
  }

  // ---- Keys that all clients share: a value is one of those that were sent
  // ------------------------
  [[nodiscard]] std::uint64_t next_shared_version(std::size_t key) { return ++versions_[key]; }
  [[nodiscard]] std::uint64_t shared_version_max(std::size_t key) const { return versions_[key]; }

  static constexpr std::size_t shared_keys = 16;

  // ---- Counters that all clients share ----------------------------------------------------------
  static constexpr std::size_t shared_counters = 4;
  /// A call is sent. Returns the largest answer that anybody has had so far.
  [[nodiscard]] std::uint64_t ask_shared_counter(std::size_t counter) {
    counters_[counter].sent++;
    return counters_[counter].answers.empty() ? 0 : *counters_[counter].answers.rbegin();
  }
  /// Calls that were sent.
  [[nodiscard]] std::uint64_t shared_counts(std::size_t counter) const {
    return counters_[counter].sent;
  }
  /// An answer. False: somebody had it before.
  [[nodiscard]] bool hear_shared_counter(std::size_t counter, std::uint64_t answer) {
    return counters_[counter].answers.insert(answer).second;
  }

 private:
  struct SharedCounter {
    std::uint64_t sent = 0;
    std::set<std::uint64_t> answers;
  };

  bool lossless_;
  std::int64_t healed_ns_;
  std::vector<std::string> violations_;
  std::array<std::uint64_t, tallies_count> tallies_ = {};
  std::array<std::uint64_t, shared_keys> versions_ = {};
  std::array<SharedCounter, shared_counters> counters_;
  int flushes_under_way_ = 0;
  bool flush_in_doubt_ = false;
  std::int64_t last_flush_ns_ = -1;
};

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_ORACLE_H_
