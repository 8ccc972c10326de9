#include "cacheismo/node/script_host.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "cacheismo/base/check.h"
#include "cacheismo/base/limits.h"
#include "cacheismo/node/item_copy.h"
#include "cacheismo/node/item_form.h"
#include "cacheismo/node/node_state.h"
#include "cacheismo/node/replicas.h"
#include "cacheismo/node/routing.h"
#include "cacheismo/node/transfer.h"
#include "cacheismo/store/hot_keys.h"

namespace cacheismo::node {
namespace {

store::ObjectAccess access_of(lua::Access access) {
  switch (access) {
    case lua::Access::read: return store::ObjectAccess::read;
    case lua::Access::update: return store::ObjectAccess::update;
    case lua::Access::create: break;
  }
  return store::ObjectAccess::create;
}

lua::Found found_of(store::ObjectFound found) {
  switch (found) {
    case store::ObjectFound::object: return lua::Found::object;
    case store::ObjectFound::missing: return lua::Found::missing;
    case store::ObjectFound::value: break;
  }
  return lua::Found::value;
}

Level level_of(lua::Level level) {
  switch (level) {
    case lua::Level::debug: return Level::debug;
    case lua::Level::info: return Level::info;
    case lua::Level::warn: return Level::warn;
    case lua::Level::error: break;
  }
  return Level::error;
}

std::optional<lua::Entry> entry_of(const std::optional<store::ObjectEntry>& entry) {
  if (!entry) return std::nullopt;
  return lua::Entry{.key = entry->key, .value = entry->value};
}

}  // namespace

static_assert(lua::entry_key_bytes_max <= limits::object_key_bytes_max);
static_assert(lua::entry_value_bytes_max <= limits::object_value_bytes_max);

// ---- Objects ------------------------------------------------------------------------------------

class ScriptHost::ObjectState final : public lua::State {
 public:
  std::optional<Bytes> find(Bytes key) override { return object.find(key); }
  std::optional<lua::Entry> first_from(Bytes key) override {
    return entry_of(object.first_from(key));
  }
  std::optional<lua::Entry> first_after(Bytes key) override {
    return entry_of(object.first_after(key));
  }
  std::optional<lua::Entry> last_before(Bytes key) override {
    return entry_of(object.last_before(key));
  }
  Put put_unless(Bytes key, Bytes value, bool (*keeps)(Bytes)) override {
    switch (object.put_unless(key, value, keeps)) {
      case store::ObjectPut::done: return Put::done;
      case store::ObjectPut::kept: return Put::kept;
      case store::ObjectPut::refused: break;
    }
    return Put::refused;
  }
  Erased erase(Bytes key) override {
    const store::ObjectErased erased = object.erase(key);
    return {.done = erased.done, .found = erased.found};
  }

