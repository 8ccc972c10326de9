#include "cacheismo/node/report.h"

#include <string>

#include <fmt/format.h>

#include "cacheismo/node/connection_table.h"
#include "cacheismo/node/node_state.h"
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

bool continue_connections(NodeState& node, Report& report, OutputBuffer& out) {
  for (; report.cursor < node.connections->slots(); ++report.cursor) {
    if (out.room() < connection_lines_bytes_max) return false;
    const auto slot = static_cast<std::uint32_t>(report.cursor);
    if (node.connections->at(slot).in_use()) append_connection(node, slot, out);
  }
  return true;
}

/// Writes a line for each item that a scan visits, or notices that there is no room for it.
class ItemLines final : public store::Store::Visitor {
 public:
  ItemLines(const NodeState& node, Report& report, OutputBuffer& out)
      : node_(node), report_(report), out_(out) {}

  [[nodiscard]] bool overflowed() const { return overflowed_; }

  void visit(const store::ItemView& item) override {
    if (overflowed_ || out_.room() < proto::item_line_bytes_max) {
      overflowed_ = true;
      return;
    }
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
  bool overflowed_ = false;
};

bool continue_items(NodeState& node, Report& report, OutputBuffer& out) {
  // A step that does not fit is taken back and repeated in the next, empty buffer.
  std::uint32_t items = 8;
  for (;;) {
    if (report.kind == Report::Kind::cachedump && report.lines_left == 0) return true;
    if (out.room() < proto::item_line_bytes_max) return false;
    const bool was_empty = out.empty();
    const std::size_t room_before = out.room();
    const std::uint32_t lines_before = report.lines_left;
    ItemLines lines(node, report, out);
    const std::uint64_t next = node.store.scan(report.cursor, items, lines, node.now);
    // A bucket that no empty buffer holds is told as far as it fits, rather than never.
    if (lines.overflowed() && (items > 1 || !was_empty)) {
      out.take_back(room_before - out.room());
      report.lines_left = lines_before;
      if (items > 1) {
        items = 1;
        continue;
      }
      return false;
    }
    report.cursor = next;
    if (next == 0) return true;
  }
}

}  // namespace

bool continue_report(NodeState& node, Report& report, OutputBuffer& out) {
  switch (report.kind) {
    case Report::Kind::none: return true;
    case Report::Kind::connections: report.ended = continue_connections(node, report, out); break;
    case Report::Kind::prefixes: report.ended = node.prefixes.dump(report.cursor, out); break;
    default: report.ended = report.ended || continue_items(node, report, out); break;
  }
  const Bytes last =
      report.kind == Report::Kind::mgdump ? proto::replies::meta_miss : proto::replies::end;
  if (!report.ended || out.room() < last.size()) return false;
  out.append(last);
  report = {};
  return true;
}

}  // namespace cacheismo::node
