#include "cacheismo/node/peers.h"

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/node/node_state.h"
#include "cacheismo/node/peer_channel.h"

namespace cacheismo::node {

using cluster::Failure;
using cluster::PeerLink;

/// The channels to one address; each is made when it is used first.
struct Peers::Peer {
  Peer(Peers& peers, const io::Address& the_address) : address(the_address) { lane(peers, {}); }

  Channel& lane(Peers& peers, Lane lane) {
    std::unique_ptr<Channel>& channel = by_lane[static_cast<std::size_t>(lane)];
    if (channel == nullptr) channel = std::make_unique<Channel>(peers, address);
    return *channel;
  }
  [[nodiscard]] const Channel& brief() const { return *by_lane.front(); }
  [[nodiscard]] std::vector<Channel*> channels() const {
    std::vector<Channel*> all;
    for (const auto& channel : by_lane) {
      if (channel != nullptr) all.push_back(channel.get());
    }
    return all;
  }
  [[nodiscard]] bool idle() const {
    return std::ranges::all_of(channels(), [](const Channel* one) { return one->link().idle(); });
  }
  [[nodiscard]] bool open() const {
    return std::ranges::any_of(channels(), [](const Channel* one) { return one->is_open(); });
  }
  [[nodiscard]] MonotonicTime last_used() const {
    MonotonicTime latest = brief().last_used();
    for (const Channel* channel : channels()) latest = std::max(latest, channel->last_used());
    return latest;
  }

