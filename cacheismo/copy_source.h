// CopySource: how a copy reads one of its nodes: slices of all items in a row, and items by key.
//
//   scan   mg cluster:items:CURSOR v    one slice ahead of what is looked at
//   ask    mg KEY v P....i              many at once, answered in order
//
// Two connections, so that the slice ahead stands in nobody's way.

#ifndef CACHEISMO_COPY_SOURCE_H_
#define CACHEISMO_COPY_SOURCE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"
#include "cacheismo/copy_wire.h"
#include "cacheismo/io/epoll_io.h"
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
  CopySource(io::EpollIo& io, const std::string& name, const io::Address& address,
             const CopyLink& link);

  /// Connects, and makes sure that the node tells its items.
  [[nodiscard]] Result<void, std::string> open();
  [[nodiscard]] Result<CopyFacts, std::string> facts();
  /// Between slices.
  [[nodiscard]] Result<void, std::string> keep_alive();

  // ---- All items; one walk at a time ------------------------------------------------------------

  enum class What : std::uint8_t { items, digests };
  void begin_scan(What what);
  /// The forms of the next slice, until the next call; nullopt: that was the last.
  [[nodiscard]] Result<std::optional<Bytes>, std::string> next_slice();

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
  void request_slice();
  [[nodiscard]] Result<void, std::string> read_stats(Bytes which, CopyFacts& facts);

  CopyWire scan_;
  CopyWire ask_;
  What what_ = What::items;
  std::uint64_t cursor_ = 0;
  bool more_ = false;
  std::string slice_;
};

}  // namespace cacheismo

#endif  // CACHEISMO_COPY_SOURCE_H_
