// Goal: TO has what FROM has as soon as clients pause, whatever they did meanwhile and however the
// network behaves; a copy that breaks goes on where it was.
// Method: two real nodes in a simulated world, a client that writes everything at random while the
// copier runs, seeded faults; then every key is asked of both, the time to live included.

#include "cacheismo/copier.h"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cacheismo/base/limits.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/copy_difference.h"
#include "cacheismo/copy_options.h"
#include "cacheismo/lua/objects/shipped.h"
#include "cacheismo/node/item_form.h"
#include "sim/fault_plan.h"
#include "sim/wire.h"

namespace cacheismo {
namespace {

using namespace std::chrono_literals;

sim::Wire::Options options(std::uint64_t seed, const sim::FaultPlan& plan) {
  sim::Wire::Options options;
  options.seed = seed;
  options.plan = plan;
  options.scripts = lua::shipped_scripts();
  options.nodes = 2;
  options.ring = false;
  options.config.accept_copy = true;
  options.config.memory_bytes = 16 * MiB;
  return options;
}

/// Delays and cuts that break no connection: a copy must come through in one go.
sim::FaultPlan slow_plan(std::uint64_t seed) {
  sim::FaultPlan plan = sim::calm_plan();
  Prng chance(seed);
  for (const char* name : {"cut", "small_buffers", "tail", "clog", "pause", "drift", "shuffle"}) {
    for (const sim::FaultClass& known : sim::fault_classes())
      if (Bytes(known.name) == name && chance.chance(1, 3)) known.enable(plan);
  }
  plan.until_ns = 8'000'000'000;
  return plan;
}

sim::FaultPlan breaking_plan(std::uint64_t seed) {
  sim::FaultPlan plan = slow_plan(seed);
  plan.reset_every_ns = 300'000'000;
  plan.accept_reset_per_million = 50'000;
  plan.refuse_per_million = 50'000;
  plan.black_hole_per_million = 20'000;
  plan.partition_every_ns = 3'000'000'000;
  plan.partition_ns_max = 500'000'000;
  return plan;
}

class Copying final : public CopyIo {
 public:
  Copying(std::uint64_t seed, const sim::FaultPlan& plan)
      : wire_(options(seed, plan)), chance_(Prng(seed).derive(5)) {
    for (int i = 0; i < 600; ++i) keys_.push_back("key" + std::to_string(i));
    for (const char* object : {"set$s0", "set$s1", "set$s2", "map$m"}) keys_.emplace_back(object);
  }

  [[nodiscard]] io::Io& io() override { return wire_.client_io(); }
  void turn(Duration) override {
    if (writing && chance_.chance(1, 3)) write();
    ASSERT_TRUE(wire_.world().step());
    if (at && wire_.world().now() >= when) std::exchange(at, nullptr)();
  }

  /// The exit code; none: a node was lost.
  std::optional<int> copy(const CopyOptions& how) {
    Copier copier(how, *this, false);
    copier_ = &copier;
    const auto code = copier.run({.from = wire_.address(0), .to = wire_.address(1)});
    copier_ = nullptr;
    if (!code) said = code.error();
    return code ? std::optional(*code) : std::nullopt;
  }
  void interrupt() { copier_->interrupt(); }

  void write_many(int count) {
    for (int i = 0; i < count; ++i) {
      write();
      wire_.advance(1ms);
    }
  }
  void wait(Duration time) { wire_.advance(time); }

  /// At least as much as FROM keeps.
  void write_more_than_is_kept() {
    for (std::size_t i = 0; i < limits::change_log_bytes / 200; ++i)
      send("set " + std::to_string(i) + std::string(220, 'k') + " 0 0 1 noreply\r\nx\r\n");
    wire_.advance(2s);
  }
  void send(const std::string& request) {
    if (writer_ == nullptr || writer_->ended()) writer_ = &wire_.connect();
    writer_->write(request);
    (void)writer_->take();
  }

  /// The first key of which both do not say the same, or "".
  std::string first_difference() {
    for (const std::string& key : keys_) {
      const std::string one = form(0, key);
      const std::string other = form(1, key);
      Bytes from = one;
      Bytes to = other;
      const auto item = node::take_item(from);
      const auto copied = node::take_item(to);
      if (!item && copied && !is_about_to_expire(*copied)) return key + " is not at FROM";
      if (!item) continue;
      if (const char* what = difference(*item, copied)) return key + ": " + what;
    }
    return "";
  }
  std::size_t items(std::size_t node) {
    std::size_t found = 0;
    for (const std::string& key : keys_) found += form(node, key).empty() ? 0 : 1;
    return found;
  }

  bool writing = true;
  Duration when{};
  std::function<void()> at;  ///< called once, at that time
  std::string said;

