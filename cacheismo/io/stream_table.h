// StreamTable: what the kernel backend remembers about each stream, and nothing more.
//
//   slots_   slot -> Stream          one flat vector, a slot is used again after its stream's end
//   free_    slots without a stream  the last one freed comes back first: it is still in cache
//
//  1. generation differs between two streams that used one slot, so a StreamId, or an event that
//     the kernel reported before the end of a stream, never reaches its successor.
//  2. A reference into the table is dead after add(): callbacks may add, so it is looked up again
//     after each of them.
//
// Cost: sizeof(Stream) for each stream, open or formerly open. The views of an operation stand in
// the Stream if there is one of them, else in a leased ViewBlock (1 KiB, only while it is
// outstanding), so that an idle stream stays small and no operation allocates in the steady state.

#ifndef CACHEISMO_IO_STREAM_TABLE_H_
#define CACHEISMO_IO_STREAM_TABLE_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/io/io.h"

namespace cacheismo::io {

/// The views of one operation that has more than one.
struct ViewBlock {
  iovec views[limits::send_views_max];
};

/// The views of one outstanding operation: count == 0 says that there is none.
struct ViewList {
  iovec one{};
  ViewBlock* block = nullptr;
  std::uint32_t count = 0;

  [[nodiscard]] iovec* data() { return block != nullptr ? block->views : &one; }
};

struct Stream {
  StreamEvents* events = nullptr;
  ViewList receive_views;  ///< of receive_into
  ViewList send_views;
  TimerId connect_timer;
  int fd = -1;
  std::uint32_t generation = 0;

  // What the owner has asked for.
  bool receive_leased : 1 = false;  ///< receive() is outstanding
  bool receive_cancelled : 1 = false;
  bool send_cancelled : 1 = false;
  bool connecting : 1 = false;
  bool closing : 1 = false;

  // What is known about the descriptor.
  bool open : 1 = false;         ///< the slot holds a stream
  bool readable : 1 = false;     ///< recv() is worth a try
  bool writable : 1 = false;     ///< send() is worth a try
  bool read_to_end : 1 = false;  ///< a short read does not mean drained (hang-up, urgent data)
  bool watching_writable : 1 = false;  ///< EPOLLOUT is part of the registration
  bool connect_decided : 1 = false;    ///< connect_error holds the result
  bool queued : 1 = false;             ///< waits to be served in the next turn
  Error connect_error = Error::eof;    ///< eof stands for success

  [[nodiscard]] bool receiving() const { return receive_leased || receive_views.count != 0; }
  [[nodiscard]] bool sending() const { return send_views.count != 0; }
};

// 10,000 idle connections cost 1.3 MB at most.
static_assert(sizeof(Stream) <= 128);

class StreamTable {
 public:
  /// Invalidates references into the table.
  [[nodiscard]] StreamId add(int fd, StreamEvents* events);

  /// Ends a stream; its descriptor is the caller's business. Leased blocks are returned.
  void remove(StreamId id);

  /// Null: there is no such stream (any more).
  [[nodiscard]] Stream* find(StreamId id) {
    if (id.slot >= slots_.size()) return nullptr;
    Stream& stream = slots_[id.slot];
    return stream.open && stream.generation == id.generation ? &stream : nullptr;
  }

  /// The stream, which must exist.
  [[nodiscard]] Stream& at(StreamId id);
  [[nodiscard]] const Stream& at(StreamId id) const;

  /// Copies views into the empty `list`. Requires 1 to limits::send_views_max views.
  void put(ViewList& list, std::span<const Bytes> views);
  void put(ViewList& list, std::span<const MutableBytes> views);

  /// Empties `list`; the memory behind its views is its owner's again.
  void clear(ViewList& list);

  [[nodiscard]] std::size_t open_count() const { return slots_.size() - free_.size(); }

  /// Visits every open stream.
  template <class Visitor>
  void for_each(Visitor visitor) {
    for (Stream& stream : slots_) {
      if (stream.open) visitor(stream);
    }
  }

 private:
  [[nodiscard]] iovec* reserve(ViewList& list, std::size_t count);

  std::vector<Stream> slots_;
  std::vector<std::uint32_t> free_;
  std::vector<std::unique_ptr<ViewBlock>> blocks_;  ///< all of them
  std::vector<ViewBlock*> free_blocks_;
};

}  // namespace cacheismo::io

#endif  // CACHEISMO_IO_STREAM_TABLE_H_
