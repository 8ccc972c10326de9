// Transfer: items on their way between nodes, whole and with all that belongs to them: what
// `cacheismo copy` speaks.
//
//   mg KEY v P1.0.0.1000.i                the item's form (item_form.h), or EN; .d: its digest's
//   mg cluster:items:CURSOR v P1.0.0.0    next cursor (8 bytes, 0: the end), then a form for each
//   mg cluster:digests:CURSOR v P...      item, or for each item's digest
//   mg cluster:changes:POSITION v P...    what has changed since (change_feed.h)
//   ms cluster:items <n> P...             stores the forms in the data block, or removes (gone)
//   ms cluster:part:OFFSET:TOTAL <n> P... the same of forms of TOTAL bytes that come in parts
//
//  1. It is said from program to program: only with `P` and at least one hop, and answered by the
//     node that is asked, never forwarded. Without `P` the same keys are ordinary keys.
//  2. Reading changes nothing, the place in the LRU included. -X refuses it.
//  3. Writing is refused unless the node was started with --accept-copy, because an object's fields
//     come from outside then, past its methods. Where objects have no invariants that matter a
//     client may do as much with set and delete.
//  4. A slice's work is bounded: limits::scan_lines_per_turn lines of the index, slice_bytes and
//     what one line holds more. Items above whole_bytes_max are only named, and asked for by key.
//  5. One sequence of parts is under way at most, and forgotten when nothing comes for a while. A
//     second copier that begins one ends the first's, which is told.
//
// What it is not: it remembers nothing of what was read, so a copier may come back any time. It
// keeps the keys that change while somebody asks for them, and says so when it has not.

#ifndef CACHEISMO_NODE_TRANSFER_H_
#define CACHEISMO_NODE_TRANSFER_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"
#include "cacheismo/base/units.h"
#include "cacheismo/node/change_feed.h"
#include "cacheismo/node/item_copy.h"
#include "cacheismo/node/item_form.h"
#include "cacheismo/proto/command.h"

namespace cacheismo::node {

struct NodeState;

/// Bytes of forms after which a slice ends, and of memory above which an item is only named in one.
/// A turn is to stay near those of a dump, which looks at as many lines.
inline constexpr std::size_t slice_bytes = 256 * KiB;
inline constexpr std::size_t whole_bytes_max = 64 * KiB;

/// The key of a set that brings items, with hops.
inline constexpr Bytes items_key = "cluster:items";

/// Parts that are not gone on with are kept for this long. A copier sends them back to back.
inline constexpr Duration parts_patience = std::chrono::seconds(10);

class Transfer {
 public:
  explicit Transfer(NodeState& node) : node_(node), changes_(node) {}

  // Of the command that is running; NodeState::hop is its.

  /// Whether an mg is of this room.
  [[nodiscard]] bool reads(const proto::Command& command) const;
  /// The answer: bytes, empty for a miss; or an error. Requires reads(command).
  [[nodiscard]] Result<std::string, std::string> read(const proto::Command& command);

  /// Whether an ms is of this room.
  [[nodiscard]] bool writes(const proto::Command& command) const;
  [[nodiscard]] Result<void, std::string> write(const proto::Command& command, Bytes data);

  /// Called at each upkeep.
  void forget_if_due();
  [[nodiscard]] std::optional<std::string> audit() const { return changes_.audit(); }

 private:
  /// Whether a program that knows of hops has sent the command.
  [[nodiscard]] bool is_asked() const;
  [[nodiscard]] std::string slice(std::uint32_t cursor, FormOf what);
  [[nodiscard]] Result<void, std::string> take_items(Bytes forms);
  [[nodiscard]] Result<void, std::string> take_part(Bytes place, Bytes data);

  NodeState& node_;
  ChangeFeed changes_;
  std::string parts_;            ///< what has come of forms that come in parts
  std::size_t parts_total_ = 0;  ///< 0: none are under way
  MonotonicTime parts_at_;       ///< when the last one came
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_TRANSFER_H_
