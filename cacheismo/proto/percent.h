// Percent-encoding of keys (RFC 3986), as dumps and watchers print them and prefixes are read.
//
// Encoding is canonical. Decoding takes every byte but `%` for itself, so that `user:` and
// `user%3A` are the same key.

#ifndef CACHEISMO_PROTO_PERCENT_H_
#define CACHEISMO_PROTO_PERCENT_H_

#include <cstddef>
#include <optional>

#include "cacheismo/base/bytes.h"

namespace cacheismo::proto {

/// Every byte that is not unreserved (letters, digits, `-._~`) becomes %XX. At most 3 * in.size()
/// bytes; returns the end.
char* put_percent_encoded(char* out, Bytes in);

/// Decodes into `out`, which needs room for in.size() bytes and may be where `in` is; returns how
/// many bytes were written. nullopt: a `%` without two hexadecimal digits.
[[nodiscard]] std::optional<std::size_t> percent_decode(Bytes in, char* out);

}  // namespace cacheismo::proto

#endif  // CACHEISMO_PROTO_PERCENT_H_
