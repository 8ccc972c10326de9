// ScriptHost: what scripts reach (lua/host.h), over the node's store, clock and log.
//
//   lua::State --> store::Object, in a pool of at most Host::open_states_max
//
// What it is not: it decides nothing; limits are the engine's and the store's.

#ifndef CACHEISMO_NODE_SCRIPT_HOST_H_
#define CACHEISMO_NODE_SCRIPT_HOST_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cacheismo/lua/host.h"
#include "cacheismo/store/object.h"

namespace cacheismo::node {

struct NodeState;

class ScriptHost final : public lua::Host {
 public:
  explicit ScriptHost(NodeState& node);
  ScriptHost(const ScriptHost&) = delete;
  ScriptHost& operator=(const ScriptHost&) = delete;
  ~ScriptHost();

  std::optional<Opened> open(Bytes key, lua::Access access) override;
  lua::Committed commit(lua::State& state, const lua::Commit& how) override;
  void release(lua::State& state, bool used) override;

  std::optional<lua::ItemCopy> get_item(Bytes key) override;
  bool put_item(Bytes key, const lua::ItemCopy& item) override;
  bool delete_item(Bytes key) override;
  std::uint64_t scan(Bytes prefix, std::uint64_t cursor, std::uint32_t limit,
                     KeyVisitor& visitor) override;

  Evicted evict_oldest(std::uint64_t bytes, std::uint32_t items_max) override;

  std::string ring_owner(Bytes placed_by) override;
  const char* why_not_owner(Bytes item_key, Bytes placed_by) override;
  std::vector<std::string> ring_owners(Bytes placed_by, std::size_t count) override;
  std::vector<lua::RingNode> ring_nodes() override;
  std::string ring_self() override;
  std::uint64_t ring_epoch() override;
  [[nodiscard]] std::vector<lua::HotKey> hot_keys(std::size_t limit) const override;
  Result<std::optional<ItemToSend>, std::string> item_to_send(Bytes key) override;
  Result<PackedItem, std::string> pack_item(Bytes key, Bytes before) override;
  PackedItem pack_value(Bytes key, const NewValue& value) override;

  std::int64_t wall_ns() override;
  std::int64_t monotonic_ns() override;
  std::int64_t stopwatch_ns() override;
  void log(lua::Level level, Bytes event, Bytes text) override;
  void set_log_level(lua::Level level) override { log_level_ = level; }

 private:
  class ObjectState;

  NodeState& node_;
  std::vector<std::unique_ptr<ObjectState>> states_;  ///< those that are open first
  std::size_t open_ = 0;
  lua::Level log_level_ = lua::Level::debug;  ///< of what scripts say
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_SCRIPT_HOST_H_
