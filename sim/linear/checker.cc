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
#include "sim/linear/register.h"
#include "sim/linear/timeline.h"

namespace cacheismo::linear {
namespace {

constexpr std::size_t shown_operations_max = 24;
constexpr std::size_t shown_order_max = 12;
constexpr std::uint32_t no_twin = UINT32_MAX;

/// Which operations were taken, as bits; spelt short when most of the early ones are.
class Done {
 public:
  explicit Done(std::size_t operations) : words_((operations + 63) / 64) {}
  void flip(std::uint32_t operation) { words_[operation / 64] ^= 1ull << (operation % 64); }
  [[nodiscard]] bool has(std::uint32_t operation) const {
    return (words_[operation / 64] >> (operation % 64) & 1) != 0;
  }

  void spell(const State& state, const std::optional<State>& without, std::string& out) const {
    std::size_t begin = 0;
    std::size_t end = words_.size();
    while (begin < end && words_[begin] == ~0ull) begin++;
    while (end > begin && words_[end - 1] == 0) end--;
    out.clear();
    append(out, begin);
    append(out, state.value);
    append(out, state.token);
    append(out, without ? without->value : UINT64_MAX);
    append(out, without ? without->token : 0);
    for (std::size_t i = begin; i < end; i++) append(out, words_[i]);
  }

 private:
  static void append(std::string& out, std::uint64_t word) {
    out.append(reinterpret_cast<const char*>(&word), sizeof word);
  }

  std::vector<std::uint64_t> words_;
};

/// One operation of an order: whether the key was lost before it, and the state after it.
struct Taken {
  std::uint32_t operation = 0;
  bool forgot = false;
  State after;
};

class Search {
 public:
  Search(const History& history, const CheckOptions& options)
      : history_(history), options_(options), timeline_(history), done_(history.size()) {
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
    bool forgets = false;
  };
  struct Frame {
    Choice choice;
    State before;
  };

  void find_twins();
  [[nodiscard]] bool is_needless(const Choice& choice, const State& before, const State& next);
  [[nodiscard]] std::optional<State> without_last_unknown() const;
  [[nodiscard]] bool settle_on(Choice& choice) const;
  [[nodiscard]] bool advance(Choice& choice) const;
  [[nodiscard]] std::optional<State> tried(const Choice& choice);
  void take(const Choice& choice, const State& next);
  void undo();

  const History& history_;
  const CheckOptions& options_;
  Register register_;
  Timeline timeline_;
  Done done_;
  State state_;
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
      choice = {timeline_.first(), true, false};
      continue;
    }
    if (is_known(history_[timeline_.operation(choice.entry)]) != choice.unknown) return true;
    choice.entry = timeline_.after(choice.entry);
  }
}

bool Search::advance(Choice& choice) const {
  if (!choice.forgets && state_ != State{} &&
      timeline_.first_return_ns() >= options_.may_forget_from_ns) {
    choice.forgets = true;
    return true;
  }
  choice.forgets = false;
  choice.entry = timeline_.after(choice.entry);
  return settle_on(choice);
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
    if (is_known(one) || !timeline_.is_call(entry)) continue;
    const auto [at, is_first] =
        last.try_emplace({one.verb, one.value, one.token, one.number}, index);
    if (!is_first) twins_[index] = std::exchange(at->second, index);
  }
}

/// If the last operation of the order is one without a reply: the state that it met.
std::optional<State> Search::without_last_unknown() const {
  if (frames_.empty() || !frames_.back().choice.unknown) return std::nullopt;
  return frames_.back().choice.forgets ? State{} : frames_.back().before;
}

/// An order with as few operations without a reply as possible, the older of twins first, is
/// enough. So such an operation changes something, and its successor is not the same without it.
bool Search::is_needless(const Choice& choice, const State& before, const State& next) {
  const std::uint32_t operation = timeline_.operation(choice.entry);
  if (choice.unknown) {
    if (next == before) return true;
    if (twins_[operation] != no_twin && !done_.has(twins_[operation])) return true;
  }
  const std::optional<State> without = without_last_unknown();
  if (!without) return false;
  return register_.step(choice.forgets ? State{} : *without, history_[operation]) == next;
}

/// The state after the choice, if it is possible and new.
std::optional<State> Search::tried(const Choice& choice) {
  steps_++;
  const std::uint32_t operation = timeline_.operation(choice.entry);
  const State before = choice.forgets ? State{} : state_;
  const std::optional<State> next = register_.step(before, history_[operation]);
  if (!next) return std::nullopt;
  if (is_needless(choice, before, *next)) return std::nullopt;
  done_.flip(operation);
  done_.spell(*next, choice.unknown ? std::optional<State>(before) : std::nullopt, key_);
  done_.flip(operation);
  if (!seen_.insert(key_).second) return std::nullopt;
  return next;
}

void Search::take(const Choice& choice, const State& next) {
  const std::uint32_t operation = timeline_.operation(choice.entry);
  frames_.push_back({choice, state_});
  order_.push_back({operation, choice.forgets, next});
  timeline_.take_out(choice.entry);
  done_.flip(operation);
  state_ = next;
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
  state_ = frame.before;
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
    if (best_[i].forgot) text += "  the key is lost\n";
    text += "  " + to_string(history_[best_[i].operation]) + " -> " +
            register_.to_string(best_[i].after) + "\n";
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
