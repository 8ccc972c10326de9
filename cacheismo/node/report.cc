#include "cacheismo/node/report.h"

#include <string>
#include <vector>

#include <fmt/format.h>

#include "cacheismo/node/connection_table.h"
#include "cacheismo/node/node_state.h"
#include "cacheismo/node/peers.h"
#include "cacheismo/node/replicas.h"
#include "cacheismo/node/routing.h"
#include "cacheismo/node/scripts.h"
#include "cacheismo/proto/replies.h"
#include "cacheismo/proto/reply_format.h"

namespace cacheismo::node {
namespace {

/// The four lines about one connection.
constexpr std::size_t connection_lines_bytes_max = 4 * 192;

void append_connection(const NodeState& node, std::uint32_t slot, OutputBuffer& out) {
  const Connection& connection = node.connections->at(slot);
  std::string address;
  if (!connection.closing()) address = io::to_string(node.io.peer_address(connection.stream()));
  const std::string text =
      fmt::format("STAT {0}:addr {1}\r\nSTAT {0}:state {2}\r\nSTAT {0}:secs_since_last_cmd {3}\r\n",
                  slot, address.substr(0, 128), connection.state_name(),
                  node.now.value - connection.last_active().value);
  out.append(text);
}

ReportStep continue_connections(NodeState& node, Report& report, OutputBuffer& out) {
  for (; report.cursor < node.connections->slots(); ++report.cursor) {
    if (out.room() < connection_lines_bytes_max) return ReportStep::full;
    const auto slot = static_cast<std::uint32_t>(report.cursor);
    if (node.connections->at(slot).in_use()) append_connection(node, slot, out);
  }
  return ReportStep::ended;
}

/// The lines about one method.
constexpr std::size_t method_lines_bytes_max = 9 * 192;

void append_method(const lua::Method& method, OutputBuffer& out) {
  const lua::MethodStats& stats = method.stats;
  const std::string name = method.type->name + ':' + method.name;
  out.append(
      fmt::format("STAT {0}:calls {1}\r\nSTAT {0}:errors {2}\r\nSTAT {0}:kills {3}\r\n"
                  "STAT {0}:conflicts {4}\r\nSTAT {0}:steps {5}\r\nSTAT {0}:p50_us {6}\r\n"
                  "STAT {0}:p99_us {7}\r\nSTAT {0}:max_us {8}\r\n",
                  name, stats.calls, stats.errors, stats.kills, stats.conflicts, stats.steps,
                  stats.latencies.percentile_us(50), stats.latencies.percentile_us(99),
                  stats.latencies.percentile_us(100)));
}

void append_scripts(const Scripts& scripts, OutputBuffer& out) {
  const lua::Engine& engine = scripts.engine();
  out.append(fmt::format(
      "STAT generation {}\r\nSTAT failed_loads {}\r\nSTAT types {}\r\nSTAT waiting_calls {}\r\n"
      "STAT heap_bytes {}\r\nSTAT heap_limit_bytes {}\r\n",
      engine.generation(), scripts.failed_loads(), engine.types()->all().size(),
      engine.waiting_calls(), engine.heap().used_bytes(), engine.heap().region_bytes()));
}

/// The cursor: 0 the general lines, then one step for each of the last errors, then the methods
/// that were called, type by type.
ReportStep continue_scripts(NodeState& node, Report& report, OutputBuffer& out) {
  if (node.scripts == nullptr) return ReportStep::ended;
  const lua::Engine& engine = node.scripts->engine();
  if (report.cursor == 0) {
    append_scripts(*node.scripts, out);
    report.cursor = 1;
  }
  std::uint64_t at = 1;
  for (const lua::ScriptError& error : engine.last_errors()) {
    if (at++ < report.cursor) continue;
    if (out.room() < method_lines_bytes_max) return ReportStep::full;
    out.append(fmt::format("STAT last_error {} {} {}\r\n", error.wall_ns / 1'000'000'000,
                           error.method, Bytes(error.text).substr(0, limits::error_bytes_max)));
    report.cursor = at;
  }
  for (const auto& type : engine.types()->all()) {
    for (const auto& method : type->methods) {
      if (at++ < report.cursor) continue;
      if (out.room() < method_lines_bytes_max) return ReportStep::full;
      if (method->stats.calls > 0) append_method(*method, out);
      report.cursor = at;
    }
  }
  return ReportStep::ended;
}

/// Writes a line for each item that a scan visits. Requires that there is room for it.
class ItemLines final : public store::Store::Visitor {
 public:
  ItemLines(const NodeState& node, Report& report, OutputBuffer& out)
      : node_(node), report_(report), out_(out) {}

