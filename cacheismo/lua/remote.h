// Remote: what a call asks of other nodes, and what has become of it, as plain values.
//
//   script --RemoteWait--> node --bytes--> peers --replies--> node --RemoteReply...--> script
//
//  1. There is one RemoteReply for each RemoteRequest, in the same order, whatever happens.
//
// What it is not: it knows no connection, no ring and no address. The node does.

#ifndef CACHEISMO_LUA_REMOTE_H_
#define CACHEISMO_LUA_REMOTE_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace cacheismo::lua {

struct RemoteRequest {
  enum class Op : std::uint8_t {
    get,
    set,     ///< of a virtual key: a call with `value` as its last argument
    remove,  ///< "delete"
    call,    ///< a get of a virtual key, which may change what it names: never asked twice
  };
  Op op = Op::get;
  std::string server;  ///< a node's name in the ring, or "host:port"
  std::string key;     ///< 1 to 250 bytes of any value
  std::string value;   ///< of set
  std::uint32_t flags = 0;
  std::int64_t ttl_seconds = 0;  ///< of set; 0: it does not expire
  bool to_the_end = false;       ///< it goes its way also when nobody waits for the reply any more
};

struct RemoteReply {
  enum class Code : std::uint8_t {
    value,       ///< of get and call
    done,        ///< set: stored; remove: removed
    miss,        ///< get and call: there is none; remove: there was none
    not_stored,  ///< set
    timeout,     ///< no answer in time
    refused,     ///< no connection could be made, or nobody has that name
    reset,       ///< the connection broke
    overload,    ///< too much waits already; nothing was sent
    wrong_owner,
    remote,     ///< the other node answered with an error
    protocol,   ///< its answer makes no sense
    cancelled,  ///< enough others have answered
    loop,       ///< calls of nodes to nodes are nested too deeply; nothing was sent
  };
  Code code = Code::cancelled;
  std::string value;
  std::uint32_t flags = 0;
  bool sent = false;  ///< a byte may have been sent: the other node may have done it, or may yet
  std::string text;   ///< of a failure, where more is known than its code
};

[[nodiscard]] constexpr bool is_answer(RemoteReply::Code code) {
  return code <= RemoteReply::Code::not_stored;
}
/// "timeout", "wrong_owner", ...: as scripts see it.
[[nodiscard]] const char* name_of(RemoteReply::Code code);
/// A sentence about a failure that says no more of itself.
[[nodiscard]] const char* explanation_of(RemoteReply::Code code);

/// What a call waits for.
struct RemoteWait {
  std::vector<RemoteRequest> requests;
  /// The call goes on when so many are answered (is_answer), or there is a reply for each.
  std::size_t wanted = 0;
  std::int64_t timeout_ns = 0;  ///< from now; what has no reply then timed out
  std::uint32_t depth = 0;      ///< of the calls that the requests are
};

/// Who has asked for a call.
struct Caller {
  static constexpr std::int64_t no_deadline = std::numeric_limits<std::int64_t>::max();
  /// Calls of other nodes that it is nested in. Above remote_depth_max it asks nobody.
  std::uint32_t depth = 0;
  std::int64_t deadline_ns = no_deadline;  ///< monotonic; nobody waits for the answer any more
  /// The call came to this node because the object is its own: when it is not any more, after a
  /// wait, it is not changed.
  bool as_owner = false;
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_REMOTE_H_
