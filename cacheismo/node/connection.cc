#include "cacheismo/node/connection.h"

#include <array>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/node/connection_table.h"
#include "cacheismo/node/peers.h"
#include "cacheismo/node/routing.h"
#include "cacheismo/node/scripts.h"
#include "cacheismo/proto/replies.h"

namespace cacheismo::node {

void Connection::reset(NodeState& node, std::uint32_t slot, io::StreamId stream) {
  CHECK(!in_use());
  const std::uint32_t kept_older = older;
  const std::uint32_t kept_newer = newer;
  std::destroy_at(this);
  std::construct_at(this);
  older = kept_older;
  newer = kept_newer;
  node_ = &node;
  slot_ = slot;
  stream_ = stream;
  last_active_ = node.now;
}

void Connection::open(NodeState& node, std::uint32_t slot, io::StreamId stream) {
  reset(node, slot, stream);
  fresh_ = true;
  authenticated_ = !node.config.authenticate;
  node.io.attach(stream, *this);
  receive();
}

void Connection::turn_away(NodeState& node, std::uint32_t slot, io::StreamId stream, Bytes text) {
  reset(node, slot, stream);
  node.io.attach(stream, *this);
  output_.lease(node.outputs);
  output_.append(text);
  close_when_sent_ = true;
  send();
}

// ---- Completions --------------------------------------------------------------------------------

void Connection::on_connected(io::StreamId, Result<void, io::Error>) {
  CHECK(false);  // accepted streams only
}

void Connection::on_received(io::StreamId, Result<io::Received, io::Error> result) {
  receiving_ = false;
  const bool early = received_early_;
  received_early_ = false;
  if (closing_) return;
  if (!result) {
    if (result.error() == io::Error::eof && owes()) {
      // It has said all that it wants to, and hears what is owed to it.
      close_when_sent_ = true;
      settle();
    } else {
      close(result.error() == io::Error::eof ? "normal" : "error");
    }
    return;
  }
  NodeState& node = *node_;
  node.begin_event();
  node.counters.bytes_read += result->count;
  last_active_ = node.now;
  node.connections->touch(slot_);
  if (watching_) {  // a watcher has nothing to say any more
    receive();
    return;
  }
  if (early && (waits_for_call_ || sending_ || waiting_turn_)) {
    keep(result->leased);
    partial_ = false;  // what has come may complete the request at the front
    settle();
    return;
  }
  budget_ = node.config.requests_per_event;
  if (drafting_) {
    CHECK(!early);  // it has brought leased bytes, not the value's
    draft_received(result->count);
    if (!waits_for_call_) run({});
  } else {
    run(result->leased);
  }
  settle();
}

void Connection::on_sent(io::StreamId, Result<std::size_t, io::Error> result) {
  sending_ = false;
  if (closing_) return;
  if (!result) {
    close("error");
    return;
  }
  NodeState& node = *node_;
  node.counters.bytes_written += *result;
  output_.taken(*result, node.store);
  if (!output_.empty()) {  // slow, but not idle
    node.begin_event();
    last_active_ = node.now;
    node.connections->touch(slot_);
  } else {
    output_.reset();
    if (!close_when_sent_ && (!input_.empty() || report_.active()) && !drafting_ &&
        !waiting_turn_ && !waits_for_call_) {
      node.begin_event();
      budget_ = node.config.requests_per_event;
      run({});
    }
  }
  settle();
}

void Connection::on_closed(io::StreamId) {
  NodeState& node = *node_;
  if (drafting_) node.store.abandon(draft_);
  if (watching_) node.watchers.remove(slot_);
  if (node.scripts != nullptr) node.scripts->forget(slot_);
  if (node.routing != nullptr) node.routing->forget(slot_);
  if (replies_ != nullptr) node.routing->forget(*replies_);
  replies_.reset();
  output_.clear(node.outputs, node.store);
  input_.clear(node.inputs);
  report_ = {};
  node_ = nullptr;
  node.connections->give(slot_);
  if (node.draining && node.connections->open() == 0 && node.peers != nullptr) node.peers->stop();
}

// ---- The stream ---------------------------------------------------------------------------------

void Connection::settle() {
  if (closing_ || sending_) return;
  if (waiting_turn_) return;
  const bool said = say_replies();
  if (!output_.empty()) {
    send();
    return;
  }
  // Replies that say nothing have left; what waited for their room goes on.
  if (said && !input_.empty() && !waits_for_call_ && !close_when_sent_) return wait_for_turn();
  if (watching_) {  // keeps its block: lines gather there; the receive will tell when it leaves
    if (!receiving_) receive();
    return;
  }
  output_.clear(node_->outputs, node_->store);
  const bool waits = waits_for_call_ || owes();
  if (!owes() && multiget_left_ == 0) replies_.reset();
  if (!waits && (close_when_sent_ || node_->draining)) {
    close(close_when_sent_ ? "normal" : "shutdown");
  } else if (!receiving_ && !close_when_sent_ &&
             (!waits || input_.size() < limits::receive_bytes)) {
    received_early_ = waits && !drafting_;
    receive();
  }
}

void Connection::send() {
  std::array<Bytes, limits::send_views_max> views;
  const std::size_t count = output_.views(node_->store, views);
  sending_ = true;
  node_->io.send(stream_, std::span(views.data(), count));
}

void Connection::receive() {
  receiving_ = true;
  if (drafting_) {
    receive_draft();
  } else {
    node_->io.receive(stream_);
  }
}

void Connection::wait_for_turn() {
  waiting_turn_ = true;
  node_->queue_turn(slot_);
}

void Connection::take_turn() {
  if (!in_use() || closing_ || !waiting_turn_) return;
  waiting_turn_ = false;
  if (!sending_ && !waits_for_call_ && !drafting_) {
    budget_ = node_->config.requests_per_event;
    say_replies();
    run({});
  }
  settle();
}

void Connection::call_finished() {
  waits_for_call_ = false;
  if (closing_ || sending_ || waiting_turn_) return;
  budget_ = node_->config.requests_per_event;
  run({});
  settle();
}

void Connection::close(Bytes why) {
  if (closing_) return;
  closing_ = true;
  if (node_->watchers.any(Watchers::connection_events)) {
    node_->watchers.connection_event(node_->io.now().wall, "conn_close",
                                     io::to_string(node_->io.peer_address(stream_)), why, slot_,
                                     node_->counters);
  }
  node_->io.close(stream_);
}

void Connection::drain() {
  if (!closing_ && (watching_ || (!sending_ && !waiting_turn_ && !waits_for_call_ && !owes())))
    close("shutdown");
}

void Connection::flush_watch() {
  if (!closing_ && !sending_ && !output_.empty()) send();
}

Bytes Connection::state_name() const {
  if (closing_) return "conn_closing";
  if (watching_) return "conn_watch";
  if (sending_) return "conn_mwrite";
  if (waits_for_call_ || owes()) return "conn_io_queue";
  if (drafting_) return "conn_nread";
  if (swallow_ > 0) return "conn_swallow";
  return waiting_turn_ ? "conn_parse_cmd" : "conn_read";
}

std::optional<std::string> Connection::audit() const {
  if (!in_use()) {
    if (output_.leased() || input_.capacity() > 0 || report_.active() || replies_ != nullptr)
      return "connection: a free slot holds memory";
    return std::nullopt;
  }
  if (closing_) return std::nullopt;
  if (!receiving_ && !sending_ && !waiting_turn_ && !watching_ && !waits_for_call_ && !owes())
    return "connection: nothing is outstanding and nothing is waited for";
  if (received_early_ && !receiving_) return "connection: an early receive that is not there";
  const bool early = received_early_;
  if (sending_ && receiving_ && !watching_ && !early && !drafting_)
    return "connection: receives while output waits";
  if (receiving_ && !watching_ && !early && !drafting_ && output_.leased())
    return "connection: holds an output block without output";
  if (replies_ != nullptr) {
    if (auto broken = replies_->audit()) return broken;
  }
  if (sending_ && output_.empty()) return "connection: sends nothing";
  if (drafting_ && input_.empty()) return "connection: a draft without its command line";
  if (waits_with_line_ && input_.size() < draft_line_)
    return "connection: a call with its data and without its line";
  if (drafting_ && draft_received_ >= draft_total_ + sizeof(draft_end_))
    return "connection: a draft is complete and not committed";
  return std::nullopt;
}

}  // namespace cacheismo::node
