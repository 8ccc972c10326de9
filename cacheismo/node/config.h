// Config: everything about a node that an operator chooses, as plain data.
//
// Filled by cacheismo/flags from the command line, by tests and by the simulator directly. Checked
// there: a Node may rely on the ranges stated here.

#ifndef CACHEISMO_NODE_CONFIG_H_
#define CACHEISMO_NODE_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cacheismo/base/result.h"
#include "cacheismo/base/units.h"
#include "cacheismo/cluster/ring.h"
#include "cacheismo/cluster/ring_change.h"
#include "cacheismo/io/io.h"
#include "cacheismo/lua/script.h"
#include "cacheismo/node/log.h"

namespace cacheismo::node {

/// One name and password that -Y lets in.
struct Credential {
  std::string user;
  std::string password;
};

/// Where scripts come from: a directory, or a test's list. Read at the start and at each reload.
class ScriptSource {
 public:
  /// The text of a failure says which file and why.
  [[nodiscard]] virtual Result<std::vector<lua::Script>, std::string> read() = 0;

 protected:
  ~ScriptSource() = default;
};

struct ScriptConfig {
  ScriptSource* source = nullptr;           ///< outlives the node; null: no virtual keys
  std::int64_t steps_per_call = 1'000'000;  ///< --script-steps
  Duration time_per_call = std::chrono::milliseconds(50);  ///< --script-time
  std::uint64_t heap_bytes_per_call = 8 * MiB;             ///< --script-call-memory
  std::uint32_t waiting_calls_max = 10'000;
  bool reload_enabled = false;  ///< --enable-reload: get cacheismo:reload
};

/// A ring, and where its members can be reached.
struct RingView {
  cluster::RingSpec spec;
  /// Of spec.members, in their order. Without a host: not known at present; requests to it fail as
  /// refused.
  std::vector<io::Address> addresses;
};

/// What a RingSource that speaks to others tells its node, from within callbacks of the Io.
class RingUser {
 public:
  /// read() has something new.
  virtual void on_ring_changed() = 0;
  /// After detach(true): it is attached() no more.
  virtual void on_ring_left() = 0;

 protected:
  ~RingUser() = default;
};

/// Who says which nodes there are: a ring file, a directory of the cluster, or a test.
class RingSource {
 public:
  /// The text of a failure says where and why.
  [[nodiscard]] virtual Result<RingView, std::string> read() = 0;
  /// Whether read() may tell something else than the last time. Cheap: asked each second.
  [[nodiscard]] virtual bool changed() = 0;

  /// Has the ring changed for all nodes; report() tells what becomes of it. The failure says why
  /// not.
  [[nodiscard]] virtual Result<void, std::string> change(const cluster::RingChange& /*change*/) {
    return failure(std::string("cluster: this ring is changed at its source only"));
  }
  /// Of the latest change: "none", or in one line what it was and how it went.
  [[nodiscard]] virtual std::string report() { return "none"; }

  // ---- What only a source does that speaks to others over the node's Io -------------------------

  /// It does: read() fails until the first on_ring_changed().
  [[nodiscard]] virtual bool speaks() const { return false; }
  /// The node listens at `own`, its first address. Called once; all three outlive attached().
  virtual void attach(io::Io& /*io*/, Log& /*log*/, const io::Address& /*own*/,
                      RingUser& /*user*/) {}
  /// The node ends; with `leaves`, after the source has said so to the others, or has tried to for
  /// a bounded time. May be called again, without.
  virtual void detach(bool /*leaves*/) {}
  /// Something of it is outstanding in the Io.
  [[nodiscard]] virtual bool attached() const { return false; }
  /// Whether this node may change what it owns: false when others may have to take it for dead.
  [[nodiscard]] virtual bool may_write(MonotonicTime /*now*/) const { return true; }

 protected:
  ~RingSource() = default;
};

struct ClusterConfig {
  RingSource* source = nullptr;                ///< outlives the node; null: the node owns every key
  std::string node_name;                       ///< --node-name: which member of the ring this is
  Duration timeout = std::chrono::seconds(1);  ///< --cluster-timeout: of one forwarded request
  bool changes_enabled = false;                ///< --enable-ring-changes: get cluster:join:...
};

struct Config {
  std::vector<io::Address> listen;  ///< every address to listen on, TCP or unix
  io::ListenOptions listen_options;
  std::uint64_t memory_bytes = 64 * MiB;   ///< -m
  std::uint64_t item_bytes_max = 1 * MiB;  ///< -I; at most half of memory_bytes
  std::uint32_t connections_max = 1024;    ///< -c; at least 1
  std::uint32_t requests_per_event = 20;   ///< -R; pipelined requests before others get a turn
  Duration idle_timeout{0};                ///< -o idle_timeout; 0: never
  bool evict = true;                       ///< -M clears it
  bool cas = true;                         ///< -C clears it
  bool flush_enabled = true;               ///< -F clears it
  bool dump_enabled = true;                ///< -X clears it: metadump, mgdump, cachedump
  bool watch_enabled = true;               ///< -W clears it
  bool shutdown_enabled = false;           ///< -A sets it
  bool accept_copy = false;                ///< --accept-copy sets it: ms cluster:items
  int verbosity = 0;                       ///< -v, -vv
  char prefix_delimiter = ':';             ///< -D
  bool prefix_stats = false;               ///< stats detail starts on when -D is given
  bool authenticate = false;               ///< -Y was given
  std::vector<Credential> credentials;     ///< of -Y; replaced on SIGHUP
  ScriptConfig scripts;
  ClusterConfig cluster;
  std::uint64_t object_bytes_max = 16 * MiB;  ///< --object-max; at most a quarter of memory_bytes
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_CONFIG_H_
