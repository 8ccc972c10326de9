// Failure: why a call to another node brought no reply, in the words that scripts see.
//
// The reply `SERVER_ERROR ...` is a reply; whoever asked makes `remote` or `wrong_owner` of it.

#ifndef CACHEISMO_CLUSTER_FAILURE_H_
#define CACHEISMO_CLUSTER_FAILURE_H_

#include <cstddef>
#include <cstdint>

namespace cacheismo::cluster {

enum class Failure : std::uint8_t {
  timeout,      ///< no reply before the deadline
  refused,      ///< no connection, or the peer failed so often that it is left alone for a while
  reset,        ///< the connection was lost
  overload,     ///< too much is queued for this peer already
  wrong_owner,  ///< the peer does not own the key
  remote,       ///< the peer answered with an error
  protocol,     ///< what the peer sent is no reply to what was asked
  cancelled,    ///< the caller's node is stopping
  loop,         ///< scripts call scripts call scripts, too deep
};
inline constexpr std::size_t failure_kinds = 9;

/// "timeout", "wrong_owner", ... as scripts and statistics name it.
[[nodiscard]] const char* to_string(Failure failure);

}  // namespace cacheismo::cluster

#endif  // CACHEISMO_CLUSTER_FAILURE_H_
