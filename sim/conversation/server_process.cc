#include "sim/conversation/server_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace cacheismo::conversation {
namespace {

/// Patience with a machine that is busy with other things; nothing waits for it to pass.
constexpr int patience_ms = 20'000;

/// memcached serves as root only if it is told to, and a sandbox may know no other user.
std::vector<std::string> with_user(std::vector<std::string> arguments) {
  if (::getuid() == 0) arguments.insert(arguments.end(), {"-u", "root"});
  return arguments;
}

std::string new_folder() {
  const char* base = std::getenv("TEST_TMPDIR");
  std::string pattern = std::string(base == nullptr ? "/tmp" : base) + "/server-XXXXXX";
  return ::mkdtemp(pattern.data()) == nullptr ? "" : pattern;
}

}  // namespace

Result<std::unique_ptr<ServerProcess>, std::string> ServerProcess::start(
    const std::string& program, const std::vector<std::string>& flags) {
  std::unique_ptr<ServerProcess> server(new ServerProcess);
  server->folder_ = new_folder();
  if (server->folder_.empty()) return failure(std::string("no folder to write a port file in"));
  std::vector<std::string> words = {program, "-p", "-1", "-U", "0", "-l", "127.0.0.1"};
  for (std::string flag : flags) {
    if (flag.find(':') != std::string::npos &&
        words.back() == "-Y") {  // user:password, from a file
      const std::string file = server->folder_ + "/auth";
      std::ofstream(file) << flag << "\n";
      flag = file;
    }
    words.push_back(std::move(flag));
  }
  words = with_user(std::move(words));
  const std::string port_file = server->folder_ + "/port";
  std::vector<std::string> settings = {"MEMCACHED_PORT_FILENAME=" + port_file};
  for (char** entry = environ; *entry != nullptr; ++entry) settings.emplace_back(*entry);
  std::vector<char*> argv;
  std::vector<char*> envp;
  for (std::string& word : words) argv.push_back(word.data());
  for (std::string& setting : settings) envp.push_back(setting.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);

  const int watch = ::inotify_init1(IN_CLOEXEC);
  (void)::inotify_add_watch(watch, server->folder_.c_str(), IN_MOVED_TO | IN_CLOSE_WRITE);
  const pid_t parent = ::getpid();
  server->pid_ = ::fork();
  if (server->pid_ == 0) {
    // Whatever ends the test ends the server.
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    ::execve(program.c_str(), argv.data(), envp.data());
    ::_exit(127);
  }
  const auto ended = static_cast<int>(::syscall(SYS_pidfd_open, server->pid_, 0));
  std::string wrong = "it wrote no port file";
  for (;;) {
    wrong = server->read_port(port_file);
    if (wrong.empty()) break;
    pollfd waits[2] = {{watch, POLLIN, 0}, {ended, POLLIN, 0}};
    if (::poll(waits, 2, patience_ms) <= 0) break;
    if ((waits[1].revents & POLLIN) != 0) {
      wrong = "it ended before it served";
      break;
    }
    char events[4096];
    (void)!::read(watch, events, sizeof events);
  }
  ::close(watch);
  ::close(ended);
  if (!wrong.empty()) return failure(program + ": " + wrong);
  return server;
}

/// "TCP INET: 40123"; "" when the port is known.
std::string ServerProcess::read_port(const std::string& file) {
  std::ifstream in(file);
  const std::string prefix = "TCP INET: ";
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(prefix) || in.eof()) continue;
    port_ = static_cast<std::uint16_t>(std::atoi(line.c_str() + prefix.size()));
    return port_ == 0 ? "it wrote port 0" : "";
  }
  return "it wrote no port file in time";
}

std::string ServerProcess::stop() {
  if (pid_ <= 0) return "";
  (void)::kill(pid_, SIGTERM);
  const auto ended = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  pollfd wait{ended, POLLIN, 0};
  const int ready = ::poll(&wait, 1, patience_ms);
  ::close(ended);
  if (ready <= 0) return "it does not stop on SIGTERM";
  int status = 0;
  (void)::waitpid(pid_, &status, 0);
  pid_ = -1;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  return WIFSIGNALED(status) ? "it died of signal " + std::to_string(WTERMSIG(status))
                             : "it exited with " + std::to_string(WEXITSTATUS(status));
}

ServerProcess::~ServerProcess() {
  if (pid_ > 0) {
    (void)::kill(pid_, SIGKILL);
    (void)::waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

}  // namespace cacheismo::conversation
