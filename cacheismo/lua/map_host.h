// MapHost: a Host over std::map, for the tests of this room: naive, and it can be told to refuse.

#ifndef CACHEISMO_LUA_MAP_HOST_H_
#define CACHEISMO_LUA_MAP_HOST_H_

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/lua/host.h"

namespace cacheismo::lua {

class MapHost final : public Host {
 public:
  using Entries = std::map<std::string, std::string>;
  struct Object {
    Entries entries;
    std::uint32_t expires_in_seconds = 0;
  };

  class MapState final : public State {
   public:
    std::optional<Bytes> find(Bytes key) override {
      const auto at = entries.find(std::string(key));
      if (at == entries.end()) return std::nullopt;
      return Bytes(at->second);
    }
    std::optional<Entry> first_from(Bytes key) override {
      return entry(entries.lower_bound(std::string(key)));
    }
    std::optional<Entry> first_after(Bytes key) override {
      return entry(entries.upper_bound(std::string(key)));
    }
    std::optional<Entry> last_before(Bytes key) override {
      auto at = entries.lower_bound(std::string(key));
      if (at == entries.begin()) return std::nullopt;
      return entry(--at);
    }
    Put put_unless(Bytes key, Bytes value, bool (*keeps)(Bytes)) override {
      const auto old = find(key);
      if (keeps != nullptr && old && keeps(*old)) return Put::kept;
      if (changes_left == 0) return Put::refused;
      --changes_left;
      entries[std::string(key)] = std::string(value);
      return Put::done;
    }
    Erased erase(Bytes key) override {
      if (changes_left == 0) return {.done = false, .found = false};
      --changes_left;
      return {.done = true, .found = entries.erase(std::string(key)) > 0};
    }

    std::string object_key;
    Entries entries;
    std::uint64_t changes_left = ~std::uint64_t{0};

   private:
    [[nodiscard]] std::optional<Entry> entry(Entries::const_iterator at) const {
      if (at == entries.end()) return std::nullopt;
      return Entry{.key = at->first, .value = at->second};
    }
  };

  std::optional<Opened> open(Bytes key, Access access) override {
    if (open_.size() >= open_states_max) return std::nullopt;
    const std::string name(key);
    if (access != Access::create && items.contains(name))
      return Opened{.found = Found::value, .state = nullptr};
    const auto at = objects.find(name);
    const bool exists = at != objects.end();
    if (!exists && access == Access::read) return Opened{};
    MapState& state = open_.emplace_back();
    state.object_key = name;
    state.changes_left = changes_allowed;
    if (exists && access != Access::create) state.entries = at->second.entries;
    return Opened{.found = exists ? Found::object : Found::missing,
                  .state = &state,
                  .expires_in_seconds = exists ? at->second.expires_in_seconds : 0};
  }
  Committed commit(State& state, const Commit& how) override {
    auto& mine = static_cast<MapState&>(state);
    const Committed outcome = next_commit;
    if (outcome == Committed::done) {
      items.erase(mine.object_key);
      if (how.erase) {
        objects.erase(mine.object_key);
      } else {
        Object& object = objects[mine.object_key];
        object.entries = mine.entries;
        if (how.expire_after_seconds)
          object.expires_in_seconds = static_cast<std::uint32_t>(*how.expire_after_seconds);
      }
    }
    release(state, true);
    return outcome;
  }
  void release(State& state, bool) override {
    open_.remove_if([&](const MapState& one) { return &one == &state; });
  }

  std::optional<ItemCopy> get_item(Bytes key) override {
    const auto at = items.find(std::string(key));
    if (at == items.end()) return std::nullopt;
    return at->second;
  }
  bool put_item(Bytes key, const ItemCopy& item) override {
    objects.erase(std::string(key));
    if (refuses_items) return false;
    items[std::string(key)] = item;
    return true;
  }
  bool delete_item(Bytes key) override {
    return items.erase(std::string(key)) + objects.erase(std::string(key)) > 0;
  }
  std::uint64_t scan(Bytes prefix, std::uint64_t cursor, std::uint32_t limit,
                     KeyVisitor& visitor) override {
    std::uint64_t at = 0;
    const std::uint64_t end = cursor + std::min(limit, keys_per_scan);
    const auto visit = [&](const std::string& key) {
      if (at >= cursor && at < end && Bytes(key).starts_with(prefix)) visitor.visit(key);
      ++at;
    };
    for (const auto& [key, item] : items) visit(key);
    for (const auto& [key, object] : objects) visit(key);
    return at > end ? end : 0;
  }
  [[nodiscard]] std::vector<HotKey> hot_keys(std::size_t limit) const override {
    std::vector<HotKey> list;
    for (const auto& [key, item] : items)
      if (list.size() < limit) list.push_back({key, item.value.size()});
    return list;
  }
  Evicted evict_oldest(std::uint64_t bytes, std::uint32_t items_max) override {
    Evicted gone;
    while (!items.empty() && gone.bytes < bytes && gone.items < items_max) {
      gone.bytes += items.begin()->first.size() + items.begin()->second.value.size();
      ++gone.items;
      items.erase(items.begin());
    }
    return gone;
  }

