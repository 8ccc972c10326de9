// Process: what a daemon asks of the OS once, before and after it starts to serve.
//
// Errors are one line that says what was asked for and why it was refused.

#ifndef CACHEISMO_IO_PROCESS_H_
#define CACHEISMO_IO_PROCESS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "cacheismo/base/result.h"

namespace cacheismo::io {

using ProcessResult = Result<void, std::string>;

/// Lets the process have `count` descriptors; a limit that is higher already stays.
[[nodiscard]] ProcessResult raise_descriptor_limit(std::uint64_t count);

/// Lets the process leave a core file of any size.
[[nodiscard]] ProcessResult raise_core_limit();

/// Becomes `user`, group and all. Does nothing, as memcached does, unless the process runs as root.
[[nodiscard]] ProcessResult drop_privileges(const std::string& user);

[[nodiscard]] bool runs_as_root();

/// A write to a stream that the other side has left must not end the process.
void ignore_broken_pipes();

/// The value of an environment variable.
[[nodiscard]] std::optional<std::string> environment_variable(const char* name);

[[nodiscard]] std::int64_t process_id();

/// The way into the background. The process that was started waits until the one in the background
/// has said that it serves, and exits with 0 then; it exits with 1 if that one ends before, after
/// its messages have appeared on stderr as usual.
class Background {
 public:
  /// Forks; returns in the new process only. To be called before descriptors and threads exist.
  [[nodiscard]] static Result<Background, std::string> enter();

  Background(Background&& other) noexcept;
  Background& operator=(Background&&) = delete;
  ~Background();

  /// Says that it serves; leaves the directory, and, unless `keep_output`, stdout and stderr.
  void ready(bool keep_output);

 private:
  explicit Background(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace cacheismo::io

#endif  // CACHEISMO_IO_PROCESS_H_
