// Reply parser: bytes -> one part of a server's reply, for whoever speaks to a node as its client.
//
//   received bytes:  [ VALUE k 0 5\r\n hello\r\n ][ END\r\n ][ HD t30\r\n ][ STORED\r\n ] ...
//                      part, not last               part, last
//
// A reply is one part with last() true, after any number of parts without: the values of a get, the
// lines of stats or of a dump. A pure function: it keeps nothing between calls, owns no bytes, and
// gives the same answer however the bytes were cut. A value is handed out when it is there as a
// whole; until then `wanted` says how many bytes that takes.
//
// What it is not: it does not know which request a reply answers, and does not judge whether it
// fits. Cost: one look at the header line, none at the value's bytes; no allocation.

#ifndef CACHEISMO_PROTO_REPLY_PARSER_H_
#define CACHEISMO_PROTO_REPLY_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "cacheismo/base/bytes.h"

namespace cacheismo::proto {

enum class ReplyWord : std::uint8_t {
  value,         ///< VALUE: key, client_flags, value, cas if it was asked for
  end,           ///< END
  stat,          ///< STAT: key, text
  stored,        ///< STORED
  not_stored,    ///< NOT_STORED
  exists,        ///< EXISTS
  not_found,     ///< NOT_FOUND
  deleted,       ///< DELETED
  touched,       ///< TOUCHED
  ok,            ///< OK
  reset,         ///< RESET
  number,        ///< a bare number: number
  version,       ///< VERSION: text
  error,         ///< ERROR: text, often empty
  client_error,  ///< CLIENT_ERROR: text
  server_error,  ///< SERVER_ERROR: text
  refusal,       ///< BUSY, BADCLASS, NOTSTARTED, MEMLIMIT_..., WATCHER_...: text, the word included
  dump,          ///< a line of lru_crawler metadump (`key=...`) or mgdump (`mg ...`): text
  meta_hit,      ///< HD: flags
  meta_value,    ///< VA: flags, value
  meta_miss,     ///< EN: flags
  meta_not_found,   ///< NF: flags
  meta_not_stored,  ///< NS: flags
  meta_exists,      ///< EX: flags
  meta_noop,        ///< MN
  meta_debug,       ///< ME: key, text
};

/// One part of a reply. Views point into the parsed bytes; fields that the word does not name are
/// empty or zero.
struct ReplyPart {
  ReplyWord word = ReplyWord::end;
  Bytes key;
  Bytes value;  ///< its line end not included
  Bytes text;   ///< the rest of the line
  Bytes flags;  ///< meta flags as sent, space-separated: walk them with KeyCursor
  std::uint32_t client_flags = 0;
  std::optional<std::uint64_t> cas;
  std::uint64_t number = 0;

  /// Whether this part completes its reply.
  [[nodiscard]] bool last() const {
    return word != ReplyWord::value && word != ReplyWord::stat && word != ReplyWord::dump;
  }
  /// Any of the three kinds of error line.
  [[nodiscard]] bool is_error() const {
    return word == ReplyWord::error || word == ReplyWord::client_error ||
           word == ReplyWord::server_error;
  }
  /// The line of an error, its word included and its end not. Requires is_error().
  [[nodiscard]] std::string error_line() const;
  /// The argument of a meta flag; nullopt if the flag is not there.
  [[nodiscard]] std::optional<Bytes> flag(char letter) const;
};

struct ReplyParsed {
  enum class Kind : std::uint8_t { need_more, part, malformed };
  Kind kind = Kind::need_more;
  std::size_t consumed = 0;  ///< part: its bytes
  std::size_t wanted =
      0;  ///< need_more: bytes that the part takes at least, counted from its start
};

/// Looks at the front of `input`. Sets `out` when it answers Kind::part and leaves it undefined
/// otherwise. After Kind::malformed the stream cannot be trusted any more and must be closed.
[[nodiscard]] ReplyParsed parse_reply(Bytes input, ReplyPart& out);

}  // namespace cacheismo::proto

#endif  // CACHEISMO_PROTO_REPLY_PARSER_H_
