// StderrLog: the daemon's log, one structured line per event on stderr.
//
//   2026-03-04T05:06:07.089Z level=info event=started version=0.1.0 address=127.0.0.1:11211
//
// Cost: one write() for each line; a reader of stderr that stalls stalls the daemon, as with any
// daemon that logs to a pipe.

#ifndef CACHEISMO_STDERR_LOG_H_
#define CACHEISMO_STDERR_LOG_H_

#include <string>

#include "cacheismo/base/units.h"
#include "cacheismo/io/io.h"
#include "cacheismo/node/log.h"

namespace cacheismo {

/// One line, with its newline. A newline inside `fields` becomes a space: a line is one event.
[[nodiscard]] std::string log_line(WallTime time, node::Level level, Bytes event, Bytes fields);

class StderrLog final : public node::Log {
 public:
  /// Writes events down to info, and debug ones if `verbosity` is above 0.
  StderrLog(const io::Io& io, int verbosity) : io_(io), verbosity_(verbosity) {}

  void write(node::Level level, Bytes event, Bytes fields) override;

 private:
  const io::Io& io_;
  int verbosity_;
};

}  // namespace cacheismo

#endif  // CACHEISMO_STDERR_LOG_H_
