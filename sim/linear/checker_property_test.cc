// Goal: what really happened in some order is always accepted, and the search agrees with one that
// tries every order.
// Method: a sequential execution whose operations get overlapping intervals around their instants,
// some without a reply, some lost before they had an effect, some at a second owner; for the
// comparison one outcome is changed, and a naive search with a register of its own judges up to 7
// operations.

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "sim/linear/checker.h"

namespace cacheismo::linear {
namespace {

// ---- What a cache does, once more and in the simplest way ---------------------------------------

struct Key {
  std::optional<std::string> value;
  std::uint64_t version = 0;  ///< of the write; what gets tells
  Span death = {.from_ns = never_ns, .to_ns = never_ns};
};

constexpr std::int64_t second_ns = 500;

std::uint64_t number_in(const std::string& text) { return std::stoull(text); }
bool is_number(const std::string& text) { return text.find_first_not_of("0123456789") > 99; }

void add(Key& key, Operation& one, std::uint64_t& versions) {
  if (!key.value && one.verb == Verb::count) key = {.value = "0"};
  if (!key.value) {
    one.outcome = Outcome::not_found;
  } else if (!is_number(*key.value)) {
    one.outcome = Outcome::not_a_number;
  } else {
    one.outcome = Outcome::number;
    one.result = number_in(*key.value) + one.number;
    key.value = std::to_string(one.result);
    key.version = ++versions;
  }
}

/// Executes and fills in what the client is told; `told`: it is.
void execute(Key& key, Operation& one, std::uint64_t& versions, bool told = true) {
  const auto live = [&] {
    key.death = {.from_ns = never_ns, .to_ns = never_ns};
    if (one.seconds == 0) return;
    key.death.from_ns = one.call_ns + (one.seconds - 1) * second_ns;
    if (told) key.death.to_ns = one.return_ns + one.seconds * second_ns;
  };
  const auto write = [&](const std::string& value) {
    key.value = value;
    key.version = ++versions;
    live();
  };
  switch (one.verb) {
    case Verb::gat:
      if (key.value) live();
      [[fallthrough]];
    case Verb::get:
    case Verb::gets:
      one.outcome = key.value ? Outcome::hit : Outcome::miss;
      one.value = key.value.value_or("");
      one.token = key.value && one.verb == Verb::gets ? key.version : 0;
      return;
    case Verb::set: one.outcome = Outcome::stored; return write(one.value);
    case Verb::add:
      one.outcome = key.value ? Outcome::not_stored : Outcome::stored;
      if (!key.value) write(one.value);
      return;
    case Verb::replace:
      one.outcome = key.value ? Outcome::stored : Outcome::not_stored;
      if (key.value) write(one.value);
      return;
    case Verb::remove:
      one.outcome = key.value ? Outcome::deleted : Outcome::not_found;
      key = {};
      return;
    case Verb::touch:
      one.outcome = key.value ? Outcome::touched : Outcome::not_found;
      if (key.value) live();
      return;
    case Verb::count:
    case Verb::incr: return add(key, one, versions);
    case Verb::cas:
      if (!key.value) {
        one.outcome = Outcome::not_found;
      } else if (one.token != key.version) {
        one.outcome = Outcome::exists;
      } else {
        one.outcome = Outcome::stored;
        write(one.value);
      }
      return;
    case Verb::flush:
    case Verb::forget: one.outcome = Outcome::forgotten; key = {};
  }
}

// ---- Histories ----------------------------------------------------------------------------------

struct Made {
  History history;
  CheckOptions options;
};

/// The key at both owners.
struct Both {
  Key one;
  Key other;
  bool forked = false;
};

int below(int bound) { return *rc::gen::inRange(0, bound); }

Operation drawn_operation(const Key& key) {
  constexpr const char* values[] = {"a", "b", "1", "7"};
  Operation one;
  constexpr int forget = static_cast<int>(Verb::forget);
  one.verb = static_cast<Verb>(below(20) == 0 ? forget : below(forget));
  if (writes_value(one.verb)) one.value = values[below(4)];
  if (sets_seconds(one.verb)) one.seconds = static_cast<std::uint32_t>(below(3));
  if (one.verb == Verb::incr || one.verb == Verb::count)
    one.number = 1 + static_cast<std::uint64_t>(below(2));
  // Tokens are those that could have been told.
  if (one.verb == Verb::cas) {
    one.token = key.version - std::min(key.version, static_cast<std::uint64_t>(below(2)));
    if (one.token == 0) one.token = 1'000;
  }
  return one;
}

/// A cas names a token that some gets told before; without that gets it is nobody's.
void drop_untold_tokens(History& history) {
  for (Operation& one : history) {
    if (one.verb != Verb::cas) continue;
    const bool told = std::any_of(history.begin(), history.end(), [&](const Operation& other) {
      return other.verb == Verb::gets && other.outcome == Outcome::hit &&
             other.token == one.token && other.return_ns < one.call_ns;
    });
    const bool may_be_stored = one.outcome == Outcome::stored || one.outcome == Outcome::unknown;
    if (!told && may_be_stored) one.verb = Verb::set;
  }
}

CheckOptions drawn_options(int operations) {
  CheckOptions options{.second_ns = second_ns};
  if (below(3) == 0) options.may_forget_from_ns = 100 * below(operations + 1);
  if (below(3) == 0) options.may_renumber_from_ns = 100 * below(operations + 1);
  if (options.may_forget_from_ns != never_ns && below(2) == 0) {
    const std::int64_t from_ns = options.may_forget_from_ns + 100 * below(3);
    options.forks = {{.from_ns = from_ns, .to_ns = from_ns + 100 * below(operations + 1)}};
  }
  return options;
}

Made make(int operations) {
  Made made{.history = {}, .options = drawn_options(operations)};
  Both keys;
  std::uint64_t versions = 0;
  std::int64_t dies_at[2] = {never_ns, never_ns};  // of the key at each owner, at the latest
  for (int i = 0; i < operations; i++) {
    const std::int64_t instant = 100 * (i + 1);
    const bool in_fork = !made.options.forks.empty() && instant >= made.options.forks[0].from_ns &&
                         instant <= made.options.forks[0].to_ns;
    if (keys.forked && !in_fork) {
      keys = {.one = keys.other, .other = {}};
      dies_at[0] = dies_at[1];
      dies_at[1] = never_ns;
    }
    const bool at_other = in_fork && below(2) == 0;
    if (at_other && !keys.forked && below(2) == 0) {
      keys.other = keys.one;
      keys.other.version = ++versions;
      dies_at[1] = dies_at[0];
    }
    if (at_other) keys.forked = true;
    Key& key = at_other ? keys.other : keys.one;
    if (instant >= made.options.may_forget_from_ns && below(4) == 0) key = {};
    // It dies by the end of its seconds, at some instant of the last of them.
    const bool dying = key.death.from_ns <= instant && below(3) == 0;
    if (dying || dies_at[at_other ? 1 : 0] <= instant) key = {};
    const bool renumbers = instant >= made.options.may_renumber_from_ns && below(4) == 0;
    if (renumbers && !at_other) key.version = ++versions;
    Operation one = drawn_operation(key);
    one.client = static_cast<std::uint32_t>(i);
    one.call_ns = instant - below(300);
    one.return_ns = instant + below(300);
    const int fate = below(8);
    const Key before = key;
    if (fate != 0) execute(key, one, versions, fate != 1);
    const bool lives_anew = sets_seconds(one.verb) && one.seconds != 0;
    if (fate != 0 && (key.version != before.version || key.death.from_ns != before.death.from_ns))
      dies_at[at_other ? 1 : 0] = lives_anew ? instant + one.seconds * second_ns : never_ns;
    if (fate <= 1) one.outcome = Outcome::unknown;
    made.history.push_back(one);
  }
  drop_untold_tokens(made.history);
  return made;
}

// ---- Every order --------------------------------------------------------------------------------

class EveryOrder {
 public:
  explicit EveryOrder(const Made& made) : made_(made), done_(made.history.size()) {}

