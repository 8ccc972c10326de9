// Bytes: the two ways in which the project points at memory it does not own.
//
// Keys, values and protocol text are bytes, not text: NUL and bytes above 127 are ordinary.
// Lifetime is always the owner's; every function that keeps a view says until when.

#ifndef CACHEISMO_BASE_BYTES_H_
#define CACHEISMO_BASE_BYTES_H_

#include <cstddef>
#include <span>
#include <string_view>

namespace cacheismo {

/// Bytes to read. Never NUL-terminated.
using Bytes = std::string_view;

/// Bytes to write.
using MutableBytes = std::span<char>;

}  // namespace cacheismo

#endif  // CACHEISMO_BASE_BYTES_H_
