// Version: what the node calls itself.

#ifndef CACHEISMO_NODE_VERSION_H_
#define CACHEISMO_NODE_VERSION_H_

#include "cacheismo/base/bytes.h"

namespace cacheismo::node {

/// What `version` and `stats` answer: the memcached whose protocol is spoken. Clients switch
/// features on by it (libmemcached reads three numbers), so nothing may follow it.
inline constexpr Bytes protocol_version = "1.6.45";

/// The server's own version, in `stats` behind memcached's lines.
inline constexpr Bytes own_version = "0.1.0";

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_VERSION_H_
