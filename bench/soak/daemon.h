// Daemon: the real program on a free port of loopback, and what the kernel says it has resident.
//
// It dies with SIGKILL, by its process id, when this is destroyed.

#ifndef CACHEISMO_BENCH_SOAK_DAEMON_H_
#define CACHEISMO_BENCH_SOAK_DAEMON_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cacheismo/base/result.h"

namespace cacheismo::soak {

class Daemon {
 public:
  /// Starts `program` with `flags` and waits until it listens. On failure: why, in one line.
  [[nodiscard]] static Result<std::unique_ptr<Daemon>, std::string> start(
      const std::string& program, const std::vector<std::string>& flags);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }

  /// Bytes resident now; 0 when it has ended.
  [[nodiscard]] std::uint64_t rss_bytes() const;
  /// The most that ever was, as the kernel kept count at every page: no sample misses it.
  [[nodiscard]] std::uint64_t peak_rss_bytes() const;

  /// Everything it has said since it started.
  [[nodiscard]] const std::string& said();

  /// Asks it to stop and waits. What is wrong with how it ended, or "".
  [[nodiscard]] std::string stop();

 private:
  Daemon() = default;

  pid_t pid_ = -1;
  int errors_ = -1;  ///< the reading end of its standard error
  std::uint16_t port_ = 0;
  std::string said_;
};

}  // namespace cacheismo::soak

#endif  // CACHEISMO_BENCH_SOAK_DAEMON_H_
