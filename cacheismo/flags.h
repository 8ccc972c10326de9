// Flags: from the command line to plain data, or to one line that says what is wrong with it.
//
//   argv, environment -> parse_flags -> Options { node::Config, ProcessOptions, warnings }
//                                     | "-c wants a number from 1 to 10000000, not \"many\""
//
// The flags are memcached's, so that what starts memcached starts cacheismo. Each one does what it
// does there, or is accepted with a warning that it means nothing here (tuning of what this server
// does not have), or is refused (a promise that could not be kept: SASL, TLS, external storage).
//
//  1. The ranges that node::Config states hold afterwards.
//  2. The result depends on the arguments alone; names are resolved by the function that is given.

#ifndef CACHEISMO_FLAGS_H_
#define CACHEISMO_FLAGS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/result.h"
#include "cacheismo/copy_options.h"
#include "cacheismo/node/config.h"

namespace cacheismo {

enum class Action : std::uint8_t {
  serve,
  print_help,
  print_version,
  print_license,
  check_scripts,  ///< cacheismo check DIR
  test_scripts,   ///< cacheismo test DIR
  copy,           ///< cacheismo copy FROM TO
};

/// Where the ring is, if it is in etcd.
struct EtcdFlags {
  std::vector<io::Address> endpoints;  ///< --etcd, hosts as they were given; empty: not there
  std::string prefix = "/cacheismo/default/";  ///< --etcd-prefix, its last slash included
  std::uint64_t lease_s = 5;                   ///< --etcd-lease
  bool join = false;                           ///< --etcd-join
  io::Address own;  ///< --node-address; empty: the first that the node listens on
};

/// What concerns the process rather than the node.
struct ProcessOptions {
  bool background = false;                     ///< -d
  bool core_dumps = false;                     ///< -r
  std::string pid_file;                        ///< -P; empty: none
  std::string user;                            ///< -u; empty: as started
  std::string auth_file;                       ///< -Y; empty: none
  std::string port_file;                       ///< MEMCACHED_PORT_FILENAME; empty: none
  bool scripts = true;                         ///< --no-scripts clears it
  std::string scripts_directory;               ///< --scripts; empty: the shipped types only
  std::string ring_file;                       ///< --ring-file; empty: the node is alone
  EtcdFlags etcd;                              ///< the other way not to be alone
  std::uint64_t script_heap_bytes = 64 * MiB;  ///< --script-memory, of all scripts together
};

struct Options {
  Action action = Action::serve;
  std::string directory;  ///< of check and test
  CopyOptions copy;
  node::Config config;
  ProcessOptions process;
  std::vector<std::string> warnings;  ///< what was accepted and does nothing
};

/// What parsing needs from outside.
struct Environment {
  /// io::resolve_local, or a test's table.
  Result<std::vector<std::string>, std::string> (*resolve)(const std::string& name) = nullptr;
  std::string port_file;  ///< the value of MEMCACHED_PORT_FILENAME
};

/// `arguments` are argv with the program's name. The error is one line without a newline.
[[nodiscard]] Result<Options, std::string> parse_flags(std::span<const char* const> arguments,
                                                       const Environment& environment);

/// What -h prints.
[[nodiscard]] Bytes help_text();

/// The credentials in an auth file, lines of "user:password"; blank lines do not count. The error
/// says which line is wrong, never what it says.
[[nodiscard]] Result<std::vector<node::Credential>, std::string> parse_credentials(Bytes content);

}  // namespace cacheismo

#endif  // CACHEISMO_FLAGS_H_
