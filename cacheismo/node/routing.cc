#include "cacheismo/node/routing.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/node/connection_table.h"
#include "cacheismo/node/node_state.h"
#include "cacheismo/node/scripts.h"
#include "cacheismo/proto/base64.h"
#include "cacheismo/proto/decimal.h"

namespace cacheismo::node {

using cluster::Failure;
using cluster::Forward;
using proto::Command;

Routing::Routing(NodeState& node, Peers& peers)
    : node_(node),
      peers_(peers),
      history_(node.config.cluster.node_name,
               node.config.memory_bytes / handover_memory_share / handover_key_bytes),
      handover_(node, *this, peers) {}

std::string Routing::wrong_owner(Bytes key) {
  ++counters_.wrong_owner_sent;
  const Placement at(node_, key);
  const bool known = !at.anywhere() && !at.failed();
  const std::uint64_t newer = known ? history_.yielded(at.key().key) : 0;
  return fmt::format("SERVER_ERROR {}{}\r\n", cluster::wrong_owner_text,
                     std::max(newer, ring().epoch()));
}

std::string Routing::not_the_owner() const {
  return fmt::format("SERVER_ERROR cluster: {}: {}\r\n", node_.config.cluster.node_name,
                     cluster::to_string(Failure::wrong_owner));
}

// ---- Asking -------------------------------------------------------------------------------------

cluster::Hop Routing::hop() const {
  const auto timeout_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(node_.config.cluster.timeout).count();
  return {.hops = 1,
          .depth = 0,
          .epoch = ring().epoch(),
          .remaining_ms = static_cast<std::uint32_t>(timeout_ms)};
}

cluster::ForwardOptions Routing::options() {
  return {.opaque = peers_.next_opaque(), .hop = hop()};
}

/// Whether a get of this key changes nothing.
bool Routing::may_repeat(Bytes key) const {
  Bytes rest;
  const lua::Method* method = method_of(key, rest);
  return method == nullptr || method->kind == lua::Kind::read;
}

/// What the request for a key is to Peers: over which of its connections it goes, and whether what
/// only reads by its command does so by its key, too.
Lane Routing::judge(Bytes key, Forward& forward) const {
  Bytes rest;
  const lua::Method* method = method_of(key, rest);
  if (method == nullptr) return Lane::brief;
  if (method->kind != lua::Kind::read) forward.read_only = false;
  // A method that may wait must not hold up what others ask of its node.
  return method->kind == lua::Kind::async ? Lane::waiting : Lane::brief;
}

void Routing::forward(ReplyQueue& replies, std::uint32_t connection, std::uint32_t member,
                      const Command& command, Bytes data) {
  OwedReply reply;
  const cluster::ForwardOptions how = options();
  std::string request;
  auto made = cluster::forward_command(command, data, how, request);
  if (!made) {
    reply.forward.silent = command.noreply;
    reply.ready = true;
    reply.text = "CLIENT_ERROR options flags are too long\r\n";
    replies.owe(std::move(reply));
    return;
  }
  reply.forward = std::move(*made);
  reply.lane = judge(command.key, reply.forward);
  ask(replies, connection, member, std::move(request), std::move(reply), how.opaque);
}

void Routing::forward_get(ReplyQueue& replies, std::uint32_t connection, std::uint32_t member,
                          Bytes key, const cluster::ForwardGet& how, std::uint32_t group) {
  OwedReply reply;
  reply.group = group;
  const cluster::ForwardOptions ask_how = options();
  std::string request;
  reply.forward = cluster::forward_get(key, how, ask_how, request);
  reply.lane = judge(key, reply.forward);
  ask(replies, connection, member, std::move(request), std::move(reply), ask_how.opaque);
}

void Routing::remove(ReplyQueue& replies, std::uint32_t connection, std::uint32_t member,
                     const Command& command) {
  OwedReply reply;
  const cluster::ForwardOptions how = options();
  std::string request;
  reply.forward = cluster::forward_removal(command, how, request);
  ask(replies, connection, member, std::move(request), std::move(reply), how.opaque);
}

void Routing::order_all(ReplyQueue& replies, std::uint32_t connection, Bytes key,
                        std::uint32_t group, bool silent) {
  for (std::uint32_t member = 0; member < addresses_.size(); ++member) {
    if (self() && member == *self()) continue;
    if (ring().members()[member].state == cluster::MemberState::joining) continue;
    OwedReply reply;
    reply.group = group;
    cluster::ForwardOptions how = options();
    how.hop.epoch = 0;
    std::string request;
    reply.forward = cluster::forward_order(key, how, request);
    reply.forward.silent = silent;
    ask(replies, connection, member, std::move(request), std::move(reply), how.opaque);
  }
}

namespace {

std::string failure_text(const OwedReply& reply, Failure failure, bool sent) {
  std::string text;
  const bool unknown = sent && !reply.forward.read_only;
  cluster::append_failure(
      reply.forward,
      fmt::format("cluster: {}: {}{}", reply.member, cluster::to_string(failure),
                  unknown ? ", the outcome is unknown" : ""),
      text);
  return text;
}

}  // namespace

Result<std::uint64_t, Failure> Routing::submit(const io::Address& to, std::string request,
                                               std::uint32_t opaque, const OwedReply& reply) {
  PeerRequest asked;
  asked.lane = reply.lane;
  asked.bytes = std::move(request);
  asked.opaque = opaque;
  asked.key = reply.forward.key;
  asked.echoes = reply.forward.verb != proto::Verb::me;
  asked.read_only = reply.forward.read_only;
  asked.deadline = node_.io.now().monotonic + node_.config.cluster.timeout;
  return peers_.submit(to, std::move(asked), *this);
}

void Routing::ask(ReplyQueue& replies, std::uint32_t connection, std::uint32_t member,
                  std::string request, OwedReply reply, std::uint32_t opaque) {
  ++counters_.forwarded;
  retry_tenths_ = std::min(retry_tenths_ + 1, retry_tenths_max);
  reply.member = ring().members()[member].name;
  // A get is written anew if need be; most requests are gets, and few are asked again.
  const bool kept = reply.forward.shape != Forward::Shape::value || !reply.forward.read_only;
  if (kept && request.size() <= limits::retry_bytes_max) reply.request = request;
  const auto call = submit(addresses_[member], std::move(request), opaque, reply);
  if (!call) {
    ++counters_.failed;
    reply.ready = reply.error = true;
    reply.request.clear();
    reply.text = failure_text(reply, call.error(), false);
    replies.owe(std::move(reply));
    return;
  }
  reply.call = *call;
  owed_.emplace(*call, Owed{.connection = connection, .number = replies.owe(std::move(reply))});
}

bool Routing::ask_again(const Owed& owed, OwedReply& reply, const io::Address& to) {
  if (reply.retried || retry_tenths_ < 10) return false;
  const cluster::ForwardOptions how = options();
  if (reply.forward.shape == Forward::Shape::value && reply.forward.read_only) {
    (void)cluster::forward_get(reply.forward.key, {.with_cas = reply.forward.with_cas}, how,
                               reply.request);
  } else if (reply.request.empty()) {
    return false;
  } else {
    cluster::replace_opaque(reply.request, how.opaque);
  }
  const auto call = submit(to, reply.request, how.opaque, reply);
  if (!call) return false;
  retry_tenths_ -= 10;
  ++counters_.retried;
  reply.retried = true;
  reply.call = *call;
  owed_.emplace(*call, owed);
  return true;
}

// ---- Replies ------------------------------------------------------------------------------------

void Routing::finish(const Owed& owed, std::string text, bool error) {
  Connection& connection = node_.connections->at(owed.connection);
  if (connection.replies().arrived(owed.number, std::move(text), error)) connection.reply_arrived();
}

void Routing::on_peer_reply(std::uint64_t call, const proto::ReplyPart& part) {
  const auto found = owed_.find(call);
  if (found == owed_.end()) return;  // its connection has gone
  const Owed owed = found->second;
  owed_.erase(found);
  OwedReply& reply = node_.connections->at(owed.connection).replies().at(owed.number);
  if (cluster::is_wrong_owner(part)) {
    on_wrong_owner(owed, reply, part.text);
    return;
  }
  std::string text;
  if (!cluster::append_reply(reply.forward, part, text)) {
    ++counters_.failed;
    finish(owed, failure_text(reply, Failure::protocol, true), true);
    return;
  }
  ++counters_.answered;
  finish(owed, std::move(text), part.is_error());
}

/// Nothing was executed. The older side learns of the newer ring: this one now, the other one when
/// it is asked again.
void Routing::on_wrong_owner(const Owed& owed, OwedReply& reply, Bytes text) {
  ++counters_.wrong_owner_received;
  const auto epoch = proto::parse_unsigned(text.substr(cluster::wrong_owner_text.size()));
  if (epoch && *epoch > ring().epoch()) (void)load();
  const std::string& spelt = reply.forward.key;
  const auto key = reply.forward.base64 ? proto::base64_bytes(spelt) : spelt;
  const Place now = place(Bytes(key.value_or("")));
  if (now.is == Place::Is::elsewhere && ask_again(owed, reply, addresses_[now.member])) return;
  ++counters_.failed;
  finish(owed, failure_text(reply, Failure::wrong_owner, false), true);
}

void Routing::on_peer_failure(std::uint64_t call, Failure failure, bool sent) {
  const auto found = owed_.find(call);
  if (found == owed_.end()) return;
  const Owed owed = found->second;
  owed_.erase(found);
  OwedReply& reply = node_.connections->at(owed.connection).replies().at(owed.number);
  ++counters_.failed;
  finish(owed, failure_text(reply, failure, sent), true);
}

void Routing::drop(OwedReply& reply) {
  owed_.erase(reply.call);
  if (reply.forward.read_only) peers_.cancel(reply.call);
}

void Routing::forget(ReplyQueue& replies) {
  replies.for_each([&](OwedReply& reply) {
    if (!reply.ready) drop(reply);
  });
}

std::optional<std::string> Routing::audit() const {
  for (const auto& [call, owed] : owed_) {
    Connection& connection = node_.connections->at(owed.connection);
    if (!connection.in_use()) return "routing: a call of a connection that is gone";
    if (connection.replies().at(owed.number).call != call)
      return "routing: a reply is owed for another call";
  }
  return std::nullopt;
}

}  // namespace cacheismo::node
