#include "sim/linear/checker.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

#include "cacheismo/base/check.h"
#include "sim/linear/copies.h"
#include "sim/linear/register.h"
#include "sim/linear/timeline.h"

namespace cacheismo::linear {
namespace {

constexpr std::size_t shown_operations_max = 24;
constexpr std::size_t shown_order_max = 12;
constexpr std::uint32_t no_twin = UINT32_MAX;

/// What happens to the key before an operation, and which owner executes it.
enum class Way : std::uint8_t {
  plain,
  forgotten,
  renumbered,
  other,
  other_copied,
  other_forgotten
};

/// One operation of an order, and the state after it.
struct Taken {
  std::uint32_t operation = 0;
  Way way = Way::plain;
  State after;
};

class Search {
 public:
  Search(const History& history, const CheckOptions& options)
      : history_(history),
        options_(options),
        register_(options.second_ns, options.expiry_slack_ns),
        timeline_(history),
        done_(history.size()) {
    for (const Operation& one : history) known_left_ += is_known(one) ? 1u : 0u;
    find_twins();
  }

  [[nodiscard]] Verdict run();
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  [[nodiscard]] std::string best_order() const;

 private:
  /// What to try next at one depth. Replies come before operations without one, which rarely
  /// matter; being remembered comes before being lost.
  struct Choice {
    std::uint32_t entry = Timeline::head;
    bool unknown = false;
    Way way = Way::plain;
  };
  struct Frame {
    Choice choice;
    Copies before;
    std::int64_t now_ns = 0;
  };

  void find_twins();
  [[nodiscard]] std::int64_t earliest_ns(const Choice& choice) const;
  [[nodiscard]] std::uint32_t fork_at(const Choice& choice) const;
  [[nodiscard]] bool allows(const Copies& copies, const Choice& choice) const;
  [[nodiscard]] Copies prepared(Copies copies, const Choice& choice) const;
  [[nodiscard]] std::optional<Copies> stepped(Copies copies, const Choice& choice);
  [[nodiscard]] bool is_needless(const Choice& choice, const Copies& before, const Copies& next);
  [[nodiscard]] std::optional<Copies> without_last_unknown() const;
  [[nodiscard]] bool settle_on(Choice& choice) const;
  [[nodiscard]] bool advance(Choice& choice) const;
  [[nodiscard]] std::optional<Copies> tried(const Choice& choice);
  void take(const Choice& choice, const Copies& next);
  void undo();

