// Log: where a node says what an operator needs to know. One structured line per event.
//
//   level=warn event=accept_failed error=no_resources open=1019
//
// Quiet by default: a node that does its work says nothing after its start.

#ifndef CACHEISMO_NODE_LOG_H_
#define CACHEISMO_NODE_LOG_H_

#include <cstdint>

#include "cacheismo/base/bytes.h"

namespace cacheismo::node {

enum class Level : std::uint8_t { error, warn, info, debug };

class Log {
 public:
  virtual ~Log() = default;
  /// `event` is a snake_case name, `fields` is "name=value name=value"; neither ends in a newline.
  virtual void write(Level level, Bytes event, Bytes fields) = 0;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_LOG_H_
