#include "cacheismo/node/placement.h"

#include "cacheismo/node/node_state.h"
#include "cacheismo/node/routing.h"
#include "cacheismo/node/scripts.h"

namespace cacheismo::node {

Placement::Placement(NodeState& node, Bytes key, Of of) : key_{.key = key, .by = key} {
  const bool named = of == Of::request;
  if (named && key.starts_with(Routing::builtin_prefix)) {
    is_ = Is::anywhere;
    return;
  }
  if (node.scripts == nullptr) return;
  Bytes rest;
  if (const lua::Method* method = named ? node.scripts->find(key, rest) : nullptr) {
    if (method->type != nullptr) key_.key = lua::Engine::object_key(*method, rest, object_);
    if (object_.empty()) {
      is_ = Is::anywhere;
      return;
    }
  }
  const auto placed = node.scripts->placed(key_.key, routed_);
  if (placed) {
    key_.by = *placed;
  } else {
    is_ = Is::failed;
    routed_ = placed.error();
  }
}

}  // namespace cacheismo::node
