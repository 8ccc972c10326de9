// Meta flags: the tokens behind the key of mg, ms, md, ma and me, checked and converted.
//
// As in memcached, every command knows the flags of all of them and ignores what it has no use for.

#ifndef CACHEISMO_PROTO_META_FLAGS_H_
#define CACHEISMO_PROTO_META_FLAGS_H_

#include "cacheismo/base/bytes.h"
#include "cacheismo/proto/command.h"

namespace cacheismo::proto {

enum class MetaFlagError : std::uint8_t {
  none,
  duplicate,
  unknown,
  bad_argument,
  opaque_too_long,
  too_many,
  bad_mode
};

/// Reads `flags` (space-separated, as sent) into `meta`, all of whose fields are set. The mode is
/// not judged against the verb here; its letter only.
[[nodiscard]] MetaFlagError parse_meta_flags(Bytes flags, Meta& meta);

}  // namespace cacheismo::proto

#endif  // CACHEISMO_PROTO_META_FLAGS_H_
