// Goal: while rings change on top of each other, no node ever shows a value that was overwritten or
// deleted; and after one change every value is still found. Method: four nodes with a map each that
// never lose anything, rings of any of them, and one map that knows what the last write was. Three
// keys each are placed together.

#include "cacheismo/cluster/ring_history.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace cacheismo::cluster {
namespace {

constexpr int nodes_count = 4;
constexpr int keys_count = 12;

/// Nodes of the mask are active; at least the first.
Ring ring_of(unsigned mask, std::uint64_t epoch) {
  RingSpec spec{.epoch = epoch, .hashing = Hashing::ketama, .members = {}};
  for (int n = 0; n < nodes_count; ++n) {
    const bool active = ((mask >> n) & 1u) != 0 || n == 0;
    spec.members.push_back({.name = "n" + std::to_string(n),
                            .host = "10.0.0." + std::to_string(n),
                            .state = active ? MemberState::active : MemberState::joining});
  }
  return *Ring::make(spec);
}

std::string key_of(int number) { return "key" + std::to_string(number); }
/// What the ring hashes of a key.
std::string place_of(const std::string& key) {
  return "group" + std::to_string(std::stoi(key.substr(3)) / 3);
}

class Cluster {
 public:
  explicit Cluster(std::size_t settled_max) {
    for (int n = 0; n < nodes_count; ++n) nodes_.emplace_back("n" + std::to_string(n), settled_max);
    change(15);
  }

  void change(unsigned mask) {
    ++epoch_;
    for (Node& node : nodes_) node.history.push(ring_of(mask, epoch_));
  }
  /// Every node has removed what is not good, or not its own.
  void close() {
    for (Node& node : nodes_) {
      std::erase_if(node.stored, [&](const auto& item) {
        const std::string by = place_of(item.first);
        const bool own = node.history.ring().owner(by) == node.history.self();
        return !own || node.history.judge({item.first, by}) != RingHistory::State::good;
      });
      node.history.close();
    }
  }
  std::optional<int> get(const std::string& key) {
    Node& node = touch(key, true);
    const auto found = node.stored.find(key);
    return found == node.stored.end() ? std::nullopt : std::optional(found->second);
  }
  void set(const std::string& key, int value) { touch(key, false).stored[key] = value; }
  void remove(const std::string& key) { touch(key, true).stored.erase(key); }

 private:
  struct Node {
    Node(std::string name, std::size_t settled_max) : history(std::move(name), settled_max) {}
    RingHistory history;
    std::map<std::string, int> stored;
  };

  /// The owner, with the key settled.
  Node& touch(const std::string& key, bool fetch) {
    const std::string by = place_of(key);
    Node& owner = nodes_[nodes_[0].history.ring().owner(by)];
    if (owner.history.judge({key, by}) == RingHistory::State::good) return owner;
    owner.stored.erase(key);
    const Member* before = owner.history.owner_before(by);
    if (!owner.history.settle(key)) return owner;
    if (!fetch || before == nullptr) return owner;
    const Node& from = nodes_[static_cast<std::size_t>(before->name[1] - '0')];
    const auto found = from.stored.find(key);
    if (found != from.stored.end() && from.history.judge({key, by}) == RingHistory::State::good)
      owner.stored.insert(*found);
    return owner;
  }

  std::vector<Node> nodes_;
  std::uint64_t epoch_ = 0;
};

struct Step {
  int kind = 0;  ///< 0 get, 1 set, 2 remove, 3 change, 4 close
  int key = 0;
  unsigned mask = 0;
};
std::ostream& operator<<(std::ostream& out, const Step& step) {
  return out << "{" << step.kind << " key " << step.key << " mask " << step.mask << "}";
}

rc::Gen<std::vector<Step>> steps(std::initializer_list<std::pair<std::size_t, int>> kinds) {
  return rc::gen::scale(4.0, rc::gen::container<std::vector<Step>>(rc::gen::build<Step>(
                                 rc::gen::set(&Step::kind, rc::gen::weightedElement<int>(kinds)),
                                 rc::gen::set(&Step::key, rc::gen::inRange(0, keys_count)),
                                 rc::gen::set(&Step::mask, rc::gen::inRange(0u, 16u)))));
}

/// Plays the steps. `exact`: nothing may be missed.
void play(const std::vector<Step>& all, std::size_t settled_max, bool exact) {
  Cluster cluster(settled_max);
  std::map<std::string, int> model;
  int value = 0;
  for (const Step& step : all) {
    const std::string key = key_of(step.key);
    switch (step.kind) {
      case 0: {
        const auto got = cluster.get(key);
        const auto known = model.find(key);
        if (got) RC_ASSERT(known != model.end() && *got == known->second);
        if (exact) RC_ASSERT(got.has_value() == (known != model.end()));
        if (!got) model.erase(key);  // lost for good: it must not come back
        break;
      }
      case 1:
        cluster.set(key, ++value);
        model[key] = value;
        break;
      case 2:
        cluster.remove(key);
        model.erase(key);
        break;
      case 3: cluster.change(step.mask); break;
      default: cluster.close(); break;
    }
  }
}

TEST(RingHistory, NoChangeEverBringsBackWhatWasOverwrittenOrDeleted) {
  EXPECT_TRUE(rc::check("any changes", [] {
    play(*steps({{6, 0}, {4, 1}, {2, 2}, {2, 3}, {1, 4}}), *rc::gen::element<std::size_t>(3, 1000),
         false);
  }));
}

TEST(RingHistory, OneChangeLosesNothing) {
  EXPECT_TRUE(rc::check("one change", [] {
    auto all = *steps({{6, 0}, {4, 1}, {2, 2}});
    const std::size_t at = *rc::gen::inRange<std::size_t>(0, all.size() + 1);
    const Step change{.kind = 3, .key = 0, .mask = *rc::gen::inRange(0u, 16u)};
    all.insert(all.begin() + static_cast<std::ptrdiff_t>(at), change);
    play(all, 1000, true);
  }));
}

TEST(RingHistory, WithoutAPastEveryKeyIsGood) {
  RingHistory history("n1", 10);
  history.push(ring_of(15, 1));
  EXPECT_FALSE(history.open());
  EXPECT_EQ(history.judge({"key", "key"}), RingHistory::State::good);
  EXPECT_EQ(history.self(), 1u);
}

}  // namespace
}  // namespace cacheismo::cluster
