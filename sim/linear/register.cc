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
  return {at->second, 0};
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
  if (operation.outcome == Outcome::unknown) return written(std::to_string(sum));
  if (operation.outcome != Outcome::number || operation.result != sum) return std::nullopt;
  return written(std::to_string(sum));
}

std::optional<State> Register::step(const State& state, const Operation& operation) {
  const bool present = state != absent;
  const auto unchanged_if = [&](bool possible) {
    return possible ? std::optional<State>(state) : std::nullopt;
  };
  switch (operation.verb) {
    case Verb::get:
    case Verb::gets: {
      if (operation.outcome == Outcome::unknown) return state;
      if (operation.outcome == Outcome::miss || !present) {
        return unchanged_if(!present && operation.outcome == Outcome::miss);
      }
      if (value_of(state) != operation.value) return std::nullopt;
      if (operation.verb == Verb::get || state.token == operation.token) return state;
      if (state.token != 0) return std::nullopt;
      return State{state.value, operation.token};
    }
    case Verb::set: return written(operation.value);
    case Verb::add:
      if (present) return unchanged_if(may_be(operation, Outcome::not_stored));
      if (!may_be(operation, Outcome::stored)) return std::nullopt;
      return written(operation.value);
    case Verb::replace:
      if (!present) return unchanged_if(may_be(operation, Outcome::not_stored));
      if (!may_be(operation, Outcome::stored)) return std::nullopt;
      return written(operation.value);
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
      return written(operation.value);
    case Verb::forget: return absent;
  }
  return std::nullopt;
}

}  // namespace cacheismo::linear
