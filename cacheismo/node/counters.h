// Counters: what `stats` tells about requests and connections. Plain numbers, one writer.
//
// What it is not: the store counts its own events (store::StoreStats); gauges are asked for when
// `stats` runs.

#ifndef CACHEISMO_NODE_COUNTERS_H_
#define CACHEISMO_NODE_COUNTERS_H_

#include <cstdint>

namespace cacheismo::node {

struct Counters {
  std::uint64_t cmd_get = 0;  ///< keys asked for
  std::uint64_t get_hits = 0;
  std::uint64_t get_misses = 0;
  std::uint64_t cmd_set = 0;
  std::uint64_t cmd_flush = 0;
  std::uint64_t cmd_touch = 0;
  std::uint64_t touch_hits = 0;
  std::uint64_t touch_misses = 0;
  std::uint64_t cmd_meta = 0;
  std::uint64_t delete_hits = 0;
  std::uint64_t delete_misses = 0;
  std::uint64_t incr_hits = 0;
  std::uint64_t incr_misses = 0;
  std::uint64_t decr_hits = 0;
  std::uint64_t decr_misses = 0;
  std::uint64_t cas_hits = 0;
  std::uint64_t cas_misses = 0;
  std::uint64_t cas_badval = 0;
  std::uint64_t store_too_large = 0;
  std::uint64_t store_no_memory = 0;
  std::uint64_t auth_cmds = 0;
  std::uint64_t auth_errors = 0;
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_written = 0;
  std::uint64_t total_connections = 0;
  std::uint64_t rejected_connections = 0;
  std::uint64_t listen_disabled = 0;
  std::uint64_t time_in_listen_disabled_us = 0;
  std::uint64_t conn_yields = 0;
  std::uint64_t idle_kicks = 0;
  std::uint64_t input_refused = 0;        ///< connections closed at input_backlog_bytes_max
  std::uint64_t slow_readers_cut = 0;     ///< connections closed because their pins held too much
  std::uint64_t watch_lines_written = 0;  ///< lines put into a watcher's output
  std::uint64_t watch_lines_dropped = 0;  ///< lines that found a watcher's output full
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_COUNTERS_H_