  void visit(const store::ItemView& item) override {
    switch (report_.kind) {
      case Report::Kind::metadump: metadump(item); break;
      case Report::Kind::mgdump:
        out_.advance_to(proto::put_mgdump_line(out_.cursor(), item.key()));
        break;
      default: cachedump(item); break;
    }
  }

 private:
  void metadump(const store::ItemView& item) {
    proto::ItemFacts facts;
    facts.key = item.key();
    if (item.expiry() != store::never) facts.expiry = node_.clock.unix_seconds(item.expiry());
    facts.last_access = node_.clock.unix_seconds(item.last_access());
    facts.cas = node_.config.cas ? item.assigned_cas() : 0;
    facts.fetched = item.fetched();
    facts.item_bytes = item.key().size() + item.value_bytes();
    facts.client_flags = item.client_flags();
    out_.advance_to(proto::put_metadump_line(out_.cursor(), facts));
  }

  void cachedump(const store::ItemView& item) {
    if (report_.lines_left == 0) return;
    --report_.lines_left;
    char* p = proto::put(proto::put(out_.cursor(), "ITEM "), item.key());
    p = proto::put_decimal(proto::put(p, " ["), item.value_bytes());
    const bool forever = item.expiry() == store::never;
    p = proto::put_signed(proto::put(p, " b; "),
                          forever ? 0 : node_.clock.unix_seconds(item.expiry()));
    out_.advance_to(proto::put(p, " s]\r\n"));
  }