  bool explains() { return goes_on({}, 0, {}, 0); }

 private:
  using Told = std::map<std::uint64_t, std::uint64_t>;  // version -> token

  bool goes_on(const Both& keys, std::uint64_t versions, const Told& told, std::int64_t now) {
    bool all = true;
    std::int64_t first_return = never_ns;
    for (std::size_t i = 0; i < done_.size(); i++) {
      const Operation& one = made_.history[i];
      if (done_[i] || one.outcome == Outcome::unknown) continue;
      all = false;
      first_return = std::min(first_return, one.return_ns);
    }
    if (all) return true;
    for (std::size_t i = 0; i < done_.size(); i++) {
      const Operation& one = made_.history[i];
      if (done_[i] || one.call_ns > first_return) continue;
      done_[i] = true;
      const bool found =
          some_way(one, keys, versions, told, {std::max(now, one.call_ns), first_return});
      done_[i] = false;
      if (found) return true;
    }
    return false;
  }

  /// `when`: the operation happens in it.
  bool some_way(const Operation& one, Both keys, std::uint64_t versions, const Told& told,
                const Span& when) {
    const auto& forks = made_.options.forks;
    const bool may_forget = when.to_ns >= made_.options.may_forget_from_ns;
    if (keys.forked && forks[0].to_ns < when.from_ns) keys = {.one = keys.other, .other = {}};
    for (Key* key : {&keys.one, &keys.other}) {
      if (key->death.to_ns < when.from_ns) *key = {};
    }
    const bool may_die = when.to_ns >= keys.one.death.from_ns;
    const auto at_one = [&](const Key& key) {
      return can_be_next(one, {key, keys.other, keys.forked}, false, versions + 1, told, when);
    };
    const auto at_other = [&](const Key& key) {
      return can_be_next(one, {keys.one, key, true}, true, versions + 1, told, when);
    };
    if (at_one(keys.one) || ((may_forget || may_die) && at_one({}))) return true;
    Key renumbered = keys.one;
    renumbered.version = versions + 1;
    if (when.to_ns >= made_.options.may_renumber_from_ns && at_one(renumbered)) return true;
    const bool in_fork =
        !forks.empty() && forks[0].from_ns <= when.to_ns && when.from_ns <= forks[0].to_ns;
    return in_fork && (at_other(keys.other) || (may_forget && at_other({})) ||
                       (!keys.forked && at_other(renumbered)));
  }

