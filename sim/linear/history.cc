#include "sim/linear/history.h"

#include <cstdio>

namespace cacheismo::linear {
namespace {

constexpr std::size_t shown_bytes_max = 40;

const char* name_of(Verb verb) {
  switch (verb) {
    case Verb::get: return "get";
    case Verb::gets: return "gets";
    case Verb::set: return "set";
    case Verb::add: return "add";
    case Verb::replace: return "replace";
    case Verb::remove: return "delete";
    case Verb::incr: return "incr";
    case Verb::count: return "count";
    case Verb::cas: return "cas";
    case Verb::touch: return "touch";
    case Verb::gat: return "gat";
    case Verb::flush: return "flush";
    case Verb::forget: return "forget";
  }
  return "?";
}

const char* name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::unknown: return "no reply";
    case Outcome::hit: return "hit";
    case Outcome::miss: return "miss";
    case Outcome::stored: return "stored";
    case Outcome::not_stored: return "not stored";
    case Outcome::exists: return "exists";
    case Outcome::deleted: return "deleted";
    case Outcome::not_found: return "not found";
    case Outcome::number: return "number";
    case Outcome::not_a_number: return "not a number";
    case Outcome::touched: return "touched";
    case Outcome::forgotten: return "forgotten";
  }
  return "?";
}

std::string milliseconds(std::int64_t ns) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6gms", static_cast<double>(ns) / 1e6);
  return text;
}

std::string quoted(const std::string& value) {
  if (value.size() <= shown_bytes_max) return '"' + value + '"';
  return '"' + value.substr(0, shown_bytes_max) + "\"... (" + std::to_string(value.size()) +
         " bytes)";
}

}  // namespace

bool fits(Verb verb, Outcome outcome) {
  if (outcome == Outcome::unknown) return true;
  switch (verb) {
    case Verb::get:
    case Verb::gat:
    case Verb::gets: return outcome == Outcome::hit || outcome == Outcome::miss;
    case Verb::set: return outcome == Outcome::stored;
    case Verb::add:
    case Verb::replace: return outcome == Outcome::stored || outcome == Outcome::not_stored;
    case Verb::remove: return outcome == Outcome::deleted || outcome == Outcome::not_found;
    case Verb::incr:
      return outcome == Outcome::number || outcome == Outcome::not_found ||
             outcome == Outcome::not_a_number;
    case Verb::count: return outcome == Outcome::number || outcome == Outcome::not_a_number;
    case Verb::cas:
      return outcome == Outcome::stored || outcome == Outcome::exists ||
             outcome == Outcome::not_found;
    case Verb::touch: return outcome == Outcome::touched || outcome == Outcome::not_found;
    case Verb::flush:
    case Verb::forget: return outcome == Outcome::forgotten;
  }
  return false;
}

std::string to_string(const Operation& operation) {
  const bool known = operation.outcome != Outcome::unknown;
  std::string text = milliseconds(operation.call_ns) + ".." +
                     (known ? milliseconds(operation.return_ns) : std::string()) + " ";
  if (operation.verb != Verb::forget) text += "client " + std::to_string(operation.client) + " ";
  text += name_of(operation.verb);
  if (writes_value(operation.verb)) text += ' ' + quoted(operation.value);
  if (operation.seconds != 0) text += " for " + std::to_string(operation.seconds) + "s";
  if (operation.verb == Verb::cas) text += " token " + std::to_string(operation.token);
  if (operation.verb == Verb::incr || operation.verb == Verb::count)
    text += ' ' + std::to_string(operation.number);
  text += ": ";
  if (operation.outcome == Outcome::hit) {
    text += quoted(operation.value);
    if (operation.verb == Verb::gets) text += " token " + std::to_string(operation.token);
  } else if (operation.outcome == Outcome::number) {
    text += std::to_string(operation.result);
  } else {
    text += name_of(operation.outcome);
  }
  return text;
}

}  // namespace cacheismo::linear
