#include "cacheismo/node/peer_channel.h"

#include <algorithm>
#include <array>
#include <span>

#include "cacheismo/base/check.h"

namespace cacheismo::node {

using cluster::Failure;
using cluster::PeerLink;

void Peers::Channel::settle() {
  io::Io& io = peers_.node_.io;
  report_circuit();
  if (!open_ && link_.wants_connect() && !peers_.stopping_) {
    link_.on_connecting();
    open_ = true;
    ++peers_.open_streams_;
    stream_ = io.connect(address_, peers_.now() + limits::peer_connect_timeout, *this);
  }
  if (!sending_ && link_.state() == PeerLink::State::up) send();
  peers_.plan_wakeup(due());
}

/// Offers everything in one send: short requests copied together, long ones where they are.
void Peers::Channel::send() {
  std::span<Bytes> requests = peers_.requests_;
  const std::size_t count = link_.output(requests);
  if (count == 0) return;
  requests = requests.first(count);
  std::size_t room = 0;
  for (const Bytes request : requests)
    room += request.size() < limits::send_in_place_bytes ? request.size() : 0;
  gathered_.clear();
  gathered_.reserve(std::min<std::size_t>(room, limits::peer_gathered_bytes_max));
  std::array<Bytes, limits::send_views_max> views;
  std::size_t used = 0;
  bool open = false;  // the last view ends where gathered_ does
  for (const Bytes request : requests) {
    const bool in_place = request.size() >= limits::send_in_place_bytes;
    if (!in_place && gathered_.size() + request.size() > gathered_.capacity()) break;
    if (in_place || !open) {
      if (used == views.size()) break;
      views[used++] = in_place ? request : Bytes(gathered_).substr(gathered_.size());
    }
    if (!in_place) {
      gathered_.append(request);
      views[used - 1] = Bytes(views[used - 1].data(), views[used - 1].size() + request.size());
    }
    open = !in_place;
  }
  sending_ = true;
  peers_.node_.io.send(stream_, std::span(views.data(), used));
}

std::optional<MonotonicTime> Peers::Channel::due() const {
  const auto deadline = link_.next_deadline();
  if (link_.state() != PeerLink::State::up || !link_.idle()) return deadline;
  return std::min(deadline.value_or(MonotonicTime::max()), last_used_ + limits::peer_idle);
}

void Peers::Channel::expire() {
  const MonotonicTime now = peers_.now();
  if (link_.expire(now)) close();
  const bool idle = link_.state() == PeerLink::State::up && link_.idle();
  if (idle && last_used_ + limits::peer_idle <= now) give_up(Failure::cancelled);
}

void Peers::Channel::give_up(Failure why) {
  if (link_.state() == PeerLink::State::down && link_.idle()) return;
  link_.give_up(why);
  close();
}

void Peers::Channel::receive() {
  receiving_ = true;
  peers_.node_.io.receive(stream_);
}

void Peers::Channel::lost() {
  link_.on_lost(peers_.now());
  close();
}

void Peers::Channel::close() {
  if (!open_ || closing_) return;
  closing_ = true;
  peers_.node_.io.close(stream_);
}

void Peers::Channel::on_connected(io::StreamId, Result<void, io::Error> result) {
  if (closing_) return;
  const Event event(peers_);
  peers_.touch(*this);
  if (result) {
    link_.on_connected();
    receive();
  } else {
    link_.on_connect_failed(
        result.error() == io::Error::timeout ? Failure::timeout : Failure::refused, peers_.now());
    close();
  }
}

void Peers::Channel::on_received(io::StreamId, Result<io::Received, io::Error> result) {
  receiving_ = false;
  if (closing_) return;
  const Event event(peers_);
  peers_.touch(*this);
  if (!result) {
    lost();
  } else if (link_.on_received(result->leased, peers_.now())) {
    close();
  } else {
    receive();
  }
}

void Peers::Channel::on_sent(io::StreamId, Result<std::size_t, io::Error> result) {
  sending_ = false;
  gathered_ = {};
  if (closing_) return;
  const Event event(peers_);
  peers_.touch(*this);
  if (result) {
    link_.taken(*result);
  } else {
    lost();
  }
}

void Peers::Channel::on_closed(io::StreamId) {
  const Event event(peers_);
  peers_.touch(*this);
  link_.on_closed();
  open_ = closing_ = false;
  --peers_.open_streams_;
}

void Peers::Channel::on_reply(std::uint64_t call, const proto::ReplyPart& reply) {
  const auto pending = peers_.calls_.extract(call);
  CHECK(!pending.empty());
  pending.mapped().to_whom->on_peer_reply(call, reply);
}

void Peers::Channel::on_failure(std::uint64_t call, Failure failure, bool sent) {
  const auto pending = peers_.calls_.extract(call);
  CHECK(!pending.empty());
  pending.mapped().to_whom->on_peer_failure(call, failure, sent);
}

/// Says once that a peer is left alone, and once that it is back.
void Peers::Channel::report_circuit() {
  using State = cluster::Circuit::State;
  const State state = link_.circuit().state();
  if (state == State::half_open || state == reported_) return;
  reported_ = state;
  peers_.node_.log.write(state == State::open ? Level::warn : Level::info,
                         state == State::open ? "peer_left_alone" : "peer_is_back",
                         "address=" + io::to_string(address_));
}

std::optional<std::string> Peers::Channel::audit() const {
  if (auto broken = link_.audit()) return broken;
  const PeerLink::State state = link_.state();
  if (open_ != (state != PeerLink::State::down)) return "peers: a link without its stream";
  if (closing_ != (state == PeerLink::State::closing)) return "peers: a stream is not closed";
  if (state == PeerLink::State::up && !receiving_) return "peers: nothing is received";
  if (link_.wants_connect() && !touched) return "peers: calls wait for no connection";
  if (state == PeerLink::State::up && link_.queued_bytes() > 0 && !sending_ && !touched)
    return "peers: calls wait and are not sent";
  if (const auto when = due(); when && *when < peers_.wakeup_at_ && !touched)
    return "peers: a deadline will be missed";
  return std::nullopt;
}

}  // namespace cacheismo::node
