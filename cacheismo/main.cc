// main: flags -> Config -> arena, EpollIo, Node -> the loop. Nothing else.
//
//   exit code 0   stopped by a signal or by `shutdown`, or -h, -V, -i
//   exit code 1   check or test found something wrong in the scripts, or copy a difference
//   exit code 64  a flag is wrong (EX_USAGE)
//   exit code 71  the OS or the configuration did not allow what the flags ask for (EX_OSERR)

#include <csignal>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "cacheismo/base/result.h"
#include "cacheismo/base/units.h"
#include "cacheismo/copy.h"
#include "cacheismo/flags.h"
#include "cacheismo/io/arena_memory.h"
#include "cacheismo/io/epoll_io.h"
#include "cacheismo/io/file.h"
#include "cacheismo/io/io.h"
#include "cacheismo/io/process.h"
#include "cacheismo/io/resolve.h"
#include "cacheismo/lua/objects/shipped.h"
#include "cacheismo/node/etcd_ring.h"
#include "cacheismo/node/log.h"
#include "cacheismo/node/node.h"
#include "cacheismo/node/version.h"
#include "cacheismo/ring_source.h"
#include "cacheismo/script_files.h"
#include "cacheismo/stderr_log.h"
#include "sim/script_tests.h"

namespace cacheismo {
namespace {

constexpr int exit_usage = 64;
constexpr int exit_os = 71;

// Descriptors besides the clients': listeners, epoll, signals, standard streams, files, and the one
// connection above -c that is told to go away.
constexpr std::uint64_t own_descriptors = 64;

// memcached takes 8 entries of 256 bytes; this is room for thousands.
constexpr std::size_t auth_file_bytes_max = 1 * MiB;

using Outcome = Result<void, std::string>;

Result<std::vector<node::Credential>, std::string> read_credentials(const std::string& path) {
  const auto content = io::read_file(path, auth_file_bytes_max);
  if (!content) return failure(content.error());
  auto credentials = parse_credentials(*content);
  if (!credentials) return failure(path + ": " + credentials.error());
  return credentials;
}

/// What the signals and the clients ask of the process.
class Daemon final : public io::SignalEvents {
 public:
  Daemon(Options& options, io::EpollIo& io, node::Log& log, std::span<char> arena,
         std::span<char> script_heap)
      : options_(options), io_(io), log_(log), node_(options.config, io, log, arena, script_heap) {}

  Outcome start();
  /// Until the node has stopped.
  void run();
  void on_signal(int signal_number) override;

 private:
  Outcome write_files() const;
  [[nodiscard]] std::string port_lines() const;
  void read_auth_file_again();
  void read_scripts_again();
  void read_ring_again();

