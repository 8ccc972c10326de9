// Base64 of keys (RFC 4648, section 4, with padding), for the `b` flag of the meta commands.
//
// Strict: a length that is no multiple of four, a foreign character, or bits left over are refused.

#ifndef CACHEISMO_PROTO_BASE64_H_
#define CACHEISMO_PROTO_BASE64_H_

#include <cstddef>
#include <optional>

#include "cacheismo/base/bytes.h"

namespace cacheismo::proto {

/// Bytes that encoding `n` bytes takes.
[[nodiscard]] constexpr std::size_t base64_size(std::size_t n) { return (n + 2) / 3 * 4; }

/// Writes base64_size(in.size()) bytes to `out`; returns the end.
char* base64_encode(Bytes in, char* out);

/// Decodes into `out`, which must hold in.size() / 4 * 3 bytes; returns how many bytes, or nullopt.
[[nodiscard]] std::optional<std::size_t> base64_decode(Bytes in, char* out);

}  // namespace cacheismo::proto

#endif  // CACHEISMO_PROTO_BASE64_H_
