#include "bench/soak/daemon.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace cacheismo::soak {
namespace {

[[noreturn]] void become(const std::string& program, std::vector<std::string> arguments,
                         int errors) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(errors, STDERR_FILENO);
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  execv(program.c_str(), pointers.data());
  _exit(127);
}

/// The number behind `name` in /proc/PID/status, in KiB.
std::uint64_t status_kib(pid_t pid, const char* name) {
  std::FILE* file = std::fopen(fmt::format("/proc/{}/status", pid).c_str(), "r");
  if (file == nullptr) return 0;
  std::array<char, 256> line;
  std::uint64_t kib = 0;
  while (std::fgets(line.data(), line.size(), file) != nullptr) {
    if (std::strncmp(line.data(), name, std::strlen(name)) == 0)
      kib = std::strtoull(line.data() + std::strlen(name), nullptr, 10);
  }
  std::fclose(file);
  return kib;
}

/// `address=127.0.0.1:PORT` in a line of the log.
std::uint16_t port_in(const std::string& said) {
  constexpr std::string_view mark = "address=127.0.0.1:";
  const std::size_t at = said.find(mark);
  if (at == std::string::npos) return 0;
  std::uint16_t port = 0;
  std::from_chars(said.data() + at + mark.size(), said.data() + said.size(), port);
  return port;
}

}  // namespace

Result<std::unique_ptr<Daemon>, std::string> Daemon::start(const std::string& program,
                                                           const std::vector<std::string>& flags) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return failure(std::string("pipe: ") + strerror(errno));
  std::vector<std::string> arguments{program, "-p", "-1"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  std::unique_ptr<Daemon> daemon(new Daemon);
  daemon->errors_ = ends[0];
  daemon->pid_ = fork();
  if (daemon->pid_ == 0) become(program, arguments, ends[1]);
  close(ends[1]);
  if (daemon->pid_ < 0) return failure(std::string("fork: ") + strerror(errno));
  std::array<char, 4096> bytes;
  while (daemon->said_.find("event=started") == std::string::npos || daemon->said_.back() != '\n') {
    const ssize_t got = read(ends[0], bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return failure("the daemon did not start: " + daemon->said_);
    daemon->said_.append(bytes.data(), static_cast<std::size_t>(got));
  }
  daemon->port_ = port_in(daemon->said_);
  if (daemon->port_ == 0) return failure("no address in: " + daemon->said_);
  daemon->said_.clear();
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return daemon;
}

Daemon::~Daemon() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (errors_ >= 0) close(errors_);
}

std::uint64_t Daemon::rss_bytes() const { return status_kib(pid_, "VmRSS:") * 1024; }

std::uint64_t Daemon::peak_rss_bytes() const { return status_kib(pid_, "VmHWM:") * 1024; }

const std::string& Daemon::said() {
  std::array<char, 4096> bytes;
  ssize_t got;
  while ((got = read(errors_, bytes.data(), bytes.size())) > 0)
    said_.append(bytes.data(), static_cast<std::size_t>(got));
  return said_;
}

std::string Daemon::stop() {
  kill(pid_, SIGTERM);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  return fmt::format("the daemon ended with status {:#x}", status);
}

}  // namespace cacheismo::soak
