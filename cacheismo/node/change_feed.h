// ChangeFeed: what has changed in this node since somebody asked last: the live part of a copy.
//
//   mg cluster:changes:0        -> position, nothing else: from now on changes are kept
//   mg cluster:changes:POSITION -> header, then each item that has changed since, as it is by now
//
//   0          8          16        17
//   +----------+----------+---------+--------+--------+---
//   | position | left to  | missing | form   | form   | ...    numbers little-endian
//   | to go on | tell     | 0 or 1  |        |        |
//   +----------+----------+---------+--------+--------+---
//
//  1. Who applies the forms in order and goes on until nothing is left, has what this node had when
//     it answered, if it had everything at the position where it began.
//  2. `missing` is 1 if what stands at POSITION is not known: it was never kept, or has made room.
//     Then the answer has no forms and begins anew: whoever asked compares everything once more.
//  3. Nothing is remembered of who asks; to ask twice is to be told twice. Nothing is kept unless
//     somebody asks at least every change_log_patience.
//  4. An answer's work is bounded, as a slice's is (transfer.h): limits::changes_per_turn keys,
//     slice_bytes and one item more. Items above whole_bytes_max are only named.
//
// What it is not: it knows no command and no authorisation (transfer.h).

#ifndef CACHEISMO_NODE_CHANGE_FEED_H_
#define CACHEISMO_NODE_CHANGE_FEED_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cacheismo/base/units.h"
#include "cacheismo/store/change_log.h"

namespace cacheismo::node {

struct NodeState;

class ChangeFeed {
 public:
  explicit ChangeFeed(NodeState& node) : node_(node) {}
  ~ChangeFeed();
  ChangeFeed(const ChangeFeed&) = delete;
  ChangeFeed& operator=(const ChangeFeed&) = delete;

  /// The answer to who has been told everything before `position`.
  [[nodiscard]] std::string tell(std::uint64_t position);

  /// Called at each upkeep.
  void forget_if_due();
  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  void begin();

  NodeState& node_;
  std::unique_ptr<store::ChangeLog> log_;  ///< null: nobody has asked for long
  std::uint64_t last_end_ = 0;  ///< of the log before, so that its positions mean nothing
  MonotonicTime asked_at_;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_CHANGE_FEED_H_
