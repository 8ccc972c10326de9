#include "cacheismo/node/etcd_ring.h"

#include <algorithm>
#include <span>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/node/host_names.h"

namespace cacheismo::node {

EtcdRing::EtcdRing(EtcdRingOptions options)
    : options_(std::move(options)), names_(*options_.names) {}

EtcdRing::~EtcdRing() { CHECK(!attached_); }

// ---- The ring -----------------------------------------------------------------------------------

Result<RingView, std::string> EtcdRing::read() {
  if (!member_ || !member_->ring())
    return failure(member_ ? member_->why_no_ring() : std::string("etcd was not asked yet"));
  want_names();
  read_version_ = member_->version();
  moved_ = false;
  return ring_view(*member_->ring(), names_);
}

bool EtcdRing::changed() {
  if (!member_) return false;
  moved_ |= names_.tick();
  return moved_ || (member_->version() != read_version_ && !awaits_names());
}

Result<void, std::string> EtcdRing::change(const cluster::RingChange& change) {
  CHECK(attached_);
  auto begun = member_->change(change, now());
  settle();
  return begun;
}

std::string EtcdRing::report() { return member_ ? member_->change_report() : "none"; }

bool EtcdRing::may_write(MonotonicTime now) const { return member_ && member_->may_write(now); }

// ---- Names --------------------------------------------------------------------------------------

/// The hosts of the endpoints and of the latest ring.
void EtcdRing::want_names() {
  if (names_until_ != MonotonicTime() && named_version_ == member_->version()) return;
  named_version_ = member_->version();
  std::vector<std::string> hosts;
  if (member_->ring()) hosts = hosts_of(*member_->ring());
  for (const io::Address& endpoint : options_.endpoints) hosts.push_back(endpoint.host);
  names_.want(hosts);
  names_until_ = now() + etcd_names_wait;
}

bool EtcdRing::awaits_names() const { return names_.any_unsure() && now() < names_until_; }

// ---- Beginning and end --------------------------------------------------------------------------

void EtcdRing::attach(io::Io& io, Log& log, const io::Address& own, RingUser& user) {
  CHECK(!attached_);
  io_ = &io;
  log_ = &log;
  user_ = &user;
  cluster::EtcdOptions member = options_.member;
  if (member.self.host.empty()) {
    member.self.host = own.host;
    member.self.port = own.port;
  }
  member_.emplace(std::move(member), Prng(io.random().next()));
  attached_ = true;
  settle();
}

void EtcdRing::detach(bool leaves) {
  CHECK(attached_);
  if (leaves) {
    leaves_ = true;
    member_->leave(now());
  } else {
    leaves_ = false;
    ending_ = true;
  }
  settle();
}

/// What the member wants after whatever has happened. The user is told from a timer's callback, so
/// that it never hears of its own calls inside them.
void EtcdRing::settle() {
  if (member_->finished()) ending_ = true;
  want_names();
  moved_ |= names_.collect();
  calls_.settle();
  watch_.settle();
  tell_log();
  if (ending_ && !leaves_ && !calls_.is_open() && !watch_.is_open()) {
    if (timer_ != io::TimerId{}) io_->cancel_timer(timer_);
    timer_ = {};
    attached_ = false;
    return;
  }
  plan_wakeup();
}

void EtcdRing::plan_wakeup() {
  MonotonicTime at = member_->next_deadline().value_or(MonotonicTime::max());
  const bool tell_ring = !ending_ && member_->version() != told_version_;
  const bool tell_end = ending_ && leaves_ && !calls_.is_open() && !watch_.is_open();
  if (ending_) at = MonotonicTime::max();
  if (tell_end || tell_ring) at = now();
  // What is due may be due only because names are waited for.
  if (!tell_end && !ending_ && awaits_names()) at = now() + etcd_names_poll;
  if (timer_ != io::TimerId{} && timer_at_ == at) return;
  if (timer_ != io::TimerId{}) io_->cancel_timer(timer_);
  timer_ = {};
  timer_at_ = at;
  if (at != MonotonicTime::max()) timer_ = io_->set_timer(at, *this);
}

void EtcdRing::on_timer(io::TimerId timer) {
  CHECK(timer == timer_);
  timer_ = {};
  if (ending_ && leaves_ && !calls_.is_open() && !watch_.is_open()) {
    attached_ = false;
    user_->on_ring_left();
    return;
  }
  if (!ending_) member_->expire(now());
  moved_ |= names_.collect();
  if (member_->version() != told_version_ && named_version_ == member_->version() &&
      !awaits_names()) {
    told_version_ = member_->version();
    user_->on_ring_changed();
  }
  settle();
}

void EtcdRing::tell_log() {
  for (const cluster::EtcdNote& note : member_->take_notes())
    log_->write(note.bad ? Level::warn : Level::info, note.event, note.fields);
}

// ---- Streams ------------------------------------------------------------------------------------

void EtcdRing::Stream::settle() {
  cluster::EtcdMember& member = *ring_.member_;
  if (ring_.ending_ || member.wants_close(lane_)) close();
  if (!open_ && !ring_.ending_ && member.wants_connect(lane_, ring_.now())) connect();
  if (!open_ || closing_ || sending_) return;
  const Bytes output = member.output(lane_);
  if (output.empty()) return;
  sending_ = true;
  ring_.io_->send(stream_, std::span(&output, 1));
}

void EtcdRing::Stream::connect() {
  cluster::EtcdMember& member = *ring_.member_;
  io::Address address = ring_.options_.endpoints[member.endpoint()];
  const std::string& host = ring_.names_.address(address.host);
  if (host.empty() && ring_.names_.unsure(address.host) && ring_.awaits_names()) return;
  member.on_connecting(lane_);
  if (host.empty()) {
    member.on_lost(lane_, "no address", ring_.now());
    member.on_closed(lane_);
    return;
  }
  address.host = host;
  open_ = true;
  stream_ = ring_.io_->connect(address, ring_.now() + cluster::etcd_call_timeout, *this);
}

void EtcdRing::Stream::close() {
  if (!open_ || closing_) return;
  closing_ = true;
  ring_.io_->close(stream_);
}

void EtcdRing::Stream::lost(Bytes why) {
  ring_.member_->on_lost(lane_, why, ring_.now());
  ring_.settle();
}

void EtcdRing::Stream::on_connected(io::StreamId stream, Result<void, io::Error> result) {
  if (closing_) return;
  if (!result) {
    lost(io::to_string(result.error()));
    return;
  }
  ring_.io_->receive(stream);
  ring_.member_->on_connected(lane_, ring_.now());
  ring_.settle();
}

void EtcdRing::Stream::on_received(io::StreamId stream, Result<io::Received, io::Error> result) {
  if (closing_) return;
  if (!result) {
    lost(io::to_string(result.error()));
    return;
  }
  ring_.member_->on_received(lane_, result->leased, ring_.now());
  ring_.settle();
  if (!closing_) ring_.io_->receive(stream);
}

void EtcdRing::Stream::on_sent(io::StreamId, Result<std::size_t, io::Error> result) {
  sending_ = false;
  if (closing_) return;
  if (!result) {
    lost(io::to_string(result.error()));
    return;
  }
  ring_.member_->taken(lane_, *result, ring_.now());
  ring_.settle();
}

void EtcdRing::Stream::on_closed(io::StreamId) {
  open_ = closing_ = sending_ = false;
  ring_.member_->on_closed(lane_);
  ring_.settle();
}

}  // namespace cacheismo::node
