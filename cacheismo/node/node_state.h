// NodeState: what all connections of one node share. Composition only, no behaviour of its own.
//
// One thread, one event at a time: `now`, `caller` and `hop` are true for what is running.

#ifndef CACHEISMO_NODE_NODE_STATE_H_
#define CACHEISMO_NODE_NODE_STATE_H_

#include <cstdint>
#include <optional>
#include <span>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/cluster/hop.h"
#include "cacheismo/io/io.h"
#include "cacheismo/node/auth.h"
#include "cacheismo/node/clock.h"
#include "cacheismo/node/config.h"
#include "cacheismo/node/counters.h"
#include "cacheismo/node/input_buffer.h"
#include "cacheismo/node/log.h"
#include "cacheismo/node/node.h"
#include "cacheismo/node/output_buffer.h"
#include "cacheismo/node/prefix_stats.h"
#include "cacheismo/node/watchers.h"
#include "cacheismo/proto/request_parser.h"
#include "cacheismo/store/store.h"

namespace cacheismo::node {

class ConnectionTable;
class Peers;
class Replicas;
class Routing;
class Scripts;
class Transfer;

/// Where the CAS values of a node begin, less one. A node alone counts from 1, as memcached does:
/// its clients see it go. In a cluster they do not, since another node answers them; so each life
/// of a node begins somewhere else, for a value of an earlier life, or of another owner, to mean
/// nothing to it. Of two lives with 10^9 writes each, one in 70,000 pairs overlaps at all. Below
/// 2^47, so that 10^14 writes later a value still fits the 6 bytes of an item (store/item.h).
[[nodiscard]] inline std::uint64_t first_cas(const Config& config, Prng& chance) {
  return config.cluster.source == nullptr ? 0 : chance.below(1ull << 47);
}

struct NodeState {
  NodeState(const Config& the_config, io::Io& the_io, Log& the_log, std::span<char> arena)
      : config(the_config),
        io(the_io),
        log(the_log),
        clock(the_io.now()),
        now(clock.seconds(the_io.now().monotonic)),
        store(arena, {.limit_bytes = the_config.memory_bytes,
                      .item_bytes_max = the_config.item_bytes_max,
                      .hash_seed = the_io.random().next(),
                      .evict = the_config.evict,
                      .last_cas = first_cas(the_config, the_io.random())}),
        auth(the_config.credentials),
        prefixes(the_config.prefix_delimiter, the_config.prefix_stats) {}

  /// Every event that may run requests starts here.
  void begin_event() { now = clock.seconds(io.now().monotonic); }

  /// Someone wants to see each operation: `watch` or `stats detail`.
  [[nodiscard]] bool observed() const { return watchers.any() || prefixes.enabled(); }

  /// The connection in `slot` goes on in the next turn of the Io, behind what waits there already.
  void queue_turn(std::uint32_t slot);

  Config config;
  io::Io& io;
  Log& log;
  Clock clock;
  store::Seconds now;
  /// What another node says of the meta command that is running; nullopt: a client has sent it.
  std::optional<cluster::Hop> hop;
  std::uint32_t caller = 0;  ///< slot of the connection whose request is running
  store::Store store;
  proto::RequestParser parser;
  Counters counters;
  OutputPool outputs;
  InputMemory inputs;
  Authenticator auth;
  PrefixStats prefixes;
  Watchers watchers;
  ConnectionTable* connections = nullptr;
  Scripts* scripts = nullptr;        ///< null: no key is virtual
  Peers* peers = nullptr;            ///< null: nothing here speaks to another node
  Routing* routing = nullptr;        ///< null: every key is answered here
  Replicas* replicas = nullptr;      ///< not null where peers is not
  Transfer* transfer = nullptr;      ///< never null while the node runs
  io::TimerEvents* turns = nullptr;  ///< takes the queued turns when turn_timer fires
  io::TimerId turn_timer;            ///< 0: no turn is queued
  bool draining = false;             ///< stop() was called
  bool accepting = false;
  std::optional<Stop> shutdown_requested;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_NODE_STATE_H_
