// Remote wire: what a script asks another node, as a meta command, and the reply as the script gets
// it.
//
//   get, call -> mg KEY v f k O<opaque> P1.<depth>.0.<ms>
//   set       -> ms KEY LEN T<ttl> F<flags> k O.. P.. and the value      remove -> md KEY k O.. P..
//
//   VA n f..  -> value        HD -> done        EN, NF -> miss        NS -> not_stored
//   SERVER_ERROR wrong-owner -> wrong_owner     another line of error -> remote
//
// What it is not: it knows no connection and no time.

#ifndef CACHEISMO_NODE_REMOTE_WIRE_H_
#define CACHEISMO_NODE_REMOTE_WIRE_H_

#include <cstdint>
#include <string>

#include "cacheismo/lua/remote.h"
#include "cacheismo/proto/base64.h"
#include "cacheismo/proto/reply_parser.h"

namespace cacheismo::node {

struct RemoteEnvelope {
  std::uint32_t opaque = 0;
  std::uint8_t depth = 0;          ///< of the call that the request is
  std::uint32_t remaining_ms = 0;  ///< until nobody waits for it
  std::int64_t unix_seconds = 0;   ///< now
};

/// The whole request. `key` is how its key is spelt.
[[nodiscard]] std::string remote_request(const lua::RemoteRequest& request,
                                         const proto::SpeltKey& key,
                                         const RemoteEnvelope& envelope);

/// What a reply to `request` says.
[[nodiscard]] lua::RemoteReply remote_reply(const lua::RemoteRequest& request,
                                            const proto::ReplyPart& reply);

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_REMOTE_WIRE_H_
