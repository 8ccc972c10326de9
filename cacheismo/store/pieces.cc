#include "cacheismo/store/pieces.h"

#include <algorithm>
#include <cstring>

#include "cacheismo/base/check.h"

namespace cacheismo::store {

void Pieces::advance(PieceCursor& cursor, std::uint64_t offset) const {
  CHECK_GE(offset, cursor.start);
  while (true) {
    CHECK(cursor.piece);
    const PieceHeader& header = at(cursor.piece).header();
    // Stay on the last piece at its end: a draft's next piece does not exist yet.
    if (offset < cursor.start + header.bytes || header.next == 0) return;
    cursor.start += header.bytes;
    cursor.piece = Handle{header.next};
  }
}

void Pieces::copy(Handle first, std::uint64_t offset, MutableBytes out) const {
  PieceCursor cursor{first, 0};
  while (!out.empty()) {
    advance(cursor, offset);
    const MutableBytes bytes = at(cursor.piece).value();
    const auto skip = static_cast<std::size_t>(offset - cursor.start);
    const std::size_t count = std::min(out.size(), bytes.size() - skip);
    CHECK_GT(count, 0u);
    std::memcpy(out.data(), bytes.data() + skip, count);
    out = out.subspan(count);
    offset += count;
  }
}

std::uint64_t Pieces::count(Handle first) const {
  std::uint64_t pieces = 0;
  for (Handle piece = first; piece; piece = Handle{at(piece).header().next}) ++pieces;
  return pieces;
}

void Pieces::pin(Handle first) const {
  for (Handle piece = first; piece; piece = Handle{at(piece).header().next}) arena_->pin(piece);
}

void Pieces::unpin(Handle first) const {
  for (Handle piece = first; piece; piece = Handle{at(piece).header().next}) arena_->unpin(piece);
}

void Pieces::release(Handle first) const {
  while (first) {
    const Handle next{at(first).header().next};
    arena_->release(first);
    first = next;
  }
}

}  // namespace cacheismo::store
