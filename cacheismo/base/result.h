// Result: a value, or the reason why there is none.
//
//   Result<StreamId, io::Error> r = io.connect(...);
//   if (!r) return fail(r.error());
//
// tl::expected under the house's name: the core is built without exceptions, and C++20 has no
// std::expected. Each room has one small error enum; a value exists in it only if some caller
// reacts differently to it.

#ifndef CACHEISMO_BASE_RESULT_H_
#define CACHEISMO_BASE_RESULT_H_

#include <tl/expected.hpp>

namespace cacheismo {

template <class T, class E>
using Result = tl::expected<T, E>;

template <class E>
[[nodiscard]] constexpr tl::unexpected<E> failure(E error) {
  return tl::unexpected<E>(error);
}

}  // namespace cacheismo

#endif  // CACHEISMO_BASE_RESULT_H_
