// ServerProcess: a memcached-like program on a free port of loopback, for as long as this lives.
//
// It is told `-p -1` and where to write its port (MEMCACHED_PORT_FILENAME); it dies with SIGKILL,
// by its process id, when this is destroyed or the test dies. Nothing here sleeps: the port file's
// folder is watched until the file stands there.

#ifndef CACHEISMO_SIM_CONVERSATION_SERVER_PROCESS_H_
#define CACHEISMO_SIM_CONVERSATION_SERVER_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cacheismo/base/result.h"

namespace cacheismo::conversation {

class ServerProcess {
 public:
  /// `program` is a path. Needs a folder to write to (TEST_TMPDIR, or /tmp).
  [[nodiscard]] static Result<std::unique_ptr<ServerProcess>, std::string> start(
      const std::string& program, const std::vector<std::string>& flags);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }

  /// Asks it to stop (SIGTERM) and waits. What is wrong with how it ended, or "".
  [[nodiscard]] std::string stop();

 private:
  ServerProcess() = default;
  [[nodiscard]] std::string read_port(const std::string& file);

  std::string folder_;
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace cacheismo::conversation

#endif  // CACHEISMO_SIM_CONVERSATION_SERVER_PROCESS_H_
