#include "cacheismo/io/process.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace cacheismo::io {
namespace {

tl::unexpected<std::string> refused(const std::string& what) {
  return failure("cannot " + what + ": " + std::strerror(errno));
}

// _exit: the parent's buffers and destructors are the child's business now.
[[noreturn]] void exit_with_child(int fd) {
  char byte;
  ssize_t got;
  do {
    got = read(fd, &byte, 1);
  } while (got < 0 && errno == EINTR);
  _exit(got == 1 ? 0 : 1);
}

}  // namespace

ProcessResult raise_descriptor_limit(std::uint64_t count) {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return refused("read the limit of open files");
  if (limit.rlim_cur >= count) return {};
  limit.rlim_cur = count;
  if (limit.rlim_max < count) limit.rlim_max = count;  // only root may
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return refused("open " + std::to_string(count) + " files (ask for fewer connections with -c)");
  }
  return {};
}

ProcessResult raise_core_limit() {
  rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
  if (setrlimit(RLIMIT_CORE, &limit) == 0) return {};
  if (getrlimit(RLIMIT_CORE, &limit) != 0) return refused("read the limit of core files");
  limit.rlim_cur = limit.rlim_max;
  if (limit.rlim_max == 0 || setrlimit(RLIMIT_CORE, &limit) != 0) {
    return failure(std::string("core files are not allowed here (-r)"));
  }
  return {};
}

bool runs_as_root() { return getuid() == 0 || geteuid() == 0; }

ProcessResult drop_privileges(const std::string& user) {
  if (!runs_as_root()) return {};
  const passwd* entry = getpwnam(user.c_str());
  if (entry == nullptr) return failure("there is no user " + user);
  // A user namespace may forbid to change the groups; there it has already taken them away.
  const bool grouped = initgroups(user.c_str(), entry->pw_gid) == 0 || errno == EPERM;
  if (!grouped || setgid(entry->pw_gid) != 0 || setuid(entry->pw_uid) != 0) {
    return refused("become user " + user);
  }
  return {};
}

void ignore_broken_pipes() { std::signal(SIGPIPE, SIG_IGN); }

std::optional<std::string> environment_variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

std::int64_t process_id() { return getpid(); }

Result<Background, std::string> Background::enter() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return refused("make a pipe");
  const pid_t child = fork();
  if (child < 0) return refused("fork");
  if (child > 0) {
    close(ends[1]);
    exit_with_child(ends[0]);
  }
  close(ends[0]);
  if (setsid() < 0) return refused("leave the terminal");
  return Background(ends[1]);
}

Background::Background(Background&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Background::~Background() {
  if (fd_ >= 0) close(fd_);
}

void Background::ready(bool keep_output) {
  (void)!chdir("/");
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null >= 0) {
    dup2(null, STDIN_FILENO);
    if (!keep_output) {
      dup2(null, STDOUT_FILENO);
      dup2(null, STDERR_FILENO);
    }
    if (null > STDERR_FILENO) close(null);
  }
  (void)!write(fd_, "+", 1);
  close(std::exchange(fd_, -1));
}

}  // namespace cacheismo::io
