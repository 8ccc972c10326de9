#include "cacheismo/node/replicas.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "cacheismo/base/hash.h"
#include "cacheismo/node/item_copy.h"
#include "cacheismo/node/item_form.h"
#include "cacheismo/node/node_state.h"
#include "cacheismo/node/routing.h"

namespace cacheismo::node {
namespace {

constexpr Bytes newer_text = "replica: newer ";

std::uint64_t microseconds(WallTime time) {
  const auto count = std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch()).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, count));
}

}  // namespace

struct Replicas::Packed {
  Version version;
  ItemForm item;
};

Replicas::Replicas(NodeState& node)
    : node_(node),
      self_(hash64(node.config.cluster.node_name, 0)),
      started_us_(microseconds(node.io.now().wall)),
      last_counter_(started_us_),
      versions_(
          {.entries_max = replica_versions_max, .seconds_max = replica_versions_seconds_max}) {}

std::uint64_t Replicas::wall_us() const { return microseconds(node_.io.now().wall); }

std::uint64_t Replicas::epoch() const {
  return node_.routing == nullptr ? 0 : node_.routing->ring().epoch();
}

Version Replicas::next_version() {
  last_counter_ = std::max(last_counter_ + 1, wall_us());
  return {.epoch = epoch(), .counter = last_counter_, .node = self_};
}

void Replicas::settle(const Version& version, Bytes item_key) {
  versions_.take(version, node_.store.key(item_key).hash, node_.now);
  if (node_.routing != nullptr) node_.routing->settle_replica(item_key);
}

bool Replicas::is_of_ring(Bytes item_key, std::uint64_t epoch) const {
  const auto version = versions_.of(node_.store.key(item_key).hash);
  return version && version->epoch >= epoch;
}

// ---- Sending ------------------------------------------------------------------------------------

Result<lua::Host::PackedItem, std::string> Replicas::pack(Bytes item_key, Bytes before) {
  const std::uint64_t hash = node_.store.key(item_key).hash;
  if (!before.empty() && versions_.of(hash) != parse_version(before.substr(0, before.find('\n'))))
    return lua::Host::PackedItem{};
  const Version version = next_version();
  std::string text = to_string(version) + '\n';
  const std::size_t head = text.size();
  const bool here = append_form(node_.store, item_key, FormOf::item, node_.config.item_bytes_max,
                                node_.now, text);
  if (!here) append_item({.kind = ItemForm::Kind::gone, .key = item_key}, text);
  Bytes form = Bytes(text).substr(head);
  if (take_item(form)->kind == ItemForm::Kind::long_one)
    return failure(std::string("the object is longer than an item may be (-I)"));
  settle(version, item_key);
  node_.store.mark_copied(node_.store.key(item_key), node_.now);
  ++counters_.packed;
  return lua::Host::PackedItem{std::move(text), here};
}

lua::Host::PackedItem Replicas::pack(Bytes item_key, const lua::Host::NewValue& value) {
  const Version version = next_version();
  ItemForm item{.kind = ItemForm::Kind::gone, .key = item_key};
  if (value.value) {
    item.kind = ItemForm::Kind::value;
    item.client_flags = value.client_flags;
    item.payload = *value.value;
  }
  if (value.value && value.ttl_seconds > 0) item.seconds_to_live = value.ttl_seconds;
  ++counters_.packed;
  bool here = false;
  if (value.store) {
    settle(version, item_key);
    here = store_form(node_.store, item, node_.now).has_value();
    node_.store.mark_copied(node_.store.key(item_key), node_.now);
  }
  std::string text = to_string(version) + '\n';
  append_item(item, text);
  return {std::move(text), here};
}

void Replicas::saw(Bytes error) {
  const std::size_t at = error.find(newer_text);
  if (at == Bytes::npos) return;
  const auto version = parse_version(error.substr(at + newer_text.size()));
  if (version) static_cast<void>(check(*version));
}

// ---- Receiving ----------------------------------------------------------------------------------

Result<Replicas::Packed, std::string> Replicas::parse(Bytes block) {
  using Kind = ItemForm::Kind;
  const std::size_t line_end = block.find('\n');
  const auto version = parse_version(block.substr(0, std::min(line_end, block.size())));
  Bytes rest = block.substr(std::min(line_end, block.size() - 1) + 1);
  const auto item = take_item(rest);
  const bool whole = version && item && rest.empty();
  if (!whole ||
      (item->kind != Kind::value && item->kind != Kind::object && item->kind != Kind::gone))
    return failure(std::string("replica: the block is malformed"));
  return Packed{.version = *version, .item = *item};
}

Result<void, std::string> Replicas::check(const Version& version) {
  if (version.epoch > epoch() && node_.routing != nullptr) static_cast<void>(node_.routing->load());
  if (version.epoch > epoch())
    return failure(fmt::format("replica: the ring of epoch {} is not known here", version.epoch));
  const auto ahead =
      std::chrono::duration_cast<std::chrono::microseconds>(replica_clock_ahead_max).count();
  if (version.counter > wall_us() + static_cast<std::uint64_t>(ahead))
    return failure("replica: the writer's clock is more than an hour ahead of this node's");
  last_counter_ = std::max(last_counter_, version.counter);
  return {};
}

Result<void, std::string> Replicas::refused(std::string why) {
  ++counters_.refused;
  return failure(std::move(why));
}

Result<void, std::string> Replicas::take(Bytes block) {
  const auto packed = parse(block);
  if (!packed) return refused(packed.error());
  if (auto believed = check(packed->version); !believed) return refused(believed.error());
  if (packed->item.kind == ItemForm::Kind::object && !node_.config.accept_copy)
    return refused("replica: objects are not accepted here: start with --accept-copy");
  const std::uint64_t hash = node_.store.key(packed->item.key).hash;
  // What was sent to the node that was here before may be older than what that one had.
  const bool of_before = packed->version.counter <= started_us_;
  const auto newer = of_before ? std::optional(Version{epoch(), started_us_, self_})
                               : versions_.newer_than(packed->version, hash);
  if (newer) {
    ++counters_.older;
    return failure(std::string(newer_text) + to_string(*newer));
  }
  settle(packed->version, packed->item.key);
  if (const auto stored = store_form(node_.store, packed->item, node_.now); !stored)
    return refused(std::string("replica: ") + to_string(stored.error()));
  node_.store.mark_copied(node_.store.key(packed->item.key), node_.now);
  ++counters_.taken;
  return {};
}

lua::Answer Replicas::answer(Bytes block) {
  const auto taken = take(block);
  if (taken) return {.is = lua::Answer::Is::value, .text = "OK"};
  text_ = taken.error();
  return {.is = lua::Answer::Is::error, .text = text_};
}

}  // namespace cacheismo::node
