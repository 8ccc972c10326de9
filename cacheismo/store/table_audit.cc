// The walk over everything that Table keeps. Slow; for tests, the simulator and the fuzzers.

#include "cacheismo/store/table.h"

namespace cacheismo::store {
namespace {

std::string broken(const char* what, Handle handle) {
  return std::string(what) + " (page " + std::to_string(handle.page()) + ", slot " +
         std::to_string(handle.slot()) + ")";
}

}  // namespace

std::optional<std::string> Table::audit_item(Handle handle) const {
  const Item audited = item(handle);
  if (!arena_.page(handle.page()).used(handle.slot())) return broken("item in a free slot", handle);
  if (!wheel_.covers(handle.page(), Seconds{audited.header().expiry}))
    return broken("the wheel comes too late for an item", handle);
  if (!audited.has(bits::split)) return std::nullopt;
  std::uint64_t bytes = 0;
  Handle previous = handle;
  for (Handle piece{audited.split().first}; piece;) {
    if (arena_.kind(piece) != Kind::piece) return broken("value goes on in an item", piece);
    const PieceHeader& header = pieces_.at(piece).header();
    if (header.previous != previous.value) return broken("piece with a wrong back link", piece);
    bytes += header.bytes;
    previous = piece;
    piece = Handle{header.next};
  }
  if (bytes != audited.split().bytes) return broken("pieces do not add up to the value", handle);
  return std::nullopt;
}

std::optional<std::string> Table::audit() {
  live_.settle();
  if (auto found = arena_.audit()) return found;
  if (auto found = wheel_.audit()) return found;
  std::uint64_t indexed = 0;
  for (std::uint32_t bucket = 0; bucket < index_.buckets(); ++bucket) {
    for (Handle handle = index_.head(bucket); handle;
         handle = Handle{item(handle).header().hash_next}) {
      const Key key{item(handle).key(), index_.hash(item(handle).key())};
      if (index_.find(key) != handle) return broken("item in a foreign bucket, or twice", handle);
      if (++indexed > index_.items()) return broken("a chain does not end", handle);
    }
  }
  if (indexed != index_.items()) return "index counts other items than it holds";
  std::uint64_t listed = 0;
  std::uint64_t bytes = 0;
  std::uint64_t user_bytes = 0;
  Handle previous;
  for (Handle handle = live_.head(); handle; handle = Handle{item(handle).header().lru_next}) {
    if (item(handle).header().lru_previous != previous.value)
      return broken("bad back link", handle);
    if (auto found = audit_item(handle)) return found;
    if (++listed > indexed) return broken("live list longer than the index", handle);
    bytes += footprint_of(handle);
    user_bytes += item(handle).header().key_bytes + item(handle).value_bytes();
    previous = handle;
  }
  if (previous != live_.tail()) return "live list does not end at its tail";
  if (listed != indexed) return "live list shorter than the index";
  if (bytes != live_bytes_) return "bytes counted and bytes held differ";
  if (user_bytes != user_bytes_) return "user bytes counted and held differ";
  std::uint64_t orphan_bytes = 0;
  for (const auto& [value, pin] : pins_) {
    if (!item(Handle{value}).has(bits::pinned))
      return broken("pin of an unpinned item", Handle{value});
    if (pin.orphan) orphan_bytes += footprint_of(Handle{value});
  }
  if (orphan_bytes != orphan_bytes_) return "orphans' bytes counted and held differ";
  return std::nullopt;
}

}  // namespace cacheismo::store
