// Goal: while rings change on top of each other, no node ever shows a value that was overwritten or
// deleted; and after one change every value is still found. The same while nodes hear of the change
// one after the other. Method: four nodes with a map each that never lose anything, rings of any of
// them, and one map that knows what the last write was. Three keys each are placed together.

#include "cacheismo/cluster/ring_history.h"

#include <algorithm>
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
    announce(mask);
    for (int n = 0; n < nodes_count; ++n) hear(n);
  }
  /// The next ring, of which no node has heard yet. All have heard of the one before.
  void announce(unsigned mask) {
    for (int n = 0; n < nodes_count; ++n) hear(n);
    next_ = ring_of(mask, ++epoch_);
  }
  void hear(int n) {
    RingHistory& history = nodes_[static_cast<std::size_t>(n)].history;
    if (next_ && (!history.has_ring() || history.ring().epoch() < epoch_)) history.push(*next_);
  }
  /// Node `n` gives what it has to the owners that it knows, as far as they have the same ring.
  void give(int n) {
    Node& from = nodes_[static_cast<std::size_t>(n)];
    const Ring& ring = from.history.ring();
    std::erase_if(from.stored, [&](const auto& item) {
      const std::string by = place_of(item.first);
      Node& to = nodes_[ring.owner(by)];
      if (&to == &from) return false;
      if (!from.history.yield({item.first, by}, ring.epoch())) return true;
      if (to.history.ring().epoch() != ring.epoch()) return false;
      if (to.history.judge({item.first, by}) == RingHistory::State::good) return true;
      to.stored.erase(item.first);
      if (to.history.settle(item.first, ring.epoch())) to.stored.insert(item);
      return true;
    });
  }
  /// What a node that must ask the old owner meets.
  enum class Old : std::uint8_t { answers, answers_late, unreachable };
  /// The node that a client of node `n` comes to, as it has the key; null: it is refused, or waits
  /// for an answer to come.
  std::map<std::string, int>* at(int n, const std::string& key, Old old) {
    const std::string by = place_of(key);
    const std::size_t to = nodes_[static_cast<std::size_t>(n)].history.ring().owner(by);
    Node& node = nodes_[to];
    if (node.history.ring().owner(by) != to || node.history.yielded(key) != 0) return nullptr;
    return touch(node, key, old) ? &node.stored : nullptr;
  }
  /// The oldest answer that is under way comes to who has asked.
  void deliver() {
    if (under_way_.empty()) return;
    const Answer answer = under_way_.front();
    under_way_.erase(under_way_.begin());
    receive(answer);
  }
  [[nodiscard]] bool waits() const { return !under_way_.empty(); }
  [[nodiscard]] bool all_heard() const {
    return std::ranges::all_of(
        nodes_, [&](const Node& node) { return node.history.ring().epoch() == epoch_; });
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

 private:
  struct Node {
    Node(std::string name, std::size_t settled_max) : history(std::move(name), settled_max) {}
    RingHistory history;
    std::map<std::string, int> stored;
  };

  /// What an old owner has said, to a question of the ring of `epoch`.
  struct Answer {
    Node* to = nullptr;
    std::string key;
    std::uint64_t epoch = 0;
    std::optional<int> value;
  };

  /// The owner settles the key. False: it waits.
  bool touch(Node& owner, const std::string& key, Old old) {
    const std::string by = place_of(key);
    if (owner.history.judge({key, by}) == RingHistory::State::good) return true;
    const bool asked = std::ranges::any_of(
        under_way_, [&](const Answer& one) { return one.to == &owner && one.key == key; });
    if (asked) return false;
    Answer answer{.to = &owner, .key = key, .epoch = owner.history.ring().epoch(), .value = {}};
    const Member* before = owner.history.owner_before(by);
    if (!owner.history.full() && before != nullptr && old != Old::unreachable) {
      Node& from = nodes_[static_cast<std::size_t>(before->name[1] - '0')];
      const bool good = from.history.yield({key, by}, answer.epoch);
      const auto found = from.stored.find(key);
      if (good && found != from.stored.end()) answer.value = found->second;
      if (old == Old::answers_late) {
        under_way_.push_back(answer);
        return false;
      }
    }
    receive(answer);
    return true;
  }
  static void receive(const Answer& answer) {
    Node& owner = *answer.to;
    const std::string by = place_of(answer.key);
    const PlacedKey key{answer.key, by};
    if (owner.history.judge(key) == RingHistory::State::good) return;
    owner.stored.erase(answer.key);
    owner.history.settle(answer.key, answer.epoch);
    if (answer.value && owner.history.judge(key) == RingHistory::State::good)
      owner.stored[answer.key] = *answer.value;
  }

  std::vector<Node> nodes_;
  std::vector<Answer> under_way_;
  std::optional<Ring> next_;
  std::uint64_t epoch_ = 0;
};