  const NodeState& node_;
  Report& report_;
  OutputBuffer& out_;
};

/// Room with which a scan is asked for more, bytes: it ends between two lines of the index only.
constexpr std::size_t visits_bytes_min = store::ScanRule::visits_min * proto::item_line_bytes_max;
static_assert(visits_bytes_min <= sizeof(OutputBlock::bytes));

ReportStep continue_items(NodeState& node, Report& report, OutputBuffer& out) {
  ItemLines told(node, report, out);
  store::ScanRule rule{.prefix = report.prefix ? Bytes(*report.prefix) : Bytes(),
                       .last_access = report.kind == Report::Kind::metadump,
                       .lines_max = limits::scan_lines_per_turn};
  for (;;) {
    if (rule.lines_max == 0) return ReportStep::turn_over;
    if (out.room() < visits_bytes_min) return ReportStep::full;
    rule.visits_max = static_cast<std::uint32_t>(out.room() / proto::item_line_bytes_max);
    const store::Scanned scanned = node.store.scan(report.cursor, rule, told, node.now);
    report.cursor = scanned.next;
    rule.lines_max -= scanned.lines;
    const bool enough = report.kind == Report::Kind::cachedump && report.lines_left == 0;
    if (scanned.next == 0 || enough) return ReportStep::ended;
  }
}

/// The lines about one peer.
constexpr std::size_t peer_lines_bytes_max = 20 * 128;

const char* name_of(cluster::Circuit::State state) {
  switch (state) {
    case cluster::Circuit::State::closed: return "closed";
    case cluster::Circuit::State::open: return "open";
    case cluster::Circuit::State::half_open: break;
  }
  return "half_open";
}

void append_routing(const Routing& routing, OutputBuffer& out) {
  const RoutingCounters& counters = routing.counters();
  const auto self = routing.self();
  out.append(
      fmt::format("STAT epoch {}\r\nSTAT hashing {}\r\nSTAT self {}\r\nSTAT members {}\r\n"
                  "STAT forwarded {}\r\nSTAT answered {}\r\nSTAT failed {}\r\nSTAT retried {}\r\n"
                  "STAT wrong_owner_sent {}\r\nSTAT wrong_owner_received {}\r\n"
                  "STAT rings_taken {}\r\nSTAT rings_refused {}\r\n",
                  routing.ring().epoch(), cluster::to_string(routing.ring().hashing()),
                  self ? routing.ring().members()[*self].name : "none",
                  routing.ring().members().size(), counters.forwarded, counters.answered,
                  counters.failed, counters.retried, counters.wrong_owner_sent,
                  counters.wrong_owner_received, counters.rings_taken, counters.rings_refused));
  const HandoverCounters& moved = routing.handover().counters();
  out.append(fmt::format(
      "STAT handover_open {}\r\nSTAT handover_active {}\r\nSTAT handover_taken {}\r\n"
      "STAT handover_taken_empty {}\r\nSTAT handover_take_failed {}\r\n"
      "STAT handover_given {}\r\nSTAT handover_give_failed {}\r\n"
      "STAT handover_received {}\r\nSTAT handover_received_late {}\r\n"
      "STAT handover_no_room {}\r\nSTAT handover_dropped {}\r\n"
      "STAT handover_inherited {}\r\n",
      routing.history().open() ? 1 : 0, routing.handover().active() ? 1 : 0, moved.taken,
      moved.taken_empty, moved.take_failed, moved.given, moved.give_failed, moved.received,
      moved.received_late, moved.no_room, moved.dropped, moved.inherited));
}

void append_replicas(const Replicas& replicas, OutputBuffer& out) {
  const ReplicaCounters& counters = replicas.counters();
  out.append(
      fmt::format("STAT replicas_sent {}\r\nSTAT replicas_taken {}\r\nSTAT replicas_older {}\r\n"
                  "STAT replicas_refused {}\r\nSTAT replica_versions {}\r\n",
                  counters.packed, counters.taken, counters.older, counters.refused,
                  replicas.versions().size()));
}

void append_peer(const PeerStats& peer, OutputBuffer& out) {
  const std::string name = io::to_string(peer.address);
  std::string lines = fmt::format(
      "STAT {0}:circuit {1}\r\nSTAT {0}:connections {2}\r\nSTAT {0}:in_flight {3}\r\n"
      "STAT {0}:queued_bytes {4}\r\nSTAT {0}:calls {5}\r\nSTAT {0}:replies {6}\r\n"
      "STAT {0}:late_replies {7}\r\nSTAT {0}:bytes_sent {8}\r\nSTAT {0}:bytes_received {9}\r\n",
      name, name_of(peer.circuit), peer.connections, peer.in_flight, peer.queued_bytes,
      peer.counters.calls, peer.counters.replies, peer.counters.late_replies,
      peer.counters.bytes_sent, peer.counters.bytes_received);
  for (std::size_t kind = 0; kind < cluster::failure_kinds; ++kind) {
    if (peer.counters.failures[kind] == 0) continue;
    lines += fmt::format("STAT {}:{} {}\r\n", name,
                         cluster::to_string(static_cast<cluster::Failure>(kind)),
                         peer.counters.failures[kind]);
  }
  out.append(lines);
}

/// The cursor: 0 the ring and the forwarding, then one step for each peer.
ReportStep continue_cluster(NodeState& node, Report& report, OutputBuffer& out) {
  if (report.cursor == 0) {
    if (node.routing != nullptr) append_routing(*node.routing, out);
    if (node.replicas != nullptr) append_replicas(*node.replicas, out);
    report.cursor = 1;
  }
  if (node.peers == nullptr) return ReportStep::ended;
  const std::vector<PeerStats> peers = node.peers->stats();
  for (; report.cursor <= peers.size(); ++report.cursor) {
    if (out.room() < peer_lines_bytes_max) return ReportStep::full;
    append_peer(peers[report.cursor - 1], out);
  }
  return ReportStep::ended;
}

}  // namespace

ReportStep continue_report(NodeState& node, Report& report, OutputBuffer& out) {
  ReportStep step = ReportStep::ended;
  if (!report.ended) {
    switch (report.kind) {
      case Report::Kind::none: return ReportStep::ended;
      case Report::Kind::connections: step = continue_connections(node, report, out); break;
      case Report::Kind::prefixes:
        if (!node.prefixes.dump(report.cursor, out)) step = ReportStep::full;
        break;
      case Report::Kind::cluster: step = continue_cluster(node, report, out); break;
      case Report::Kind::scripts: step = continue_scripts(node, report, out); break;
      default: step = continue_items(node, report, out); break;
    }
    report.ended = step == ReportStep::ended;
  }
  if (!report.ended) return step;
  const Bytes last =
      report.kind == Report::Kind::mgdump ? proto::replies::meta_miss : proto::replies::end;
  if (out.room() < last.size()) return ReportStep::full;
  out.append(last);
  report = {};
  return ReportStep::ended;
}

}  // namespace cacheismo::node
