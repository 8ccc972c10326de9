#include "sim/sim_io.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/base/hash.h"
#include "cacheismo/base/limits.h"

namespace cacheismo::sim {
namespace {

constexpr char after_lease = '\xDB';  // what leased bytes look like after the callback
constexpr std::int64_t million = 1'000'000;
constexpr std::int64_t far_ns = INT64_MAX / 2;  // 146 years: what is due later never comes

std::uint64_t hash_of(std::span<const Bytes> views) {
  std::uint64_t hash = 0;
  for (const Bytes view : views) hash = hash64(view, hash);
  return hash;
}

std::uint64_t total_of(std::span<const Bytes> views) {
  std::uint64_t total = 0;
  for (const Bytes view : views) total += view.size();
  return total;
}

}  // namespace

SimIo::SimIo(Clockwork& clockwork, Network& network, HostOptions options)
    : clockwork_(clockwork),
      network_(network),
      options_(std::move(options)),
      number_(network.add_host(options_.ip, *this)),
      random_(options_.seed),
      cutting_(Prng(options_.seed).derive(1)) {}

SimIo::~SimIo() = default;

// ---- Time ---------------------------------------------------------------------------------------

std::int64_t SimIo::local_ns() const { return std::max(clockwork_.now_ns, busy_until_ns_); }

std::int64_t SimIo::monotonic_ns(std::int64_t world) const {
  const __int128 drift = static_cast<__int128>(world) * options_.drift_ppm / million;
  return world + static_cast<std::int64_t>(drift);
}

/// The earliest world time whose monotonic time is at least `monotonic`.
std::int64_t SimIo::world_ns(std::int64_t monotonic) const {
  if (options_.drift_ppm == 0) return monotonic;
  const __int128 scaled =
      static_cast<__int128>(monotonic) * million / (million + options_.drift_ppm);
  if (scaled > far_ns) return far_ns;
  std::int64_t world = static_cast<std::int64_t>(scaled);
  while (monotonic_ns(world) >= monotonic && world > 0) world--;
  while (monotonic_ns(world) < monotonic) world++;
  return world;
}

io::Now SimIo::now() const {
  const Duration elapsed{monotonic_ns(local_ns())};
  return {MonotonicTime(elapsed), options_.wall_start + elapsed + wall_offset_};
}

void SimIo::pause(Duration duration) {
  paused_until_ns_ = std::max(paused_until_ns_, clockwork_.now_ns + duration.count());
}

void SimIo::charge(std::uint64_t bytes) {
  const FaultPlan& plan = clockwork_.plan;
  const std::uint64_t factor = clockwork_.faulty() ? options_.slow_factor : 1;
  const std::uint64_t cost = (plan.callback_ns + bytes * plan.byte_ps / 1000) * factor;
  if (cost > 0) busy_until_ns_ = local_ns() + static_cast<std::int64_t>(cost);
}

void SimIo::schedule(EventKind kind, std::uint32_t slot, std::uint32_t ticket) {
  clockwork_.schedule(local_ns(), kind, number_, slot, ticket);
}

void SimIo::note(Note kind, std::uint32_t a, std::uint32_t b, std::uint64_t value) {
  clockwork_.journal.note(local_ns(), kind, number_, a, b, value);
}

// ---- Slots --------------------------------------------------------------------------------------

SimIo::Stream& SimIo::at(io::StreamId stream) {
  CHECK_LT(stream.slot, streams_.size());
  CHECK_EQ(stream.generation, streams_[stream.slot].generation);
  CHECK_NE(streams_[stream.slot].state, State::unused);
  return streams_[stream.slot];
}

const SimIo::Stream& SimIo::at(io::StreamId stream) const {
  return const_cast<SimIo*>(this)->at(stream);
}

io::StreamId SimIo::id(std::uint32_t slot) const { return {slot, streams_[slot].generation}; }

std::uint32_t SimIo::take_slot() {
  std::uint32_t slot = 0;
  if (free_slots_.empty()) {
    slot = static_cast<std::uint32_t>(streams_.size());
    streams_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  Stream& stream = streams_[slot];
  stream.generation++;
  stream.events = nullptr;
  stream.abort = stream.shut = false;
  open_++;
  return slot;
}

std::uint64_t SimIo::readable(io::StreamId stream) const {
  return network_.readable(at(stream).end);
}

io::Address SimIo::peer_address(io::StreamId stream) const {
  return network_.peer_address(at(stream).end);
}

// ---- Listening ----------------------------------------------------------------------------------

SimIo::Listener& SimIo::at(io::ListenerId listener) {
  const std::uint32_t index = listener.value & 0xFFFF;
  CHECK_LT(index, listeners_.size());
  CHECK(listeners_[index].open);
  CHECK_EQ(listeners_[index].generation, listener.value >> 16);
  return listeners_[index];
}

Result<io::ListenerId, io::Error> SimIo::listen(const io::Address& address,
                                                const io::ListenOptions& options,
                                                io::ListenerEvents& events) {
  const auto opened = network_.listen(number_, address, options.backlog);
  if (!opened) return failure(opened.error());
  std::uint32_t index = 0;
  // A slot whose last accept has still to say cancelled is not free.
  while (index < listeners_.size() &&
         (listeners_[index].open || listeners_[index].accepting.pending)) {
    index++;
  }
  if (index == listeners_.size()) listeners_.emplace_back();
  Listener& listener = listeners_[index];
  listener.open = true;
  listener.generation = (listener.generation + 1) & 0xFFFF;
  listener.network_listener = *opened;
  listener.events = &events;
  return io::ListenerId{(listener.generation << 16) | index};
}

io::Address SimIo::local_address(io::ListenerId listener) const {
  return network_.address(const_cast<SimIo*>(this)->at(listener).network_listener);
}

void SimIo::accept(io::ListenerId id) {
  Listener& listener = at(id);
  CHECK(!listener.accepting.pending);
  listener.accepting = {true, false, listener.accepting.ticket + 1};
  if (network_.has_waiting(listener.network_listener)) {
    schedule(EventKind::accept_ready, id.value & 0xFFFF, listener.accepting.ticket);
  }
}

void SimIo::close_listener(io::ListenerId id) {
  Listener& listener = at(id);
  network_.close_listener(listener.network_listener);
  listener.open = false;
  if (!listener.accepting.pending) return;
  listener.accepting.cancelled = true;
  schedule(EventKind::accept_ready, id.value & 0xFFFF, listener.accepting.ticket);
}

void SimIo::on_connection_waiting(std::uint32_t network_listener) {
  for (std::uint32_t index = 0; index < listeners_.size(); index++) {
    const Listener& listener = listeners_[index];
    if (!listener.open || listener.network_listener != network_listener) continue;
    if (listener.accepting.pending) {
      schedule(EventKind::accept_ready, index, listener.accepting.ticket);
    }
  }
}

void SimIo::try_accept(std::uint32_t index) {
  Listener& listener = listeners_[index];
  if (listener.accepting.cancelled) return end_accept(index, failure(io::Error::cancelled));
  if (!network_.has_waiting(listener.network_listener)) return;
  if (open_ >= options_.streams_max ||
      clockwork_.happens(Chance::faults, clockwork_.plan.accept_fail_per_million)) {
    clockwork_.marks.hit(Mark::accept_no_resources);
    return end_accept(index, failure(io::Error::no_resources));
  }
  const std::uint32_t slot = take_slot();
  Stream& stream = streams_[slot];
  stream.state = State::open;
  stream.end = network_.accept(listener.network_listener, slot);
  note(Note::accepted, slot, stream.end.channel, 0);
  end_accept(index, io::Accepted{id(slot)});
  CHECK(streams_[slot].events != nullptr || streams_[slot].state == State::closing);
}

void SimIo::end_accept(std::uint32_t index, Result<io::Accepted, io::Error> result) {
  Listener& listener = listeners_[index];
  listener.accepting.pending = false;
  if (!result) note(Note::accept_fail, index, 0, 1 + static_cast<std::uint64_t>(result.error()));
  const io::ListenerId id{(listener.generation << 16) | index};
  listener.events->on_accepted(id, result);
  charge(0);
}

// ---- Streams ------------------------------------------------------------------------------------

io::StreamId SimIo::connect(const io::Address& address, MonotonicTime deadline,
                            io::StreamEvents& events) {
  const std::uint32_t slot = take_slot();
  Stream& stream = streams_[slot];
  stream.state = State::connecting;
  stream.events = &events;
  stream.connecting = {true, false, stream.connecting.ticket + 1};
  const std::uint32_t ticket = stream.connecting.ticket;
  if (open_ > options_.streams_max) {
    stream.end = network_.connect(number_, slot, address, local_ns());
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
      left -= window.size();
    }
  } else {
    network_.read(stream.end, MutableBytes(clockwork_.lease).first(count), local_ns());
    hash = hash64(Bytes(clockwork_.lease.data(), count), 0);
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
  note(Note::sent, slot, static_cast<std::uint32_t>(count), hash);
  stream.sending.pending = false;
  stream.events->on_sent(id(slot), static_cast<std::size_t>(count));
  charge(count);
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
  stream.closing.pending = false;
  stream.state = State::unused;
  free_slots_.push_back(slot);
  open_--;
  if (stream.events != nullptr) stream.events->on_closed(closed);
  charge(0);
}

// ---- Timers -------------------------------------------------------------------------------------

io::TimerId SimIo::set_timer(MonotonicTime deadline, io::TimerEvents& events) {
  const io::TimerId id = timers_.set(deadline.time_since_epoch().count(), events);
  arm_timers();
  return id;
}

bool SimIo::cancel_timer(io::TimerId timer) { return timers_.cancel(timer); }

void SimIo::arm_timers() {
  const auto next = timers_.next_ns();
  if (!next) return;
  const std::int64_t due = std::max(world_ns(*next), local_ns());
  if (armed_ns_ >= 0 && armed_ns_ <= due) return;
  armed_ns_ = due;
  clockwork_.schedule(due, EventKind::timers_due, number_, 0, 0);
}

void SimIo::fire_timers() {
  if (armed_ns_ > clockwork_.now_ns) return;  // an earlier one was armed meanwhile; that one stays
  armed_ns_ = -1;
  const std::uint64_t sequence = timers_.sequence();
  const std::int64_t now = monotonic_ns(local_ns());
  while (const auto due = timers_.take(now, sequence)) {
    note(Note::timer, static_cast<std::uint32_t>(due->id.value), 0,
         static_cast<std::uint64_t>(due->deadline_ns));
    due->events->on_timer(due->id);
    charge(0);
  }
  arm_timers();
}

// ---- Events -------------------------------------------------------------------------------------

void SimIo::handle(const Event& event) {
  if (is_paused()) {
    clockwork_.schedule(paused_until_ns_, static_cast<EventKind>(event.kind), number_, event.a,
                        event.b);
    if (static_cast<EventKind>(event.kind) == EventKind::timers_due) armed_ns_ = paused_until_ns_;
    return;
  }
  const EventKind kind = static_cast<EventKind>(event.kind);
  if (kind == EventKind::timers_due) return fire_timers();
  if (kind == EventKind::accept_ready) {
    const Operation& accepting = listeners_[event.a].accepting;
    if (accepting.pending && accepting.ticket == event.b) try_accept(event.a);
    return;
  }
  const Stream& stream = streams_[event.a];
  const auto current = [&event](const Operation& operation) {
    return operation.pending && operation.ticket == event.b;
  };
  if (kind == EventKind::receive_ready && current(stream.receiving)) return try_receive(event.a);
  if (kind == EventKind::send_ready && current(stream.sending)) return try_send(event.a);
  if (kind == EventKind::close_ready && current(stream.closing)) return finish_close(event.a);
  if (!current(stream.connecting)) return;
  if (kind == EventKind::connect_deadline && !stream.connecting.cancelled) {
    return finish_connect(event.a, failure(io::Error::timeout));
  }
  if (kind == EventKind::connect_ready) {
    return finish_connect(event.a, failure(io::Error::no_resources));
  }
}

}  // namespace cacheismo::sim