  std::string ring_owner(Bytes key) override {
    const auto names = ring_owners(key, 1);
    return names.empty() ? "" : names.front();
  }
  /// The owner of a key is the node at the number of its bytes, counted around.
  std::vector<std::string> ring_owners(Bytes key, std::size_t count) override {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < std::min(count, ring.size()); ++i)
      names.push_back(ring[(key.size() + i) % ring.size()].name);
    return names;
  }
  std::vector<RingNode> ring_nodes() override { return ring; }
  std::string ring_self() override {
    for (const RingNode& node : ring)
      if (node.self) return node.name;
    return {};
  }
  std::uint64_t ring_epoch() override { return epoch; }
  Result<std::optional<ItemToSend>, std::string> item_to_send(Bytes key) override {
    const auto at = items.find(std::string(key));
    if (at == items.end()) return std::nullopt;
    if (at->second.value == "too much") return failure(at->second.value);
    return ItemToSend{.key = "sent " + std::string(key),
                      .value = at->second.value,
                      .client_flags = at->second.client_flags,
                      .ttl_seconds = 60};
  }
  Result<PackedItem, std::string> pack_item(Bytes key, Bytes before) override {
    if (!before.empty() && taken_over) return PackedItem{};
    const auto at = items.find(std::string(key));
    const bool here = at != items.end();
    const std::string state = here ? at->second.value : "gone";
    if (state == "too much") return failure(state);
    return PackedItem{std::to_string(++packed) + " " + std::string(key) + " " + state, here};
  }
  PackedItem pack_value(Bytes key, const NewValue& value) override {
    if (!value.value) {
      if (value.store) static_cast<void>(delete_item(key));
      return {std::to_string(++packed) + " " + std::string(key) + " gone", value.store};
    }
    const bool here =
        value.store && put_item(key, {.value = std::string(*value.value), .client_flags = 0});
    return {std::to_string(++packed) + " " + std::string(key) + " " + std::string(*value.value) +
                " " + std::to_string(value.client_flags) + " " + std::to_string(value.ttl_seconds),
            here};
  }

  std::int64_t wall_ns() override { return now_ns; }
  std::int64_t monotonic_ns() override { return now_ns; }
  std::int64_t stopwatch_ns() override { return stopwatch += stopwatch_step; }
  void log(Level, Bytes event, Bytes text) override {
    lines.push_back(std::string(event) + " " + std::string(text));
  }
  void set_log_level(Level level) override { log_level = level; }

  [[nodiscard]] std::size_t open_states() const { return open_.size(); }

  std::map<std::string, Object> objects;
  std::map<std::string, ItemCopy> items;
  std::vector<std::string> lines;
  Level log_level = Level::info;
  std::int64_t now_ns = 1'700'000'000'000'000'000;
  std::int64_t stopwatch = 0;
  std::int64_t stopwatch_step = 0;
  std::uint64_t changes_allowed = ~std::uint64_t{0};  ///< of each State opened from now on
  Committed next_commit = Committed::done;
  bool refuses_items = false;  ///< no memory for another
  std::uint32_t keys_per_scan = 1'000'000;
  std::vector<RingNode> ring;  ///< empty: there is no cluster
  std::uint64_t epoch = 0;
  int packed = 0;           ///< items
  bool taken_over = false;  ///< another state has come in the place of what was packed

 private:
  std::list<MapState> open_;
};

}  // namespace cacheismo::lua

#endif  // CACHEISMO_LUA_MAP_HOST_H_
