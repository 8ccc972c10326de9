// RingList: a node's ring as a value that a test may change.

#ifndef CACHEISMO_SIM_RING_LIST_H_
#define CACHEISMO_SIM_RING_LIST_H_

#include <cstddef>
#include <string>
#include <utility>

#include "cacheismo/base/units.h"
#include "cacheismo/cluster/ring.h"
#include "cacheismo/node/config.h"

namespace cacheismo::sim {

class RingList final : public node::RingSource {
 public:
  Result<node::RingView, std::string> read() override {
    changed_ = false;
    return view_;
  }
  bool changed() override { return changed_; }
  [[nodiscard]] bool may_write(MonotonicTime /*now*/) const override { return may_write_; }

  /// The node reads it at its next upkeep.
  void set(node::RingView view) {
    view_ = std::move(view);
    changed_ = true;
  }
  /// Whether the node may change what it owns.
  void let_write(bool may) { may_write_ = may; }
  [[nodiscard]] const node::RingView& view() const { return view_; }

 private:
  node::RingView view_;
  bool changed_ = false;
  bool may_write_ = true;
};

/// Active nodes n1, n2, ... at 10.0.0.1:11211, 10.0.0.2:11211, ...
[[nodiscard]] inline node::RingView ring_of(std::size_t nodes, cluster::Hashing hashing,
                                            std::uint64_t epoch) {
  node::RingView view;
  view.spec.epoch = epoch;
  view.spec.hashing = hashing;
  for (std::size_t number = 1; number <= nodes; ++number) {
    const std::string ip = "10.0.0." + std::to_string(number);
    view.spec.members.push_back({.name = "n" + std::to_string(number), .host = ip});
    view.addresses.push_back({io::Address::Kind::tcp, ip, 11211});
  }
  return view;
}

}  // namespace cacheismo::sim

#endif  // CACHEISMO_SIM_RING_LIST_H_
