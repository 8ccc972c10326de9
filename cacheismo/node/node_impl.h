// Node::Impl: what a Node consists of, in the order in which its parts are made. For node.cc alone.

#ifndef CACHEISMO_NODE_NODE_IMPL_H_
#define CACHEISMO_NODE_NODE_IMPL_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cacheismo/base/check.h"
#include "cacheismo/io/io.h"
#include "cacheismo/node/connection_table.h"
#include "cacheismo/node/node.h"
#include "cacheismo/node/node_state.h"
#include "cacheismo/node/peers.h"
#include "cacheismo/node/replicas.h"
#include "cacheismo/node/routing.h"
#include "cacheismo/node/scripts.h"
#include "cacheismo/node/transfer.h"

namespace cacheismo::node {

struct Listener {
  io::ListenerId id;
  io::Address address;
  bool accepting = false;  ///< an accept is outstanding
  bool open = true;
};

class Node::Impl final : public io::ListenerEvents, public io::TimerEvents, public RingUser {
 public:
  Impl(const Config& config, io::Io& io, Log& log, std::span<char> arena,
       std::span<char> script_heap)
      : state_(config, io, log, arena), table_(config.idle_timeout > Duration::zero()) {
    state_.connections = &table_;
    state_.turns = this;
    state_.transfer = &transfer_;
    if (config.scripts.source != nullptr || config.cluster.source != nullptr) {
      state_.peers = &peers_.emplace(state_);
      state_.replicas = &replicas_.emplace(state_);
    }
    if (config.cluster.source != nullptr) state_.routing = &routing_.emplace(state_, *peers_);
    if (config.scripts.source != nullptr) state_.scripts = &scripts_.emplace(state_, script_heap);
  }
  ~Impl() {
    if (!listeners_.empty()) CHECK(stopped());
  }

  Result<void, std::string> start();
  void stop(Stop how);
  [[nodiscard]] bool stopped() const;
  [[nodiscard]] std::optional<std::string> audit() const;

  void on_accepted(io::ListenerId listener, Result<io::Accepted, io::Error> result) override;
  void on_timer(io::TimerId timer) override;
  void on_ring_changed() override;
  void on_ring_left() override;

  [[nodiscard]] NodeState& state() { return state_; }
  [[nodiscard]] const std::vector<Listener>& listeners() const { return listeners_; }

 private:
  void serve();
  void drain(Stop how);
  [[nodiscard]] RingSource* ring_source() const { return state_.config.cluster.source; }
  void accept(Listener& listener);
  void welcome(io::StreamId stream);
  void pause_accepting(io::Error error);
  void resume_accepting();
  void take_turns();
  void tick();
  void close_idle();
  bool cut_slowest_reader();
  void flush_watchers();

  NodeState state_;
  ConnectionTable table_;
  std::optional<Peers> peers_;
  std::optional<Replicas> replicas_;
  std::optional<Routing> routing_;
  std::optional<Scripts> scripts_;
  Transfer transfer_{state_};
  std::vector<Listener> listeners_;
  bool serving_ = false;              ///< connections are accepted, or were until stop()
  std::vector<std::uint32_t> turns_;  ///< scratch of take_turns()
  io::TimerId tick_timer_;
  io::TimerId accept_timer_;
  MonotonicTime paused_since_;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_NODE_IMPL_H_
