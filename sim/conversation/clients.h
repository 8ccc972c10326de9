// Clients: clients of one fresh server, whatever stands between them: simulated or real.
//
// A client reads nothing unless it is asked to, so that a test can hold half of a reply.

#ifndef CACHEISMO_SIM_CONVERSATION_CLIENTS_H_
#define CACHEISMO_SIM_CONVERSATION_CLIENTS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "cacheismo/base/bytes.h"

namespace cacheismo::conversation {

/// What a client's read came to.
struct Read {
  enum class Kind : std::uint8_t {
    bytes,    ///< at least one
    eof,      ///< the server closed in order
    reset,    ///< the connection is gone
    nothing,  ///< nothing will come: the world is at rest, or patience is at its end
  };
  Kind kind = Kind::nothing;
  std::string bytes;
};

class Clients {
 public:
  virtual ~Clients() = default;

  /// Connections are named; the first use of a name connects.
  virtual void send(const std::string& connection, Bytes bytes) = 0;
  /// Waits for bytes, at most `bytes_max`.
  [[nodiscard]] virtual Read read(const std::string& connection, std::size_t bytes_max) = 0;
  /// Whether bytes are there to be read now. A simulated world knows; a real one says what it sees.
  [[nodiscard]] virtual bool has_bytes(const std::string& connection) = 0;
  virtual void close(const std::string& connection) = 0;
  virtual void reset(const std::string& connection) = 0;

  /// Lets time pass. False: it does so by itself only.
  [[nodiscard]] virtual bool advance(std::chrono::seconds time) = 0;
  [[nodiscard]] virtual std::int64_t unix_seconds() = 0;

  /// Ends the server in order; the first thing that is wrong with it after the talk, or nullopt.
  [[nodiscard]] virtual std::optional<std::string> finish() = 0;
};

}  // namespace cacheismo::conversation

#endif  // CACHEISMO_SIM_CONVERSATION_CLIENTS_H_
