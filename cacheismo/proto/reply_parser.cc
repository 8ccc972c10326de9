#include "cacheismo/proto/reply_parser.h"

#include <cstring>
#include <limits>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/proto/command.h"
#include "cacheismo/proto/decimal.h"

namespace cacheismo::proto {
namespace {

using Kind = ReplyParsed::Kind;

constexpr ReplyParsed malformed{.kind = Kind::malformed};

/// What stands behind the word on its line.
enum class Tail : std::uint8_t { nothing, text, flags };

struct KnownWord {
  Bytes name;
  ReplyWord word;
  Tail tail;
};

constexpr KnownWord known_words[] = {
    {"HD", ReplyWord::meta_hit, Tail::flags},
    {"EN", ReplyWord::meta_miss, Tail::flags},
    {"NF", ReplyWord::meta_not_found, Tail::flags},
    {"NS", ReplyWord::meta_not_stored, Tail::flags},
    {"EX", ReplyWord::meta_exists, Tail::flags},
    {"MN", ReplyWord::meta_noop, Tail::nothing},
    {"END", ReplyWord::end, Tail::nothing},
    {"STORED", ReplyWord::stored, Tail::nothing},
    {"NOT_STORED", ReplyWord::not_stored, Tail::nothing},
    {"EXISTS", ReplyWord::exists, Tail::nothing},
    {"NOT_FOUND", ReplyWord::not_found, Tail::nothing},
    {"DELETED", ReplyWord::deleted, Tail::nothing},
    {"TOUCHED", ReplyWord::touched, Tail::nothing},
    {"OK", ReplyWord::ok, Tail::nothing},
    {"RESET", ReplyWord::reset, Tail::nothing},
    {"VERSION", ReplyWord::version, Tail::text},
    {"ERROR", ReplyWord::error, Tail::text},
    {"CLIENT_ERROR", ReplyWord::client_error, Tail::text},
    {"SERVER_ERROR", ReplyWord::server_error, Tail::text},
    // What stands before a colon in memcached's answers to a `shutdown` that is not enabled.
    {"ERROR:", ReplyWord::error, Tail::text},
    {"SERVER_ERROR:", ReplyWord::server_error, Tail::text},
};

constexpr Bytes refusals[] = {"BUSY", "BADCLASS", "NOTSTARTED", "MEMLIMIT_", "WATCHER_"};

Bytes without_leading_spaces(Bytes text) {
  const std::size_t start = text.find_first_not_of(' ');
  return start == Bytes::npos ? Bytes{} : text.substr(start);
}

ReplyParsed part_of(std::size_t line_bytes) { return {.kind = Kind::part, .consumed = line_bytes}; }

/// A part whose header line announces a value: the value and its line end follow.
ReplyParsed take_value(Bytes input, std::size_t line_bytes, Bytes length_token, ReplyPart& out) {
  const auto length = parse_unsigned(length_token);
  if (!length || *length > limits::declared_length_max) return malformed;
  const auto value_bytes = static_cast<std::size_t>(*length);
  const std::size_t whole = line_bytes + value_bytes + 2;
  if (input.size() < whole) return {.kind = Kind::need_more, .wanted = whole};
  if (input.substr(whole - 2, 2) != "\r\n") return malformed;
  out.value = input.substr(line_bytes, value_bytes);
  return part_of(whole);
}

/// VALUE key flags bytes [cas]
ReplyParsed parse_value(Bytes input, std::size_t line_bytes, Bytes rest, ReplyPart& out) {
  KeyCursor cursor(rest);
  out.word = ReplyWord::value;
  out.key = cursor.next();
  const auto client_flags = parse_unsigned(cursor.next());
  const Bytes length = cursor.next();
  const Bytes cas = cursor.next();
  if (out.key.empty() || out.key.size() > limits::key_bytes_max) return malformed;
  if (!client_flags || *client_flags > std::numeric_limits<std::uint32_t>::max()) return malformed;
  out.client_flags = static_cast<std::uint32_t>(*client_flags);
  if (!cas.empty()) {
    out.cas = parse_unsigned(cas);
    if (!out.cas) return malformed;
  }
  if (!cursor.next().empty()) return malformed;
  return take_value(input, line_bytes, length, out);
}

/// VA bytes flags
ReplyParsed parse_meta_value(Bytes input, std::size_t line_bytes, Bytes rest, ReplyPart& out) {
  KeyCursor cursor(rest);
  out.word = ReplyWord::meta_value;
  const Bytes length = cursor.next();
  out.flags = without_leading_spaces(cursor.rest());
  return take_value(input, line_bytes, length, out);
}

/// STAT name value, ME key facts
ReplyParsed parse_named_text(ReplyWord word, std::size_t line_bytes, Bytes rest, ReplyPart& out) {
  KeyCursor cursor(rest);
  out.word = word;
  out.key = cursor.next();
  out.text = without_leading_spaces(cursor.rest());
  return out.key.empty() ? malformed : part_of(line_bytes);
}

ReplyParsed parse_known(const KnownWord& known, std::size_t line_bytes, Bytes rest,
                        ReplyPart& out) {
  out.word = known.word;
  const Bytes tail = without_leading_spaces(rest);
  switch (known.tail) {
    case Tail::nothing: return rest.empty() ? part_of(line_bytes) : malformed;
    case Tail::text: out.text = tail; break;
    case Tail::flags: out.flags = tail; break;
  }
  return part_of(line_bytes);
}

ReplyParsed parse_rare(Bytes line, std::size_t line_bytes, ReplyPart& out) {
  if (const auto number = parse_unsigned(line); number && line.front() != '+') {
    out.word = ReplyWord::number;
    out.number = *number;
    return part_of(line_bytes);
  }
  for (const Bytes start : refusals) {
    if (!line.starts_with(start)) continue;
    out.word = ReplyWord::refusal;
    out.text = line;
    return part_of(line_bytes);
  }
  if (!line.starts_with("mg ") && !line.starts_with("key=")) return malformed;
  out.word = ReplyWord::dump;
  out.text = line;
  return part_of(line_bytes);
}

}  // namespace

std::string ReplyPart::error_line() const {
  CHECK(is_error());
  std::string line = word == ReplyWord::server_error   ? "SERVER_ERROR"
                     : word == ReplyWord::client_error ? "CLIENT_ERROR"
                                                       : "ERROR";
  if (!text.empty()) line.append(" ").append(text);
  return line;
}

std::optional<Bytes> ReplyPart::flag(char letter) const {
  KeyCursor cursor(flags);
  for (Bytes token = cursor.next(); !token.empty(); token = cursor.next()) {
    if (token.front() == letter) return token.substr(1);
  }
  return std::nullopt;
}

ReplyParsed parse_reply(Bytes input, ReplyPart& out) {
  if (input.empty()) return {.kind = Kind::need_more, .wanted = 1};
  // No server writes a longer line; looking no further makes the answer independent of cuts.
  const std::size_t newline = input.substr(0, limits::line_bytes_max).find('\n');
  if (newline == Bytes::npos) {
    if (input.size() >= limits::line_bytes_max) return malformed;
    return {.kind = Kind::need_more, .wanted = input.size() + 1};
  }
  const std::size_t line_bytes = newline + 1;
  Bytes line = input.substr(0, newline);
  const bool proper_end = line.ends_with('\r');
  if (proper_end) line.remove_suffix(1);
  // Only the lines of a metadump end in a bare newline.
  if (!proper_end && !line.starts_with("key=")) return malformed;
  const Bytes word = line.substr(0, line.find(' '));
  const Bytes rest = line.substr(word.size());
  out = ReplyPart{};
  if (word == "VALUE") return parse_value(input, line_bytes, rest, out);
  if (word == "VA") return parse_meta_value(input, line_bytes, rest, out);
  if (word == "STAT") return parse_named_text(ReplyWord::stat, line_bytes, rest, out);
  if (word == "ME") return parse_named_text(ReplyWord::meta_debug, line_bytes, rest, out);
  for (const KnownWord& known : known_words) {
    if (word == known.name) return parse_known(known, line_bytes, rest, out);
  }
  return parse_rare(line, line_bytes, out);
}

}  // namespace cacheismo::proto
