// Report: a reply that can be longer than any buffer: dumps of items, connections, prefixes.
//
//   begin -> [ lines ... output full ] -> sent -> [ lines ... ] -> ... -> END
//
//  1. It advances by a cursor only while its connection's output has room, so that a slow reader
//     holds one output block and no more.
//  2. Items are told in the store's scan order; every item present throughout is told at least
//     once.

#ifndef CACHEISMO_NODE_REPORT_H_
#define CACHEISMO_NODE_REPORT_H_

#include <cstdint>

#include "cacheismo/node/output_buffer.h"

namespace cacheismo::node {

struct NodeState;

struct Report {
  enum class Kind : std::uint8_t { none, connections, prefixes, cachedump, metadump, mgdump };
  Kind kind = Kind::none;
  bool ended = false;            ///< every item was told; only the last line is missing
  std::uint32_t lines_left = 0;  ///< cachedump: its limit
  std::uint64_t cursor = 0;

  [[nodiscard]] bool active() const { return kind != Kind::none; }
};

/// Appends what fits. True: the report has ended and is inactive. False: no room is left.
[[nodiscard]] bool continue_report(NodeState& node, Report& report, OutputBuffer& out);

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_REPORT_H_
