// Wire: look-aside requests as bytes and bytes as replies, one key at a time.
//
//            get         set                  delete        reply of each, the last byte included
//   classic  get k       set k 0 ttl n, n     delete k      VALUE k 0 n, END | STORED | DELETED ...
//   redis    GET k       SET k v [EX ttl]     DEL k         $n | $-1         | +OK    | :1 or :0
//
// A reply is read whole or not at all, and nothing is kept between calls, so it may be cut
// anywhere.
// An error line instead of a reply is `refused`, after which the stream goes on; anything else that
// does not fit is `broken`, after which it cannot be trusted.
//
// What it is not: bench/load/wire, which has many keys per get and the meta commands, and neither
// deletes nor expiry.

#ifndef CACHEISMO_BENCH_HITRATE_WIRE_H_
#define CACHEISMO_BENCH_HITRATE_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "bench/hitrate/request.h"
#include "cacheismo/base/bytes.h"

namespace cacheismo::hitrate {

enum class Protocol : std::uint8_t { classic, redis };

void append_get(Protocol protocol, Bytes key, std::string& out);
/// `ttl_seconds` 0: never expires.
void append_set(Protocol protocol, Bytes key, Bytes value, std::uint32_t ttl_seconds,
                std::string& out);
void append_delete(Protocol protocol, Bytes key, std::string& out);

struct Reply {
  enum class Kind : std::uint8_t {
    need_more,  ///< nothing consumed
    hit,        ///< `value`; `key` as well if the protocol repeats it
    miss,
    done,     ///< of a set or a delete
    refused,  ///< an error line, in `value`
    broken,   ///< no reply to this operation; the line is in `value`
  };
  Kind kind = Kind::need_more;
  std::size_t consumed = 0;
  Bytes key;  ///< both views are into the input
  Bytes value;
};

/// What the bytes in front of `input` answer to `op`.
[[nodiscard]] Reply read_reply(Protocol protocol, Op op, Bytes input);

}  // namespace cacheismo::hitrate

#endif  // CACHEISMO_BENCH_HITRATE_WIRE_H_
