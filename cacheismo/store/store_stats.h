// StoreStats: what a Store counts of itself.
//
// What it is not: what the wire calls these numbers, node/report.h knows.

#ifndef CACHEISMO_STORE_STORE_STATS_H_
#define CACHEISMO_STORE_STORE_STATS_H_

#include <cstdint>

namespace cacheismo::store {

/// Plain counters since construction or reset; gauges are computed on request.
struct StoreStats {
  std::uint64_t items = 0;       ///< gauge: live items
  std::uint64_t bytes = 0;       ///< gauge: key + value + overhead of live items
  std::uint64_t user_bytes = 0;  ///< gauge: key + value of live items
  std::uint64_t limit_bytes = 0;
  std::uint64_t pinned_bytes = 0;  ///< gauge: held by pins of items that are gone
  std::uint64_t draft_bytes = 0;   ///< gauge: held by drafts
  std::uint64_t index_bytes = 0;
  std::uint64_t log_bytes = 0;    ///< gauge: the access log, which keeps the order of use
  std::uint64_t total_items = 0;  ///< items ever stored
  std::uint64_t evictions = 0;
  std::uint64_t evicted_bytes = 0;  ///< key + value + overhead of these
  std::uint64_t evicted_unfetched = 0;
  std::uint64_t expired_unfetched = 0;
  std::uint64_t reclaimed = 0;          ///< expired items whose memory came back
  std::uint64_t expired_on_access = 0;  ///< of these, found by a look-up that therefore missed
  std::uint64_t pages_moved = 0;
  std::uint64_t bytes_copied = 0;       ///< by compaction
  std::uint64_t flushed_reclaimed = 0;  ///< flushed items whose memory came back
  std::uint64_t index_steps = 0;        ///< the index grew or shrank by one step of its own
  std::uint64_t log_steps = 0;          ///< entries that the access log's compaction looked at
  // How many items went for one store (a draft's windows and its commit are one), and how many of
  // these after as many bytes were freed as the new item comes to. p999: in all but one of 1000.
  std::uint64_t evictions_per_put_max = 0;
  std::uint64_t evictions_per_put_p999 = 0;
  std::uint64_t surplus_evictions_per_put_max = 0;
  std::uint64_t surplus_evictions_per_put_p999 = 0;
};

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_STORE_STATS_H_
