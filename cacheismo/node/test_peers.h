// PeersTest: the Peers of one simulated host, a real node on another, and what came of the calls as
// lines: the value of a hit, HD, EN, the text of an error, or "reset sent".
//
//   get("k");  run();  lines() == {"EN"}
//
// Each destructor stops the Peers and checks that they let go of everything.

#ifndef CACHEISMO_NODE_TEST_PEERS_H_
#define CACHEISMO_NODE_TEST_PEERS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/base/units.h"
#include "cacheismo/cluster/failure.h"
#include "cacheismo/io/io.h"
#include "cacheismo/node/config.h"
#include "cacheismo/node/node.h"
#include "cacheismo/node/node_state.h"
#include "cacheismo/node/peers.h"
#include "cacheismo/node/test_wire.h"
#include "cacheismo/proto/reply_parser.h"
#include "sim/fault_plan.h"
#include "sim/journal.h"
#include "sim/world.h"

namespace cacheismo::node {

inline io::Address peer_at(int host) {
  return {io::Address::Kind::tcp, "10.0.0." + std::to_string(host), 11211};
}

/// Counts what the host of the Peers has sent.
class Sends final : public sim::JournalLines {
 public:
  void line(Bytes text) override { sends_ += text.find(" h0 sent ") != Bytes::npos ? 1 : 0; }
  [[nodiscard]] int take() { return std::exchange(sends_, 0); }

 private:
  int sends_ = 0;
};

/// A real node that may be ended and started again.
class OtherNode {
 public:
  OtherNode(sim::SimIo& io, int host) : io_(io), host_(host), arena_(config().memory_bytes, '\0') {
    start();
  }
  void start() {
    arena_.assign(arena_.size(), '\0');
    node_ = std::make_unique<Node>(config(), io_, log_, std::span(arena_));
    EXPECT_TRUE(node_->start());
  }
  void stop(sim::World& world) {
    if (node_ == nullptr) return;
    node_->stop(Stop::at_once);
    world.run_for(std::chrono::milliseconds(100));
    EXPECT_TRUE(node_->stopped());
    node_.reset();
  }

 private:
  [[nodiscard]] Config config() const {
    Config config;
    config.memory_bytes = 8 * MiB;
    config.listen = {peer_at(host_)};
    return config;
  }

  sim::SimIo& io_;
  int host_;
  std::string arena_;
  QuietLog log_;
  std::unique_ptr<Node> node_;
};

class PeersTest : public testing::Test, protected PeerReplies, private io::TimerEvents {
 protected:
  explicit PeersTest(const sim::FaultPlan& plan = {}, sim::Cuts cuts = sim::Cuts::whole,
                     std::uint64_t seed = 3)
      : arena_(1 * MiB, '\0'),
        world_(seed, plan, &sends_),
        io_(world_.add_host("10.0.0.1")),
        host_(world_.add_host("10.0.0.2")),
        state_(config(), io_, log_, std::span(arena_)),
        peers_(state_),
        other_(host_, 2) {
    io_.set_cuts(cuts);
  }
  ~PeersTest() override {
    peers_.stop();
    EXPECT_EQ(peers_.audit(), std::nullopt);
    world_.run_for(std::chrono::seconds(1));
    EXPECT_TRUE(peers_.stopped());
    EXPECT_EQ(peers_.audit(), std::nullopt);
    other_.stop(world_);
    EXPECT_EQ(calls_, completed_);
  }

  /// `line` without its opaque and line end; what follows it is the data block.
  std::optional<cluster::Failure> call(const std::string& line, const std::string& key,
                                       const std::string& block = "", bool bulk = false) {
    PeerRequest request{.opaque = peers_.next_opaque(), .key = key};
    request.bytes = line + " k O" + std::to_string(request.opaque) + "\r\n" + block;
    request.deadline = io_.now().monotonic + limits::peer_timeout;
    if (bulk) request.lane = Lane::bulk;
    const std::size_t before = lines_.size();
    const auto id = peers_.submit(peer_at(2), std::move(request), *this);
    EXPECT_EQ(lines_.size(), before) << "completed inside submit()";
    if (!completing_) {
      EXPECT_EQ(peers_.audit(), std::nullopt);
    }
    if (!id) return id.error();
    last_ = *id;
    ++calls_;
    return std::nullopt;
  }
  std::optional<cluster::Failure> get(const std::string& key, bool bulk = false) {
    return call("mg " + key + " v", key, "", bulk);
  }
  std::optional<cluster::Failure> set(const std::string& key, const std::string& value) {
    return call("ms " + key + " " + std::to_string(value.size()), key, value + "\r\n");
  }
  void cancel(std::uint64_t id) {
    peers_.cancel(id);
    ++completed_;
  }
  /// In steps, with an audit after each.
  void run(Duration time = std::chrono::milliseconds(10)) {
    for (int i = 0; i < 10; ++i) {
      world_.run_for(time / 10);
      ASSERT_EQ(peers_.audit(), std::nullopt);
    }
  }
  /// As the node would call it: inside an event.
  void in_an_event(std::function<void()> what) {
    what_ = std::move(what);
    (void)io_.set_timer(io_.now().monotonic, *this);
    run();
  }
  std::vector<std::string> lines() { return std::exchange(lines_, {}); }
  PeerStats stats() { return peers_.stats().at(0); }

  void on_peer_reply(std::uint64_t, const proto::ReplyPart& reply) override {
    lines_.push_back(reply.word == proto::ReplyWord::meta_value  ? std::string(reply.value)
                     : reply.word == proto::ReplyWord::meta_hit  ? "HD"
                     : reply.word == proto::ReplyWord::meta_miss ? "EN"
                                                                 : std::string(reply.text));
    complete();
  }
  void on_peer_failure(std::uint64_t, cluster::Failure failure, bool sent) override {
    lines_.push_back(std::string(cluster::to_string(failure)) + (sent ? " sent" : ""));
    complete();
  }

  static Config config() {
    Config config;
    config.memory_bytes = 1 * MiB;
    config.item_bytes_max = 512 * KiB;
    return config;
  }

  Sends sends_;
  std::string arena_;
  QuietLog log_;
  sim::World world_;
  sim::SimIo& io_;
  sim::SimIo& host_;
  NodeState state_;
  Peers peers_;
  OtherNode other_;
  std::function<void()> meanwhile_;
  std::uint64_t last_ = 0;

 private:
  void on_timer(io::TimerId) override { what_(); }
  void complete() {
    ++completed_;
    completing_ = true;  // in the middle of an event no audit holds
    if (meanwhile_) meanwhile_();
    completing_ = false;
  }

  std::function<void()> what_;
  std::vector<std::string> lines_;
  int calls_ = 0;
  int completed_ = 0;
  bool completing_ = false;
};

}  // namespace cacheismo::node

#endif  // CACHEISMO_NODE_TEST_PEERS_H_
