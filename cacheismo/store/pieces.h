// Pieces: the chain that a long value lies in, and a place in it that is remembered.
//
//   item.split.first -> piece <-> piece <-> ... -> 0        each in any page that had the room
//
// What it is not: it takes no memory (Table does) and gives it back only where told to.

#ifndef CACHEISMO_STORE_PIECES_H_
#define CACHEISMO_STORE_PIECES_H_

#include <cstdint>
#include <span>

#include "cacheismo/alloc/arena.h"
#include "cacheismo/base/bytes.h"
#include "cacheismo/store/item.h"

namespace cacheismo::store {

/// A piece of a value and the offset of its first byte in the value.
/// Valid while the pieces stay where they are.
struct PieceCursor {
  Handle piece;
  std::uint64_t start = 0;
};

class Pieces {
 public:
  explicit Pieces(alloc::Arena& arena) : arena_(&arena) {}

  [[nodiscard]] Piece at(Handle handle) const { return Piece(arena_->chunk(handle)); }

  /// Moves the cursor forward to the piece that holds byte `offset`. Requires that there is one and
  /// that offset >= cursor.start.
  void advance(PieceCursor& cursor, std::uint64_t offset) const;

  /// Copies out.size() bytes from `offset` on.
  void copy(Handle first, std::uint64_t offset, MutableBytes out) const;

  /// Fills `out` with views from `offset` on; returns how many.
  template <class View>
  std::size_t views(PieceCursor& cursor, std::uint64_t offset, std::span<View> out) const {
    advance(cursor, offset);
    PieceCursor at_piece = cursor;
    std::size_t filled = 0;
    while (at_piece.piece && filled < out.size()) {
      const MutableBytes bytes = at(at_piece.piece).value();
      const auto skip = static_cast<std::size_t>(offset - at_piece.start);
      if (skip < bytes.size()) out[filled++] = View(bytes.data() + skip, bytes.size() - skip);
      at_piece.start += bytes.size();
      offset = at_piece.start;
      at_piece.piece = Handle{at(at_piece.piece).header().next};
    }
    return filled;
  }

  [[nodiscard]] std::uint64_t count(Handle first) const;
  void pin(Handle first) const;
  void unpin(Handle first) const;
  void release(Handle first) const;

 private:
  alloc::Arena* arena_;
};

}  // namespace cacheismo::store

#endif  // CACHEISMO_STORE_PIECES_H_
