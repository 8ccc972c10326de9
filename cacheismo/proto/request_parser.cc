#include "cacheismo/proto/request_parser.h"

#include <cstring>
#include <limits>
#include <optional>

#include "cacheismo/proto/base64.h"
#include "cacheismo/proto/decimal.h"
#include "cacheismo/proto/meta_flags.h"
#include "cacheismo/proto/replies.h"

namespace cacheismo::proto {
namespace {

// ---- Verdicts ----------------------------------------------------------------------------------

Parsed accepted() { return {.kind = Parsed::Kind::command}; }

Parsed reject(Bytes reply, std::uint64_t swallow = 0) {
  return {.kind = Parsed::Kind::reject, .swallow = swallow, .reply = reply};
}

/// A refusal of a line that may have asked for silence: then memcached keeps quiet on errors too.
Parsed refuse(const Command& command, Bytes reply, std::uint64_t swallow = 0) {
  return reject(command.noreply ? Bytes{} : reply, swallow);
}

// ---- Tokens ------------------------------------------------------------------------------------

/// The next short token of `rest`; empty at its end.
Bytes take_token(Bytes& rest) {
  std::size_t start = 0;
  while (start < rest.size() && rest[start] == ' ') ++start;
  std::size_t end = start;
  while (end < rest.size() && rest[end] != ' ') ++end;
  const Bytes token = rest.substr(start, end - start);
  rest.remove_prefix(end);
  return token;
}

/// The same for tokens that may be long.
Bytes take_key(Bytes& rest) {
  KeyCursor cursor(rest);
  const Bytes key = cursor.next();
  rest = cursor.rest();
  return key;
}

bool is_blank(Bytes rest) { return rest.find_first_not_of(' ') == Bytes::npos; }

Bytes last_token(Bytes line) {
  while (!line.empty() && line.back() == ' ') line.remove_suffix(1);
  const std::size_t space = line.rfind(' ');
  return space == Bytes::npos ? line : line.substr(space + 1);
}

/// noreply counts only as the last token of the line.
bool ends_in_noreply(Bytes arguments) {
  constexpr Bytes word = "noreply";
  return arguments.size() >= word.size() && last_token(arguments) == word;
}

bool good_key(Bytes key) { return !key.empty() && key.size() <= limits::key_bytes_max; }

/// The length of a data block; nullopt: not a length that can be waited for.
std::optional<std::uint64_t> parse_length(Bytes token) {
  const auto length = parse_unsigned(token);
  return length && *length <= limits::declared_length_max ? length : std::nullopt;
}

// ---- Lines that are no command -----------------------------------------------------------------

/// A line that is buffered without its end: is it worth waiting for more of it?
Parsed judge_partial_line(Bytes input) {
  if (input.size() <= limits::line_bytes_max) return {};
  std::size_t spaces = 0;
  while (spaces < limits::multiget_leading_spaces_max && input[spaces] == ' ') ++spaces;
  const Bytes word = input.substr(spaces);
  const bool multi_get = word.starts_with("get ") || word.starts_with("gets ");
  if (multi_get && input.size() <= limits::multiget_line_bytes_max) return {};
  return {.kind = Parsed::Kind::hang_up, .consumed = input.size()};
}

Parsed judge_unknown(Bytes line) {
  const Bytes last = last_token(line);
  if (last.starts_with("HTTP/")) return {.kind = Parsed::Kind::hang_up};
  if (last == "noreply" && last.size() < line.size()) return reject({});
  return reject(replies::error);
}

// ---- Classic commands --------------------------------------------------------------------------

/// Whether no run between spaces is longer than a key may be. Every window that is one byte longer
/// must hold a space; going on behind its last one skips most bytes unseen.
bool every_key_fits(Bytes keys) {
  while (keys.size() > limits::key_bytes_max) {
    const std::size_t space = keys.substr(0, limits::key_bytes_max + 1).rfind(' ');
    if (space == Bytes::npos) return false;
    keys.remove_prefix(space + 1);
  }
  return true;
}

Parsed parse_keys(Command& command, Bytes rest) {
  const std::size_t start = rest.find_first_not_of(' ');
  if (start == Bytes::npos) return reject(replies::bad_line);
  command.keys = rest.substr(start);
  return every_key_fits(command.keys) ? accepted() : reject(replies::bad_line);
}

Parsed parse_get_and_touch(Command& command, Bytes rest) {
  const Bytes exptime_token = take_token(rest);
  if (is_blank(rest)) return reject(replies::bad_line);
  const auto exptime = parse_signed(exptime_token);
  if (!exptime) return reject(replies::bad_exptime);
  command.exptime = *exptime;
  return parse_keys(command, rest);
}

Parsed parse_storage(Command& command, Bytes rest) {
  command.key = take_key(rest);
  const Bytes flags_token = take_token(rest);
  const Bytes exptime_token = take_token(rest);
  const auto length = parse_length(take_token(rest));
  if (!length) return reject(replies::bad_line);
  command.data_bytes = *length;
  command.noreply = ends_in_noreply(rest);
  const auto flags = parse_unsigned(flags_token);
  const auto exptime = parse_signed(exptime_token);
  const auto cas = command.verb == Verb::cas ? parse_unsigned(take_token(rest)) : 0;
  // The sender is about to send the block whatever is wrong with the rest of the line.
  if (!good_key(command.key) || !flags || !exptime || !cas)
    return refuse(command, replies::bad_line, *length + 2);
  command.client_flags = static_cast<std::uint32_t>(*flags);  // 2^32 is 0, as in memcached
  command.exptime = *exptime;
  command.cas = *cas;
  return accepted();
}

Parsed parse_delete(Command& command, Bytes rest) {
  command.noreply = ends_in_noreply(rest);
  command.key = take_key(rest);
  if (command.key.empty()) return reject(replies::bad_line);
  return good_key(command.key) ? accepted() : refuse(command, replies::bad_line);
}

Parsed parse_arithmetic(Command& command, Bytes rest) {
  command.key = take_key(rest);
  const Bytes arguments = rest;
  const Bytes delta_token = take_token(rest);
  if (delta_token.empty()) return reject(replies::bad_line);
  command.noreply = ends_in_noreply(arguments);
  if (!good_key(command.key)) return refuse(command, replies::bad_line);
  const auto delta = parse_unsigned(delta_token);
  if (!delta) return refuse(command, replies::bad_delta);
  command.delta = *delta;
  return accepted();
}

Parsed parse_touch(Command& command, Bytes rest) {
  command.key = take_key(rest);
  const Bytes arguments = rest;
  const Bytes exptime_token = take_token(rest);
  if (exptime_token.empty()) return reject(replies::bad_line);
  command.noreply = ends_in_noreply(arguments);
  if (!good_key(command.key)) return refuse(command, replies::bad_line);
  const auto exptime = parse_signed(exptime_token);
  if (!exptime) return refuse(command, replies::bad_exptime);
  command.exptime = *exptime;
  return accepted();
}

// ---- Commands for operators --------------------------------------------------------------------

Parsed parse_flush_all(Command& command, Bytes rest) {
  command.exptime = 0;
  const Bytes delay = take_token(rest);
  const bool only_noreply = command.noreply && is_blank(rest);
  if (delay.empty() || only_noreply) return accepted();
  const auto seconds = parse_signed(delay);
  if (!seconds) return refuse(command, replies::bad_exptime);
  command.exptime = *seconds;
  return accepted();
}

Parsed parse_verbosity(Command& command, Bytes rest) {
  const auto level = parse_unsigned(take_token(rest));
  if (!level || *level > std::numeric_limits<std::uint32_t>::max())
    return refuse(command, replies::bad_line);
  command.delta = *level;
  return accepted();
}

// ---- Meta commands -----------------------------------------------------------------------------

Bytes meta_error_text(MetaFlagError error, Verb verb) {
  switch (error) {
    case MetaFlagError::too_many: return replies::flags_too_long;
    case MetaFlagError::opaque_too_long: return replies::opaque_too_long;
    default: break;
  }
  // ma has one text for everything else that its flags can get wrong.
  if (verb == Verb::ma) return replies::invalid_or_duplicate_flag;
  switch (error) {
    case MetaFlagError::duplicate: return replies::duplicate_flag;
    case MetaFlagError::unknown: return replies::invalid_flag;
    case MetaFlagError::bad_client_flags: return replies::bad_line;
    case MetaFlagError::bad_initial: return replies::bad_initial;
    case MetaFlagError::bad_delta: return replies::bad_delta_flag;
    default: return replies::bad_token;
  }
}

/// The refusal of a mode that the verb does not have; empty if it has it.
Bytes judge_mode(Verb verb, char mode) {
  if (mode == 0) return {};
  if (verb == Verb::ms && Bytes("SAPRE").find(mode) == Bytes::npos) return replies::bad_mode_ms;
  if (verb == Verb::ma && Bytes("ID+-").find(mode) == Bytes::npos) return replies::bad_mode_ma;
  return {};
}

/// me looks for `b` and at nothing else.
bool has_base64_flag(Bytes flags) {
  KeyCursor cursor(flags);
  for (Bytes token = cursor.next(); !token.empty(); token = cursor.next()) {
    if (token.front() == 'b') return true;
  }
  return false;
}

// ---- The first word ----------------------------------------------------------------------------

/// Up to eight bytes of a word as a number, so that one switch finds the command.
constexpr std::uint64_t word_code(Bytes word) {
  std::uint64_t code = 0;
  for (const char c : word) code = code << 8 | static_cast<unsigned char>(c);
  return code;
}

constexpr std::size_t coded_bytes_max = 8;

}  // namespace

Parsed RequestParser::parse_meta(Verb verb, Bytes rest) {
  command_.verb = verb;
  Meta& meta = command_.meta;
  const Bytes sent_key = take_key(rest);
  std::size_t flags_max = limits::meta_tokens_max;
  std::uint64_t swallow = 0;
  if (verb == Verb::ms) {
    const auto length = parse_length(take_token(rest));
    if (!length) return reject(replies::bad_line);
    command_.data_bytes = *length;
    swallow = *length + 2;
    --flags_max;  // the length is one of memcached's 20 tokens
  }
  if (!good_key(sent_key)) return reject(replies::bad_line, swallow);
  command_.key = sent_key;
  meta.encoded_key = sent_key;
  const MetaFlagError error = parse_meta_flags(rest, flags_max, meta);
  if (error != MetaFlagError::none) return reject(meta_error_text(error, verb), swallow);
  const Bytes bad_mode = judge_mode(verb, meta.mode);
  if (!bad_mode.empty()) return reject(bad_mode, swallow);
  if (!meta.base64) return accepted();
  return decode_key() ? accepted() : reject(replies::bad_base64, swallow);
}

Parsed RequestParser::parse_meta_debug(Bytes rest) {
  command_.verb = Verb::me;
  const Bytes sent_key = take_key(rest);
  if (!good_key(sent_key)) return reject(replies::bad_line);
  // memcached looks for a `b` only; whatever else stands there offends nobody.
  (void)parse_meta_flags(rest, limits::meta_tokens_max, command_.meta);
  command_.key = sent_key;
  command_.meta.encoded_key = sent_key;
  command_.meta.base64 = has_base64_flag(rest);
  if (!command_.meta.base64) return accepted();
  return decode_key() ? accepted() : reject(replies::bad_line);
}

bool RequestParser::decode_key() {
  const auto size = base64_decode(command_.key, decoded_key_);
  if (size) command_.key = Bytes(decoded_key_, *size);
  return size.has_value();
}

Parsed RequestParser::parse_operator(Verb verb, Bytes rest) {
  command_.verb = verb;
  command_.arguments = rest;
  command_.noreply = ends_in_noreply(rest);
  if (verb == Verb::flush_all) return parse_flush_all(command_, rest);
  if (verb == Verb::verbosity) return parse_verbosity(command_, rest);
  return accepted();
}

Parsed RequestParser::parse_long_word(Bytes word, Bytes line) {
  const Bytes rest = line.substr(word.size());
  if (word == "flush_all") return parse_operator(Verb::flush_all, rest);
  if (word == "verbosity") return parse_operator(Verb::verbosity, rest);
  if (word == "lru_crawler") return parse_operator(Verb::lru_crawler, rest);
  if (word == "cache_memlimit") return parse_operator(Verb::cache_memlimit, rest);
  return judge_unknown(line);
}

Parsed RequestParser::parse_line(Bytes line) {
  if (line.front() == '\0') return judge_unknown(line);  // word_code cannot tell it from nothing
  std::uint64_t code = 0;
  std::size_t end = 0;
  for (; end < line.size() && line[end] != ' '; ++end) {
    if (end == coded_bytes_max) return parse_long_word(line.substr(0, line.find(' ')), line);
    code = code << 8 | static_cast<unsigned char>(line[end]);
  }
  const Bytes rest = line.substr(end);
  command_.noreply = false;
  const auto as = [this](Verb verb) -> Command& {
    command_.verb = verb;
    return command_;
  };
  switch (code) {
    case word_code("get"): return parse_keys(as(Verb::get), rest);
    case word_code("gets"): return parse_keys(as(Verb::gets), rest);
    case word_code("gat"): return parse_get_and_touch(as(Verb::gat), rest);
    case word_code("gats"): return parse_get_and_touch(as(Verb::gats), rest);
    case word_code("set"): return parse_storage(as(Verb::set), rest);
    case word_code("add"): return parse_storage(as(Verb::add), rest);
    case word_code("cas"): return parse_storage(as(Verb::cas), rest);
    case word_code("append"): return parse_storage(as(Verb::append), rest);
    case word_code("prepend"): return parse_storage(as(Verb::prepend), rest);
    case word_code("replace"): return parse_storage(as(Verb::replace), rest);
    case word_code("delete"): return parse_delete(as(Verb::del), rest);
    case word_code("incr"): return parse_arithmetic(as(Verb::incr), rest);
    case word_code("decr"): return parse_arithmetic(as(Verb::decr), rest);
    case word_code("touch"): return parse_touch(as(Verb::touch), rest);
    case word_code("mg"): return parse_meta(Verb::mg, rest);
    case word_code("ms"): return parse_meta(Verb::ms, rest);
    case word_code("md"): return parse_meta(Verb::md, rest);
    case word_code("ma"): return parse_meta(Verb::ma, rest);
    case word_code("me"): return parse_meta_debug(rest);
    case word_code("mn"): as(Verb::mn); return accepted();
    case word_code("quit"): as(Verb::quit); return accepted();
    case word_code("version"): as(Verb::version); return accepted();
    case word_code("stats"): as(Verb::stats).arguments = rest; return accepted();
    case word_code("watch"): as(Verb::watch).arguments = rest; return accepted();
    case word_code("shutdown"): return parse_operator(Verb::shutdown, rest);
    default: return judge_unknown(line);
  }
}

Parsed RequestParser::parse(Bytes input) {
  if (input.empty()) return {};
  const void* newline = std::memchr(input.data(), '\n', input.size());
  if (newline == nullptr) return judge_partial_line(input);
  const auto length = static_cast<std::size_t>(static_cast<const char*>(newline) - input.data());
  Bytes line = input.substr(0, length);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  // memcached refuses a line of fewer than four bytes, its end included.
  Parsed parsed = length + 1 < 4 ? reject(replies::bad_line) : parse_line(line);
  parsed.consumed = length + 1;
  return parsed;
}

}  // namespace cacheismo::proto