struct Step {
  /// 0 get, 1 set, 2 remove, 3 change, 4 close, 5 announce, 6 hear, 7 give, 8 deliver
  int kind = 0;
  int key = 0;
  unsigned mask = 0;
  int node = 0;  ///< that is asked, hears or gives
  Cluster::Old old = Cluster::Old::answers;
};
std::ostream& operator<<(std::ostream& out, const Step& step) {
  return out << "{" << step.kind << " key " << step.key << " mask " << step.mask << " node "
             << step.node << " old " << static_cast<int>(step.old) << "}";
}

rc::Gen<std::vector<Step>> steps(std::initializer_list<std::pair<std::size_t, int>> kinds) {
  return rc::gen::scale(4.0, rc::gen::container<std::vector<Step>>(rc::gen::build<Step>(
                                 rc::gen::set(&Step::kind, rc::gen::weightedElement<int>(kinds)),
                                 rc::gen::set(&Step::key, rc::gen::inRange(0, keys_count)),
                                 rc::gen::set(&Step::mask, rc::gen::inRange(0u, 16u)),
                                 rc::gen::set(&Step::node, rc::gen::inRange(0, nodes_count)))));
}

/// What a client does, judged by what the last write was. `exact`: nothing may be missed.
void ask(Cluster& cluster, const Step& step, int value, std::map<std::string, int>& model,
         bool exact) {
  const std::string key = key_of(step.key);
  std::map<std::string, int>* stored = cluster.at(step.node, key, step.old);
  RC_ASSERT(stored != nullptr || !cluster.all_heard() || cluster.waits());
  if (stored == nullptr) return;
  if (step.kind == 1) {
    (*stored)[key] = model[key] = value;
  } else if (step.kind == 2) {
    stored->erase(key);
    model.erase(key);
  } else {
    const auto got = stored->find(key);
    const auto known = model.find(key);
    const bool there = got != stored->end();
    if (there) RC_ASSERT(known != model.end() && got->second == known->second);
    if (exact) RC_ASSERT(there == (known != model.end()));
    if (!there) model.erase(key);  // lost for good: it must not come back
  }
}

/// Plays the steps.
void play(const std::vector<Step>& all, std::size_t settled_max, bool exact) {
  Cluster cluster(settled_max);
  std::map<std::string, int> model;
  int value = 0;
  for (const Step& step : all) {
    switch (step.kind) {
      case 3: cluster.change(step.mask); break;
      case 4:
        if (cluster.all_heard() && !cluster.waits()) cluster.close();
        break;
      case 5: cluster.announce(step.mask); break;
      case 6: cluster.hear(step.node); break;
      case 7: cluster.give(step.node); break;
      case 8: cluster.deliver(); break;
      default: ask(cluster, step, ++value, model, exact);
    }
  }
}

void let_some_answer_late(std::vector<Step>& all) {
  for (Step& step : all)
    step.old = *rc::gen::element(Cluster::Old::answers, Cluster::Old::answers_late);
}

