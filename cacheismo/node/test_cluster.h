// TestCluster: three simulated nodes of one ring, with the shipped types, and a client of n1.
//
//   ask(set("k", "x"))          a client of n1; whoever owns k stores it
//   ask_at(1, get("k"))         somebody who asks n2 alone    == found("k", "x")
//
// Every ask() runs the audits of all nodes. Time passes only when a test lets it.

#ifndef CACHEISMO_NODE_TEST_CLUSTER_H_
#define CACHEISMO_NODE_TEST_CLUSTER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/cluster/ring.h"
#include "cacheismo/lua/objects/shipped.h"
#include "cacheismo/lua/script.h"
#include "sim/ring_list.h"
#include "sim/wire.h"

namespace cacheismo::node {

// ---- Text of requests and replies ---------------------------------------------------------------

inline std::string set(const std::string& key, const std::string& value) {
  return "set " + key + " 5 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\n";
}
/// Of one key or of several with spaces between.
inline std::string get(const std::string& keys) { return "get " + keys + "\r\n"; }
/// A value among those of a get. Methods' answers have the client flags 0.
inline std::string block(const std::string& key, const std::string& value, int client_flags = 5) {
  return "VALUE " + key + ' ' + std::to_string(client_flags) + ' ' + std::to_string(value.size()) +
         "\r\n" + value + "\r\n";
}
/// The whole reply to a get that has found one.
inline std::string found(const std::string& key, const std::string& value, int client_flags = 5) {
  return block(key, value, client_flags) + "END\r\n";
}

class TestCluster {
 protected:
  /// `scripts` beside the shipped ones.
  explicit TestCluster(sim::Cuts cuts, const std::vector<lua::Script>& scripts = {})
      : TestCluster(with_shipped(cuts, scripts)) {}
  /// Of three nodes.
  explicit TestCluster(const sim::Wire::Options& options)
      : wire_(options), ring_(*cluster::Ring::make(wire_.ring(0).view().spec)) {}

  /// The n-th key of the form k0, k1, ... that node `owner` (from 0) owns.
  [[nodiscard]] std::string key_of(std::uint32_t owner, int n = 0,
                                   const std::string& prefix = "k") const {
    for (int i = 0;; ++i) {
      std::string key = prefix + std::to_string(i);
      if (ring_.owner(key) == owner && n-- == 0) return key;
    }
  }
  std::string ask(Bytes bytes) {
    std::string reply = wire_.ask(client_, bytes);
    EXPECT_EQ(wire_.audit(), std::nullopt);
    return reply;
  }
  /// What node `number` says to somebody who asks it alone.
  std::string ask_at(std::size_t number, Bytes bytes) {
    return wire_.ask(wire_.connect(wire_.address(number)), bytes);
  }
  /// One of the numbers that `what` ("stats", "stats cluster") lists.
  std::uint64_t stat(std::size_t number, const std::string& what, const std::string& name) {
    const std::string all = ask_at(number, what + "\r\n");
    const std::size_t at = all.find("STAT " + name + " ");
    EXPECT_NE(at, std::string::npos) << name << " in " << all;
    return at == std::string::npos ? 0 : std::stoull(all.substr(at + 6 + name.size()));
  }

  /// The ring that follows, in which n3 is active or leaving. Nodes learn of it within a second.
  void change(cluster::MemberState third) {
    RingView view = sim::ring_of(3, cluster::Hashing::ketama, ++epoch_);
    view.spec.members[2].state = third;
    for (std::size_t node = 0; node < 3; ++node) wire_.ring(node).set(view);
  }

  sim::Wire wire_;
  cluster::Ring ring_;  ///< of all nodes, at first
  sim::RawConnection& client_ = wire_.connect();
  std::uint64_t epoch_ = 1;  ///< of the latest ring

  static sim::Wire::Options with_shipped(sim::Cuts cuts, const std::vector<lua::Script>& scripts) {
    sim::Wire::Options options;
    options.cuts = cuts;
    options.nodes = 3;
    options.scripts = lua::shipped_scripts();
    options.scripts->insert(options.scripts->end(), scripts.begin(), scripts.end());
    return options;
  }
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_TEST_CLUSTER_H_