  store::Object object;
};

ScriptHost::ScriptHost(NodeState& node) : node_(node) {}

ScriptHost::~ScriptHost() {
  for (std::size_t i = 0; i < open_; ++i) node_.store.close(states_[i]->object);
}

std::optional<lua::Host::Opened> ScriptHost::open(Bytes key, lua::Access access) {
  if (open_ == open_states_max) return std::nullopt;
  if (open_ == states_.size()) states_.push_back(std::make_unique<ObjectState>());
  ObjectState& state = *states_[open_];
  const store::ObjectFound found =
      node_.store.open(state.object, node_.store.key(key), access_of(access), node_.now);
  if (!state.object.is_open()) return Opened{.found = found_of(found)};
  ++open_;
  const store::Seconds expiry = state.object.expiry();
  return Opened{.found = found_of(found),
                .state = &state,
                .expires_in_seconds = expiry == store::never ? 0 : expiry.value - node_.now.value};
}

lua::Committed ScriptHost::commit(lua::State& state, const lua::Commit& how) {
  store::ObjectCommit rule{.expiry = std::nullopt, .erase = how.erase};
  if (how.expire_after_seconds) {
    const std::int64_t seconds = *how.expire_after_seconds;
    rule.expiry = seconds <= 0 ? store::never
                               : store::Seconds{static_cast<std::uint32_t>(std::min<std::int64_t>(
                                     seconds + node_.now.value, UINT32_MAX))};
  }
  const store::Outcome outcome =
      node_.store.commit(static_cast<ObjectState&>(state).object, rule, node_.now);
  release(state, true);
  switch (outcome) {
    case store::Outcome::stored: return lua::Committed::done;
    case store::Outcome::too_large: return lua::Committed::too_large;
    default: return lua::Committed::no_memory;
  }
}

void ScriptHost::release(lua::State& state, bool used) {
  const auto at =
      std::find_if(states_.begin(), states_.begin() + static_cast<std::ptrdiff_t>(open_),
                   [&](const auto& one) { return one.get() == &state; });
  CHECK(at != states_.begin() + static_cast<std::ptrdiff_t>(open_));
  store::Object& object = (*at)->object;
  if (object.is_open()) node_.store.close(object, used ? std::optional(node_.now) : std::nullopt);
  std::swap(*at, states_[--open_]);
}

// ---- Items --------------------------------------------------------------------------------------

std::optional<lua::ItemCopy> ScriptHost::get_item(Bytes key) {
  const auto item = node_.store.get(node_.store.key(key), node_.now);
  if (!item) return std::nullopt;
  lua::ItemCopy copy;
  copy.value.resize(item->value_bytes());
  node_.store.copy_value(*item, 0, MutableBytes(copy.value.data(), copy.value.size()));
  copy.client_flags = item->client_flags();
  if (item->expiry() != store::never)
    copy.expiry_unix_seconds = node_.clock.unix_seconds(item->expiry());
  return copy;
}

bool ScriptHost::put_item(Bytes key, const lua::ItemCopy& item) {
  store::PutRule rule;
  rule.client_flags = item.client_flags;
  if (item.expiry_unix_seconds != 0) rule.expiry = node_.clock.expiry_at(item.expiry_unix_seconds);
  return node_.store.put(node_.store.key(key), rule, item.value, node_.now).outcome ==
         store::Outcome::stored;
}

bool ScriptHost::delete_item(Bytes key) {
  return node_.store.remove(node_.store.key(key), {}, node_.now) == store::Outcome::stored;
}

std::uint64_t ScriptHost::scan(Bytes prefix, std::uint64_t cursor, std::uint32_t limit,
                               KeyVisitor& visitor) {
  class Visit final : public store::Store::Visitor {
   public:
    explicit Visit(KeyVisitor& to) : to_(to) {}
    void visit(const store::ItemView& item) override { to_.visit(item.key()); }

   private:
    KeyVisitor& to_;
  };
  Visit visit(visitor);
  const store::ScanRule rule{.prefix = prefix,
                             .visits_max = std::max(limit, store::ScanRule::visits_min),
                             .lines_max = limits::scan_lines_per_turn};
  return node_.store.scan(cursor, rule, visit, node_.now).next;
}

std::vector<lua::HotKey> ScriptHost::hot_keys(std::size_t limit) const {
  std::vector<lua::HotKey> list;
  for (store::HotKey& hot : node_.store.hot_keys(limit, node_.now))
    list.push_back({.key = std::move(hot.key), .uses = hot.uses});
  return list;
}

lua::Host::Evicted ScriptHost::evict_oldest(std::uint64_t bytes, std::uint32_t items_max) {
  const store::Dropped dropped = node_.store.drop_oldest(bytes, items_max, node_.now);
  return {.bytes = dropped.bytes, .items = dropped.items};
}

// ---- The ring -----------------------------------------------------------------------------------

std::string ScriptHost::ring_owner(Bytes placed_by) {
  if (node_.routing == nullptr) return {};
  const cluster::Ring& ring = node_.routing->ring();
  return ring.members()[ring.owner(placed_by)].name;
}

const char* ScriptHost::why_not_owner(Bytes item_key, Bytes placed_by) {
  if (node_.routing == nullptr) return nullptr;
  const Routing& routing = *node_.routing;
  if (!routing.owns_placed(placed_by) ||
      routing.history().judge({item_key, placed_by}) != cluster::RingHistory::State::good)
    return "the object has moved to another node";
  return routing.forbids_writes() ? "cluster: no lease, not writing" : nullptr;
}

std::vector<std::string> ScriptHost::ring_owners(Bytes placed_by, std::size_t count) {
  if (node_.routing == nullptr) return {};
  const cluster::Ring& ring = node_.routing->ring();
  std::vector<std::uint32_t> members(std::min(count, ring.members().size()));
  members.resize(ring.owners(placed_by, members));
  std::vector<std::string> names;
  for (const std::uint32_t member : members) names.push_back(ring.members()[member].name);
  return names;
}

std::vector<lua::RingNode> ScriptHost::ring_nodes() {
  if (node_.routing == nullptr) return {};
  return node_.routing->nodes();
}

std::string ScriptHost::ring_self() {
  return node_.routing == nullptr ? std::string() : node_.config.cluster.node_name;
}

std::uint64_t ScriptHost::ring_epoch() {
  return node_.routing == nullptr ? 0 : node_.routing->ring().epoch();
}

/// A value goes as any client's set, so that every node takes it; an object by its form.
Result<std::optional<lua::Host::ItemToSend>, std::string> ScriptHost::item_to_send(Bytes key) {
  std::string form;
  if (!append_form(node_.store, key, FormOf::item, node_.config.item_bytes_max, node_.now, form))
    return std::nullopt;
  Bytes rest = form;
  const auto item = take_item(rest);
  if (item->kind == ItemForm::Kind::long_one)
    return failure(std::string("the object is longer than an item may be (-I)"));
  if (item->kind == ItemForm::Kind::object)
    return ItemToSend{.key = std::string(items_key), .value = std::move(form)};
  ItemToSend value{.key = std::string(key),
                   .value = std::string(item->payload),
                   .client_flags = item->client_flags};
  if (item->seconds_to_live) value.ttl_seconds = std::max(*item->seconds_to_live, 1u);
  return value;
}

Result<lua::Host::PackedItem, std::string> ScriptHost::pack_item(Bytes key, Bytes before) {
  return node_.replicas->pack(key, before);
}

lua::Host::PackedItem ScriptHost::pack_value(Bytes key, const NewValue& value) {
  return node_.replicas->pack(key, value);
}

// ---- Time and the log ---------------------------------------------------------------------------

std::int64_t ScriptHost::wall_ns() { return node_.io.now().wall.time_since_epoch().count(); }

std::int64_t ScriptHost::monotonic_ns() {
  return node_.io.now().monotonic.time_since_epoch().count();
}

std::int64_t ScriptHost::stopwatch_ns() { return node_.io.stopwatch().time_since_epoch().count(); }

void ScriptHost::log(lua::Level level, Bytes event, Bytes text) {
  if (level >= log_level_) node_.log.write(level_of(level), event, text);
}

}  // namespace cacheismo::node
