#include "sim/sim_io.h"

#include <algorithm>
#include <utility>

#include "cacheismo/base/check.h"

namespace cacheismo::sim {
namespace {

constexpr std::int64_t million = 1'000'000;
constexpr std::int64_t start_ns = 1'000'000'000'000;  // no real clock is near zero
constexpr int bury_rounds_max = 1000;
constexpr std::int64_t far_ns = INT64_MAX / 2;  // 146 years: what is due later never comes

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
  return start_ns + world + static_cast<std::int64_t>(drift);
}

/// The earliest world time whose monotonic time is at least `monotonic`.
std::int64_t SimIo::world_ns(std::int64_t monotonic) const {
  if (options_.drift_ppm == 0) return monotonic - start_ns;
  const __int128 scaled =
      static_cast<__int128>(monotonic - start_ns) * million / (million + options_.drift_ppm);
  if (scaled > far_ns) return far_ns;
  std::int64_t world = static_cast<std::int64_t>(scaled);
  while (monotonic_ns(world) >= monotonic && world > 0) world--;
  while (monotonic_ns(world) < monotonic) world++;
  return world;
}

io::Now SimIo::now() const {
  const Duration elapsed{monotonic_ns(local_ns())};
  return {MonotonicTime(elapsed),
          options_.wall_start + elapsed - Duration(start_ns) + wall_offset_};
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
  CHECK(!down_);
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
  if (!down_) network_.close_listener(listener.network_listener);
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

// ---- Timers -------------------------------------------------------------------------------------

io::TimerId SimIo::set_timer(MonotonicTime deadline, io::TimerEvents& events) {
  const io::TimerId id = timers_.set(deadline.time_since_epoch().count(), events);
  arm_timers();
  return id;
}

bool SimIo::cancel_timer(io::TimerId timer) { return timers_.cancel(timer); }

void SimIo::arm_timers() {
  const auto next = timers_.next_ns();
  if (!next || down_) return;
  const std::int64_t due = std::max(world_ns(*next), local_ns());
  if (armed_ns_ >= 0 && armed_ns_ <= due) return;
  armed_ns_ = due;
  clockwork_.schedule(due, EventKind::timers_due, number_, 0, 0);
}

void SimIo::fire_timers() {
  if (armed_ns_ > clockwork_.now_ns) return;  // an earlier one was armed meanwhile; that one stays
  armed_ns_ = -1;
  (void)fire_due_timers();
  arm_timers();
}

/// Those that were set before this call. False: there was none.
bool SimIo::fire_due_timers() {
  const std::uint64_t sequence = timers_.sequence();
  const std::int64_t now = monotonic_ns(local_ns());
  bool fired = false;
  while (const auto due = timers_.take(now, sequence)) {
    fired = true;
    note(Note::timer, static_cast<std::uint32_t>(due->id.value), 0,
         static_cast<std::uint64_t>(due->deadline_ns));
    due->events->on_timer(due->id);
    charge(0);
  }
  return fired;
}

// ---- Crashes ------------------------------------------------------------------------------------

void SimIo::fail() {
  CHECK(!down_);
  down_ = true;
  paused_until_ns_ = 0;
  for (const Stream& stream : streams_) {
    if (stream.state != State::unused) network_.abort(stream.end, local_ns());
  }
  for (const Listener& listener : listeners_) {
    if (listener.open) network_.close_listener(listener.network_listener);
  }
}

void SimIo::bury() {
  CHECK(down_);
  bool busy = true;
  for (int round = 0; busy; round++) {
    CHECK_LT(round, bury_rounds_max);  // somebody asks again and again
    busy = fire_due_timers();
    for (std::uint32_t i = 0; i < listeners_.size(); i++) busy |= bury_listener(i);
    for (std::uint32_t slot = 0; slot < streams_.size(); slot++) busy |= bury_stream(slot);
  }
  for (const Stream& stream : streams_) CHECK_EQ(stream.state, State::unused);
  for (const Listener& listener : listeners_) CHECK(!listener.open);
  timers_.clear();
  armed_ns_ = -1;
}

void SimIo::revive() {
  CHECK(down_);
  down_ = false;
}

bool SimIo::bury_listener(std::uint32_t index) {
  const Listener& listener = listeners_[index];
  if (listener.open || !listener.accepting.pending) return false;
  end_accept(index, failure(io::Error::cancelled));
  return true;
}

/// One completion, in the order that the contract asks for. False: there is none.
bool SimIo::bury_stream(std::uint32_t slot) {
  const Stream& stream = streams_[slot];
  if (stream.state == State::unused) return false;
  if (stream.connecting.pending) {
    finish_connect(slot, failure(io::Error::cancelled));
  } else if (stream.sending.pending) {
    end_send(slot, io::Error::reset);
  } else if (stream.receiving.pending) {
    end_receive(slot, io::Error::reset);
  } else if (stream.closing.pending) {
    finish_close(slot);
  } else {
    return false;
  }
  return true;
}

// ---- Events -------------------------------------------------------------------------------------

void SimIo::handle(const Event& event) {
  if (down_) return;
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
