#include "sim/cluster/keys.h"

#include <optional>

#include "cacheismo/base/check.h"
#include "cacheismo/proto/decimal.h"

namespace cacheismo::sim {

using linear::Operation;
using linear::Outcome;
using linear::Verb;
using proto::ReplyPart;
using proto::ReplyWord;

namespace {

constexpr Bytes no_number_text = "cannot increment or decrement non-numeric value";
constexpr Bytes field_head = "f : ";

bool is_read(Verb verb) { return verb == Verb::get || verb == Verb::gets || verb == Verb::gat; }

/// What a one-line reply to a command that is no get says; nullopt: nothing that it could.
std::optional<Outcome> outcome_of(Verb verb, const ReplyPart& part) {
  Outcome outcome = Outcome::unknown;
  switch (part.word) {
    case ReplyWord::stored: outcome = Outcome::stored; break;
    case ReplyWord::not_stored: outcome = Outcome::not_stored; break;
    case ReplyWord::exists: outcome = Outcome::exists; break;
    case ReplyWord::deleted: outcome = Outcome::deleted; break;
    case ReplyWord::not_found: outcome = Outcome::not_found; break;
    case ReplyWord::touched: outcome = Outcome::touched; break;
    case ReplyWord::ok: outcome = Outcome::forgotten; break;
    case ReplyWord::number: outcome = Outcome::number; break;
    case ReplyWord::client_error:
      if (!part.text.starts_with(no_number_text)) return std::nullopt;
      outcome = Outcome::not_a_number;
      break;
    default: return std::nullopt;
  }
  if (!linear::fits(verb, outcome)) return std::nullopt;
  return outcome;
}

}  // namespace

Keys::Kind Keys::kind(std::uint32_t key) const {
  CHECK_LT(key, count());
  if (key < plain_) return key % 3 == 2 ? Kind::number : Kind::text;
  return (key - plain_) % 2 == 0 ? Kind::counter : Kind::map;
}

std::string Keys::name(std::uint32_t key) const {
  const Kind is = kind(key);
  return (is == Kind::counter ? 'c' : is == Kind::map ? 'm' : 'k') + std::to_string(key);
}

std::string Keys::item(std::uint32_t key) const {
  const Kind is = kind(key);
  return (is == Kind::counter ? "counter$" : is == Kind::map ? "map$" : "") + name(key);
}

Verb Keys::draw_verb(std::uint32_t key, Prng& chance) const {
  const std::uint64_t draw = chance.below(100);
  switch (kind(key)) {
    case Kind::counter: return draw < 30 ? Verb::get : draw < 95 ? Verb::count : Verb::remove;
    case Kind::map:
      return draw < 40   ? Verb::get
             : draw < 75 ? Verb::replace
             : draw < 90 ? Verb::set
                         : Verb::remove;
    default: break;
  }
  if (draw >= 85) return kind(key) == Kind::number ? Verb::incr : Verb::cas;
  return draw < 35   ? Verb::get
         : draw < 50 ? Verb::gets
         : draw < 62 ? Verb::set
         : draw < 72 ? Verb::add
         : draw < 78 ? Verb::replace
                     : Verb::remove;
}

std::string Keys::asked_by_get(std::uint32_t key, Verb verb) const {
  const Kind is = kind(key);
  if (is == Kind::counter) {
    if (verb == Verb::get) return "counter:get:" + name(key);
    return verb == Verb::count ? "counter:incr:" + name(key) : "";
  }
  if (is == Kind::map) {
    if (verb == Verb::get) return "map:get:" + name(key) + ":f";
    return verb == Verb::set ? "map:new:" + name(key) : "";
  }
  return is_read(verb) ? name(key) : "";
}

std::string Keys::encoded(std::uint32_t key, const Operation& operation) const {
  const std::string seconds = std::to_string(operation.seconds);
  if (operation.verb == Verb::flush) return "flush_all\r\n";
  if (operation.verb == Verb::gat) return "gat " + seconds + ' ' + name(key) + "\r\n";
  if (operation.verb == Verb::touch) return "touch " + name(key) + ' ' + seconds + "\r\n";
  const std::string get = asked_by_get(key, operation.verb);
  if (!get.empty()) return (operation.verb == Verb::gets ? "gets " : "get ") + get + "\r\n";
  const std::string named = kind(key) == Kind::map && operation.verb != Verb::remove
                                ? "map:put:" + name(key) + ":f"
                                : item(key);
  const std::string stored =
      ' ' + named + " 0 " + seconds + ' ' + std::to_string(operation.value.size());
  const std::string data = "\r\n" + operation.value + "\r\n";
  switch (operation.verb) {
    case Verb::set: return "set" + stored + data;
    case Verb::add: return "add" + stored + data;
    case Verb::replace: return (kind(key) == Kind::map ? "set" : "replace") + stored + data;
    case Verb::cas: return "cas" + stored + ' ' + std::to_string(operation.token) + data;
    case Verb::remove: return "delete " + named + "\r\n";
    case Verb::incr: return "incr " + named + ' ' + std::to_string(operation.number) + "\r\n";
    default: break;
  }
  CHECK(false);
  return {};
}

std::string Keys::relayed(std::uint32_t key, const Operation& operation) const {
  const bool asks = operation.verb == Verb::get || operation.verb == Verb::count;
  if (asks) return "get relay:ask:" + asked_by_get(key, operation.verb) + "\r\n";
  const bool puts = operation.verb == Verb::set && kind(key) != Kind::map && operation.seconds == 0;
  if (!puts) return "";
  return "set relay:put:" + name(key) + " 0 0 " + std::to_string(operation.value.size()) + "\r\n" +
         operation.value + "\r\n";
}

bool Keys::hear_value(std::uint32_t key, const ReplyPart& part, Operation& operation) const {
  if (part.key != asked_by_get(key, operation.verb)) return false;
  if (operation.verb == Verb::gets && part.cas.value_or(0) == 0) return false;
  if (operation.verb == Verb::count) {
    const auto number = proto::parse_unsigned(part.value);
    if (!number) return false;
    operation.outcome = Outcome::number;
    operation.result = *number;
    return true;
  }
  if (operation.verb == Verb::set) {  // map:new
    operation.outcome = Outcome::stored;
    return part.value == "CREATED";
  }
  Bytes value = part.value;
  if (kind(key) == Kind::map) {
    if (value == "NOT_FOUND" || value == "ERROR_CACHE_MISS") {
      value = "";
    } else if (value.starts_with(field_head)) {
      value = value.substr(field_head.size());
    } else {
      return false;
    }
  }
  // A counter that is not there says what it would begin with.
  const bool is_absent = (kind(key) == Kind::counter && value == "0") ||
                         (kind(key) == Kind::map && part.value == "ERROR_CACHE_MISS");
  operation.outcome = is_absent ? Outcome::miss : Outcome::hit;
  operation.value = is_absent ? "" : std::string(value);
  operation.token = operation.verb == Verb::gets ? *part.cas : 0;
  return true;
}

bool Keys::hear_end(std::uint32_t key, const ReplyPart& part, Operation& operation) const {
  if (!asked_by_get(key, operation.verb).empty()) {
    if (part.word != ReplyWord::end || !is_read(operation.verb)) return false;
    operation.outcome = Outcome::miss;
    return true;
  }
  const auto outcome = outcome_of(operation.verb, part);
  if (!outcome) return false;
  operation.outcome = *outcome;
  operation.result = part.number;
  return true;
}

}  // namespace cacheismo::sim
