// Wire: requests as bytes and bytes as replies, for the three protocols that the generator speaks.
//
//   classic   get k [k ...]      set k 0 0 n           call: get text
//   meta      mg k v, or mg k v k q ... mn for many    ms k n     call: mg text v
//   redis     GET k, or MGET k ...   SET k v           call: the text's words as a command (RESP2)
//
// What answers a call is a value: in Redis also a status or an integer, as text.
//
// Replies are read in steps: the caller says what it asked for and how many of its keys are already
// answered, and each call takes one value, miss or end from the front of the bytes. Nothing is kept
// between calls, so a reply may be cut anywhere. A step that is not the expected kind of reply is
// `refused` (one error line; the connection goes on) or `broken` (the stream can no longer be
// trusted).

#ifndef CACHEISMO_BENCH_LOAD_WIRE_H_
#define CACHEISMO_BENCH_LOAD_WIRE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "bench/load/call.h"
#include "bench/load/dataset.h"
#include "cacheismo/base/bytes.h"

namespace cacheismo::load {

enum class Protocol : std::uint8_t { classic, meta, redis };
enum class Operation : std::uint8_t { get, set, call };

void append_get(Protocol protocol, const Dataset& dataset, std::span<const std::uint64_t> ids,
                std::string& out);
void append_set(Protocol protocol, const Dataset& dataset, std::uint64_t id, std::string& out);
void append_call(Protocol protocol, const Dataset& dataset, const Call& call, std::uint64_t id,
                 std::string& out);

/// What the next bytes should answer.
struct Expected {
  Operation operation = Operation::get;
  std::size_t keys = 1;      ///< of the request
  std::size_t answered = 0;  ///< value and miss steps taken so far for this request
};

struct Step {
  enum class Kind : std::uint8_t {
    need_more,  ///< nothing consumed
    value,      ///< `value` is a key's value; `key` names it unless the reply does not say
    miss,       ///< the next key in request order has no value
    stored,     ///< the set was done
    end,        ///< no further values; keys that were not named are misses
    refused,    ///< an error line, in `value`, instead of a reply
    broken,     ///< not a reply to this request
  };
  Kind kind = Kind::need_more;
  bool last = false;  ///< the request is answered
  std::size_t consumed = 0;
  Bytes key;  ///< both views are into the input
  Bytes value;
};

[[nodiscard]] Step read_step(Protocol protocol, const Expected& expected, Bytes input);

}  // namespace cacheismo::load

#endif  // CACHEISMO_BENCH_LOAD_WIRE_H_
