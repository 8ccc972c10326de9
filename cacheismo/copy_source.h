// CopySource: how a copy reads one of its nodes: slices of all items in a row, what has changed
// meanwhile, and items by key.
//
//   scan   mg cluster:items:CURSOR v        a slice, and what has changed until just behind it
//          mg cluster:changes:POSITION v
//   ask    mg KEY v P....i                  many at once, answered in order
//
//  1. Slices and changes are read at the node in the order in which they are returned here. Who
//     applies what next_slice(), next_changes() and answer() return in that order, and goes on with
//     changes until none are left, has what the node has: of what was read before a change, the
//     change comes behind.

#ifndef CACHEISMO_COPY_SOURCE_H_
#define CACHEISMO_COPY_SOURCE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"
#include "cacheismo/copy_wire.h"
#include "cacheismo/node/item_form.h"

namespace cacheismo {

/// What a copy must know of a node first.
struct CopyFacts {
  std::uint64_t items = 0;
  std::uint64_t bytes = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t evictions = 0;
  std::uint64_t item_bytes_max = 0;
};

class CopySource {
 public:
  CopySource(const std::string& name, const io::Address& address, const CopyLink& link);

  /// Connects, and makes sure that the node tells its items.
  [[nodiscard]] Result<void, std::string> open();
  [[nodiscard]] Result<CopyFacts, std::string> facts();
  /// Between slices.
  [[nodiscard]] Result<void, std::string> keep_alive();

  // ---- What changes -----------------------------------------------------------------------------

  struct Changes {
    Bytes forms;             ///< until changes are told again
    std::uint64_t left = 0;  ///< above 0: there is more already
    bool missing = false;    ///< there was more, which nobody knows any more
  };
  /// From now on changes are told.
  [[nodiscard]] Result<void, std::string> begin_changes();
  /// Those since they were told last. Requires begin_changes().
  [[nodiscard]] Result<Changes, std::string> next_changes();

  // ---- All items; one walk at a time ------------------------------------------------------------

  enum class What : std::uint8_t { items, digests };
  struct Slice {
    Bytes forms;      ///< until the next call
    Changes changes;  ///< told just behind it; none without begin_changes()
  };
  void begin_scan(What what);
  /// nullopt: that was the last.
  [[nodiscard]] Result<std::optional<Slice>, std::string> next_slice();

  // ---- Items by key: asks in a row, then as many answers ----------------------------------------

  enum class Ask : std::uint8_t {
    item,
    digest,
    presence,  ///< answered with a form whose key is empty
  };
  /// False: the key has bytes that make it too long to be asked for.
  [[nodiscard]] bool ask(Bytes key, Ask what);
  /// nullopt: the node has no such item. Views live until the next call.
  [[nodiscard]] Result<std::optional<node::ItemForm>, std::string> answer();

 private:
  void request_changes();
  [[nodiscard]] Result<Changes, std::string> take_changes();
  [[nodiscard]] Result<void, std::string> read_stats(Bytes which, CopyFacts& facts);

  CopyWire scan_;
  CopyWire ask_;
  What what_ = What::items;
  std::uint64_t cursor_ = 0;
  bool more_ = false;
  std::string slice_;
  std::optional<std::uint64_t> position_;  ///< none: changes are not told
  std::string changes_;
};

}  // namespace cacheismo

#endif  // CACHEISMO_COPY_SOURCE_H_
