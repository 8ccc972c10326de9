#include "cacheismo/cluster/forward.h"

#include <cstring>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/proto/reply_format.h"

namespace cacheismo::cluster {

using proto::Command;
using proto::Meta;
using proto::MetaFlag;
using proto::ReplyPart;
using proto::ReplyWord;
using proto::Verb;

namespace {

constexpr Bytes opaque_mark = " O";

// ---- Requests -----------------------------------------------------------------------------------

void append_number(std::string& request, std::uint64_t number) {
  char digits[proto::decimal_bytes_max];
  request.append(digits, static_cast<std::size_t>(proto::put_decimal(digits, number) - digits));
}

void append_opaque(std::string& request, std::uint32_t opaque) {
  request += opaque_mark;
  append_number(request, opaque);
}

void append_hop_flag(std::string& request, const Hop& hop) {
  request += " P";
  append_hop(request, hop);
  request += "\r\n";
}

/// What the requests for classic commands end with.
void append_end(std::string& request, const ForwardOptions& options,
                Hop::Wants wants = Hop::Wants::meta) {
  ForwardOptions envelope = options;
  envelope.hop.wants = wants;
  append_envelope(envelope, request);
}

void append_flag(std::string& request, const char* flag, std::int64_t argument) {
  request += flag;
  request += std::to_string(argument);
}

const char* mode_of(Verb verb) {
  switch (verb) {
    case Verb::add: return " ME";
    case Verb::replace: return " MR";
    case Verb::append: return " MA";
    case Verb::prepend: return " MP";
    default: return "";
  }
}

void append_line(std::string& request, const char* word, Bytes key) {
  request.reserve(request.size() + key.size() + 64);
  request += word;
  request += key;
}

void append_data(std::string& request, Bytes data) {
  request += data;
  request += "\r\n";
}

void storage(const Command& command, Bytes data, const ForwardOptions& options,
             std::string& request) {
  append_line(request, "ms ", command.key);
  request += ' ';
  append_number(request, data.size());
  // As memcached, append and prepend look at neither: the item keeps its own.
  if (command.verb != Verb::append && command.verb != Verb::prepend) {
    append_flag(request, " F", command.client_flags);
    append_flag(request, " T", command.exptime);
  }
  request += mode_of(command.verb);
  if (command.verb == Verb::cas) {
    request += " C";
    append_number(request, command.cas);
  }
  append_end(request, options);
  append_data(request, data);
}

void arithmetic(const Command& command, const ForwardOptions& options, std::string& request) {
  append_line(request, "ma ", command.key);
  request += " v D";
  append_number(request, command.delta);
  if (command.verb == Verb::decr) request += " MD";
  append_end(request, options);
}

const char* word_of(Verb verb) {
  switch (verb) {
    case Verb::ms: return "ms ";
    case Verb::md: return "md ";
    case Verb::ma: return "ma ";
    case Verb::me: return "me ";
    default: return "mg ";
  }
}

/// Whether a second execution would find what the first has left.
bool only_reads(const Command& command) {
  if (command.verb == Verb::me) return true;
  if (command.verb != Verb::mg) return false;
  return !command.meta.has('T') && !command.meta.has('N') && !command.meta.has('R') &&
         !command.meta.has('E');
}

std::optional<Forward> meta_command(const Command& command, Bytes data,
                                    const ForwardOptions& options, std::string& request) {
  const Meta& meta = command.meta;
  Forward forward;
  forward.shape = Forward::Shape::meta;
  forward.verb = command.verb;
  forward.quiet = meta.quiet;
  forward.wants_key = meta.has('k');
  forward.base64 = meta.base64;
  forward.has_opaque = meta.has('O');
  forward.read_only = only_reads(command);
  forward.key = std::string(meta.base64 ? meta.encoded_key : command.key);
  append_line(request, word_of(command.verb), forward.key);
  if (command.verb == Verb::ms) {
    request += ' ';
    append_number(request, data.size());
  }
  std::size_t tokens = 1;  // P
  for (const MetaFlag& flag : meta.all()) {
    if (flag.letter == 'P' || flag.letter == 'q') continue;
    ++tokens;
    if (flag.letter == 'O') {
      forward.opaque = std::string(flag.argument);
      append_opaque(request, options.opaque);
      continue;
    }
    request += ' ';
    request += flag.letter;
    request += flag.argument;
  }
  tokens += (forward.wants_key ? 0u : 1u) + (forward.has_opaque ? 0u : 1u);
  if (tokens > limits::meta_tokens_max) return std::nullopt;
  if (!forward.wants_key) request += " k";
  if (!forward.has_opaque) append_opaque(request, options.opaque);
  append_hop_flag(request, options.hop);
  if (command.verb == Verb::ms) append_data(request, data);
  return forward;
}

// ---- Replies ------------------------------------------------------------------------------------

void append_value(const Forward& forward, const ReplyPart& reply, std::string& out) {
  if (reply.word != ReplyWord::meta_value) return;
  out.reserve(out.size() + forward.key.size() + reply.value.size() + 48);
  out += "VALUE ";
  out += forward.key;
  out += ' ';
  out += reply.flag('f').value_or("0");
  out += ' ';
  append_number(out, reply.value.size());
  if (forward.with_cas) {
    out += ' ';
    out += reply.flag('c').value_or("0");
  }
  out += "\r\n";
  out += reply.value;
  out += "\r\n";
}

const char* stored_line(ReplyWord word) {
  switch (word) {
    case ReplyWord::meta_hit: return "STORED\r\n";
    case ReplyWord::meta_exists: return "EXISTS\r\n";
    case ReplyWord::meta_not_found: return "NOT_FOUND\r\n";
    default: return "NOT_STORED\r\n";
  }
}

/// The statuses that `q` hides.
bool is_ordinary(Verb verb, ReplyWord word) {
  if (verb == Verb::mg) return word == ReplyWord::meta_miss;
  return word == ReplyWord::meta_hit || word == ReplyWord::meta_value;
}

const char* status_of(ReplyWord word) {
  switch (word) {
    case ReplyWord::meta_hit: return "HD";
    case ReplyWord::meta_value: return "VA ";
    case ReplyWord::meta_miss: return "EN";
    case ReplyWord::meta_not_found: return "NF";
    case ReplyWord::meta_not_stored: return "NS";
    case ReplyWord::meta_exists: return "EX";
    default: return nullptr;
  }
}

/// Whether a request of this kind may be answered so.
bool fits(const Forward& forward, const ReplyPart& reply) {
  if (reply.is_error()) return true;
  if (forward.verb == Verb::me && reply.word == ReplyWord::meta_debug) return true;
  if (forward.shape == Forward::Shape::number && reply.word == ReplyWord::meta_hit) return false;
  return status_of(reply.word) != nullptr;
}

/// A reply has its flags in the order of the request, so that the client's O is put where ours was.
void append_flags(const Forward& forward, Bytes flags, std::string& out) {
  proto::KeyCursor cursor(flags);
  for (Bytes flag = cursor.next(); !flag.empty(); flag = cursor.next()) {
    const bool opaque = flag.front() == 'O';
    const bool names_key = flag.front() == 'k' || flag.front() == 'b';
    if ((opaque && !forward.has_opaque) || (names_key && !forward.wants_key)) continue;
    out += ' ';
    if (opaque) {
      out += 'O';
      out += forward.opaque;
    } else {
      out += flag;
    }
  }
}

void append_meta(const Forward& forward, const ReplyPart& reply, std::string& out) {
  if (reply.word == ReplyWord::meta_debug) {
    out += "ME ";
    out += reply.key;
    out += ' ';
    out += reply.text;
    out += "\r\n";
    return;
  }
  if (forward.quiet && is_ordinary(forward.verb, reply.word)) return;
  out += status_of(reply.word);
  if (reply.word == ReplyWord::meta_value) append_number(out, reply.value.size());
  append_flags(forward, reply.flags, out);
  out += "\r\n";
  if (reply.word != ReplyWord::meta_value) return;
  out += reply.value;
  out += "\r\n";
}

}  // namespace

Forward forward_get(Bytes key, const ForwardGet& how, const ForwardOptions& options,
                    std::string& request) {
  Forward forward;
  forward.shape = Forward::Shape::value;
  forward.with_cas = how.with_cas;
  forward.read_only = !how.touch;
  forward.key = std::string(key);
  append_line(request, "mg ", key);
  request += how.with_cas ? " v f c" : " v f";
  if (how.touch) append_flag(request, " T", *how.touch);
  append_end(request, options, Hop::Wants::plain);
  return forward;
}

std::optional<Forward> forward_command(const Command& command, Bytes data,
                                       const ForwardOptions& options, std::string& request) {
  Forward forward;
  forward.verb = command.verb;
  forward.silent = command.noreply;
  switch (command.verb) {
    case Verb::set:
    case Verb::add:
    case Verb::replace:
    case Verb::append:
    case Verb::prepend:
    case Verb::cas:
      forward.shape = Forward::Shape::stored;
      storage(command, data, options, request);
      break;
    case Verb::del:
      forward.shape = Forward::Shape::deleted;
      append_line(request, "md ", command.key);
      append_end(request, options);
      break;
    case Verb::incr:
    case Verb::decr:
      forward.shape = Forward::Shape::number;
      arithmetic(command, options, request);
      break;
    case Verb::touch:
      forward.shape = Forward::Shape::touched;
      append_line(request, "mg ", command.key);
      append_flag(request, " T", command.exptime);
      append_end(request, options, Hop::Wants::plain);
      break;
    default: return meta_command(command, data, options, request);
  }
  forward.key = std::string(command.key);
  return forward;
}

Forward forward_order(Bytes key, const ForwardOptions& options, std::string& request) {
  Forward forward;
  forward.shape = Forward::Shape::nothing;
  forward.verb = Verb::mg;
  forward.key = std::string(key);
  append_line(request, "mg ", key);
  request += " v";
  append_end(request, options);
  return forward;
}

Forward forward_removal(const Command& command, const ForwardOptions& options,
                        std::string& request) {
  Forward forward;
  forward.shape = Forward::Shape::nothing;
  forward.verb = Verb::md;
  forward.silent = true;
  forward.base64 = command.verb == Verb::ms && command.meta.base64;
  forward.key = std::string(forward.base64 ? command.meta.encoded_key : command.key);
  append_line(request, "md ", forward.key);
  if (forward.base64) request += " b";
  append_end(request, options);
  return forward;
}

void append_envelope(const ForwardOptions& options, std::string& request) {
  request += " k";
  append_opaque(request, options.opaque);
  append_hop_flag(request, options.hop);
}

void replace_opaque(std::string& request, std::uint32_t opaque) {
  // Behind the key, of which every request has one, only a flag begins so.
  const std::size_t at = request.rfind(opaque_mark, request.find("\r\n"));
  CHECK(at != std::string::npos);
  std::string flag;
  append_opaque(flag, opaque);
  request.replace(at, request.find(' ', at + 1) - at, flag);
}

bool is_wrong_owner(const ReplyPart& reply) {
  return reply.word == ReplyWord::server_error && reply.text.starts_with(wrong_owner_text);
}

bool append_reply(const Forward& forward, const ReplyPart& reply, std::string& out) {
  if (!fits(forward, reply)) return false;
  if (forward.silent) return true;
  if (reply.is_error()) {
    out += reply.error_line();
    out += "\r\n";
    return true;
  }
  const bool hit = reply.word == ReplyWord::meta_hit || reply.word == ReplyWord::meta_value;
  switch (forward.shape) {
    case Forward::Shape::value: append_value(forward, reply, out); break;
    case Forward::Shape::stored: out += stored_line(reply.word); break;
    case Forward::Shape::deleted: out += hit ? "DELETED\r\n" : "NOT_FOUND\r\n"; break;
    case Forward::Shape::touched: out += hit ? "TOUCHED\r\n" : "NOT_FOUND\r\n"; break;
    case Forward::Shape::number:
      out += hit ? reply.value : Bytes("NOT_FOUND");
      out += "\r\n";
      break;
    case Forward::Shape::meta: append_meta(forward, reply, out); break;
    case Forward::Shape::nothing: break;
  }
  return true;
}

void append_failure(const Forward& forward, Bytes text, std::string& out) {
  if (forward.silent) return;
  out += "SERVER_ERROR ";
  out += text;
  out += "\r\n";
}

}  // namespace cacheismo::cluster
