// The reference model's own way to read a decimal number: the whole text, or nothing.

#ifndef CACHEISMO_SIM_MODEL_NUMBER_H_
#define CACHEISMO_SIM_MODEL_NUMBER_H_

#include <charconv>
#include <optional>
#include <string>

namespace cacheismo::model {

template <class Number>
std::optional<Number> number(const std::string& text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The number that a value counts as: blanks, a plus, digits, then nothing or a blank.
[[nodiscard]] std::optional<std::uint64_t> counter_in(const std::string& value);

}  // namespace cacheismo::model

#endif  // CACHEISMO_SIM_MODEL_NUMBER_H_
