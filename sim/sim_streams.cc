// The streams of a SimIo: connect, receive, send, cancel, close, and their completions.

#include <algorithm>
#include <cstring>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/base/hash.h"
#include "cacheismo/base/limits.h"
#include "sim/sim_io.h"

namespace cacheismo::sim {
namespace {

constexpr char after_lease = '\xDB';  // what leased bytes look like after the callback

/// Of the first and the last bytes: enough to notice a buffer that was reused or given back, and
/// cheap for a big reply that leaves in small pieces.
std::uint64_t hash_of(std::span<const Bytes> views) {
  constexpr std::size_t looked_at = 512;
  std::uint64_t hash = 0;
  std::size_t left = looked_at;
  for (const Bytes view : views) {
    const Bytes front = view.substr(0, left);
    hash = hash64(front, hash);
    left -= front.size();
    if (left == 0) break;
  }
  const Bytes last = views.back();
  return hash64(last.substr(last.size() - std::min(last.size(), looked_at)), hash);
}

std::uint64_t total_of(std::span<const Bytes> views) {
  std::uint64_t total = 0;
  for (const Bytes view : views) total += view.size();
  return total;
}

}  // namespace

io::StreamId SimIo::connect(const io::Address& address, MonotonicTime deadline,
                            io::StreamEvents& events) {
  const std::uint32_t slot = take_slot();
  Stream& stream = streams_[slot];
  stream.state = State::connecting;
  stream.events = &events;
  stream.connecting = {true, false, stream.connecting.ticket + 1};
  const std::uint32_t ticket = stream.connecting.ticket;
  if (open_ > options_.streams_max || down_) {
    stream.end = network_.unconnected(number_, slot);
    stream.connecting.cancelled = true;  // completes at once, with no_resources
    schedule(EventKind::connect_ready, slot, ticket);
    return id(slot);
  }
  stream.end = network_.connect(number_, slot, address, local_ns());
  note(Note::connect, slot, stream.end.channel, 0);
  const std::int64_t due = world_ns(deadline.time_since_epoch().count());
  clockwork_.schedule(std::max(due, local_ns()), EventKind::connect_deadline, number_, slot,
                      ticket);
  return id(slot);
}

void SimIo::attach(io::StreamId stream, io::StreamEvents& events) { at(stream).events = &events; }

void SimIo::on_answer(std::uint32_t slot, Result<void, io::Error> result) {
  Stream& stream = streams_[slot];
  if (!stream.connecting.pending || stream.connecting.cancelled) return;
  finish_connect(slot, result);
}

void SimIo::finish_connect(std::uint32_t slot, Result<void, io::Error> result) {
  Stream& stream = streams_[slot];
  stream.connecting.pending = false;
  if (result) stream.state = State::open;
  stream.events->on_connected(id(slot), result);
  charge(0);
}

bool SimIo::can_receive(const Stream& stream) const {
  return stream.receiving.cancelled || network_.readable(stream.end) > 0 ||
         network_.at_end(stream.end) || network_.is_reset(stream.end);
}

void SimIo::receive(io::StreamId id) {
  Stream& stream = at(id);
  stream.into = false;
  start_receive(stream, id.slot);
}

void SimIo::receive_into(io::StreamId id, std::span<const MutableBytes> windows) {
  Stream& stream = at(id);
  CHECK(!windows.empty());
  CHECK_LE(windows.size(), limits::send_views_max);
  for (const MutableBytes window : windows) CHECK(!window.empty());
  stream.into = true;
  stream.windows.assign(windows.begin(), windows.end());
  start_receive(stream, id.slot);
}

void SimIo::start_receive(Stream& stream, std::uint32_t slot) {
  CHECK_EQ(stream.state, State::open);
  CHECK(!stream.receiving.pending);
  stream.receiving = {true, false, stream.receiving.ticket + 1};
  if (can_receive(stream)) schedule(EventKind::receive_ready, slot, stream.receiving.ticket);
}

void SimIo::on_readable(std::uint32_t slot) {
  const Stream& stream = streams_[slot];
  if (!stream.receiving.pending) return;
  if (is_paused()) return schedule(EventKind::receive_ready, slot, stream.receiving.ticket);
  try_receive(slot);
}

void SimIo::try_receive(std::uint32_t slot) {
  const Stream& stream = streams_[slot];
  if (stream.receiving.cancelled) {
    clockwork_.marks.hit(Mark::cancelled_receive);
    return end_receive(slot, io::Error::cancelled);
  }
  if (network_.readable(stream.end) > 0) return receive_bytes(slot);
  if (network_.is_reset(stream.end)) return end_receive(slot, io::Error::reset);
  if (network_.at_end(stream.end)) return end_receive(slot, io::Error::eof);
}

std::uint64_t SimIo::cut(std::uint64_t available) {
  switch (options_.cuts) {
    case Cuts::whole: return available;
    case Cuts::byte_by_byte: return 1;
    case Cuts::random: break;
  }
  const std::uint64_t draw = cutting_.next();
  switch (draw & 3) {
    case 0: return 1;
    case 1: return 1 + (draw >> 2) % std::min<std::uint64_t>(available, 16);
    case 2: return 1 + (draw >> 2) % available;
    default: return available;
  }
}

void SimIo::receive_bytes(std::uint32_t slot) {
  Stream& stream = streams_[slot];
  const std::uint64_t there = network_.readable(stream.end);
  std::uint64_t room = clockwork_.lease.size();
  if (stream.into) {
    room = 0;
    for (const MutableBytes window : stream.windows) room += window.size();
  }
  const std::uint64_t possible = std::min(there, room);
  const std::uint64_t count = cut(possible);
  if (count < possible) clockwork_.marks.hit(Mark::cut_receive);
  if (count == 1 && possible > 1) clockwork_.marks.hit(Mark::single_byte_receive);
  std::uint64_t hash = 0;
  if (stream.into) {
    std::uint64_t left = count;
    for (MutableBytes window : stream.windows) {
      window = window.first(std::min<std::uint64_t>(window.size(), left));
      if (window.empty()) break;
      network_.read(stream.end, window, local_ns());
      hash = hash64(Bytes(window.data(), window.size()), hash);
      if (witness_ != nullptr)
        witness_->received(number_, id(slot), Bytes(window.data(), window.size()));
      left -= window.size();
    }
  } else {
    network_.read(stream.end, MutableBytes(clockwork_.lease).first(count), local_ns());
    hash = hash64(Bytes(clockwork_.lease.data(), count), 0);
    if (witness_ != nullptr)
      witness_->received(number_, id(slot), Bytes(clockwork_.lease.data(), count));
  }
  note(Note::received, slot, static_cast<std::uint32_t>(count), hash);
  stream.receiving.pending = false;
  const Bytes leased = stream.into ? Bytes{} : Bytes(clockwork_.lease.data(), count);
  stream.events->on_received(id(slot), io::Received{leased, count});
  if (!leased.empty()) std::memset(clockwork_.lease.data(), after_lease, count);
  charge(count);
}

void SimIo::end_receive(std::uint32_t slot, io::Error error) {
  Stream& stream = streams_[slot];
  note(Note::receive_end, slot, 0, 1 + static_cast<std::uint64_t>(error));
  stream.receiving.pending = false;
  stream.events->on_received(id(slot), failure(error));
  charge(0);
}

void SimIo::send(io::StreamId id, std::span<const Bytes> views) {
  Stream& stream = at(id);
  CHECK_EQ(stream.state, State::open);
  CHECK(!stream.sending.pending);
  CHECK(!stream.shut);
  CHECK_LE(views.size(), limits::send_views_max);
  CHECK_GT(total_of(views), 0u);
  stream.views.assign(views.begin(), views.end());
  stream.pinned_hash = hash_of(views);
  stream.sending = {true, false, stream.sending.ticket + 1};
  schedule(EventKind::send_ready, id.slot, stream.sending.ticket);
}

void SimIo::on_writable(std::uint32_t slot) {
  const Stream& stream = streams_[slot];
  if (!stream.sending.pending) return;
  if (is_paused()) return schedule(EventKind::send_ready, slot, stream.sending.ticket);
  try_send(slot);
}

void SimIo::try_send(std::uint32_t slot) {
  Stream& stream = streams_[slot];
  if (stream.sending.cancelled) {
    clockwork_.marks.hit(Mark::cancelled_send);
    return end_send(slot, io::Error::cancelled);
  }
  if (network_.is_reset(stream.end)) return end_send(slot, io::Error::reset);
  const std::uint64_t possible = std::min(total_of(stream.views), network_.room(stream.end));
  if (possible == 0) {
    clockwork_.marks.hit(Mark::buffer_full);
    return network_.wait_for_room(stream.end);
  }
  const std::uint64_t count = cut(possible);
  if (count < possible) clockwork_.marks.hit(Mark::cut_send);
  // The bytes still are what they were when send() was called: nobody touched pinned memory.
  const std::uint64_t hash = hash_of(stream.views);
  CHECK_EQ(hash, stream.pinned_hash);
  network_.write(stream.end, stream.views, count, local_ns());
  if (witness_ != nullptr) show_sent(slot, count);
  note(Note::sent, slot, static_cast<std::uint32_t>(count), hash);
  stream.sending.pending = false;
  stream.events->on_sent(id(slot), static_cast<std::size_t>(count));
  charge(count);
}

void SimIo::show_sent(std::uint32_t slot, std::uint64_t count) {
  for (const Bytes view : streams_[slot].views) {
    const Bytes part = view.substr(0, count);
    witness_->sent(number_, id(slot), part);
    count -= part.size();
    if (count == 0) return;
  }
}

void SimIo::end_send(std::uint32_t slot, io::Error error) {
  Stream& stream = streams_[slot];
  note(Note::send_end, slot, 0, 1 + static_cast<std::uint64_t>(error));
  stream.sending.pending = false;
  stream.events->on_sent(id(slot), failure(error));
  charge(0);
}

void SimIo::on_reset(std::uint32_t slot) {
  const std::uint32_t generation = streams_[slot].generation;
  const Operation sending = streams_[slot].sending;
  const Operation receiving = streams_[slot].receiving;
  if (sending.pending) schedule(EventKind::send_ready, slot, sending.ticket);
  if (receiving.pending) schedule(EventKind::receive_ready, slot, receiving.ticket);
  CHECK_EQ(generation, streams_[slot].generation);
}

void SimIo::shutdown(io::StreamId id) {
  Stream& stream = at(id);
  CHECK_EQ(stream.state, State::open);
  CHECK(!stream.sending.pending);
  if (stream.shut) return;
  stream.shut = true;
  note(Note::shutdown, id.slot, 0, 0);
  network_.shutdown(stream.end, local_ns());
}

void SimIo::cancel(io::StreamId id) {
  Stream& stream = at(id);
  for (auto [operation, kind] : {std::pair{&stream.receiving, EventKind::receive_ready},
                                 std::pair{&stream.sending, EventKind::send_ready}}) {
    if (!operation->pending || operation->cancelled) continue;
    // A cancel may come too late: then the operation completes with what it achieved.
    if (options_.cuts == Cuts::random && cutting_.chance(1, 4)) {
      const bool ready = kind == EventKind::send_ready
                             ? network_.room(stream.end) > 0 || network_.is_reset(stream.end)
                             : can_receive(stream);
      if (ready) continue;
    }
    operation->cancelled = true;
    schedule(kind, id.slot, operation->ticket);
  }
}

void SimIo::close(io::StreamId id) {
  Stream& stream = at(id);
  CHECK_NE(stream.state, State::closing);
  stream.state = State::closing;
  if (stream.connecting.pending) {
    stream.connecting.cancelled = true;
  } else {
    cancel(id);
  }
  stream.closing = {true, false, stream.closing.ticket + 1};
  schedule(EventKind::close_ready, id.slot, stream.closing.ticket);
}

void SimIo::finish_close(std::uint32_t slot) {
  Stream& stream = streams_[slot];
  const io::StreamId closed = id(slot);
  if (stream.connecting.pending) finish_connect(slot, failure(io::Error::cancelled));
  if (stream.sending.pending) {
    stream.sending.cancelled = true;
    try_send(slot);
  }
  if (stream.receiving.pending) {
    stream.receiving.cancelled = true;
    try_receive(slot);
  }
  network_.release(stream.end, stream.abort, local_ns());
  note(Note::closed, slot, 0, 0);
  if (witness_ != nullptr) witness_->closed(number_, closed);
  stream.closing.pending = false;
  stream.state = State::unused;
  free_slots_.push_back(slot);
  open_--;
  if (stream.events != nullptr) stream.events->on_closed(closed);
  charge(0);
}

}  // namespace cacheismo::sim
