// Decimal numbers as memcached reads them: strtol and strtoull without locale, base prefix or NUL.
//
// A token is a number if it is an optional sign and then digits only. Leading white space cannot
// occur, because tokens are cut at spaces. Nothing is allocated; a few ns for a short token.

#ifndef CACHEISMO_PROTO_DECIMAL_H_
#define CACHEISMO_PROTO_DECIMAL_H_

#include <charconv>
#include <cstdint>
#include <optional>

#include "cacheismo/base/bytes.h"

namespace cacheismo::proto {

/// The whole token as an unsigned number; "+5" is 5. nullopt: not a number, negative, above 2^64-1.
[[nodiscard]] inline std::optional<std::uint64_t> parse_unsigned(Bytes token) {
  if (token.size() > 1 && token.front() == '+' && token[1] != '-') token.remove_prefix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
  if (error != std::errc() || end != token.data() + token.size()) return std::nullopt;
  return value;
}

/// The whole token as a signed number. nullopt: not a number, outside 64 bits.
[[nodiscard]] inline std::optional<std::int64_t> parse_signed(Bytes token) {
  if (token.size() > 1 && token.front() == '+' && token[1] != '-') token.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
  if (error != std::errc() || end != token.data() + token.size()) return std::nullopt;
  return value;
}

}  // namespace cacheismo::proto

#endif  // CACHEISMO_PROTO_DECIMAL_H_
