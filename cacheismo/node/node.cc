#include "cacheismo/node/node.h"

#include <algorithm>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/node/connection_table.h"
#include "cacheismo/node/node_impl.h"
#include "cacheismo/node/node_state.h"
#include "cacheismo/node/peers.h"
#include "cacheismo/node/replicas.h"
#include "cacheismo/node/routing.h"
#include "cacheismo/node/scripts.h"
#include "cacheismo/node/transfer.h"
#include "cacheismo/proto/replies.h"

namespace cacheismo::node {
namespace {

/// How long accepting pauses when descriptors ran out (memcached: 10 ms).
constexpr Duration accept_pause = std::chrono::milliseconds(10);

/// Connections over the limit that may be told so at the same time; above, they are just closed.
constexpr std::uint32_t turned_away_max = 64;

}  // namespace

// ---- Start and stop -----------------------------------------------------------------------------

/// What an operator can do something about.
const char* why_not_listening(io::Error error) {
  switch (error) {
    case io::Error::refused: return "the address is in use";
    case io::Error::unreachable: return "no such address on this machine, or no permission";
    default: return io::to_string(error);
  }
}

Result<void, std::string> Node::Impl::start() {
  io::Io& io = state_.io;
  state_.begin_event();
  if (state_.scripts != nullptr) {
    if (auto loaded = state_.scripts->load(); !loaded) return failure("scripts: " + loaded.error());
  }
  if (state_.routing != nullptr && !ring_source()->speaks()) {
    if (auto loaded = state_.routing->load(); !loaded) return failure("ring: " + loaded.error());
  }
  for (const io::Address& address : state_.config.listen) {
    const auto listener = io.listen(address, state_.config.listen_options, *this);
    if (!listener) {
      for (const Listener& opened : listeners_) io.close_listener(opened.id);
      listeners_.clear();
      return failure("cannot listen on " + io::to_string(address) + ": " +
                     why_not_listening(listener.error()));
    }
    listeners_.push_back({*listener, io.local_address(*listener)});
  }
  for (const Listener& listener : listeners_)
    state_.log.write(Level::debug, "listening", "address=" + io::to_string(listener.address));
  tick_timer_ = io.set_timer(io.now().monotonic + limits::upkeep_interval, *this);
  serve();
  if (ring_source() != nullptr && ring_source()->speaks()) {
    CHECK(!listeners_.empty());
    ring_source()->attach(io, state_.log, listeners_.front().address, *this);
  }
  return {};
}

/// Begins to accept. Clients wait in the listeners' queues until it is known who owns what.
void Node::Impl::serve() {
  if (serving_ || state_.draining || (state_.routing != nullptr && !state_.routing->has_ring()))
    return;
  serving_ = true;
  for (Listener& listener : listeners_) accept(listener);
  state_.accepting = true;
}

void Node::Impl::on_ring_changed() {
  state_.begin_event();
  if (state_.routing->load()) serve();
}

/// A node that leaves serves until the others know, or the source has given up telling them.
void Node::Impl::stop(Stop how) {
  if (RingSource* const source = ring_source(); source != nullptr && source->attached()) {
    source->detach(how == Stop::graceful);
    if (how == Stop::graceful && !state_.draining) return;
  }
  drain(how);
}

void Node::Impl::on_ring_left() {
  if (!state_.draining) drain(Stop::graceful);
}

void Node::Impl::drain(Stop how) {
  state_.begin_event();
  if (!state_.draining) {
    state_.draining = true;
    state_.accepting = false;
    for (Listener& listener : listeners_) {
      state_.io.close_listener(listener.id);
      listener.open = false;
    }
    if (tick_timer_ != io::TimerId{}) state_.io.cancel_timer(tick_timer_);
    if (accept_timer_ != io::TimerId{}) state_.io.cancel_timer(accept_timer_);
    tick_timer_ = accept_timer_ = {};
  }
  if (table_.open() == 0 && state_.peers != nullptr) state_.peers->stop();
  for (std::uint32_t slot = 0; slot < table_.slots(); ++slot) {
    Connection& connection = table_.at(slot);
    if (!connection.in_use()) continue;
    if (how == Stop::graceful) {
      connection.drain();
    } else {
      connection.close("shutdown");
    }
  }
}

bool Node::Impl::stopped() const {
  if (!state_.draining || table_.open() > 0 || state_.turn_timer != io::TimerId{}) return false;
  if (state_.peers != nullptr && !state_.peers->stopped()) return false;
  if (ring_source() != nullptr && ring_source()->attached()) return false;
  return std::none_of(listeners_.begin(), listeners_.end(),
                      [](const Listener& listener) { return listener.accepting; });
}

// ---- Accepting ----------------------------------------------------------------------------------

void Node::Impl::accept(Listener& listener) {
  listener.accepting = true;
  state_.io.accept(listener.id);
}

void Node::Impl::on_accepted(io::ListenerId id, Result<io::Accepted, io::Error> result) {
  const auto listener = std::find_if(listeners_.begin(), listeners_.end(),
                                     [&](const Listener& one) { return one.id == id; });
  CHECK(listener != listeners_.end());
  listener->accepting = false;
  if (result) welcome(result->stream);
  if (!listener->open) return;
  if (!result && result.error() != io::Error::reset) {
    pause_accepting(result.error());
  } else if (accept_timer_ == io::TimerId{}) {
    accept(*listener);
  }
}

void Node::Impl::welcome(io::StreamId stream) {
  state_.begin_event();
  if (state_.draining || table_.open() >= state_.config.connections_max + turned_away_max) {
    state_.counters.rejected_connections += state_.draining ? 0 : 1;
    state_.io.close(stream);
    return;
  }
  const bool full = table_.open() >= state_.config.connections_max;
  const std::uint32_t slot = table_.take();
  if (full) {
    ++state_.counters.rejected_connections;
    table_.at(slot).turn_away(state_, slot, stream, proto::replies::too_many_connections);
    return;
  }
  ++state_.counters.total_connections;
  table_.at(slot).open(state_, slot, stream);
  if (state_.watchers.any(Watchers::connection_events)) {
    state_.watchers.connection_event(state_.io.now().wall, "conn_new",
                                     io::to_string(state_.io.peer_address(stream)), {}, slot,
                                     state_.counters);
  }
}

void Node::Impl::pause_accepting(io::Error error) {
  if (accept_timer_ != io::TimerId{}) return;
  ++state_.counters.listen_disabled;
  state_.accepting = false;
  paused_since_ = state_.io.now().monotonic;
  accept_timer_ = state_.io.set_timer(paused_since_ + accept_pause, *this);
  state_.log.write(
      Level::warn, "accept_paused",
      std::string("error=") + io::to_string(error) + " open=" + std::to_string(table_.open()));
}

void Node::Impl::resume_accepting() {
  accept_timer_ = {};
  state_.accepting = true;
  const Duration paused = state_.io.now().monotonic - paused_since_;
  state_.counters.time_in_listen_disabled_us += static_cast<std::uint64_t>(paused.count() / 1000);
  for (Listener& listener : listeners_) {
    if (listener.open && !listener.accepting) accept(listener);
  }
}

// ---- Timers -------------------------------------------------------------------------------------

void Node::Impl::on_timer(io::TimerId timer) {
  state_.begin_event();
  if (timer == state_.turn_timer) {
    take_turns();
  } else if (timer == accept_timer_) {
    resume_accepting();
  } else {
    CHECK(timer == tick_timer_);
    tick();
  }
}

void Node::Impl::take_turns() {
  state_.turn_timer = {};
  table_.take_turns(turns_);
  for (const std::uint32_t slot : turns_) table_.at(slot).take_turn();
  turns_.clear();
}

void Node::Impl::tick() {
  close_idle();
  flush_watchers();
  bool busy = state_.store.maintain({.items = limits::upkeep_items}, state_.now);
  busy |= cut_slowest_reader();
  if (state_.routing != nullptr) busy |= state_.routing->work();
  transfer_.forget_if_due();
  serve();
  if (state_.scripts != nullptr) busy |= state_.scripts->maintain();
  tick_timer_ = state_.io.set_timer(
      state_.io.now().monotonic + (busy ? limits::busy_upkeep_interval : limits::upkeep_interval),
      *this);
}

void Node::Impl::close_idle() {
  const auto timeout = std::chrono::ceil<std::chrono::seconds>(state_.config.idle_timeout).count();
  std::uint32_t next = no_slot;
  for (std::uint32_t slot = table_.longest_inactive(); slot != no_slot; slot = next) {
    Connection& connection = table_.at(slot);
    next = connection.newer;
    if (state_.now.value - connection.last_active().value < timeout) return;
    if (connection.closing() || connection.watching() || connection.waits_for_call()) continue;
    ++state_.counters.idle_kicks;
    connection.close("idle_timeout");
  }
}

/// Values that are gone from the cache but are still being sent must not crowd out those that are
/// in it. True: one was cut and there may be more to do.
bool Node::Impl::cut_slowest_reader() {
  const std::uint64_t bound = state_.config.memory_bytes / limits::pinned_gone_share;
  if (state_.store.stats().pinned_bytes <= bound) return false;
  Connection* slowest = nullptr;
  for (std::uint32_t slot = 0; slot < table_.slots(); ++slot) {
    Connection& connection = table_.at(slot);
    if (!connection.in_use() || connection.closing() || !connection.output().holds_pins()) continue;
    if (slowest == nullptr || connection.last_active() < slowest->last_active())
      slowest = &connection;
  }
  if (slowest == nullptr) return false;
  ++state_.counters.slow_readers_cut;
  state_.log.write(Level::warn, "connection_closed", "reason=slow_reader");
  slowest->close("error");
  return true;
}

void Node::Impl::flush_watchers() {
  for (std::size_t i = 0; i < state_.watchers.count(); ++i)
    table_.at(state_.watchers.slot(i)).flush_watch();
}

// ---- Audit --------------------------------------------------------------------------------------

std::optional<std::string> Node::Impl::audit() const {
  if (auto broken = state_.store.audit()) return broken;
  if (auto broken = table_.audit()) return broken;
  if (auto broken = transfer_.audit()) return broken;
  if (scripts_) {
    if (auto broken = scripts_->audit()) return broken;
  }
  if (peers_) {
    if (auto broken = peers_->audit()) return broken;
  }
  if (replicas_) {
    if (auto broken = replicas_->audit()) return broken;
  }
  if (routing_) {
    if (auto broken = routing_->audit()) return broken;
  }
  std::size_t outputs = 0;
  std::size_t inputs = 0;
  for (std::uint32_t slot = 0; slot < table_.slots(); ++slot) {
    const Connection& connection = table_.at(slot);
    if (auto broken = connection.audit()) return broken;
    outputs += connection.output().leased() ? 1 : 0;
    inputs += connection.input().capacity() > 0 ? 1 : 0;
  }
  if (outputs != state_.outputs.leased()) return "node: an output block has no connection";
  if (inputs != state_.inputs.buffers()) return "node: an input block has no connection";
  const Counters& counters = state_.counters;
  if (counters.get_hits + counters.get_misses != counters.cmd_get)
    return "node: get hits and misses do not add up";
  if (counters.touch_hits + counters.touch_misses != counters.cmd_touch)
    return "node: touch hits and misses do not add up";
  return std::nullopt;
}

// ---- Node ---------------------------------------------------------------------------------------

Node::Node(const Config& config, io::Io& io, Log& log, std::span<char> arena,
           std::span<char> script_heap)
    : impl_(std::make_unique<Impl>(config, io, log, arena, script_heap)) {}
Node::~Node() = default;

Result<void, std::string> Node::start() { return impl_->start(); }

std::vector<io::Address> Node::addresses() const {
  std::vector<io::Address> addresses;
  for (const Listener& listener : impl_->listeners()) addresses.push_back(listener.address);
  return addresses;
}

void Node::stop(Stop how) { impl_->stop(how); }
bool Node::stopped() const { return impl_->stopped(); }

std::optional<Stop> Node::shutdown_requested() const { return impl_->state().shutdown_requested; }

Result<void, std::string> Node::reload_scripts() {
  CHECK(impl_->state().scripts != nullptr);
  return impl_->state().scripts->load();
}

Result<void, std::string> Node::reload_ring() {
  CHECK(impl_->state().routing != nullptr);
  return impl_->state().routing->load();
}

void Node::replace_credentials(std::vector<Credential> credentials) {
  impl_->state().auth.replace(std::move(credentials));
}
std::optional<std::string> Node::audit() const { return impl_->audit(); }

}  // namespace cacheismo::node
