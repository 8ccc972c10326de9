// Report: a reply that can be longer than any buffer: dumps of items, connections, prefixes.
//
//   begin -> [ lines ... output full ] -> sent -> [ lines ... turn over ] -> others -> ... -> END
//
//  1. It advances by a cursor only while its connection's output has room, so that a slow reader
//     holds one output block and no more.
//  2. Items are told in the store's scan order; every item present throughout is told at least
//     once.
//  3. After limits::scan_lines_per_turn lines of the index the turn of others comes, whether or not
//     any of their items were to be told.

#ifndef CACHEISMO_NODE_REPORT_H_
#define CACHEISMO_NODE_REPORT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "cacheismo/node/output_buffer.h"

namespace cacheismo::node {

struct NodeState;

struct Report {
  enum class Kind : std::uint8_t {
    none,
    connections,
    prefixes,
    scripts,
    cluster,
    cachedump,
    metadump,
    mgdump
  };
  Kind kind = Kind::none;
  bool ended = false;            ///< every item was told; only the last line is missing
  std::uint32_t lines_left = 0;  ///< cachedump: its limit
  std::uint64_t cursor = 0;
  std::unique_ptr<const std::string> prefix;  ///< dumps: only keys that start so; null: all

  [[nodiscard]] bool active() const { return kind != Kind::none; }
};

enum class ReportStep : std::uint8_t {
  ended,      ///< its last line was appended, and it is inactive
  full,       ///< the output must be sent first
  turn_over,  ///< it has looked at as much as it may before others get a turn
};

/// Appends what fits and what one turn allows.
[[nodiscard]] ReportStep continue_report(NodeState& node, Report& report, OutputBuffer& out);

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_REPORT_H_
