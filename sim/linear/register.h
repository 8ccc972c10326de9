// Register: one key of a cache as a sequential machine: absent, or a value with a token.
//
//   absent --set, add--> value/token? --gets tells t--> value/t --set, cas t, incr--> value'/token?
//     ^------delete, forget, death--'-------------------'
//
// A write gives the value a new token, which nobody knows before a gets tells it. A cas with a
// token that is not known to be the value's own therefore cannot succeed: its token was told by an
// earlier gets, and there was a write since.
//
// States are small: values are numbers here (interned), so that a state can be compared and kept.

#ifndef CACHEISMO_SIM_LINEAR_REGISTER_H_
#define CACHEISMO_SIM_LINEAR_REGISTER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/linear/history.h"

namespace cacheismo::linear {

struct State {
  std::uint32_t value = 0;  ///< 0: absent; else what Register::value_of() spells
  std::uint64_t token = 0;  ///< 0: not told yet
  // The value may be gone from the first of these on, and is behind the second.
  std::int64_t dies_from_ns = never_ns;
  std::int64_t dies_by_ns = never_ns;

  bool operator==(const State&) const = default;
};

class Register {
 public:
  /// `second_ns`: how long a second is; `slack_ns`: by how much a value may die too early or late.
  explicit Register(std::int64_t second_ns = 1'000'000'000, std::int64_t slack_ns = 0)
      : second_ns_(second_ns), slack_ns_(slack_ns) {}

  /// The state after `operation`; nullopt: from `state` it could not have had its outcome. An
  /// unknown outcome is whatever `state` allows.
  [[nodiscard]] std::optional<State> step(const State& state, const Operation& operation);

  /// The value of a state that is not absent.
  [[nodiscard]] const std::string& value_of(const State& state) const;
  /// "absent", "value \"b\"", "value \"b\" token 7".
  [[nodiscard]] std::string to_string(const State& state) const;

 private:
  [[nodiscard]] State written(const std::string& value);
  [[nodiscard]] State written(const Operation& operation);
  [[nodiscard]] State living(State state, const Operation& operation) const;
  [[nodiscard]] std::optional<State> incremented(const State& state, const Operation& operation);

  std::int64_t second_ns_;
  std::int64_t slack_ns_;

  std::map<std::string, std::uint32_t> numbers_;
  std::vector<const std::string*> values_;  // [number - 1], points into numbers_
};

}  // namespace cacheismo::linear

#endif  // CACHEISMO_SIM_LINEAR_REGISTER_H_
