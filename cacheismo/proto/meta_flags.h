// Meta flags: the tokens behind the key of mg, ms, md, ma and me, checked and converted.
//
// As in memcached, every command knows the flags of all of them and ignores what it has no use for.
// A flag that is unknown or repeated ends the reading; of several bad arguments the last one is
// reported. The key is not looked at here.

#ifndef CACHEISMO_PROTO_META_FLAGS_H_
#define CACHEISMO_PROTO_META_FLAGS_H_

#include <cstdint>

#include "cacheismo/base/bytes.h"
#include "cacheismo/proto/command.h"

namespace cacheismo::proto {

enum class MetaFlagError : std::uint8_t {
  none,
  too_many,
  duplicate,
  unknown,
  bad_client_flags,
  bad_token,
  bad_initial,
  bad_delta,
  opaque_too_long,
};

/// The mode of `M` without an argument, which no command has.
inline constexpr char meta_mode_missing = ' ';

/// Reads `flags` (space-separated, as sent; at most `count_max` of them) into `meta`, all of whose
/// fields but encoded_key are set. The mode is not judged here.
[[nodiscard]] MetaFlagError parse_meta_flags(Bytes flags, std::size_t count_max, Meta& meta);

}  // namespace cacheismo::proto

#endif  // CACHEISMO_PROTO_META_FLAGS_H_