TEST(RingHistory, NoChangeEverBringsBackWhatWasOverwrittenOrDeleted) {
  EXPECT_TRUE(rc::check("any changes", [] {
    auto all = *steps({{6, 0}, {4, 1}, {2, 2}, {2, 3}, {1, 4}, {2, 7}, {2, 8}});
    using Old = Cluster::Old;
    for (Step& step : all)
      step.old = *rc::gen::weightedElement<Old>(
          {{3, Old::answers}, {2, Old::answers_late}, {1, Old::unreachable}});
    play(all, *rc::gen::element<std::size_t>(3, 1000), false);
  }));
}

TEST(RingHistory, NeitherDoesOneOfWhichEachNodeHearsAtItsOwnTime) {
  EXPECT_TRUE(rc::check("changes that nodes hear of one after the other", [] {
    auto all = *steps({{6, 0}, {4, 1}, {2, 2}, {1, 4}, {1, 5}, {4, 6}, {2, 7}, {2, 8}});
    let_some_answer_late(all);
    play(all, 1000, false);
  }));
}

TEST(RingHistory, OneChangeLosesNothing) {
  EXPECT_TRUE(rc::check("one change", [] {
    auto all = *steps({{6, 0}, {4, 1}, {2, 2}, {2, 7}, {2, 8}});
    let_some_answer_late(all);
    const std::size_t at = *rc::gen::inRange<std::size_t>(0, all.size() + 1);
    const Step change{.kind = 3, .key = 0, .mask = *rc::gen::inRange(0u, 16u)};
    all.insert(all.begin() + static_cast<std::ptrdiff_t>(at), change);
    play(all, 1000, true);
  }));
}

TEST(RingHistory, OneChangeOfWhichEachNodeHearsAtItsOwnTimeLosesNothing) {
  EXPECT_TRUE(rc::check("one change, heard of one after the other", [] {
    auto all = *steps({{6, 0}, {4, 1}, {2, 2}, {2, 6}, {2, 7}, {2, 8}});
    let_some_answer_late(all);
    const std::size_t at = *rc::gen::inRange<std::size_t>(0, all.size() + 1);
    const Step change{.kind = 5, .key = 0, .mask = *rc::gen::inRange(0u, 16u)};
    all.insert(all.begin() + static_cast<std::ptrdiff_t>(at), change);
    play(all, 1000, true);
  }));
}

TEST(RingHistory, ANodeThatMissedARingKnowsWhatItYielded) {
  RingHistory history("n1", 10);
  history.push(ring_of(15, 1));
  std::string key = "key";
  while (history.ring().owner(key) != history.self()) key += 'y';
  const PlacedKey placed{key, key};
  EXPECT_TRUE(history.yield(placed, 2));
  EXPECT_TRUE(history.yield(placed, 2));   // a second question of the same node
  EXPECT_FALSE(history.yield(placed, 3));  // and one of who may have come after it
  EXPECT_EQ(history.yielded(key), 3u);
  EXPECT_EQ(history.judge(placed), RingHistory::State::unsettled);
  history.push(ring_of(15, 3));
  EXPECT_EQ(history.yielded(key), 0u);
  EXPECT_EQ(history.judge(placed), RingHistory::State::unsettled);
  EXPECT_TRUE(history.settle(key, 3));
  EXPECT_EQ(history.judge(placed), RingHistory::State::good);
}

TEST(RingHistory, WhatIsYieldedIsBounded) {
  RingHistory history("n1", 2);
  history.push(ring_of(15, 1));
  int yielded = 0;
  for (int i = 0; i < 40; ++i) {
    const std::string key = key_of(i);
    yielded += history.yield({key, key}, 2) ? 1 : 0;
  }
  EXPECT_LE(yielded, 2);
  EXPECT_TRUE(history.full());
  history.push(ring_of(15, 2));
  history.close();
  EXPECT_FALSE(history.full());
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
