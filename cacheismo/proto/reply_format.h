// Reply format: values -> the bytes of a reply, appended at a cursor that the caller owns.
//
//   char* out = buffer;
//   out = put_value_header(out, key, client_flags, value_bytes);       VALUE k 0 5\r\n
//   out = put(out, value);                                             hello
//   out = put_crlf(out);                                               \r\n
//
// Every function returns the new cursor and never writes further than the size named beside it: the
// caller makes room once, for the longest form. Pure; nothing is allocated; texts that are always
// the same stand in replies.h.

#ifndef CACHEISMO_PROTO_REPLY_FORMAT_H_
#define CACHEISMO_PROTO_REPLY_FORMAT_H_

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/proto/base64.h"
#include "cacheismo/proto/command.h"

namespace cacheismo::proto {

/// 2^64-1, or -2^63.
inline constexpr std::size_t decimal_bytes_max = 20;

/// VALUE, key, flags, length, CAS value, line end.
inline constexpr std::size_t value_header_bytes_max =
    6 + limits::key_bytes_max + 3 * (1 + decimal_bytes_max) + 2;

/// `VA` and length; `k` with an encoded key and ` b`; `O`; at most one number behind each other
/// letter; Z, X and W; line end.
inline constexpr std::size_t meta_line_bytes_max =
    3 + decimal_bytes_max + (2 + base64_size(limits::key_bytes_max) + 2) +
    (1 + limits::opaque_token_bytes_max) + limits::meta_tokens_max * (2 + decimal_bytes_max) +
    3 * 2 + 2;

/// The lines about one item of `me` and of the two dumps: every byte of the key may take three.
inline constexpr std::size_t item_line_bytes_max =
    64 + 3 * limits::key_bytes_max + 6 * decimal_bytes_max;

/// Writes text.size() bytes.
inline char* put(char* out, Bytes text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

/// Writes 2 bytes.
inline char* put_crlf(char* out) {
  out[0] = '\r';
  out[1] = '\n';
  return out + 2;
}

/// Writes at most decimal_bytes_max bytes.
inline char* put_decimal(char* out, std::uint64_t value) {
  return std::to_chars(out, out + decimal_bytes_max, value).ptr;
}

/// Writes at most decimal_bytes_max bytes.
inline char* put_signed(char* out, std::int64_t value) {
  return std::to_chars(out, out + decimal_bytes_max, value).ptr;
}

/// `VALUE key flags bytes\r\n`, with ` cas` behind the length where it is given. At most
/// value_header_bytes_max bytes; the key at most limits::key_bytes_max.
char* put_value_header(char* out, Bytes key, std::uint32_t client_flags, std::uint64_t value_bytes,
                       std::optional<std::uint64_t> cas = std::nullopt);

/// `STAT name value\r\n`: 8 bytes, and those of name and value.
char* put_stat(char* out, Bytes name, Bytes value);
char* put_stat(char* out, Bytes name, std::uint64_t value);

/// Which request flags come back in a reply, by the letters' bits (Meta::letters).
enum class MetaEcho : std::uint8_t {
  hit,         ///< mg HD, VA: O k s t c f l h
  stored,      ///< ms, whatever its outcome: O k c s
  arithmetic,  ///< ma HD, VA: O k c t
  name_only,   ///< everything else, failures too: O k
};

/// What a reply may say about an item. Only the fields that the request asks for need be right.
struct MetaFacts {
  Bytes key = {};  ///< decoded; encoded again where the request said `b`
  std::uint64_t value_bytes = 0;
  std::uint64_t cas = 0;
  std::uint32_t client_flags = 0;
  std::int64_t ttl_seconds_before = -1;  ///< -1: never expires; before T and N of this request
  std::int64_t ttl_seconds = -1;         ///< after them
  std::uint64_t idle_seconds = 0;        ///< since the access before this one
  bool fetched = false;                  ///< before this access
  bool token_sent = false;               ///< Z
  bool stale = false;                    ///< X
  bool won = false;                      ///< W
};

/// ` f0 Oabc t30 Z`: the echoed flags in request order, then Z, X and W. `t` shows the new TTL if T
/// or N stood before it. With status, length and line end at most meta_line_bytes_max bytes.
char* put_meta_flags(char* out, const Meta& meta, MetaEcho echo, const MetaFacts& facts);

/// `HD`, `EN`, ... with its flags and line end.
char* put_meta_line(char* out, Bytes status, const Meta& meta, MetaEcho echo,
                    const MetaFacts& facts);

/// `VA bytes flags\r\n`; the value and its line end follow.
char* put_meta_value_line(char* out, const Meta& meta, MetaEcho echo, const MetaFacts& facts);

/// What `me` and `lru_crawler metadump` tell about an item.
struct ItemFacts {
  Bytes key = {};
  std::int64_t expiry = -1;      ///< me: seconds left; metadump: Unix seconds; -1: never
  std::int64_t last_access = 0;  ///< me: seconds ago; metadump: Unix seconds
  std::uint64_t cas = 0;
  bool fetched = false;
  std::uint32_t size_class = 1;    ///< memcached's slab class: tools sum by it
  std::uint64_t item_bytes = 0;    ///< key, value and header
  std::uint32_t client_flags = 0;  ///< metadump only
};

/// `ME key exp=-1 la=3 cas=6 fetch=yes cls=1 size=64\r\n`; the key encoded if `base64`. At most
/// item_line_bytes_max bytes.
char* put_me_line(char* out, const ItemFacts& facts, bool base64);

/// `key=k exp=-1 la=1700000000 cas=6 fetch=no cls=1 size=64 flags=0 \n`, the key percent-encoded.
/// The blank and the missing \r are memcached's. At most item_line_bytes_max bytes.
char* put_metadump_line(char* out, const ItemFacts& facts);

/// `mg key\r\n`, or `mg encoded b\r\n` for a key that cannot stand on a line as it is. At most
/// item_line_bytes_max bytes.
char* put_mgdump_line(char* out, Bytes key);

static_assert(value_header_bytes_max + 2 < limits::output_bytes - limits::send_in_place_bytes);
static_assert(meta_line_bytes_max + 2 < limits::output_bytes - limits::send_in_place_bytes);
static_assert(item_line_bytes_max < limits::output_bytes);

}  // namespace cacheismo::proto

#endif  // CACHEISMO_PROTO_REPLY_FORMAT_H_
