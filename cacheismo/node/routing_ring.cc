// Routing, second part: which ring there is, and which node a key is for.

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/cluster/ring_change.h"
#include "cacheismo/node/node_state.h"
#include "cacheismo/node/routing.h"
#include "cacheismo/node/scripts.h"

namespace cacheismo::node {

using proto::Command;

// ---- The ring -----------------------------------------------------------------------------------

Result<void, std::string> Routing::load() {
  check_at_ = node_.io.now().monotonic + limits::ring_check_interval;
  auto view = node_.config.cluster.source->read();
  Result<void, std::string> taken;
  if (view) {
    taken = take(std::move(*view));
  } else {
    taken = failure(view.error());
  }
  if (!taken) {
    ++counters_.rings_refused;
    node_.log.write(Level::error, "ring_refused", "reason=\"" + taken.error() + '"');
  }
  return taken;
}

Result<void, std::string> Routing::take(RingView view) {
  CHECK_EQ(view.spec.members.size(), view.addresses.size());
  if (history_.has_ring() && view.spec.epoch < ring().epoch())
    return failure(fmt::format("its epoch is {}, and {} is in use: an epoch only grows",
                               view.spec.epoch, ring().epoch()));
  auto made = cluster::Ring::make(std::move(view.spec));
  if (!made) return failure(made.error());
  if (history_.has_ring() && made->epoch() == ring().epoch()) {
    if (std::ranges::equal(made->members(), ring().members()) &&
        made->hashing() == ring().hashing()) {
      // A name may stand for another address now.
      if (addresses_ != view.addresses) take_addresses(std::move(view.addresses));
      return {};
    }
    return failure(fmt::format("it differs from the one in use, and has its epoch, {}: count it up",
                               made->epoch()));
  }
  const bool changes = history_.has_ring();
  history_.push(std::move(*made));
  addresses_.clear();
  if (changes) handover_.ring_changed();
  ++counters_.rings_taken;
  node_.log.write(Level::info, "ring_taken",
                  fmt::format("epoch={} members={} self={}", ring().epoch(),
                              ring().members().size(), self() ? "member" : "none"));
  take_addresses(std::move(view.addresses));
  return {};
}

void Routing::take_addresses(std::vector<io::Address> addresses) {
  std::string moved;
  std::string unknown;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const std::string& name = ring().members()[i].name;
    if (addresses[i].host.empty()) {
      unknown += ',' + name;
    } else if (addresses_.size() == addresses.size() && addresses_[i] != addresses[i]) {
      moved += ',' + name;
    }
  }
  addresses_ = std::move(addresses);
  if (!moved.empty()) node_.log.write(Level::info, "addresses_changed", "nodes=" + moved.substr(1));
  if (!unknown.empty())
    node_.log.write(Level::warn, "addresses_unknown", "nodes=" + unknown.substr(1));
}

bool Routing::work() {
  if (node_.io.now().monotonic >= check_at_) {
    check_at_ = node_.io.now().monotonic + limits::ring_check_interval;
    if (node_.config.cluster.source->changed()) (void)load();
  }
  return handover_.work();
}

std::optional<io::Address> Routing::address_of(Bytes name) const {
  const auto member = ring().find(name);
  if (!member) return std::nullopt;
  return addresses_[*member];
}

// ---- Where a request goes -----------------------------------------------------------------------

const lua::Method* Routing::method_of(Bytes key, Bytes& rest) const {
  return node_.scripts == nullptr ? nullptr : node_.scripts->find(key, rest);
}

std::vector<lua::RingNode> Routing::nodes() const {
  std::vector<lua::RingNode> nodes;
  for (std::uint32_t i = 0; i < addresses_.size(); ++i) {
    const cluster::Member& member = ring().members()[i];
    nodes.push_back({.name = member.name,
                     .address = io::to_string(addresses_[i]),
                     .state = std::string(cluster::to_string(member.state)),
                     .self = self() == i});
  }
  return nodes;
}

Routing::Place Routing::place(Bytes key) {
  const Placement at(node_, key);
  if (at.anywhere()) return {};
  if (at.failed()) {
    nowhere_ = "SERVER_ERROR ";
    nowhere_ += Bytes(at.error()).substr(0, limits::error_bytes_max);
    nowhere_ += "\r\n";
    return {.is = Place::Is::nowhere};
  }
  const std::uint32_t member = ring().owner(at.key().by);
  if (!self() || member != *self()) return {.is = Place::Is::elsewhere, .member = member};
  // The owner by a newer ring, which this node cannot read yet, has it.
  if (history_.yielded(at.key().key) != 0) return {.is = Place::Is::wrong};
  return {.owned = true};
}

Routing::Place Routing::place(const Command& command) {
  const auto& hop = node_.hop;
  if (!hop || hop->hops == 0) return place(command.key);
  if (hop->epoch == 0) return {};
  // Whoever knows a newer ring than this node has decided better than it could.
  if (hop->epoch > ring().epoch()) (void)load();
  Place place = this->place(command.key);
  if (place.is == Place::Is::elsewhere) place.is = Place::Is::wrong;
  return place;
}