  const io::Address address;
  std::array<std::unique_ptr<Channel>, lanes> by_lane;
};

bool Peers::Less::operator()(const io::Address& a, const io::Address& b) const {
  return std::tie(a.kind, a.host, a.port) < std::tie(b.kind, b.host, b.port);
}

Peers::Peers(NodeState& node) : node_(node) {}

Peers::~Peers() {
  CHECK_EQ(open_streams_, 0u);
  CHECK_EQ(flush_timer_.value, 0u);
  CHECK_EQ(wakeup_timer_.value, 0u);
}

MonotonicTime Peers::now() const { return node_.io.now().monotonic; }

std::uint32_t Peers::next_opaque() {
  if (++last_opaque_ == 0) last_opaque_ = 1;
  return last_opaque_;
}

Result<std::uint64_t, Failure> Peers::submit(const io::Address& to, PeerRequest request,
                                             PeerReplies& to_whom) {
  if (stopping_) return failure(Failure::cancelled);
  if (to.host.empty()) return failure(Failure::refused);
  Peer* const peer = find_or_make(to);
  if (peer == nullptr) return failure(Failure::overload);
  const bool bulk = request.lane == Lane::brief && request.bytes.size() > limits::peer_bulk_bytes;
  Channel& channel = peer->lane(*this, bulk ? Lane::bulk : request.lane);
  const std::uint64_t call = last_call_ + 1;
  const auto submitted = channel.submit({.bytes = std::move(request.bytes),
                                         .opaque = request.opaque,
                                         .key = std::move(request.key),
                                         .echoes = request.echoes,
                                         .read_only = request.read_only,
                                         .deadline = request.deadline,
                                         .tag = call});
  if (!submitted) return failure(submitted.error());
  last_call_ = call;
  calls_.emplace(call, Pending{&channel, &to_whom});
  touch(channel);
  return call;
}

void Peers::cancel(std::uint64_t call) {
  const auto pending = calls_.extract(call);
  CHECK(!pending.empty());
  Channel& channel = *pending.mapped().channel;
  channel.cancel(call);
  touch(channel);
}

Peers::Peer* Peers::find_or_make(const io::Address& address) {
  const auto found = peers_.find(address);
  if (found != peers_.end()) return found->second.get();
  if (peers_.size() >= limits::peers_max && !make_room()) return nullptr;
  return peers_.emplace(address, std::make_unique<Peer>(*this, address)).first->second.get();
}

/// Forgets the peer that was not used for longest.
bool Peers::make_room() {
  auto oldest = peers_.end();
  for (auto peer = peers_.begin(); peer != peers_.end(); ++peer) {
    if (!peer->second->idle()) continue;
    if (oldest == peers_.end() || peer->second->last_used() < oldest->second->last_used())
      oldest = peer;
  }
  if (oldest == peers_.end()) return false;
  Peer& peer = *oldest->second;
  for (Channel* channel : peer.channels()) channel->give_up(Failure::cancelled);
  forgotten_.push_back(std::move(oldest->second));  // one of its links may be what is calling
  peers_.erase(oldest);
  return true;
}

std::vector<Peers::Channel*> Peers::channels() const {
  std::vector<Channel*> all;
  for (const auto& [address, peer] : peers_) {
    const std::vector<Channel*> its = peer->channels();
    all.insert(all.end(), its.begin(), its.end());
  }
  return all;
}

void Peers::stop() {
  const Event event(*this);
  stopping_ = true;
  for (Channel* channel : channels()) channel->give_up(Failure::cancelled);
  cancel(wakeup_timer_);
  wakeup_at_ = MonotonicTime::max();
}

bool Peers::stopped() const {
  return stopping_ && open_streams_ == 0 && flush_timer_ == io::TimerId{};
}

// ---- The end of an event, and time --------------------------------------------------------------

void Peers::touch(Channel& channel) {
  if (channel.touched) return;
  channel.touched = true;
  touched_.push_back(&channel);
  if (!in_event_ && flush_timer_ == io::TimerId{}) flush_timer_ = node_.io.set_timer(now(), *this);
}

void Peers::flush() {
  cancel(flush_timer_);
  for (Channel* channel : touched_) {
    channel->touched = false;
    channel->settle();
  }
  touched_.clear();
  std::erase_if(forgotten_, [](const std::unique_ptr<Peer>& peer) { return !peer->open(); });
}

void Peers::cancel(io::TimerId& timer) {
  if (timer != io::TimerId{}) node_.io.cancel_timer(timer);
  timer = {};
}

void Peers::plan_wakeup(std::optional<MonotonicTime> when) {
  if (stopping_ || !when || *when >= wakeup_at_) return;
  cancel(wakeup_timer_);
  wakeup_at_ = *when;
  wakeup_timer_ = node_.io.set_timer(wakeup_at_, *this);
}

void Peers::wake_up() {
  wakeup_timer_ = {};
  wakeup_at_ = MonotonicTime::max();
  for (Channel* channel : channels()) {  // those that are made meanwhile are touched
    touch(*channel);
    channel->expire();
  }
}

void Peers::on_timer(io::TimerId timer) {
  if (timer == flush_timer_) {
    flush_timer_ = {};
    const Event event(*this);
  } else {
    CHECK(timer == wakeup_timer_);
    const Event event(*this);
    wake_up();
  }
}

// ---- Facts --------------------------------------------------------------------------------------

std::vector<PeerStats> Peers::stats() const {
  std::vector<PeerStats> all;
  for (const auto& [address, peer] : peers_) {
    PeerStats& stats = all.emplace_back();
    stats.address = address;
    stats.circuit = peer->brief().link().circuit().state();
    for (const Channel* channel : peer->channels()) {
      stats.counters += channel->link().counters();
      stats.in_flight += channel->link().in_flight();
      stats.queued_bytes += channel->link().queued_bytes();
      stats.connections += channel->link().state() == PeerLink::State::up ? 1 : 0;
    }
  }
  return all;
}

std::optional<std::string> Peers::audit() const {
  std::size_t in_flight = 0;
  std::uint32_t open = 0;
  const auto count = [&](const Peer& peer) -> std::optional<std::string> {
    for (const Channel* channel : peer.channels()) {
      if (auto broken = channel->audit()) return broken;
      in_flight += channel->link().in_flight();
      open += channel->is_open() ? 1 : 0;
    }
    return std::nullopt;
  };
  for (const auto& [address, peer] : peers_) {
    if (auto broken = count(*peer)) return broken;
  }
  for (const auto& peer : forgotten_) {
    if (auto broken = count(*peer)) return broken;
  }
  if (in_flight != calls_.size()) return "peers: a call has no link, or a link no call";
  if (open != open_streams_) return "peers: open streams do not add up";
  if (peers_.size() > limits::peers_max) return "peers: too many";
  if (!touched_.empty() && !in_event_ && flush_timer_ == io::TimerId{})
    return "peers: something is left to do and nothing will see to it";
  if (stopping_ && !calls_.empty()) return "peers: calls were left behind by stop()";
  return std::nullopt;
}

}  // namespace cacheismo::node