  const History& history_;
  const CheckOptions& options_;
  Register register_;
  Timeline timeline_;
  Done done_;
  Copies copies_;
  std::int64_t now_ns_ = 0;  ///< the latest call of those taken: none of the others is before it
  std::vector<std::uint32_t> twins_;  ///< an equal operation without reply that was called before
  std::vector<Frame> frames_;
  std::vector<Taken> order_;
  std::vector<Taken> best_;
  std::size_t known_left_ = 0;
  std::size_t best_left_ = SIZE_MAX;
  std::uint64_t steps_ = 0;
  std::unordered_set<std::string> seen_;
  std::string key_;
};

/// Moves on to a call of the kind that the choice looks for. False: there is none left.
bool Search::settle_on(Choice& choice) const {
  while (true) {
    if (!timeline_.is_call(choice.entry)) {
      if (choice.unknown) return false;
      choice = {timeline_.first(), true};
      continue;
    }
    if (is_known(history_[timeline_.operation(choice.entry)]) != choice.unknown) return true;
    choice.entry = timeline_.after(choice.entry);
  }
}

/// No operation that is taken next happens before this.
std::int64_t Search::earliest_ns(const Choice& choice) const {
  return std::max(now_ns_, history_[timeline_.operation(choice.entry)].call_ns);
}

/// The fork in which the operation may happen; 0: in none.
std::uint32_t Search::fork_at(const Choice& choice) const {
  const std::int64_t from_ns = earliest_ns(choice);
  const std::int64_t to_ns = timeline_.first_return_ns();
  for (std::uint32_t i = 0; i < options_.forks.size(); i++) {
    const Span& fork = options_.forks[i];
    if (fork.from_ns <= to_ns && from_ns <= fork.to_ns) return i + 1;
  }
  return 0;
}

/// Whether the choice's way is possible, and not the same as one before it.
bool Search::allows(const Copies& copies, const Choice& choice) const {
  const std::int64_t until_ns = timeline_.first_return_ns();
  const bool may_forget = until_ns >= options_.may_forget_from_ns;
  switch (choice.way) {
    case Way::plain: return true;
    case Way::forgotten: {
      const State one = prepared(copies, {choice.entry}).one;
      return one != State{} && (may_forget || until_ns >= one.dies_from_ns);
    }
    case Way::renumbered: return until_ns >= options_.may_renumber_from_ns && copies.one.token != 0;
    case Way::other: return fork_at(choice) != 0;
    case Way::other_copied: {
      const Copies met = prepared(copies, {choice.entry});
      return met.fork == 0 && met.one != State{} && fork_at(choice) != 0;
    }
    case Way::other_forgotten: return may_forget && copies.other != State{} && fork_at(choice) != 0;
  }
  return false;
}

bool Search::advance(Choice& choice) const {
  while (choice.way != Way::other_forgotten) {
    choice.way = static_cast<Way>(static_cast<int>(choice.way) + 1);
    if (allows(copies_, choice)) return true;
  }
  choice.way = Way::plain;
  choice.entry = timeline_.after(choice.entry);
  return settle_on(choice);
}

/// What the operation meets.
Copies Search::prepared(Copies copies, const Choice& choice) const {
  const bool ended =
      copies.fork != 0 && options_.forks[copies.fork - 1].to_ns < earliest_ns(choice);
  if (ended) copies = {.one = copies.other, .other = {}};
  for (State* state : {&copies.one, &copies.other}) {
    if (state->dies_by_ns < earliest_ns(choice)) *state = {};
  }
  switch (choice.way) {
    case Way::plain: break;
    case Way::forgotten: copies.one = {}; break;
    case Way::renumbered: copies.one.token = 0; break;
    case Way::other:
      if (copies.fork == 0) copies.fork = fork_at(choice);
      break;
    case Way::other_copied:
      copies = {.one = copies.one, .other = copies.one, .fork = fork_at(choice)};
      copies.other.token = 0;
      break;
    case Way::other_forgotten: copies.other = {}; break;
  }
  return copies;
}

/// After it, if it is possible.
std::optional<Copies> Search::stepped(Copies copies, const Choice& choice) {
  const bool at_other = choice.way >= Way::other && copies.fork != 0;
  State& executes = at_other ? copies.other : copies.one;
  const auto next = register_.step(executes, history_[timeline_.operation(choice.entry)]);
  if (!next) return std::nullopt;
  executes = *next;
  return copies;
}

/// Of operations without a reply that ask for the same, it does not matter which one happened: the
/// one that was called first is as good.
void Search::find_twins() {
  twins_.resize(history_.size(), no_twin);
  std::map<std::tuple<Verb, std::string, std::uint64_t, std::uint64_t>, std::uint32_t> last;
  for (std::uint32_t entry = timeline_.first(); entry != Timeline::head;
       entry = timeline_.after(entry)) {
    const std::uint32_t index = timeline_.operation(entry);
    const Operation& one = history_[index];
    if (is_known(one) || !timeline_.is_call(entry) || one.seconds != 0) continue;
    const auto [at, is_first] =
        last.try_emplace({one.verb, one.value, one.token, one.number}, index);
    if (!is_first) twins_[index] = std::exchange(at->second, index);
  }
}

/// If the last operation of the order is one without a reply: the state that it met.
std::optional<Copies> Search::without_last_unknown() const {
  if (frames_.empty() || !frames_.back().choice.unknown) return std::nullopt;
  Copies copies = frames_.back().before;
  switch (frames_.back().choice.way) {
    case Way::forgotten: copies.one = {}; break;
    case Way::renumbered: copies.one.token = 0; break;
    case Way::other_forgotten: copies.other = {}; break;
    default: break;
  }
  return copies;
}

/// An order with as few operations without a reply as possible, the older of twins first, is
/// enough. So such an operation changes something, and its successor is not the same without it.
bool Search::is_needless(const Choice& choice, const Copies& before, const Copies& next) {
  const std::uint32_t operation = timeline_.operation(choice.entry);
  if (choice.unknown) {
    // That it is the first at a second owner only loses what the first one has.
    if (next.one == before.one && next.other == before.other) return true;
    if (twins_[operation] != no_twin && !done_.has(twins_[operation])) return true;
  }
  const std::optional<Copies> without = without_last_unknown();
  if (!without || !allows(*without, choice)) return false;
  return stepped(prepared(*without, choice), choice) == next;
}

/// The state after the choice, if it is possible and new.
std::optional<Copies> Search::tried(const Choice& choice) {
  steps_++;
  const std::uint32_t operation = timeline_.operation(choice.entry);
  const Copies before = prepared(copies_, choice);
  const std::optional<Copies> next = stepped(before, choice);
  if (!next) return std::nullopt;
  if (is_needless(choice, before, *next)) return std::nullopt;
  done_.flip(operation);
  done_.spell(*next, choice.unknown ? std::optional<Copies>(before) : std::nullopt, key_);
  done_.flip(operation);
  if (!seen_.insert(key_).second) return std::nullopt;
  return next;
}

void Search::take(const Choice& choice, const Copies& next) {
  const std::uint32_t operation = timeline_.operation(choice.entry);
  frames_.push_back({choice, copies_, now_ns_});
  order_.push_back({operation, choice.way, choice.way >= Way::other ? next.other : next.one});
  now_ns_ = earliest_ns(choice);
  timeline_.take_out(choice.entry);
  done_.flip(operation);
  copies_ = next;
  if (!is_known(history_[operation])) return;
  known_left_--;
  if (known_left_ >= best_left_) return;
  best_left_ = known_left_;
  best_ = order_;
}

void Search::undo() {
  const Frame& frame = frames_.back();
  const std::uint32_t operation = order_.back().operation;
  timeline_.put_back(frame.choice.entry);
  done_.flip(operation);
  copies_ = frame.before;
  now_ns_ = frame.now_ns;
  known_left_ += is_known(history_[operation]) ? 1u : 0u;
  order_.pop_back();
  frames_.pop_back();
}

Verdict Search::run() {
  Choice choice{timeline_.first()};
  bool there = settle_on(choice);
  while (known_left_ > 0) {
    if (!there) {
      if (frames_.empty()) return Verdict::not_linearizable;
      choice = frames_.back().choice;
      undo();
      there = advance(choice);
      continue;
    }
    if (steps_ >= options_.steps_max) return Verdict::undecided;
    if (const auto next = tried(choice)) {
      take(choice, *next);
      choice = {timeline_.first()};
      there = settle_on(choice);
    } else {
      there = advance(choice);
    }
  }
  return Verdict::linearizable;
}

std::string Search::best_order() const {
  std::string text;
  const std::size_t from = best_.size() - std::min(best_.size(), shown_order_max);
  if (from > 0) text += "  (" + std::to_string(from) + " before)\n";
  for (std::size_t i = from; i < best_.size(); i++) {
    if (best_[i].way == Way::forgotten) text += "  the key is lost\n";
    text += (best_[i].way >= Way::other ? "  at the second owner: " : "  ") +
            to_string(history_[best_[i].operation]) + " -> " + register_.to_string(best_[i].after) +
            "\n";
  }
  return text;
}

/// Everything that was called by `until_ns`; what had not returned then is unknown.
History prefix(const History& history, std::int64_t until_ns) {
  History cut;
  for (const Operation& one : history) {
    if (one.call_ns > until_ns) continue;
    cut.push_back(one);
    if (one.return_ns > until_ns) cut.back().outcome = Outcome::unknown;
  }
  return cut;
}

std::string described(const History& history, std::int64_t until_ns, const CheckOptions& options) {
  History sorted = prefix(history, until_ns);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Operation& x, const Operation& y) { return x.call_ns < y.call_ns; });
  std::string text = "no order of these operations explains the reply marked with >\n";
  const std::size_t from = sorted.size() - std::min(sorted.size(), shown_operations_max);
  if (from > 0) text += "  (" + std::to_string(from) + " earlier operations)\n";
  for (std::size_t i = 0; i < sorted.size(); i++) {
    const bool marked = is_known(sorted[i]) && sorted[i].return_ns == until_ns;
    if (i < from && !marked) continue;
    text += (marked ? "> " : "  ") + to_string(sorted[i]) + "\n";
  }
  Search search(sorted, options);
  (void)search.run();
  text += "an order that explains as many of the others as possible\n";
  return text + search.best_order();
}

