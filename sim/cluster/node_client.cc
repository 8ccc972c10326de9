#include "sim/cluster/node_client.h"

#include "cacheismo/base/check.h"

namespace cacheismo::sim {
namespace {

constexpr Duration reconnect_pause = std::chrono::milliseconds(20);

}  // namespace

NodeClient::NodeClient(SimIo& io, const Clockwork& clockwork, Life life, Prng chance)
    : io_(io), clockwork_(clockwork), life_(std::move(life)), chance_(chance) {
  CHECK(!life_.nodes.empty());
}

void NodeClient::set_timer(Duration after) {
  clear_timer();
  timer_ = io_.set_timer(io_.now().monotonic + after, *this);
}

void NodeClient::clear_timer() {
  if (timer_ != io::TimerId{}) (void)io_.cancel_timer(timer_);
  timer_ = {};
}

void NodeClient::on_timer(io::TimerId) {
  timer_ = {};
  switch (state_) {
    case State::waiting: return connect();
    case State::thinking: return go_on();
    case State::asking:
      connections_.timeouts++;
      if (began_ns_ >= life_.late_from_ns) violation("deadline: heard nothing in time");
      return close();
    default: CHECK(false);
  }
}

void NodeClient::violation(const std::string& what) {
  violations_.push_back(kind() + ' ' + std::to_string(life_.number) + " at n" +
                        std::to_string(node_ + 1) + ", " + what + "; under way: " + under_way());
}

// ---- Connections --------------------------------------------------------------------------------

void NodeClient::start() {
  const auto bound = static_cast<std::uint64_t>(reconnect_pause.count());
  set_timer(Duration(static_cast<std::int64_t>(chance_.below(bound))));
}

void NodeClient::connect() {
  if (stopping_) {
    state_ = State::stopped;
    return;
  }
  state_ = State::connecting;
  began_ns_ = now_ns();
  asked_here_ = 0;
  input_.clear();
  forget();
  node_ = chance_.below(life_.nodes.size());
  stream_ = io_.connect(life_.nodes[node_], io_.now().monotonic + life_.connect_timeout, *this);
}

void NodeClient::on_connected(io::StreamId, Result<void, io::Error> result) {
  if (!result) {
    connections_.failures++;
    if (calm()) violation("calm: cannot connect");
    return close();
  }
  io_.receive(stream_);
  think();
}

void NodeClient::close() {
  CHECK(state_ != State::closing);
  state_ = State::closing;
  clear_timer();
  io_.close(stream_);
}

void NodeClient::lost() {
  connections_.lost++;
  if (calm()) violation("calm: lost its connection");
  close();
}

void NodeClient::on_closed(io::StreamId) {
  state_ = State::waiting;
  start();
}

// ---- Asking -------------------------------------------------------------------------------------

void NodeClient::think() {
  if (stopping_ || asked_here_ >= life_.asked_per_connection) return close();
  state_ = State::thinking;
  const auto bound = static_cast<std::uint64_t>(2 * life_.think.count());
  set_timer(Duration(1 + static_cast<std::int64_t>(chance_.below(bound))));
}

void NodeClient::go_on() {
  if (stopping_) return close();
  state_ = State::asking;
  began_ns_ = now_ns();
  sending_.clear();
  sent_ = 0;
  set_timer(ask(sending_));
  send_rest();
}

void NodeClient::send_rest() {
  const Bytes view = Bytes(sending_).substr(sent_);
  io_.send(stream_, {&view, 1});
}

void NodeClient::on_sent(io::StreamId, Result<std::size_t, io::Error> result) {
  if (state_ == State::closing) return;
  if (!result) return lost();
  sent_ += *result;
  if (sent_ < sending_.size()) return send_rest();
  parse();
}

// ---- Replies ------------------------------------------------------------------------------------

void NodeClient::on_received(io::StreamId, Result<io::Received, io::Error> result) {
  if (state_ == State::closing) return;
  if (!result) return lost();
  input_.append(result->leased);
  io_.receive(stream_);
  parse();
}

void NodeClient::parse() {
  while (!input_.empty()) {
    const bool waits = state_ == State::asking;
    if (waits && sent_ < sending_.size()) return;
    proto::ReplyPart part;
    const proto::ReplyParsed parsed = proto::parse_reply(input_, part);
    if (parsed.kind == proto::ReplyParsed::Kind::need_more) return;
    const bool is_part = parsed.kind == proto::ReplyParsed::Kind::part;
    // Turned away, or told why the connection ends.
    if (is_part && !waits && part.is_error()) return lost();
    if (!is_part || !waits || !take(part)) {
      violation("replies: was told " + input_.substr(0, 80));
      return close();
    }
    if (state_ == State::closing) return;
    input_.erase(0, parsed.consumed);
  }
}

}  // namespace cacheismo::sim
