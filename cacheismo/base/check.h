// CHECK: a programmer's error ends the process, in every build.
//
//   CHECK(handle.valid());             one fact per CHECK
//   CHECK_EQ(counted, audited);        prints both operands
//
// An operating error (a full arena, a reset connection, a bad request) is never a CHECK: it is a
// value of the room's own error enum (result.h).
//
// Cost: one predictable branch; the printing is out of line.

#ifndef CACHEISMO_BASE_CHECK_H_
#define CACHEISMO_BASE_CHECK_H_

#include <concepts>
#include <string>
#include <type_traits>

namespace cacheismo {

/// Prints "file:line: CHECK failed: text" to stderr and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* text);

/// As check_failed, with the two operands of a comparison.
[[noreturn]] void check_failed(const char* file, int line, const char* text,
                               const std::string& left, const std::string& right);

namespace check_internal {

template <class T>
std::string printed(const T& value) {
  if constexpr (std::is_enum_v<T>) {
    return std::to_string(static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (std::is_pointer_v<T>) {
    return value == nullptr ? "null" : "non-null";
  } else if constexpr (std::is_arithmetic_v<T>) {
    return std::to_string(value);
  } else {
    return "(unprintable)";
  }
}

}  // namespace check_internal
}  // namespace cacheismo

#define CHECK(condition)                                         \
  do {                                                           \
    if (!(condition)) [[unlikely]]                               \
      ::cacheismo::check_failed(__FILE__, __LINE__, #condition); \
  } while (false)

#define CACHEISMO_CHECK_OP(op, a, b)                                                \
  do {                                                                              \
    const auto check_left = (a);                                                    \
    const auto check_right = (b);                                                   \
    if (!(check_left op check_right)) [[unlikely]]                                  \
      ::cacheismo::check_failed(__FILE__, __LINE__, #a " " #op " " #b,              \
                                ::cacheismo::check_internal::printed(check_left),   \
                                ::cacheismo::check_internal::printed(check_right)); \
  } while (false)

#define CHECK_EQ(a, b) CACHEISMO_CHECK_OP(==, a, b)
#define CHECK_NE(a, b) CACHEISMO_CHECK_OP(!=, a, b)
#define CHECK_LT(a, b) CACHEISMO_CHECK_OP(<, a, b)
#define CHECK_LE(a, b) CACHEISMO_CHECK_OP(<=, a, b)
#define CHECK_GT(a, b) CACHEISMO_CHECK_OP(>, a, b)
#define CHECK_GE(a, b) CACHEISMO_CHECK_OP(>=, a, b)

#endif  // CACHEISMO_BASE_CHECK_H_
