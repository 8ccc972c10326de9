#include "sim/linear/register.h"

#include <charconv>

#include "cacheismo/base/check.h"

namespace cacheismo::linear {
namespace {

constexpr State absent{};

/// Whether `operation` had `outcome` or may have had it.
bool may_be(const Operation& operation, Outcome outcome) {
  return operation.outcome == outcome || operation.outcome == Outcome::unknown;
}

std::optional<std::uint64_t> number_in(const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

State Register::written(const std::string& value) {
  const auto [at, is_new] = numbers_.try_emplace(value, values_.size() + 1);
  if (is_new) values_.push_back(&at->first);
  State state;
  state.value = at->second;
  return state;
}

State Register::written(const Operation& operation) {
  return living(written(operation.value), operation);
}

/// From the operation on, for as long as it says.
State Register::living(State state, const Operation& operation) const {
  state.dies_from_ns = state.dies_by_ns = never_ns;
  if (operation.seconds == 0) return state;
  const std::int64_t most_ns = operation.seconds * second_ns_;
  state.dies_from_ns = operation.call_ns + most_ns - second_ns_ - slack_ns_;
  if (is_known(operation)) state.dies_by_ns = operation.return_ns + most_ns + slack_ns_;
  return state;
}

const std::string& Register::value_of(const State& state) const {
  CHECK_GT(state.value, 0u);
  return *values_[state.value - 1];
}

std::string Register::to_string(const State& state) const {
  if (state == absent) return "absent";
  std::string text = "value \"" + value_of(state).substr(0, 40) + '"';
  if (state.token != 0) text += " token " + std::to_string(state.token);
  return text;
}

std::optional<State> Register::incremented(const State& state, const Operation& operation) {
  const std::optional<std::uint64_t> number = number_in(value_of(state));
  if (!number) {
    if (may_be(operation, Outcome::not_a_number)) return state;
    return std::nullopt;
  }
  const std::uint64_t sum = *number + operation.number;  // wraps at 2^64, as memcached's does
  const bool known = operation.outcome != Outcome::unknown;
  if (known && (operation.outcome != Outcome::number || operation.result != sum))
    return std::nullopt;
  State next = written(std::to_string(sum));
  next.dies_from_ns = state.dies_from_ns;
  next.dies_by_ns = state.dies_by_ns;
  return next;
}

std::optional<State> Register::step(const State& state, const Operation& operation) {
  const bool present = state != absent;
  const auto unchanged_if = [&](bool possible) {
    return possible ? std::optional<State>(state) : std::nullopt;
  };
  switch (operation.verb) {
    case Verb::get:
    case Verb::gat:
    case Verb::gets: {
      const bool touches = operation.verb == Verb::gat && present;
      if (operation.outcome == Outcome::unknown) return touches ? living(state, operation) : state;
      if (operation.outcome == Outcome::miss || !present) {
        return unchanged_if(!present && operation.outcome == Outcome::miss);
      }
      if (value_of(state) != operation.value) return std::nullopt;
      if (touches) return living(state, operation);
      if (operation.verb == Verb::get || state.token == operation.token) return state;
      if (state.token != 0) return std::nullopt;
      State told = state;
      told.token = operation.token;
      return told;
    }
    case Verb::touch:
      if (!present) return unchanged_if(may_be(operation, Outcome::not_found));
      if (!may_be(operation, Outcome::touched)) return std::nullopt;
      return living(state, operation);
    case Verb::set: return written(operation);
    case Verb::add:
      if (present) return unchanged_if(may_be(operation, Outcome::not_stored));
      if (!may_be(operation, Outcome::stored)) return std::nullopt;
      return written(operation);
    case Verb::replace:
      if (!present) return unchanged_if(may_be(operation, Outcome::not_stored));
      if (!may_be(operation, Outcome::stored)) return std::nullopt;
      return written(operation);
    case Verb::remove:
      if (!present) return unchanged_if(may_be(operation, Outcome::not_found));
      if (!may_be(operation, Outcome::deleted)) return std::nullopt;
      return absent;
    case Verb::incr:
      if (!present) return unchanged_if(may_be(operation, Outcome::not_found));
      return incremented(state, operation);
    case Verb::count: return incremented(present ? state : written("0"), operation);
    case Verb::cas:
      if (!present) return unchanged_if(may_be(operation, Outcome::not_found));
      if (state.token != operation.token) return unchanged_if(may_be(operation, Outcome::exists));
      if (!may_be(operation, Outcome::stored)) return std::nullopt;
      return written(operation);
    case Verb::flush:
    case Verb::forget: return absent;
  }
  return std::nullopt;
}

}  // namespace cacheismo::linear