/// The least instant by which the history has failed.
std::int64_t failed_by_ns(const History& history, const CheckOptions& options,
                          std::uint64_t& steps) {
  std::vector<std::int64_t> returns;
  for (const Operation& one : history) {
    if (is_known(one)) returns.push_back(one.return_ns);
  }
  std::sort(returns.begin(), returns.end());
  std::size_t low = 0;
  std::size_t high = returns.size() - 1;  // the whole history fails
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    const History cut = prefix(history, returns[middle]);
    Search search(cut, options);
    const bool fails = search.run() == Verdict::not_linearizable;
    steps += search.steps();
    if (fails) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return returns[high];
}

}  // namespace

Result check(const History& history, const CheckOptions& options) {
  for (const Operation& one : history) {
    CHECK(fits(one.verb, one.outcome));
    if (is_known(one)) CHECK_GE(one.return_ns, one.call_ns);
    if (one.verb == Verb::gets && one.outcome == Outcome::hit) CHECK_NE(one.token, 0u);
  }
  Search search(history, options);
  Result result;
  result.verdict = search.run();
  result.steps = search.steps();
  if (result.verdict != Verdict::not_linearizable) return result;
  const std::int64_t until_ns = failed_by_ns(history, options, result.steps);
  result.text = described(history, until_ns, options);
  return result;
}

}  // namespace cacheismo::linear