  Options& options_;
  io::EpollIo& io_;
  node::Log& log_;
  node::Node node_;
};

Outcome Daemon::start() {
  constexpr int signals[] = {SIGINT, SIGTERM, SIGUSR1, SIGHUP};
  io_.watch_signals(signals, *this);
  if (auto started = node_.start(); !started) return started;
  if (auto written = write_files(); !written) {
    node_.stop(node::Stop::at_once);
    run();
    return written;
  }
  std::string addresses;
  for (const io::Address& address : node_.addresses()) addresses += ',' + to_string(address);
  log_.write(node::Level::info, "started",
             fmt::format("version={} address={} memory={}m item_max={} connections_max={} pid={}",
                         node::own_version, Bytes(addresses).substr(1),
                         options_.config.memory_bytes / MiB, options_.config.item_bytes_max,
                         options_.config.connections_max, io::process_id()));
  return {};
}

Outcome Daemon::write_files() const {
  const std::string lines = port_lines();
  if (!options_.process.port_file.empty() && !lines.empty()) {
    if (auto written = io::write_file(options_.process.port_file, lines); !written) return written;
  }
  if (options_.process.pid_file.empty()) return {};
  return io::write_file(options_.process.pid_file, fmt::format("{}\n", io::process_id()));
}

// memcached's format, one line for each TCP address.
std::string Daemon::port_lines() const {
  std::string lines;
  for (const io::Address& address : node_.addresses()) {
    if (address.kind != io::Address::Kind::tcp) continue;
    const bool v6 = address.host.find(':') != std::string::npos;
    lines += fmt::format("TCP {}: {}\n", v6 ? "INET6" : "INET", address.port);
  }
  return lines;
}

void Daemon::run() {
  while (!node_.stopped()) {
    io_.run_once(Duration::max());
    if (const auto how = node_.shutdown_requested()) node_.stop(*how);
  }
}

void Daemon::on_signal(int signal_number) {
  switch (signal_number) {
    case SIGHUP:
      read_auth_file_again();
      read_scripts_again();
      read_ring_again();
      return;
    case SIGUSR1: node_.stop(node::Stop::graceful); return;
    default: node_.stop(node::Stop::at_once); return;
  }
}

void Daemon::read_auth_file_again() {
  if (options_.process.auth_file.empty()) return;
  auto credentials = read_credentials(options_.process.auth_file);
  if (!credentials) {
    // Whoever could log in still can: a typing error must not lock everybody out.
    log_.write(node::Level::error, "auth_file_refused", "reason=\"" + credentials.error() + '"');
    return;
  }
  log_.write(node::Level::info, "auth_file_read",
             fmt::format("credentials={}", credentials->size()));
  node_.replace_credentials(std::move(*credentials));
}

void Daemon::read_scripts_again() {
  if (options_.config.scripts.source == nullptr) return;
  // The node logs what came of it; on a failure the scripts that run go on.
  (void)node_.reload_scripts();
}

void Daemon::read_ring_again() {
  if (options_.config.cluster.source == nullptr) return;
  (void)node_.reload_ring();  // as above
}

/// Everything that must have happened before the first descriptor is opened.
Outcome prepare(Options& options) {
  ProcessOptions& process = options.process;
  io::ignore_broken_pipes();
  if (process.core_dumps) {
    if (auto raised = io::raise_core_limit(); !raised) return raised;
  }
  const std::uint64_t descriptors = options.config.connections_max + own_descriptors;
  if (auto raised = io::raise_descriptor_limit(descriptors); !raised) return raised;
  if (!process.user.empty()) {
    if (auto dropped = io::drop_privileges(process.user); !dropped) return dropped;
  }
  if (!process.auth_file.empty()) {
    auto credentials = read_credentials(process.auth_file);
    if (!credentials) return failure(credentials.error());
    options.config.credentials = std::move(*credentials);
  }
  if (process.background) {
    // The background leaves this directory.
    for (io::Address& address : options.config.listen) {
      if (address.kind == io::Address::Kind::unix_socket) {
        address.host = io::absolute_path(address.host);
      }
    }
    for (std::string* path : {&process.pid_file, &process.auth_file, &process.port_file,
                              &process.scripts_directory, &process.ring_file}) {
      *path = io::absolute_path(*path);
    }
  }
  return {};
}

Outcome serve(Options& options) {
  if (auto prepared = prepare(options); !prepared) return prepared;
  std::optional<io::Background> background;
  if (options.process.background) {
    auto entered = io::Background::enter();
    if (!entered) return failure(entered.error());
    background.emplace(std::move(*entered));
  }
  const auto arena = io::ArenaMemory::reserve(options.config.memory_bytes);
  if (!arena) {
    return failure(
        fmt::format("cannot reserve {}m of memory (-m)", options.config.memory_bytes / MiB));
  }
  // 4 GiB: see ArenaMemory::reserve.
  const auto script_heap = io::ArenaMemory::reserve(
      options.process.scripts ? options.process.script_heap_bytes : 1, 4 * GiB);
  if (!script_heap) {
    return failure(fmt::format("cannot reserve {}m of memory (--script-memory)",
                               options.process.script_heap_bytes / MiB));
  }
  ScriptFiles scripts(options.process.scripts_directory);
  if (options.process.scripts) options.config.scripts.source = &scripts;
  RingFileSource ring(options.process.ring_file);
  if (!options.process.ring_file.empty()) options.config.cluster.source = &ring;
  NameBook etcd_names(io::resolve_remote);
  std::optional<node::EtcdRing> etcd_ring;
  if (!options.process.etcd.endpoints.empty()) {
    options.config.cluster.source = &etcd_ring.emplace(
        etcd_options(options.process.etcd, options.config.cluster.node_name, etcd_names));
  }
  io::EpollIo io;
  StderrLog log(io, options.config.verbosity);
  for (const std::string& warning : options.warnings) {
    log.write(node::Level::warn, "flag_ignored", "reason=\"" + warning + '"');
  }
  Daemon daemon(options, io, log, arena->bytes(), script_heap->bytes());
  if (auto started = daemon.start(); !started) return started;
  if (background) background->ready(options.config.verbosity > 0);
  daemon.run();
  if (!options.process.pid_file.empty()) io::remove_file(options.process.pid_file);
  log.write(node::Level::info, "stopped", "");
  return {};
}

constexpr int exit_tests_failed = 1;

/// Loads the shipped scripts and those of a directory, and says what is declared.
int check_scripts(const std::string& directory) {
  const auto own = read_scripts(directory);
  if (!own) {
    fmt::print(stderr, "cacheismo: {}\n", own.error());
    return exit_os;
  }
  std::vector<lua::Script> scripts = lua::shipped_scripts();
  scripts.insert(scripts.end(), own->begin(), own->end());
  const auto declared = sim::check_scripts(scripts);
  if (!declared) {
    fmt::print(stderr, "cacheismo: {}\n", declared.error());
    return exit_tests_failed;
  }
  for (const std::string& line : *declared) fmt::print("{}\n", line);
  return 0;
}

/// Runs the tests of a directory.
int test_scripts(const std::string& directory) {
  const auto own = read_scripts(directory);
  if (!own) {
    fmt::print(stderr, "cacheismo: {}\n", own.error());
    return exit_os;
  }
  std::vector<lua::Script> scripts = lua::shipped_scripts();
  scripts.insert(scripts.end(), own->begin(), own->end());
  const sim::ScriptTestReport report = sim::run_script_tests(scripts);
  for (const std::string& failed : report.failures) fmt::print("FAILED {}\n", failed);
  fmt::print("{} passed, {} failed\n", report.passed, report.failed);
  if (report.passed + report.failed == 0)
    fmt::print(stderr, "cacheismo: {} has no tests (*_test.lua)\n", directory);
  return report.failed > 0 || report.passed == 0 ? exit_tests_failed : 0;
}

int run(std::span<const char* const> arguments) {
  const Environment environment{io::resolve_local,
                                io::environment_variable("MEMCACHED_PORT_FILENAME").value_or("")};
  auto options = parse_flags(arguments, environment);
  if (!options) {
    fmt::print(stderr, "cacheismo: {}\n", options.error());
    return exit_usage;
  }
  switch (options->action) {
    case Action::print_help: fmt::print("{}", help_text()); return 0;
    case Action::print_license:
      fmt::print(
          "cacheismo is free software under the Apache License, Version 2.0:\n"
          "http://www.apache.org/licenses/LICENSE-2.0\n");
      return 0;
    case Action::print_version:
      fmt::print("cacheismo {} (memcached {} protocol)\n", node::own_version,
                 node::protocol_version);
      return 0;
    case Action::check_scripts: return check_scripts(options->directory);
    case Action::test_scripts: return test_scripts(options->directory);
    case Action::copy: return run_copy(options->copy);
    case Action::serve: break;
  }
  if (auto served = serve(*options); !served) {
    fmt::print(stderr, "cacheismo: {}\n", served.error());
    return exit_os;
  }
  return 0;
}

}  // namespace
}  // namespace cacheismo

int main(int count, char** arguments) {
  return cacheismo::run({arguments, static_cast<std::size_t>(count)});
}
