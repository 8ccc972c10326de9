#include "cacheismo/io/stream_table.h"

#include "cacheismo/base/check.h"

namespace cacheismo::io {

StreamId StreamTable::add(int fd, StreamEvents* events) {
  std::uint32_t slot;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Stream& stream = slots_[slot];
  const std::uint32_t generation = stream.generation + 1;
  stream = Stream{};
  stream.generation = generation;
  stream.fd = fd;
  stream.events = events;
  stream.open = true;
  return StreamId{slot, generation};
}

void StreamTable::remove(StreamId id) {
  Stream& stream = at(id);
  clear(stream.receive_views);
  clear(stream.send_views);
  stream.open = false;
  stream.fd = -1;
  free_.push_back(id.slot);
}

Stream& StreamTable::at(StreamId id) {
  CHECK_LT(id.slot, slots_.size());
  Stream& stream = slots_[id.slot];
  CHECK(stream.open);
  CHECK_EQ(stream.generation, id.generation);
  return stream;
}

const Stream& StreamTable::at(StreamId id) const { return const_cast<StreamTable*>(this)->at(id); }

iovec* StreamTable::reserve(ViewList& list, std::size_t count) {
  CHECK_EQ(list.count, 0u);
  CHECK_GT(count, 0u);
  CHECK_LE(count, limits::send_views_max);
  list.count = static_cast<std::uint32_t>(count);
  if (count == 1) return &list.one;
  if (free_blocks_.empty()) {
    blocks_.push_back(std::make_unique<ViewBlock>());
    list.block = blocks_.back().get();
  } else {
    list.block = free_blocks_.back();
    free_blocks_.pop_back();
  }
  return list.block->views;
}

void StreamTable::put(ViewList& list, std::span<const Bytes> views) {
  iovec* to = reserve(list, views.size());
  // sendmsg only reads through iov_base; the type has no const form.
  for (const Bytes view : views) *to++ = iovec{const_cast<char*>(view.data()), view.size()};
}

void StreamTable::put(ViewList& list, std::span<const MutableBytes> views) {
  iovec* to = reserve(list, views.size());
  for (const MutableBytes view : views) *to++ = iovec{view.data(), view.size()};
}

void StreamTable::clear(ViewList& list) {
  if (list.block != nullptr) {
    free_blocks_.push_back(list.block);
    list.block = nullptr;
  }
  list.count = 0;
}

}  // namespace cacheismo::io
