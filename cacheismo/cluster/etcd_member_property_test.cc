// Goal: whatever breaks and whenever, no two nodes write under one name, each ring follows from the
// one before it, and when everything works again all nodes are in the ring that all know.
// Method: random orders to four members, two of one name, and a played etcd.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cacheismo/base/prng.h"
#include "cacheismo/cluster/etcd_member.h"
#include "cacheismo/cluster/played_etcd.h"
#include "cacheismo/cluster/ring_file.h"

namespace cacheismo::cluster {
namespace {

using namespace std::chrono_literals;

class Cluster {
 public:
  explicit Cluster(std::uint64_t seed) : prng_(seed) {
    const char* const names[] = {"a", "b", "c", "c"};
    for (std::size_t i = 0; i < std::size(names); ++i) {
      members_.push_back(std::make_unique<TestMember>(
          etcd_, member_options(names[i], "10.0.0." + std::to_string(i + 1)), prng_.next()));
    }
  }

  void play(int orders) {
    const std::uint64_t trouble = prng_.below(20);  // of 100 orders
    for (int order = 0; order < orders; ++order) {
      TestMember& member = *members_[prng_.below(members_.size())];
      const auto lane = EtcdMember::lanes[prng_.below(2)];
      if (prng_.chance(1, 4)) now_ += std::chrono::milliseconds(prng_.below(400));
      if (prng_.below(100) >= trouble) {
        (void)member.step(lane, now_);
      } else if (prng_.chance(1, 3)) {
        etcd_.up = !etcd_.up;
      } else {
        member.cut(lane, now_);
      }
      check();
    }
  }

  /// Everything works, for long enough.
  void heal() {
    etcd_.up = true;
    for (int turn = 0; turn < 200; ++turn, now_ += 100ms) {
      for (int steps = 0; steps < 30; ++steps) {
        for (const auto& member : members_) {
          for (const auto lane : EtcdMember::lanes) (void)member->step(lane, now_);
        }
        check();
      }
    }
    for (const auto& member : members_) {
      RC_ASSERT((*member)->ring().has_value());
      RC_ASSERT(*(*member)->ring() == *(*members_[0])->ring());
    }
    RC_ASSERT((*members_[0])->ring()->members.size() == 3u);
    RC_ASSERT((*members_[0])->may_write(now_));
    RC_ASSERT((*members_[2])->may_write(now_) != (*members_[3])->may_write(now_));
  }

 private:
  void check() {
    etcd_.expire(now_);
    RC_ASSERT(!((*members_[2])->may_write(now_) && (*members_[3])->may_write(now_)));
    for (const auto& member : members_) {
      if ((*member)->may_write(now_)) RC_ASSERT(!etcd_.leases.empty());
    }
    const auto ring = etcd_.keys.find("/c/ring");
    if (ring == etcd_.keys.end() || ring->second.mod_revision == ring_revision_) return;
    ring_revision_ = ring->second.mod_revision;
    const auto spec = parse_ring_file(ring->second.value);
    RC_ASSERT(spec.has_value());
    RC_ASSERT(spec->epoch == epoch_ + 1);
    epoch_ = spec->epoch;
  }

  Prng prng_;
  PlayedEtcd etcd_;
  MonotonicTime now_{1h};
  std::vector<std::unique_ptr<TestMember>> members_;
  std::uint64_t ring_revision_ = 0;
  std::uint64_t epoch_ = 0;
};

RC_GTEST_PROP(EtcdMemberProperty, NamesAreHeldByOneAndRingsFollowEachOther, (std::uint64_t seed)) {
  Cluster cluster(seed);
  cluster.play(400);
  cluster.heal();
}

}  // namespace
}  // namespace cacheismo::cluster
