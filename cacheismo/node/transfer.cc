#include "cacheismo/node/transfer.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/cluster/hop.h"
#include "cacheismo/node/node_state.h"
#include "cacheismo/proto/decimal.h"
#include "cacheismo/proto/percent.h"

namespace cacheismo::node {

using cluster::Hop;
using proto::Command;

namespace {

constexpr Bytes slice_prefix = "cluster:items:";
constexpr Bytes digests_prefix = "cluster:digests:";
constexpr Bytes changes_prefix = "cluster:changes:";
constexpr Bytes part_prefix = "cluster:part:";

/// Longest sequence of parts, bytes: one item.
constexpr std::size_t parts_bytes_max =
    item_form_header_bytes + limits::key_bytes_max + item_payload_bytes_max;

/// Whether an item or its digest is asked for by the item's own key.
bool wants_form(const Hop& hop) {
  return hop.wants == Hop::Wants::item || hop.wants == Hop::Wants::digest;
}

std::string shown(Bytes key) {
  std::string text(3 * key.size(), '\0');
  text.resize(static_cast<std::size_t>(proto::put_percent_encoded(text.data(), key) - text.data()));
  return text;
}

/// The keys that a scan visits.
class Keys final : public store::Store::Visitor {
 public:
  void visit(const store::ItemView& item) override { keys.emplace_back(item.key()); }
  std::vector<std::string> keys;
};

}  // namespace

// ---- Reading ------------------------------------------------------------------------------------

bool Transfer::is_asked() const { return node_.hop && node_.hop->hops > 0; }

bool Transfer::reads(const Command& command) const {
  if (!is_asked()) return false;
  return wants_form(*node_.hop) || command.key.starts_with(slice_prefix) ||
         command.key.starts_with(digests_prefix) || command.key.starts_with(changes_prefix);
}

Result<std::string, std::string> Transfer::read(const Command& command) {
  if (!node_.config.dump_enabled)
    return failure(std::string("cluster: items are not told here: dumps are disabled (-X)"));
  if (wants_form(*node_.hop)) {
    std::string form;
    const bool whole = node_.hop->wants == Hop::Wants::item;
    const FormOf what = whole ? FormOf::item : FormOf::digest;
    append_form(node_.store, command.key, what, item_payload_bytes_max, node_.now, form);
    return form;
  }
  if (command.key.starts_with(changes_prefix)) {
    const Bytes word = command.key.substr(changes_prefix.size());
    if (const auto position = proto::parse_unsigned(word)) return changes_.tell(*position);
    return failure(fmt::format("cluster: \"{}\" is no position", word.substr(0, 32)));
  }
  const bool items = command.key.starts_with(slice_prefix);
  const Bytes word = command.key.substr(items ? slice_prefix.size() : digests_prefix.size());
  const auto cursor = proto::parse_unsigned(word);
  if (!cursor || *cursor > std::numeric_limits<std::uint32_t>::max())
    return failure(fmt::format("cluster: \"{}\" is no cursor", word.substr(0, 32)));
  return slice(static_cast<std::uint32_t>(*cursor), items ? FormOf::item : FormOf::digest);
}

std::string Transfer::slice(std::uint32_t cursor, FormOf what) {
  std::string forms;
  std::uint64_t next = cursor;
  std::uint64_t looked_at = 0;  // bytes of payload, of which a digest shows nothing
  append_number(0, 8, forms);
  for (std::uint32_t lines = 0; lines < limits::scan_lines_per_turn && looked_at < slice_bytes;
       ++lines) {
    Keys visited;
    const store::ScanRule rule{.visits_max = store::ScanRule::visits_min, .lines_max = 1};
    next = node_.store.scan(next, rule, visited, node_.now).next;
    for (const std::string& key : visited.keys) {
      if (const auto item = node_.store.peek(node_.store.key(key), node_.now))
        looked_at += std::min<std::uint64_t>(item->value_bytes(), whole_bytes_max);
      append_form(node_.store, key, what, whole_bytes_max, node_.now, forms);
    }
    if (next == 0) break;
  }
  std::string head;
  append_number(next, 8, head);
  forms.replace(0, head.size(), head);
  return forms;
}

// ---- Writing ------------------------------------------------------------------------------------

bool Transfer::writes(const Command& command) const {
  return is_asked() && (command.key == items_key || command.key.starts_with(part_prefix));
}

Result<void, std::string> Transfer::write(const Command& command, Bytes data) {
  if (!node_.config.accept_copy)
    return failure(std::string("cluster: items are not accepted here: start with --accept-copy"));
  if (command.key == items_key) return take_items(data);
  return take_part(command.key.substr(part_prefix.size()), data);
}

Result<void, std::string> Transfer::take_items(Bytes forms) {
  std::size_t taken = 0;
  std::size_t refused = 0;
  std::string first;
  while (!forms.empty()) {
    const auto item = take_item(forms);
    if (!item)
      return failure(fmt::format("cluster: what follows the first {} items is no item", taken));
    ++taken;
    if (item->kind == ItemForm::Kind::flush) {
      node_.store.flush(node_.now, node_.now);
      continue;
    }
    const auto stored = store_form(node_.store, *item, node_.now);
    if (stored) continue;
    if (refused++ == 0) first = fmt::format("{}: {}", to_string(stored.error()), shown(item->key));
  }
  if (refused == 0) return {};
  return failure(fmt::format("cluster: {} of {} items were not stored: {}", refused, taken, first));
}

Result<void, std::string> Transfer::take_part(Bytes place, Bytes data) {
  const std::size_t colon = place.find(':');
  const auto offset = proto::parse_unsigned(place.substr(0, colon));
  const auto total =
      colon == Bytes::npos ? std::nullopt : proto::parse_unsigned(place.substr(colon + 1));
  if (!offset || !total || *total == 0 || *total > parts_bytes_max)
    return failure(fmt::format("cluster: \"{}\" is no OFFSET:TOTAL, at most {} bytes",
                               place.substr(0, 32), parts_bytes_max));
  if (*offset == 0) {
    parts_.clear();
    parts_total_ = *total;
  }
  if (*offset != parts_.size() || *total != parts_total_ || data.size() > *total - *offset) {
    return failure(fmt::format("cluster: a part at {} of {} was not expected, begin again at 0",
                               *offset, *total));
  }
  parts_ += data;
  parts_at_ = node_.io.now().monotonic;
  if (parts_.size() < parts_total_) return {};
  parts_total_ = 0;
  const std::string forms = std::exchange(parts_, {});
  return take_items(forms);
}

void Transfer::forget_if_due() {
  changes_.forget_if_due();
  if (parts_total_ == 0 || node_.io.now().monotonic - parts_at_ < parts_patience) return;
  parts_total_ = 0;
  parts_ = {};
  parts_.shrink_to_fit();
}

}  // namespace cacheismo::node
