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
  if (audited.is_object()) {
    const MutableBytes leaf = audited.inline_value();
    const auto found =
        audited.has(bits::split)
            ? nodes_.audit(handle, Handle{audited.split().first}, audited.split().bytes)
            : ObjectNodes::audit_leaf({leaf.data(), static_cast<std::uint32_t>(leaf.size()), true});
    return found ? broken(found->c_str(), handle) : found;
  }
  if (!audited.has(bits::split)) return std::nullopt;
  std::uint64_t bytes = 0;
  Handle previous = handle;
  for (Handle piece{audited.split().first}; piece;) {
    if (arena_.kind(piece) != Kind::piece || pieces_.at(piece).is_node())
      return broken("value goes on in what is no piece of one", piece);
    const PieceHeader& header = pieces_.at(piece).header();
    if (header.previous != previous.value) return broken("piece with a wrong back link", piece);
    bytes += header.bytes;
    previous = piece;
    piece = Handle{header.next};
  }
  if (bytes != audited.split().bytes) return broken("pieces do not add up to the value", handle);
  return std::nullopt;
}

Table::Census Table::chunks_of(Handle handle) const {
  Census owned{.items = 1, .pieces = 0, .pinned = 0};
  const Item counted = item(handle);
  if (counted.has(bits::split)) {
    const Handle first{counted.split().first};
    owned.pieces = counted.is_object() ? nodes_.count(first) : pieces_.count(first);
  }
  if (counted.has(bits::pinned)) owned.pinned = 1 + owned.pieces;
  return owned;
}

Table::Census Table::chunks_in_pages() const {
  Census found;
  for (std::uint32_t number = arena_.floor_pages(); number < arena_.page_count(); ++number) {
    if (arena_.untouched(number) || arena_.claimed(number)) continue;
    const alloc::Page page = arena_.page(number);
    for (std::uint32_t slot = 0; slot < page.header().slot_count; ++slot) {
      if (!page.used(slot)) continue;
      ++(page.kind(slot) == Kind::item ? found.items : found.pieces);
      if (page.pinned(slot)) ++found.pinned;
    }
  }
  return found;
}

std::optional<std::string> Table::audit(std::uint64_t draft_pieces) {
  if (auto found = arena_.audit()) return found;
  if (auto found = wheel_.audit()) return found;
  if (auto found = index_.audit()) return found;
  if (auto found = hot_.audit()) return found;
  if (auto found = live_.audit()) return found;
  if (auto found = dead_.audit()) return found;
  std::uint64_t indexed = 0;
  std::uint64_t bytes = 0;
  std::uint64_t user_bytes = 0;
  Census owned{.items = 0, .pieces = draft_pieces + nodes_.buried(), .pinned = draft_pieces};
  std::optional<std::string> wrong;
  for (std::uint32_t line = 0; line < index_.lines() && !wrong; ++line) {
    index_.for_each(line, [&](Handle handle) {
      ++indexed;
      if (!wrong) wrong = audit_item(handle);
      if (!wrong) owned += chunks_of(handle);
      bytes += footprint_of(handle);
      user_bytes += item(handle).header().key_bytes + item(handle).value_bytes();
    });
  }
  if (wrong) return wrong;
  if (live_.live() != indexed) return "the live log and the index hold other items";
  if (live_.pages() + dead_.pages() != arena_.stats().claimed_pages)
    return "a claimed page is in no log";
  if (bytes != live_bytes_) return "bytes counted and bytes held differ";
  if (user_bytes != user_bytes_) return "user bytes counted and held differ";
  std::uint64_t orphan_bytes = 0;
  for (const auto& [value, pin] : pins_) {
    if (!item(Handle{value}).has(bits::pinned))
      return broken("pin of an unpinned item", Handle{value});
    if (!pin.orphan) continue;
    orphan_bytes += footprint_of(Handle{value});
    owned += chunks_of(Handle{value});
  }
  if (orphan_bytes != orphan_bytes_) return "orphans' bytes counted and held differ";
  for (Handle handle = dead_.oldest(); handle; handle = dead_.after(handle)) {
    if (index_.contains(handle, index_.hash(item(handle).key())))
      return broken("a dead item is in the index", handle);
    owned += chunks_of(handle);
  }
  if (const Census found = chunks_in_pages(); found != owned)
    return "the pages hold " + found.text() + ", their owners " + owned.text();
  return std::nullopt;
}

}  // namespace cacheismo::store
