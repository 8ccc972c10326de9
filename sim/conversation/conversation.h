// Conversation: a file of situations, each a talk between clients and one fresh server.
//
//   == A deleted key is a miss          Situation: a name, its server's flags, its steps
//   > delete a\r\n                      Step: send these bytes
//   < NOT_FOUND\r\n                     Step: exactly these bytes come back
//
// The format is described in testdata/conversations/README.md. A file is read once and played over
// any Clients (clients.h): simulated or real, ours or memcached.
//
// What it is not: it opens no connection and knows no protocol.

#ifndef CACHEISMO_SIM_CONVERSATION_CONVERSATION_H_
#define CACHEISMO_SIM_CONVERSATION_CONVERSATION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"

namespace cacheismo::conversation {

/// A run of bytes to send or to expect, or a hole in it.
struct Piece {
  enum class Kind : std::uint8_t {
    literal,  ///< `text` itself
    number,   ///< decimal digits; the same each time if `text` names it
    line,     ///< whatever stands before the line's end
    now,      ///< the server's Unix time plus `offset_seconds`
  };
  Kind kind = Kind::literal;
  std::string text;
  std::int64_t offset_seconds = 0;
};

struct Step {
  enum class Kind : std::uint8_t {
    send,     ///< pieces; neighbouring sends of one connection are one
    expect,   ///< pieces, exactly
    advance,  ///< time passes
    silent,   ///< nothing has been answered, and the connection is ready for a command
    waiting,  ///< nothing has been answered, and the connection is in the middle of a request
    closed,   ///< the server closes and says nothing more
    close,    ///< the client closes
    reset,    ///< the client resets
  };
  Kind kind = Kind::send;
  std::size_t line = 0;  ///< in the file, counted from 1
  std::string connection;
  std::vector<Piece> pieces;
  std::chrono::seconds time{0};
};

struct Situation {
  std::string name;
  std::size_t line = 0;
  bool common = false;             ///< the distribution's memcached behaves the same
  std::string not_common_because;  ///< given with `common: no`
  std::string uncut_because;       ///< its sends must arrive whole to mean what it says
  std::vector<std::string> flags;  ///< of the server's command line
  std::vector<Step> steps;

  [[nodiscard]] bool takes_time() const;
  [[nodiscard]] std::size_t bytes() const;  ///< sent and expected
};

/// The situations of one file, in its order. The error is "line N: what is wrong".
[[nodiscard]] Result<std::vector<Situation>, std::string> parse_conversation(Bytes text);

/// `bytes` with escapes, cut in the middle where they are many: for messages.
[[nodiscard]] std::string printable(Bytes bytes);

}  // namespace cacheismo::conversation

#endif  // CACHEISMO_SIM_CONVERSATION_CONVERSATION_H_
