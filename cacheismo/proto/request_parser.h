// RequestParser: bytes -> one Command, or a reason why not. Pure: it owns no bytes, keeps nothing
// between calls but scratch space, and gives the same answer however the bytes were cut.
//
//   received bytes:  [ line \n ][ data block \r\n ][ line \n ] ...
//   parse() looks at the front and answers one of
//      need_more   not a whole line yet; ask again with more bytes in front of the same ones
//      command     `consumed` bytes of line; the data block of a storage command is NOT consumed:
//                  data_bytes + 2 bytes follow, and the node takes them where it wants them
//      reject      `consumed` bytes of line, then `swallow` bytes to be dropped unread as they
//                  arrive, then `reply` is sent (empty: silence)
//      hang_up     close, after sending `reply` if there is one
//
// Cost: one pass over the line, no allocation. A multi-get's keys are checked in place, in one
// pass. What it is not: it keeps no statistics and knows neither limits set by flags nor the store.
// A storage line whose length is over the configured item size parses; the node refuses it.

#ifndef CACHEISMO_PROTO_REQUEST_PARSER_H_
#define CACHEISMO_PROTO_REQUEST_PARSER_H_

#include <cstddef>
#include <cstdint>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/proto/base64.h"
#include "cacheismo/proto/command.h"

namespace cacheismo::proto {

struct Parsed {
  enum class Kind : std::uint8_t { need_more, command, reject, hang_up };
  Kind kind = Kind::need_more;
  std::size_t consumed = 0;
  std::uint64_t swallow = 0;
  Bytes reply = {};  ///< static text, "\r\n" included; lives forever
};

class RequestParser {
 public:
  /// Looks at the front of `input`. After Kind::command, command() describes it until the next
  /// call.
  [[nodiscard]] Parsed parse(Bytes input);

  [[nodiscard]] const Command& command() const { return command_; }

 private:
  Parsed parse_line(Bytes line);
  Parsed parse_long_word(Bytes word, Bytes line);
  Parsed parse_operator(Verb verb, Bytes rest);
  Parsed parse_meta(Verb verb, Bytes rest);
  Parsed parse_meta_debug(Bytes rest);
  bool decode_key();

  Command command_;
  char decoded_key_[base64_decoded_size_max(limits::key_bytes_max)];  ///< of `b` keys
};

}  // namespace cacheismo::proto

#endif  // CACHEISMO_PROTO_REQUEST_PARSER_H_
