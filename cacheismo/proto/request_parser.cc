#include "cacheismo/proto/request_parser.h"

#include <cstring>

#include "cacheismo/proto/base64.h"
#include "cacheismo/proto/decimal.h"
#include "cacheismo/proto/meta_flags.h"
#include "cacheismo/proto/replies.h"

namespace cacheismo::proto {
namespace {

Parsed reject(Bytes reply, std::uint64_t swallow = 0) {
  return {.kind = Parsed::Kind::reject, .swallow = swallow, .reply = reply};
}

Parsed accepted() { return {.kind = Parsed::Kind::command}; }

/// The next space-separated token of `rest`; empty at its end.
Bytes take_token(Bytes& rest) {
  std::size_t start = 0;
  while (start < rest.size() && rest[start] == ' ') ++start;
  std::size_t end = start;
  while (end < rest.size() && rest[end] != ' ') ++end;
  const Bytes token = rest.substr(start, end - start);
  rest.remove_prefix(end);
  return token;
}

Bytes last_token(Bytes line) {
  const std::size_t end = line.find_last_not_of(' ');
  if (end == Bytes::npos) return {};
  const std::size_t space = line.find_last_of(' ', end);
  const std::size_t start = space == Bytes::npos ? 0 : space + 1;
  return line.substr(start, end - start + 1);
}

/// noreply counts only as the last token of the line.
bool ends_in_noreply(Bytes arguments) {
  constexpr Bytes word = "noreply";
  return arguments.size() >= word.size() && last_token(arguments) == word;
}

bool good_key(Bytes key) { return !key.empty() && key.size() <= limits::key_bytes_max; }

/// The length of a data block; nullopt: not a length that can be waited for.
std::optional<std::uint64_t> parse_length(Bytes token) {
  const auto length = parse_signed(token);
  if (!length || *length < 0) return std::nullopt;
  const auto bytes = static_cast<std::uint64_t>(*length);
  return bytes > limits::declared_length_max ? std::nullopt : std::optional(bytes);
}

/// A line that is buffered without its end: is it worth waiting for more of it?
Parsed judge_partial_line(Bytes input) {
  if (input.size() <= limits::line_bytes_max) return {};
  // memcached looks for a multi-get behind at most 100 spaces.
  std::size_t spaces = 0;
  while (spaces < 100 && input[spaces] == ' ') ++spaces;
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

Parsed parse_keys(Command& command, Bytes rest) {
  const std::size_t start = rest.find_first_not_of(' ');
  if (start == Bytes::npos) return reject(replies::bad_line);
  command.keys = rest.substr(start);
  KeyCursor cursor(command.keys);
  for (Bytes key = cursor.next(); !key.empty(); key = cursor.next()) {
    if (key.size() > limits::key_bytes_max) return reject(replies::bad_line);
  }
  return accepted();
}

Parsed parse_get_and_touch(Command& command, Bytes rest) {
  const Bytes exptime = take_token(rest);
  if (exptime.empty() || rest.find_first_not_of(' ') == Bytes::npos)
    return reject(replies::bad_line);
  const auto seconds = parse_signed(exptime);
  if (!seconds) return reject(replies::bad_exptime);
  command.exptime = *seconds;
  return parse_keys(command, rest);
}

Parsed parse_storage(Command& command, Bytes rest) {
  const Bytes all = rest;
  const bool with_cas = command.verb == Verb::cas;
  command.key = take_token(rest);
  const auto flags = parse_unsigned(take_token(rest));
  const auto exptime = parse_signed(take_token(rest));
  const Bytes length_token = take_token(rest);
  if (length_token.empty()) return reject(replies::bad_line);
  const Bytes cas_token = with_cas ? take_token(rest) : Bytes("0");
  if (cas_token.empty()) return reject(replies::bad_line);
  const auto length = parse_length(length_token);
  if (!length) return reject(replies::bad_line);
  const auto cas = parse_unsigned(cas_token);
  // The sender is about to send the block whatever is wrong with the rest of the line.
  if (!good_key(command.key) || !flags || !exptime || !cas)
    return reject(replies::bad_line, *length + 2);
  command.client_flags = static_cast<std::uint32_t>(*flags);
  command.exptime = *exptime;
  command.data_bytes = *length;
  command.cas = *cas;
  command.noreply = ends_in_noreply(all);
  return accepted();
}

Parsed parse_delete(Command& command, Bytes rest) {
  command.noreply = ends_in_noreply(rest);
  command.key = take_token(rest);
  return good_key(command.key) ? accepted() : reject(replies::bad_line);
}

Parsed parse_arithmetic(Command& command, Bytes rest) {
  const Bytes all = rest;
  command.key = take_token(rest);
  const Bytes delta_token = take_token(rest);
  if (delta_token.empty() || !good_key(command.key)) return reject(replies::bad_line);
  const auto delta = parse_unsigned(delta_token);
  if (!delta) return reject(replies::bad_delta);
  command.delta = *delta;
  command.noreply = ends_in_noreply(all);
  return accepted();
}

Parsed parse_touch(Command& command, Bytes rest) {
  const Bytes all = rest;
  command.key = take_token(rest);
  const Bytes exptime_token = take_token(rest);
  if (exptime_token.empty() || !good_key(command.key)) return reject(replies::bad_line);
  const auto exptime = parse_signed(exptime_token);
  if (!exptime) return reject(replies::bad_exptime);
  command.exptime = *exptime;
  command.noreply = ends_in_noreply(all);
  return accepted();
}

Parsed parse_flush_all(Command& command, Bytes rest) {
  command.noreply = ends_in_noreply(rest);
  command.exptime = 0;
  const Bytes delay = take_token(rest);
  if (delay.empty() || (command.noreply && rest.find_first_not_of(' ') == Bytes::npos))
    return accepted();
  const auto seconds = parse_signed(delay);
  if (!seconds) return reject(replies::bad_exptime);
  command.exptime = *seconds;
  return accepted();
}

Parsed parse_verbosity(Command& command, Bytes rest) {
  command.noreply = ends_in_noreply(rest);
  const auto level = parse_unsigned(take_token(rest));
  if (!level) return command.noreply ? reject({}) : reject(replies::bad_line);
  command.delta = *level;
  return accepted();
}

Bytes meta_error_text(MetaFlagError error, Verb verb) {
  switch (error) {
    case MetaFlagError::duplicate:
      return verb == Verb::ma ? replies::invalid_or_duplicate_flag : replies::duplicate_flag;
    case MetaFlagError::unknown:
      return verb == Verb::ma ? replies::invalid_or_duplicate_flag : replies::invalid_flag;
    case MetaFlagError::opaque_too_long: return replies::opaque_too_long;
    case MetaFlagError::too_many: return replies::flags_too_long;
    case MetaFlagError::bad_mode:
      return verb == Verb::ma ? replies::bad_mode_ma : replies::bad_mode_ms;
    case MetaFlagError::bad_argument:
    case MetaFlagError::none: break;
  }
  return replies::bad_token;
}

bool good_mode(const Command& command) {
  const Bytes known = command.verb == Verb::ms ? "SAPRE" : "IDid+-";
  if (command.verb != Verb::ms && command.verb != Verb::ma) return true;
  return command.meta.mode == 0 || known.find(command.meta.mode) != Bytes::npos;
}

}  // namespace

Parsed RequestParser::parse_meta(Bytes rest) {
  const Bytes sent_key = take_token(rest);
  std::uint64_t swallow = 0;
  if (command_.verb == Verb::ms) {
    const Bytes length_token = take_token(rest);
    const auto length = parse_length(length_token);
    if (sent_key.empty() || !length) return reject(replies::bad_line);
    command_.data_bytes = *length;
    swallow = *length + 2;
  }
  if (!good_key(sent_key)) return reject(replies::bad_line, swallow);
  const MetaFlagError error = parse_meta_flags(rest, command_.meta);
  if (error != MetaFlagError::none) return reject(meta_error_text(error, command_.verb), swallow);
  if (!good_mode(command_))
    return reject(meta_error_text(MetaFlagError::bad_mode, command_.verb), swallow);
  command_.key = sent_key;
  command_.meta.encoded_key = sent_key;
  if (command_.meta.base64) {
    const auto size = base64_decode(sent_key, decoded_key_);
    if (!size) return reject(replies::bad_base64, swallow);
    command_.key = Bytes(decoded_key_, *size);
  }
  return accepted();
}

Parsed RequestParser::parse_line(Bytes line) {
  std::size_t word_end = 0;
  while (word_end < line.size() && line[word_end] != ' ') ++word_end;
  const Bytes word = line.substr(0, word_end);
  const Bytes rest = line.substr(word_end);
  const auto is = [&](Bytes name, Verb verb) {
    if (word != name) return false;
    command_.verb = verb;
    return true;
  };
  command_.noreply = false;
  switch (word.size()) {
    case 2:
      if (is("mg", Verb::mg) || is("ms", Verb::ms) || is("md", Verb::md) || is("ma", Verb::ma) ||
          is("me", Verb::me))
        return parse_meta(rest);
      if (is("mn", Verb::mn)) return accepted();
      break;
    case 3:
      if (is("get", Verb::get)) return parse_keys(command_, rest);
      if (is("gat", Verb::gat)) return parse_get_and_touch(command_, rest);
      if (is("set", Verb::set) || is("add", Verb::add) || is("cas", Verb::cas))
        return parse_storage(command_, rest);
      break;
    case 4:
      if (is("gets", Verb::gets)) return parse_keys(command_, rest);
      if (is("gats", Verb::gats)) return parse_get_and_touch(command_, rest);
      if (is("incr", Verb::incr) || is("decr", Verb::decr)) return parse_arithmetic(command_, rest);
      if (is("quit", Verb::quit)) return accepted();
      break;
    case 5:
      if (is("touch", Verb::touch)) return parse_touch(command_, rest);
      break;
    case 6:
      if (is("delete", Verb::del)) return parse_delete(command_, rest);
      if (is("append", Verb::append)) return parse_storage(command_, rest);
      break;
    case 7:
      if (is("replace", Verb::replace) || is("prepend", Verb::prepend))
        return parse_storage(command_, rest);
      if (is("version", Verb::version)) return accepted();
      break;
    default: break;
  }
  command_.arguments = rest;
  if (is("flush_all", Verb::flush_all)) return parse_flush_all(command_, rest);
  if (is("verbosity", Verb::verbosity)) return parse_verbosity(command_, rest);
  if (is("stats", Verb::stats) || is("cache_memlimit", Verb::cache_memlimit) ||
      is("lru_crawler", Verb::lru_crawler) || is("watch", Verb::watch) ||
      is("shutdown", Verb::shutdown)) {
    command_.noreply = ends_in_noreply(rest);
    return accepted();
  }
  return judge_unknown(line);
}

Parsed RequestParser::parse(Bytes input) {
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