  bool can_be_next(const Operation& one, Both keys, bool at_other, std::uint64_t versions,
                   Told told, const Span& when) {
    Key& key = at_other ? keys.other : keys.one;
    Operation replay = one;
    if (one.verb == Verb::cas) {  // spelt in versions
      replay.token = 0;
      const auto at = told.find(key.version);
      if (at != told.end() && at->second == one.token) replay.token = key.version;
      if (!key.value) replay.token = 0;
    }
    execute(key, replay, versions, one.outcome != Outcome::unknown);
    if (one.outcome != Outcome::unknown) {
      if (replay.outcome != one.outcome || replay.result != one.result) return false;
      if (one.outcome == Outcome::hit && replay.value != one.value) return false;
      if (one.verb == Verb::gets && one.outcome == Outcome::hit) {
        const auto at = told.try_emplace(key.version, one.token).first;
        if (at->second != one.token) return false;
      }
    }
    return goes_on(keys, versions, told, when.from_ns);
  }

  const Made& made_;
  std::vector<bool> done_;
};

std::string shown(const Made& made) {
  std::string text = "forgets from " + std::to_string(made.options.may_forget_from_ns) +
                     ", renumbers from " + std::to_string(made.options.may_renumber_from_ns) + "\n";
  for (const Span& fork : made.options.forks)
    text += "fork " + std::to_string(fork.from_ns) + ".." + std::to_string(fork.to_ns) + "\n";
  for (const Operation& one : made.history) text += to_string(one) + "\n";
  return text;
}

Verdict verdict_of(const Made& made) { return check(made.history, made.options).verdict; }

// ---- Properties ---------------------------------------------------------------------------------

TEST(CheckerProperty, WhatHappenedInSomeOrderIsAccepted) {
  EXPECT_TRUE(rc::check([] {
    const Made made = make(*rc::gen::inRange(0, 40));
    RC_LOG() << shown(made);
    RC_ASSERT(verdict_of(made) == Verdict::linearizable);
  }));
}

TEST(CheckerProperty, AgreesWithASearchThroughEveryOrder) {
  int refused = 0;
  EXPECT_TRUE(rc::check([&refused] {
    Made made = make(*rc::gen::inRange(1, 8));
    Operation& changed =
        made.history[static_cast<std::size_t>(below(static_cast<int>(made.history.size())))];
    const Outcome outcome = static_cast<Outcome>(below(12));
    if (fits(changed.verb, outcome)) changed.outcome = outcome;
    if (changed.outcome == Outcome::hit) changed.value = below(2) == 0 ? "a" : "7";
    if (changed.verb == Verb::gets) changed.token = static_cast<std::uint64_t>(1 + below(3));
    if (changed.outcome == Outcome::number) changed.result = static_cast<std::uint64_t>(below(9));
    RC_LOG() << shown(made);
    const bool accepted = verdict_of(made) == Verdict::linearizable;
    refused += accepted ? 0 : 1;
    RC_ASSERT(accepted == EveryOrder(made).explains());
  }));
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace cacheismo::linear
