#include "cacheismo/copy.h"

#include <csignal>
#include <string>

#include <fmt/format.h>

#include "cacheismo/copier.h"
#include "cacheismo/copy_progress.h"
#include "cacheismo/flags.h"
#include "cacheismo/io/epoll_io.h"
#include "cacheismo/io/file.h"
#include "cacheismo/io/process.h"
#include "cacheismo/io/resolve.h"

namespace cacheismo {
namespace {

constexpr int exit_failed = 71;

/// First line of an auth file, and a good deal of others.
constexpr std::size_t auth_file_bytes_max = 1 * MiB;

class KernelIo final : public CopyIo {
 public:
  [[nodiscard]] io::Io& io() override { return io_; }
  void turn(Duration wait) override { static_cast<void>(io_.run_once(wait)); }
  void watch(io::SignalEvents& events) {
    constexpr int signals[] = {SIGINT, SIGTERM};
    io_.watch_signals(signals, events);
  }

 private:
  io::EpollIo io_;
};

class Interrupts final : public io::SignalEvents {
 public:
  explicit Interrupts(Copier& copier) : copier_(copier) {}
  void on_signal(int) override { copier_.interrupt(); }

 private:
  Copier& copier_;
};

Result<io::Address, std::string> address(const std::string& host, std::uint16_t port) {
  const auto numeric = io::resolve_remote(host);
  if (!numeric) return failure(host + ": " + numeric.error());
  return io::Address{io::Address::Kind::tcp, *numeric, port};
}

Result<CopyNodes, std::string> find_nodes(const CopyOptions& options) {
  CopyNodes nodes;
  if (!options.auth_file.empty()) {
    const auto content = io::read_file(options.auth_file, auth_file_bytes_max);
    if (!content) return failure(content.error());
    const auto credentials = parse_credentials(*content);
    if (!credentials) return failure(options.auth_file + ": " + credentials.error());
    nodes.user = credentials->front().user;
    nodes.password = credentials->front().password;
  }
  const auto from = address(options.from_host, options.from_port);
  if (!from) return failure(from.error());
  const auto to = address(options.to_host, options.to_port);
  if (!to) return failure(to.error());
  nodes.from = *from;
  nodes.to = *to;
  return nodes;
}

}  // namespace

int run_copy(const CopyOptions& options) {
  io::ignore_broken_pipes();
  KernelIo io;
  Copier copier(options, io, stderr_is_terminal());
  Interrupts interrupts(copier);
  io.watch(interrupts);
  const auto nodes = find_nodes(options);
  const auto code = nodes ? copier.run(*nodes) : failure(nodes.error());
  if (code) return *code;
  copier.clear_line();
  fmt::print(stderr, "cacheismo: copy: {}\n", code.error());
  if (copier.writing())
    fmt::print(stderr, "cacheismo: copy: TO has a part; the same command with --resume goes on\n");
  return exit_failed;
}

}  // namespace cacheismo
