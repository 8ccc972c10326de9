// Base64 of keys (RFC 4648, section 4, with padding), for the `b` flag of the meta commands, and
// how a key is spelt in a request.
//
//   spell_key("user:7") -> user:7      spell_key("a b") -> YSBi, b
//
// Encoding is canonical. Decoding is as lenient as memcached's, so that a client sees no
// difference: foreign characters are skipped, bits left over are dropped, and the first padding
// ends the text.

#ifndef CACHEISMO_PROTO_BASE64_H_
#define CACHEISMO_PROTO_BASE64_H_

#include <cstddef>
#include <optional>
#include <string>

#include "cacheismo/base/bytes.h"

namespace cacheismo::proto {

/// Bytes that encoding `n` bytes takes.
[[nodiscard]] constexpr std::size_t base64_size(std::size_t n) { return (n + 2) / 3 * 4; }

/// Bytes that decoding `n` bytes gives at most, and needs room for.
[[nodiscard]] constexpr std::size_t base64_decoded_size_max(std::size_t n) { return n / 4 * 3; }

/// Writes base64_size(in.size()) bytes to `out`; returns the end.
char* base64_encode(Bytes in, char* out);

/// Decodes into `out`, which must hold base64_decoded_size_max(in.size()) bytes; returns how many
/// bytes were written, at least 1. nullopt: nothing to decode, digits and padding that do not come
/// in fours, or more than two bytes of padding.
[[nodiscard]] std::optional<std::size_t> base64_decode(Bytes in, char* out);

/// The two with memory of their own.
[[nodiscard]] std::string base64_text(Bytes in);
[[nodiscard]] std::optional<std::string> base64_bytes(Bytes text);

/// A key as it stands in a request, and as its reply repeats it.
struct SpeltKey {
  std::string text;
  bool base64 = false;

  /// What the request says of it, somewhere behind it.
  [[nodiscard]] Bytes flag() const { return base64 ? " b" : ""; }
};

/// In base64 where the key has a byte that a line cannot hold: a space, a control character or DEL.
/// It may become longer than a key can be.
[[nodiscard]] SpeltKey spell_key(Bytes key);

}  // namespace cacheismo::proto

#endif  // CACHEISMO_PROTO_BASE64_H_
