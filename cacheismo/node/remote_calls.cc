#include "cacheismo/node/remote_calls.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/lua/host.h"
#include "cacheismo/node/node_state.h"
#include "cacheismo/node/remote_wire.h"
#include "cacheismo/node/replicas.h"
#include "cacheismo/node/routing.h"
#include "cacheismo/node/scripts.h"
#include "cacheismo/proto/decimal.h"

namespace cacheismo::node {

using lua::RemoteReply;
using lua::RemoteRequest;
using lua::RemoteWait;
using Code = RemoteReply::Code;

namespace {

/// What a wait holds beside its keys and values, for each request.
constexpr std::size_t request_overhead_bytes = sizeof(RemoteRequest) + sizeof(RemoteReply);

Code code_of(cluster::Failure failure) {
  switch (failure) {
    case cluster::Failure::timeout: return Code::timeout;
    case cluster::Failure::refused: return Code::refused;
    case cluster::Failure::reset: return Code::reset;
    case cluster::Failure::overload: return Code::overload;
    case cluster::Failure::wrong_owner: return Code::wrong_owner;
    case cluster::Failure::remote: return Code::remote;
    case cluster::Failure::protocol: return Code::protocol;
    case cluster::Failure::cancelled: return Code::cancelled;
    case cluster::Failure::loop: return Code::loop;
  }
  __builtin_unreachable();
}

RemoteReply failed(Code code, bool sent, std::string text = {}) {
  RemoteReply reply;
  reply.code = code;
  reply.sent = sent;
  reply.text = std::move(text);
  return reply;
}

std::size_t bytes_of(const RemoteWait& wait) {
  std::size_t bytes = 0;
  for (const RemoteRequest& request : wait.requests)
    bytes += request_overhead_bytes + request.server.size() + request.key.size() +
             2 * request.value.size();  // once more as sent
  return bytes;
}

bool is_ipv4(Bytes host) {
  int parts = 0;
  while (true) {
    const std::size_t dot = host.find('.');
    const auto number = proto::parse_unsigned(host.substr(0, dot));
    if (!number || *number > 255 || ++parts > 4) return false;
    if (dot == Bytes::npos) return parts == 4;
    host.remove_prefix(dot + 1);
  }
}

bool is_ipv6(Bytes host) {
  return host.size() >= 2 && host.find(':') != Bytes::npos &&
         host.find_first_not_of("0123456789abcdefABCDEF:.") == Bytes::npos;
}

}  // namespace

// ---- Servers ------------------------------------------------------------------------------------

std::optional<io::Address> numeric_address(Bytes text) {
  const std::size_t colon = text.rfind(':');
  if (colon == Bytes::npos) return std::nullopt;
  const auto port = proto::parse_unsigned(text.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) return std::nullopt;
  Bytes host = text.substr(0, colon);
  if (host == "localhost") host = "127.0.0.1";
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (!is_ipv6(host)) return std::nullopt;
  } else if (!is_ipv4(host)) {
    return std::nullopt;
  }
  return io::Address{io::Address::Kind::tcp, std::string(host), static_cast<std::uint16_t>(*port)};
}

std::optional<io::Address> RemoteCalls::address_of(Bytes server) const {
  if (node_.routing != nullptr) {
    if (auto member = node_.routing->address_of(server)) return member;
  }
  return numeric_address(server);
}

bool RemoteCalls::may_repeat(const RemoteRequest& request) const {
  if (request.op != RemoteRequest::Op::get) return false;
  Bytes rest;
  const lua::Method* method = node_.scripts->find(request.key, rest);
  if (method != nullptr) return method->kind == lua::Kind::read;
  return request.key.find(':') == std::string::npos;  // perhaps the other node has such a type
}

/// The other node's methods are taken to be the same as this one's. Such an answer would hold up
/// those behind it on the connection for what is short.
bool RemoteCalls::may_wait(const RemoteRequest& request) const {
  Bytes rest;
  const lua::Method* method = node_.scripts->find(request.key, rest);
  return method != nullptr &&
         (method->kind == lua::Kind::async || method->kind == lua::Kind::handler);
}

// ---- Asking -------------------------------------------------------------------------------------

std::optional<RemoteReply> RemoteCalls::submit(Wait& wait, std::uint32_t slot, std::uint32_t index,
                                               MonotonicTime deadline) {
  const RemoteRequest& request = wait.asked->requests[index];
  const auto address = address_of(request.server);
  if (!address)
    return failed(Code::refused, false,
                  "'" + request.server + "' is no node of the ring and no numeric host:port");
  const io::Now now = node_.io.now();
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now.monotonic);
  PeerRequest asked;
  asked.opaque = node_.peers->next_opaque();
  proto::SpeltKey key = proto::spell_key(request.key);
  asked.bytes = remote_request(
      request, key,
      {.opaque = asked.opaque,
       .depth = static_cast<std::uint8_t>(wait.asked->depth),
       .remaining_ms = static_cast<std::uint32_t>(left.count()),
       .unix_seconds =
           std::chrono::floor<std::chrono::seconds>(now.wall.time_since_epoch()).count()});
  asked.key = std::move(key.text);
  asked.read_only = may_repeat(request);
  if (may_wait(request))
    asked.lane = waiting_at(std::min(wait.asked->depth, limits::remote_depth_max));
  asked.deadline = deadline;
  const auto call = node_.peers->submit(*address, std::move(asked), *this);
  if (!call) return failed(code_of(call.error()), false);
  wait.calls[index] = *call;
  calls_.emplace(*call, Place{.slot = slot, .index = index});
  return std::nullopt;
}