std::optional<cluster::Hop> Routing::hop_of(const Command& command) {
  if (command.verb < proto::Verb::mg || !command.meta.has('P')) return std::nullopt;
  for (const proto::MetaFlag& flag : command.meta.all()) {
    if (flag.letter == 'P') return cluster::parse_hop(flag.argument);
  }
  return std::nullopt;
}

// ---- Handover -----------------------------------------------------------------------------------

bool Routing::settle(Bytes key, std::uint32_t connection) {
  if (!history_.open()) return true;
  const Placement at(node_, key);
  if (at.anywhere() || at.failed() || !owns_placed(at.key().by)) return true;
  // What was yielded cannot be settled; place() refuses it.
  if (history_.yielded(at.key().key) != 0) return true;
  return handover_.touch(at.key(), connection) == Handover::Touch::go_on;
}

bool Routing::is_settled(Bytes key) const {
  const Placement at(node_, key);
  return at.anywhere() || at.failed() ||
         history_.judge(at.key()) == cluster::RingHistory::State::good;
}

void Routing::settle_replica(Bytes item_key) {
  // Where there is no room for it, it is a leftover, and gone at the first touch.
  if (history_.open()) (void)history_.settle(item_key, ring().epoch());
}

// ---- What only a node may do that others take for alive -----------------------------------------

bool Routing::forbids_writes() const {
  return self() && !node_.config.cluster.source->may_write(node_.io.now().monotonic);
}

bool Routing::forbids(const Place& place, const Command& command) const {
  if (!place.owned || !forbids_writes()) return false;
  if (command.verb == proto::Verb::me) return false;
  if (command.verb != proto::Verb::mg) return true;
  const proto::Meta& meta = command.meta;
  return meta.has('N') || meta.has('R') || meta.has('T') || !may_repeat(command.key);
}

bool Routing::forbids_get(const Place& place, Bytes key, bool touches) const {
  return place.owned && (touches || !may_repeat(key)) && forbids_writes();
}

// ---- cluster:... --------------------------------------------------------------------------------

const lua::Method* Routing::find(Bytes key, Bytes& rest) const {
  if (!key.starts_with(builtin_prefix)) return nullptr;
  rest = key.substr(builtin_prefix.size());
  return &builtin_;
}

std::string Routing::describe() const {
  std::string text = fmt::format("epoch {} hashing {} self {}\n", ring().epoch(),
                                 cluster::to_string(ring().hashing()),
                                 self() ? ring().members()[*self()].name : "-");
  for (std::size_t i = 0; i < ring().members().size(); ++i) {
    const cluster::Member& member = ring().members()[i];
    text += fmt::format("{} {} {} weight {}\n", member.name, io::to_string(addresses_[i]),
                        cluster::to_string(member.state), member.weight);
  }
  text.pop_back();
  return text;
}

lua::Answer Routing::call(Bytes rest, std::optional<Bytes> data) {
  if (rest.starts_with("take:")) return handover_.take(rest.substr(5));
  if (rest.starts_with("give:") && data) return handover_.give(rest.substr(5), *data);
  const auto value = [&](std::string text) {
    text_ = std::move(text);
    return lua::Answer{.is = lua::Answer::Is::value, .text = text_};
  };
  if (rest == "epoch") return value(std::to_string(ring().epoch()));
  if (rest == "nodes") return value(describe());
  if (rest.starts_with("owner:")) {
    const Placement at(node_, rest.substr(6));
    if (!at.failed()) return value(ring().members()[ring().owner(at.key().by)].name);
    text_ = at.error();
    return {.is = lua::Answer::Is::error, .text = text_};
  }
  if (rest == "change") return value(node_.config.cluster.source->report());
  auto changed = change(rest);
  if (changed) return value(std::move(*changed));
  text_ = std::move(changed.error());
  return {.is = lua::Answer::Is::error, .text = text_};
}

/// join:..., leave:..., state:... What is under way is told; its end stands in cluster:change.
Result<std::string, std::string> Routing::change(Bytes text) {
  const bool changes =
      text.starts_with("join:") || text.starts_with("leave:") || text.starts_with("state:");
  if (!changes)
    return failure(std::string(
        "cluster: there are cluster:epoch, cluster:nodes, cluster:owner:KEY and cluster:change"));
  if (!node_.config.cluster.changes_enabled)
    return failure(std::string("cluster: the ring is changed only with --enable-ring-changes"));
  const auto change = cluster::parse_ring_change(text);
  if (!change) return failure(change.error());
  RingSource& source = *node_.config.cluster.source;
  if (auto begun = source.change(*change); !begun) return failure(begun.error());
  if (source.changed()) (void)load();
  return source.report();
}

}  // namespace cacheismo::node
