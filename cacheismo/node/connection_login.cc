// Connection, part of it: what is understood before the login, where -Y asks for one.

#include <cstddef>
#include <cstdint>

#include "cacheismo/node/connection.h"
#include "cacheismo/node/connection_table.h"
#include "cacheismo/proto/replies.h"

namespace cacheismo::node {

using proto::Command;
using proto::Parsed;
using proto::Verb;
namespace replies = proto::replies;

namespace {

constexpr Bytes line_end = "\r\n";

}  // namespace

/// Before the login only `set` is understood; its data block is "user password".
std::size_t Connection::step_login(Bytes in, Stop& why) {
  const std::size_t newline = in.find('\n');
  const Parsed parsed = node_->parser.parse(in);
  if (newline == Bytes::npos) {
    need_ = 0;
    if (parsed.kind == Parsed::Kind::hang_up || in.size() > limits::line_bytes_max) {
      close_when_sent_ = true;
      why = Stop::wait;
      return in.size();
    }
    why = Stop::need_more;
    return 0;
  }
  const Command& command = node_->parser.command();
  if (parsed.kind != Parsed::Kind::command || command.verb != Verb::set) {
    --budget_;
    output_.append(replies::unauthenticated);
    return newline + 1;
  }
  const std::uint64_t whole = parsed.consumed + command.data_bytes + line_end.size();
  if (command.data_bytes > limits::auth_token_bytes_max) {
    --budget_;
    output_.append(replies::auth_too_long);
    swallow_ = command.data_bytes + line_end.size();
    return parsed.consumed;
  }
  if (in.size() < whole) {
    need_ = whole;
    why = Stop::need_more;
    return 0;
  }
  --budget_;
  ++node_->counters.auth_cmds;
  const Bytes block = in.substr(parsed.consumed, static_cast<std::size_t>(command.data_bytes) + 2);
  Authenticator::Verdict verdict = Authenticator::Verdict::malformed;
  if (block.ends_with(line_end)) verdict = node_->auth.check(block.substr(0, block.size() - 2));
  switch (verdict) {
    case Authenticator::Verdict::accepted:
      authenticated_ = true;
      output_.append(replies::stored);
      break;
    case Authenticator::Verdict::refused:
      ++node_->counters.auth_errors;
      output_.append(replies::bad_credentials);
      break;
    case Authenticator::Verdict::malformed:
      ++node_->counters.auth_errors;
      output_.append(block.ends_with(line_end) ? replies::bad_auth_format : replies::bad_auth_line);
      break;
  }
  return static_cast<std::size_t>(whole);
}

}  // namespace cacheismo::node
