// Stats: the lines of `stats`, `stats settings`, `stats items` and `stats slabs`.
//
// memcached's names in memcached's order, then our own. A name whose thing does not exist here
// (slab rebalancing, extra threads) tells its true value, which is 0 or off. Items are not divided
// into classes; tools that sum over classes find all of them in class 1.
//
// Requires stats_bytes_max of room in the output.

#ifndef CACHEISMO_NODE_STATS_H_
#define CACHEISMO_NODE_STATS_H_

#include <cstddef>

#include "cacheismo/base/limits.h"
#include "cacheismo/node/node_state.h"
#include "cacheismo/node/output_buffer.h"

namespace cacheismo::node {

/// No `stats` reply that is written in one step is longer.
inline constexpr std::size_t stats_bytes_max = 12 * KiB;
static_assert(stats_bytes_max < sizeof(OutputBlock::bytes));

void append_general_stats(const NodeState& node, OutputBuffer& out);
void append_settings(const NodeState& node, OutputBuffer& out);
void append_item_stats(const NodeState& node, OutputBuffer& out);
void append_slab_stats(const NodeState& node, OutputBuffer& out);

/// `stats reset`: counters to 0, gauges stay.
void reset_stats(NodeState& node);

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_STATS_H_
