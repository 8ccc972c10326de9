// Node: one cache server: connections, dispatch, store, statistics, composed over one Io.
//
//   Io completions -> Connection -> RequestParser -> Dispatcher -> Store
//                         |                              |
//                     send <-------- OutputBuffer <--- replies, in request order
//
// A Node is a state machine: it runs only inside Io callbacks and the calls below, on one thread.
//  1. A request is answered in order on its connection, exactly once or the connection closes.
//  2. While a connection's output is full, its requests are not executed and nothing is received.
//  3. An idle connection holds no buffer.
//  4. After stop(), nothing is accepted; when stopped() is true no operation is outstanding in the
//     Io and the Node may be destroyed. Destroying it earlier is a CHECK.
//
// What it is not: it names no socket, clock, file or environment.

#ifndef CACHEISMO_NODE_NODE_H_
#define CACHEISMO_NODE_NODE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cacheismo/base/result.h"
#include "cacheismo/io/io.h"
#include "cacheismo/node/config.h"
#include "cacheismo/node/log.h"

namespace cacheismo::node {

/// graceful: what has been received is answered, then connections close. at_once: they close now.
enum class Stop : std::uint8_t { graceful, at_once };

class Node {
 public:
  /// `arena` is the cache's memory, at least config.memory_bytes, zeroed. `script_heap` is that of
  /// all scripts, at least limits::script_heap_bytes_min and aligned to 64 KiB where config.scripts
  /// has a source, else unused; where its address is a multiple of 4 GiB, scripts do the same in
  /// every process. io, log and both must outlive the Node.
  Node(const Config& config, io::Io& io, Log& log, std::span<char> arena,
       std::span<char> script_heap = {});
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Loads the scripts and the ring, and listens on every address of the config. On failure nothing
  /// stays open and the text says which script, ring or address, and why.
  [[nodiscard]] Result<void, std::string> start();

  /// Where it really listens, in the order of the config.
  [[nodiscard]] std::vector<io::Address> addresses() const;

  void stop(Stop how);
  [[nodiscard]] bool stopped() const;

  /// What a client asked for with `shutdown`, if it did and that is enabled. The owner of the
  /// process decides; the node keeps running until stop().
  [[nodiscard]] std::optional<Stop> shutdown_requested() const;

  /// Reads the scripts again (SIGHUP). On a failure those that run go on, and the text says file
  /// and line. Requires config.scripts.source.
  [[nodiscard]] Result<void, std::string> reload_scripts();

  /// Reads the ring again (SIGHUP). On a failure the old one stays, and the text says why. Requires
  /// config.cluster.source.
  [[nodiscard]] Result<void, std::string> reload_ring();

  /// New credentials (SIGHUP); connections that are already in stay in.
  void replace_credentials(std::vector<Credential> credentials);

  /// Walks store and connections; the first broken invariant, or nullopt.
  [[nodiscard]] std::optional<std::string> audit() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_NODE_H_
