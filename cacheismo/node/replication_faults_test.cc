// Goal: whatever network and clocks do, a write that was confirmed everywhere is never undone by an
// older one, and when all is well again the next write is at every owner. Method: three nodes in a
// world of resets, partitions, pauses and jumping clocks; one driver writes values that are never
// the same twice, and knows which of them may be seen.

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/prng.h"
#include "cacheismo/lua/script.h"
#include "sim/fault_plan.h"
#include "sim/wire.h"
#include "sim/world.h"

namespace cacheismo::node {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t nodes = 3;
constexpr std::size_t keys = 2;

constexpr const char* script = R"(
  command.set = function(cmd)
    local result = replicate(cmd:getKey(), { copies = 3, value = cmd:getData(), timeout = 0.1 })
    cmd:writeString(result.ok and "STORED\r\n" or "NOT_STORED\r\n")
  end
  command.delete = function(cmd)
    local result = replicate(cmd:getKey(), { copies = 3, gone = true, timeout = 0.1 })
    cmd:writeString(result.ok and "DELETED\r\n" or "NOT_FOUND\r\n")
  end
)";

sim::Wire::Options options(std::uint64_t seed) {
  sim::FaultPlan plan;
  plan.latency_ns = 200'000;
  plan.latency_spread_permille = 1'000;
  plan.reset_every_ns = 1'000'000'000;
  plan.clog_every_ns = 150'000'000;
  plan.clog_ns_max = 800'000'000;
  plan.partition_every_ns = 3'000'000'000;
  plan.partition_ns_max = 1'000'000'000;
  plan.pause_every_ns = 3'000'000'000;
  plan.pause_ns_max = 700'000'000;
  plan.wall_jump_every_ns = 2'000'000'000;
  plan.wall_jump_ns_max = 60'000'000'000;
  plan.until_ns = 600'000'000'000;
  return {.seed = seed,
          .plan = plan,
          .scripts = std::vector<lua::Script>{{.name = "t.lua", .source = script}},
          .nodes = nodes};
}

class Driver {
 public:
  explicit Driver(std::uint64_t seed) : wire_(options(seed)), chance_(Prng(seed).derive(77)) {}

  void run() {
    while (wire_.world().now() < 600s) {
      const std::size_t key = chance_.below(keys);
      if (!write(key, chance_.below(nodes)) || chance_.below(2) == 0) continue;
      wire_.advance(1s);  // what is older and late comes now
      judge(key);
    }
    wire_.advance(30s);  // whatever was under way has come to its end
    for (std::size_t key = 0; key < keys; ++key) judge(key);
    for (std::size_t key = 0; key < keys; ++key) {
      EXPECT_TRUE(write(key, chance_.below(nodes))) << "all is well, and the write failed";
      judge(key);
      EXPECT_EQ(seen_[key].size(), 1u);
    }
    EXPECT_GT(confirmed_, 100) << "the run shows nothing";
    EXPECT_GT(lost_, 50) << "the run shows nothing";
  }

 private:
  /// Its reply, or what there is of one after three seconds.
  std::string ask(std::size_t node, const std::string& bytes) {
    sim::RawConnection& client = wire_.connect(wire_.address(node));
    client.write(bytes);
    for (int i = 0; i < 300 && !client.arrived().ends_with("\r\n") && !client.ended(); ++i)
      wire_.advance(10ms);
    client.close();
    return client.take();
  }

  /// True: it was confirmed by all.
  bool write(std::size_t key, std::size_t node) {
    const std::string name = "key" + std::to_string(key);
    const bool removes = chance_.below(4) == 0;
    const std::string value = removes ? "" : "value" + std::to_string(++number_);
    const std::string request =
        removes ? "delete " + name + "\r\n"
                : "set " + name + " 0 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\n";
    const std::string reply = ask(node, request);
    const bool confirmed = reply == "STORED\r\n" || reply == "DELETED\r\n";
    // What was answered has its version: it cannot come behind what is confirmed later.
    if (confirmed) may_be_[key].clear();
    may_be_[key].insert(value);
    if (reply.empty()) unheard_[key].insert(value);
    ++(confirmed ? confirmed_ : lost_);
    return confirmed;
  }

  void judge(std::size_t key) {
    seen_[key].clear();
    for (std::size_t node = 0; node < nodes; ++node) {
      const std::string reply = ask(node, "mg key" + std::to_string(key) + " v P1.0.0.1000\r\n");
      if (reply.empty()) continue;  // the faults are not over
      ASSERT_TRUE(reply.starts_with("VA ") || reply == "EN\r\n") << reply;
      std::string value;
      if (reply != "EN\r\n") {
        value = reply.substr(reply.find("\r\n") + 2);
        value.resize(value.size() - 2);
      }
      EXPECT_TRUE(may_be_[key].contains(value) || unheard_[key].contains(value))
          << "key" << key << " at node " << node << " is \"" << value << '"';
      seen_[key].insert(value);
    }
  }

  sim::Wire wire_;
  Prng chance_;
  std::set<std::string> may_be_[keys] = {{""}, {""}};  ///< "": there is none
  std::set<std::string> unheard_[keys];                ///< without a reply: they may begin late
  std::set<std::string> seen_[keys];
  int number_ = 0;
  int confirmed_ = 0;
  int lost_ = 0;
};

class ReplicationFaults : public testing::TestWithParam<std::uint64_t> {};

TEST_P(ReplicationFaults, AConfirmedWriteIsNeverUndoneByAnOlderOne) { Driver(GetParam()).run(); }

INSTANTIATE_TEST_SUITE_P(Seeds, ReplicationFaults, testing::Range<std::uint64_t>(1, 21));

}  // namespace
}  // namespace cacheismo::node
