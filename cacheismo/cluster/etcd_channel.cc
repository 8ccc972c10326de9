#include "cacheismo/cluster/etcd_channel.h"

#include <utility>

#include "cacheismo/base/check.h"

namespace cacheismo::cluster {

void EtcdChannel::on_connecting() {
  CHECK(state_ == State::down);
  state_ = State::connecting;
}

void EtcdChannel::on_connected() {
  CHECK(state_ == State::connecting);
  state_ = State::up;
}

void EtcdChannel::on_closed() {
  CHECK(state_ == State::closing);
  *this = EtcdChannel(takes_);
}

void EtcdChannel::close() {
  if (state_ != State::down) state_ = State::closing;
  input_.clear();
  body_.clear();
}

void EtcdChannel::ask(std::string request) {
  CHECK(idle());
  asked_ = true;
  request_ = std::move(request);
  sent_ = 0;
}

Bytes EtcdChannel::output() const {
  return state_ == State::up && asked_ ? Bytes(request_).substr(sent_) : Bytes();
}

void EtcdChannel::taken(std::size_t bytes) {
  sent_ += bytes;
  CHECK_LE(sent_, request_.size());
}

void EtcdChannel::on_received(Bytes bytes) {
  CHECK(state_ == State::up);
  input_ += bytes;
}

std::optional<EtcdReply> EtcdChannel::next_reply() {
  const auto fault = [](const char* why) { return EtcdReply{.fault = why, .body = {}}; };
  while (state_ == State::up) {
    if (auto line = take_line()) return line;
    if (!asked_ && input_.empty()) return std::nullopt;
    if (!asked_) return fault("it answers what was not asked");
    if (sent_ < request_.size()) {
      // The reply may be told of before the end of the send is; until then the request is pinned.
      if (input_.size() > etcd_body_bytes_max) return fault("it answers before it was asked");
      return std::nullopt;
    }
    const HttpStep step = reader_.next(input_);
    switch (step.is) {
      case HttpStep::Is::need_more: input_.erase(0, step.consumed); return std::nullopt;
      case HttpStep::Is::reject: return fault(step.why);
      case HttpStep::Is::head: status_ = step.status; break;
      case HttpStep::Is::body:
        if (body_.size() + step.body.size() > etcd_body_bytes_max)
          return fault("its reply is too long");
        body_ += step.body;
        break;
      case HttpStep::Is::end: input_.erase(0, step.consumed); return finish();
    }
    input_.erase(0, step.consumed);
  }
  return std::nullopt;
}

/// Out of body_, if each line is a reply and one is whole.
std::optional<EtcdReply> EtcdChannel::take_line() {
  if (takes_ != Takes::lines) return std::nullopt;
  const std::size_t end = body_.find('\n', searched_);
  searched_ = end == std::string::npos ? body_.size() : 0;
  if (end == std::string::npos) return std::nullopt;
  EtcdReply reply{.status = status_, .body = body_.substr(0, end), .last = false};
  body_.erase(0, end + 1);
  return reply;
}

EtcdReply EtcdChannel::finish() {
  asked_ = false;
  searched_ = 0;
  EtcdReply reply{.status = status_, .body = std::exchange(body_, {})};
  if (reader_.closes()) close();
  return reply;
}

}  // namespace cacheismo::cluster