 private:
  std::string key() { return keys_[chance_.below(600)]; }
  std::string text() {
    return std::string(chance_.chance(1, 50) ? chance_.below(90'000) : chance_.below(60),
                       static_cast<char>('a' + chance_.below(26)));
  }
  void write() {
    if (writer_ != nullptr && writer_->unsent() > 64 * KiB) return;
    const std::string ttl = std::to_string(chance_.chance(1, 3) ? 3 + chance_.below(2000) : 0);
    const std::string value = text();
    const std::string data = std::to_string(value.size()) + "\r\n" + value + "\r\n";
    const std::string object = "s" + std::to_string(chance_.below(3));
    const std::string member = std::to_string(chance_.below(50));
    switch (chance_.below(14)) {
      case 0: return send("delete " + key() + "\r\n");
      case 1: return send("touch " + key() + " " + ttl + "\r\n");
      case 2: return send("append " + key() + " 0 0 " + data);
      case 3: return send("incr " + key() + " 3\r\n");
      case 4: return send("set " + key() + " 0 0 1\r\n7\r\n");
      case 5: return send("md " + key() + " x T900\r\n");
      case 6: return send("get set:new:" + object + "\r\n");
      case 7: return send("get set:put:" + object + ":" + member + "\r\n");
      case 8: return send("get set:delete:" + object + ":" + member + "\r\n");
      case 9: return send("get map:new:m\r\n");
      case 10: return send("set map:put:m:" + member + " 0 0 1\r\nx\r\n");
      case 11:
        if (chance_.chance(1, 300)) return send("flush_all\r\n");
        return send("delete set$" + object + "\r\n");
      default:
        return send("set " + key() + " " + std::to_string(chance_.below(9)) + " " + ttl + " " +
                    data);
    }
  }
  std::string form(std::size_t node, const std::string& key) {
    sim::RawConnection& client = wire_.connect(wire_.address(node));
    client.write("mg " + key + " v P1.0.0.1000.i\r\n");
    const auto whole = [&client] {
      const std::string& got = client.arrived();
      const std::size_t line = got.find("\r\n");
      if (got.starts_with("EN\r\n")) return true;
      return got.starts_with("VA ") && line != std::string::npos &&
             got.size() >= line + 4 + std::stoul(got.substr(3));
    };
    for (int i = 0; i < 10'000 && !whole() && !client.ended(); ++i) wire_.advance(1ms);
    EXPECT_TRUE(whole()) << key;
    const std::string got = client.take();
    client.close();
    if (!got.starts_with("VA ")) return {};
    const std::size_t line = got.find("\r\n");
    return got.substr(line + 2, got.size() - line - 4);
  }

  sim::Wire wire_;
  Prng chance_;
  std::vector<std::string> keys_;
  sim::RawConnection* writer_ = nullptr;
  Copier* copier_ = nullptr;
};

class CopierUnderWrites : public testing::TestWithParam<std::uint64_t> {};

TEST_P(CopierUnderWrites, WhoFollowsHasEverythingOnceClientsPauseWithoutAnotherPass) {
  Copying world(GetParam(), slow_plan(GetParam()));
  world.write_many(3000);
  std::string difference = "not compared";
  world.when = 8s;
  world.at = [&world, &difference] {
    world.writing = false;
    world.wait(0s);
    world.when = 12s;
    world.at = [&world, &difference] {
      difference = world.first_difference();
      EXPECT_GT(world.items(1), 0u);
      world.interrupt();
    };
  };
  EXPECT_EQ(world.copy({.follow = true, .passes_max = 100}), 0) << world.said;
  EXPECT_EQ(difference, "");
}

TEST_P(CopierUnderWrites, ACopyThatBreaksAgainAndAgainGetsThere) {
  Copying world(GetParam(), breaking_plan(GetParam()));
  world.write_many(3000);
  world.when = 8s;
  world.at = [&world] { world.writing = false; };
  int broken = 0;
  std::optional<int> code;
  for (int i = 0; i < 1000 && (world.writing || code != 0); ++i) {
    code = world.copy({.resume = true});
    broken += code ? 0 : 1;
  }
  EXPECT_EQ(code, 0) << world.said;
  EXPECT_GT(broken, 0);
  EXPECT_EQ(world.first_difference(), "");
}

INSTANTIATE_TEST_SUITE_P(Seeds, CopierUnderWrites, testing::Range<std::uint64_t>(1, 9));

TEST(Copier, ChangesThatFromCouldNotKeepAreFoundByAnotherPass) {
  Copying world(1, sim::calm_plan());
  world.write_many(1000);
  world.writing = false;
  std::string difference = "not compared";
  world.when = 5s;
  world.at = [&world, &difference] {
    world.send("set key1 3 0 5\r\nfirst\r\n");
    world.write_more_than_is_kept();
    world.when = 40s;
    world.at = [&world, &difference] {
      difference = world.first_difference();
      world.interrupt();
    };
  };
  EXPECT_EQ(world.copy({.follow = true}), 0) << world.said;
  EXPECT_EQ(difference, "");
}

TEST(Copier, AnInterruptBeforeTheFirstPassIsOverEndsIt) {
  Copying world(1, sim::calm_plan());
  world.write_many(1000);
  world.at = [&world] { world.interrupt(); };
  EXPECT_EQ(world.copy({.follow = true}), std::nullopt);
  EXPECT_EQ(world.said, "interrupted");
  world.writing = false;
  EXPECT_EQ(world.copy({.resume = true}), 0) << world.said;
  EXPECT_EQ(world.first_difference(), "");
}

}  // namespace
}  // namespace cacheismo
