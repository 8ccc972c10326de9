// The reference model's own way to read a decimal number: a plus or not, then the whole text, as
// strtol does, or nothing.

#ifndef CACHEISMO_SIM_MODEL_NUMBER_H_
#define CACHEISMO_SIM_MODEL_NUMBER_H_

#include <charconv>
#include <optional>
#include <string>

namespace cacheismo::model {

template <class Number>
std::optional<Number> number(const std::string& text) {
  Number value{};
  const bool plus = text.size() > 1 && text[0] == '+' && text[1] != '-';
  const auto [end, error] =
      std::from_chars(text.data() + (plus ? 1 : 0), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The number that a value counts as: blanks, a plus, digits, then nothing or a blank.
[[nodiscard]] std::optional<std::uint64_t> counter_in(const std::string& value);

}  // namespace cacheismo::model

#endif  // CACHEISMO_SIM_MODEL_NUMBER_H_
