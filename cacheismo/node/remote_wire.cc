#include "cacheismo/node/remote_wire.h"

#include <fmt/format.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/cluster/forward.h"
#include "cacheismo/proto/decimal.h"

namespace cacheismo::node {

using lua::RemoteReply;
using lua::RemoteRequest;
using proto::ReplyWord;
using Op = RemoteRequest::Op;

namespace {

RemoteReply plain(RemoteReply::Code code) {
  RemoteReply reply;
  reply.code = code;
  reply.sent = true;
  return reply;
}

RemoteReply error_of(const proto::ReplyPart& reply) {
  RemoteReply made = plain(cluster::is_wrong_owner(reply) ? RemoteReply::Code::wrong_owner
                                                          : RemoteReply::Code::remote);
  made.text = reply.error_line();
  return made;
}

}  // namespace

std::string remote_request(const RemoteRequest& request, const proto::SpeltKey& key,
                           const RemoteEnvelope& envelope) {
  std::string rest(key.flag());
  cluster::append_envelope(
      {.opaque = envelope.opaque,
       .hop = {.hops = 1, .depth = envelope.depth, .remaining_ms = envelope.remaining_ms}},
      rest);
  switch (request.op) {
    case Op::get:
    case Op::call: return fmt::format("mg {} v f{}", key.text, rest);
    case Op::remove: return fmt::format("md {}{}", key.text, rest);
    case Op::set: break;
  }
  // Above 30 days the protocol takes a number for a moment.
  const std::int64_t ttl = request.ttl_seconds > limits::relative_expiry_seconds_max
                               ? envelope.unix_seconds + request.ttl_seconds
                               : request.ttl_seconds;
  std::string text =
      fmt::format("ms {} {} T{} F{}{}", key.text, request.value.size(), ttl, request.flags, rest);
  text += request.value;
  text += "\r\n";
  return text;
}

RemoteReply remote_reply(const RemoteRequest& request, const proto::ReplyPart& reply) {
  using Code = RemoteReply::Code;
  if (reply.is_error()) return error_of(reply);
  const bool gets = request.op == Op::get || request.op == Op::call;
  switch (reply.word) {
    case ReplyWord::meta_value: {
      if (!gets) break;
      RemoteReply made = plain(Code::value);
      made.value = std::string(reply.value);
      const auto flags = proto::parse_unsigned(reply.flag('f').value_or("0"));
      if (!flags || *flags > 0xFFFFFFFF) break;
      made.flags = static_cast<std::uint32_t>(*flags);
      return made;
    }
    case ReplyWord::meta_miss:
      if (gets) return plain(Code::miss);
      break;
    case ReplyWord::meta_hit:
      if (!gets) return plain(Code::done);
      break;
    case ReplyWord::meta_not_found:
      if (request.op == Op::remove) return plain(Code::miss);
      break;
    case ReplyWord::meta_not_stored:
      if (request.op == Op::set) return plain(Code::not_stored);
      break;
    default: break;
  }
  return plain(Code::protocol);
}

}  // namespace cacheismo::node