bool RemoteCalls::start(std::uint32_t slot, const RemoteWait& asked) {
  const auto [at, is_new] = waits_.try_emplace(slot);
  CHECK(is_new);
  Wait& wait = at->second;
  wait.asked = &asked;
  wait.replies.resize(asked.requests.size());
  wait.calls.resize(asked.requests.size());
  wait.bytes = bytes_of(asked);
  bytes_ += wait.bytes;
  const bool too_much = bytes_ > limits::remote_bytes_max;
  const MonotonicTime deadline = node_.io.now().monotonic + Duration(asked.timeout_ns);
  for (std::uint32_t i = 0; i < asked.requests.size(); ++i) {
    auto reply =
        too_much ? std::optional(failed(Code::overload, false)) : submit(wait, slot, i, deadline);
    if (reply) {
      wait.replies[i] = std::move(*reply);
    } else {
      ++wait.open;
    }
  }
  return !wait.ended();
}

/// Takes back what has no reply yet.
void RemoteCalls::withdraw(Wait& wait) {
  for (std::size_t i = 0; i < wait.calls.size(); ++i) {
    const std::uint64_t call = wait.calls[i];
    if (call == 0) continue;
    calls_.erase(call);
    if (!wait.asked->requests[i].to_the_end) node_.peers->cancel(call);
  }
  bytes_ -= wait.bytes;
}

std::vector<RemoteReply> RemoteCalls::take(std::uint32_t slot) {
  const auto found = waits_.find(slot);
  CHECK(found != waits_.end());
  Wait& wait = found->second;
  CHECK(wait.ended());
  // Whether a byte of these was sent is not known: perhaps.
  for (std::size_t i = 0; i < wait.calls.size(); ++i)
    if (wait.calls[i] != 0) wait.replies[i] = failed(Code::cancelled, true);
  withdraw(wait);
  std::vector<RemoteReply> replies = std::move(wait.replies);
  waits_.erase(found);
  return replies;
}

void RemoteCalls::cancel(std::uint32_t slot) {
  const auto found = waits_.find(slot);
  CHECK(found != waits_.end());
  withdraw(found->second);
  waits_.erase(found);
}

// ---- Replies ------------------------------------------------------------------------------------

void RemoteCalls::finish(std::uint64_t call, RemoteReply reply) {
  const auto found = calls_.find(call);
  CHECK(found != calls_.end());
  const Place place = found->second;
  calls_.erase(found);
  Wait& wait = waits_.at(place.slot);
  if (reply.value.size() > limits::remote_bytes_max - std::min(bytes_, limits::remote_bytes_max))
    reply = failed(Code::overload, true);
  const bool has_ended = wait.ended();  // and the waiter knows
  wait.bytes += reply.value.size();
  bytes_ += reply.value.size();
  wait.answered += lua::is_answer(reply.code) ? 1 : 0;
  wait.calls[place.index] = 0;
  wait.replies[place.index] = std::move(reply);
  --wait.open;
  if (!has_ended && wait.ended()) waiter_.on_remote_replies(place.slot);
}

const RemoteRequest* RemoteCalls::request_of(std::uint64_t call) const {
  const auto found = calls_.find(call);
  if (found == calls_.end()) return nullptr;
  const Place place = found->second;
  return &waits_.at(place.slot).asked->requests[place.index];
}

void RemoteCalls::on_peer_reply(std::uint64_t call, const proto::ReplyPart& reply) {
  const RemoteRequest* request = request_of(call);
  if (request == nullptr) return;  // it goes to the end, and its wait has ended
  if (reply.is_error() && request->key == lua::Host::replica_key) node_.replicas->saw(reply.text);
  finish(call, remote_reply(*request, reply));
}

void RemoteCalls::on_peer_failure(std::uint64_t call, cluster::Failure failure, bool sent) {
  if (request_of(call) == nullptr) return;
  const bool stopping = failure == cluster::Failure::cancelled;
  finish(call, failed(code_of(failure), sent, stopping ? "this node is stopping" : ""));
}

std::optional<std::string> RemoteCalls::audit() const {
  std::size_t open = 0;
  std::size_t bytes = 0;
  for (const auto& [slot, wait] : waits_) {
    open += wait.open;
    bytes += wait.bytes;
  }
  if (open != calls_.size()) return "remote calls: a call belongs to no wait";
  if (bytes != bytes_) return "remote calls: the bytes do not add up";
  return std::nullopt;
}

}  // namespace cacheismo::node
