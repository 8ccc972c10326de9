#include "sim/cluster/copied_key.h"

#include <algorithm>
#include <utility>

#include "cacheismo/base/check.h"

namespace cacheismo::sim {
namespace {

using linear::never_ns;

bool overlap(CopiedKey::Time from_ns, CopiedKey::Time to_ns, const CopiedKey::Span& span) {
  return span.from_ns <= to_ns && from_ns <= span.to_ns && span.from_ns != never_ns;
}

std::string at(CopiedKey::Time time_ns) {
  return time_ns == never_ns ? "?" : std::to_string(time_ns / 1000) + "us";
}

std::string spelt(const std::optional<std::string>& value) {
  return value ? '"' + value->substr(0, 20) + '"' : "nothing";
}

}  // namespace

// ---- Recording ----------------------------------------------------------------------------------

std::size_t CopiedKey::begin_write(std::optional<std::string> value, Time now_ns) {
  writes_.push_back({.value = std::move(value), .call_ns = now_ns});
  return writes_.size() - 1;
}

void CopiedKey::end_write(std::size_t write, Told told, Time now_ns) {
  CHECK_EQ(writes_[write].return_ns, never_ns);
  writes_[write].told = told;
  writes_[write].return_ns = now_ns;
}

void CopiedKey::read(Time call_ns, Time return_ns, std::optional<std::string> value) {
  reads_.push_back({.call_ns = call_ns,
                    .return_ns = return_ns,
                    .value = std::move(value),
                    .holder = std::nullopt});
}

void CopiedKey::look(std::size_t holder, Time now_ns, std::optional<std::string> value) {
  reads_.push_back(
      {.call_ns = now_ns, .return_ns = now_ns, .value = std::move(value), .holder = holder});
}

// ---- What is known of the past ------------------------------------------------------------------

bool CopiedKey::lost_something(std::size_t holder, Time from_ns, Time to_ns) const {
  return std::ranges::any_of(losses_, [&](const Loss& loss) {
    return loss.holder == holder && overlap(from_ns, to_ns, loss.when);
  });
}

bool CopiedKey::any_lost(const Era& era, Time from_ns, Time to_ns) const {
  return std::ranges::any_of(
      era.holders, [&](std::size_t holder) { return lost_something(holder, from_ns, to_ns); });
}

/// Whether one of those who were asked, or the only one, has lost nothing since.
bool CopiedKey::any_kept(const Era& era, const Read& read, Time from_ns) const {
  if (read.holder) return !lost_something(*read.holder, from_ns, read.return_ns);
  return std::ranges::any_of(era.holders, [&](std::size_t holder) {
    return !lost_something(holder, from_ns, read.return_ns);
  });
}

const CopiedKey::Era* CopiedKey::era(Time from_ns, Time to_ns) const {
  const auto found = std::ranges::find_if(options_.eras, [&](const Era& one) {
    return one.span.from_ns <= from_ns && to_ns <= one.span.to_ns;
  });
  return found == options_.eras.end() ? nullptr : &*found;
}

bool CopiedKey::passes(const Write& later, const Write& earlier, Time until_ns) const {
  if (later.told != Told::complete) return false;
  const Era* now = era(later.call_ns, until_ns);
  if (now == nullptr) return false;
  // Nothing of before is under way, and who has it has said that it is newer.
  const Time quiet_ns = options_.quiet_from_ns;
  if (earlier.call_ns < quiet_ns && later.call_ns >= quiet_ns) return true;
  if (earlier.return_ns >= later.call_ns) return false;
  if (earlier.told == Told::complete) return true;
  // The only one that has heard of it may forget it, and then be told once more.
  return earlier.told == Told::partly && era(earlier.call_ns, until_ns) == now &&
         !any_lost(*now, earlier.call_ns, until_ns);
}

/// Of the complete writes that were over by then the one that was called last: it passes all that
/// any of them passes. `valued`: of those that are no deletes.
const CopiedKey::Write* CopiedKey::newest(Time before_ns, bool valued) const {
  const Write* found = nullptr;
  for (const Write& one : writes_) {
    if (one.told != Told::complete || one.return_ns >= before_ns || (valued && !one.value))
      continue;
    if (found == nullptr || one.call_ns > found->call_ns) found = &one;
  }
  return found;
}

const CopiedKey::Write* CopiedKey::written(const std::string& value) const {
  const auto found =
      std::ranges::find_if(writes_, [&](const Write& one) { return one.value == value; });
  return found == writes_.end() ? nullptr : &*found;
}

// ---- Rules --------------------------------------------------------------------------------------

std::optional<std::string> CopiedKey::judge_value(const Read& read) const {
  const Write* write = written(*read.value);
  if (write == nullptr || write->call_ns > read.return_ns)
    return "invented: nobody has written " + spelt(read.value);
  const Write* later = newest(read.call_ns, false);
  if (later == nullptr || !passes(*later, *write, read.return_ns)) return std::nullopt;
  return "returned: " + spelt(read.value) + " of " + at(write->call_ns) + ".." +
         at(write->return_ns) + " is back after all had " + spelt(later->value) + " of " +
         at(later->call_ns) + ".." + at(later->return_ns);
}

/// Whether there is a value that `read` must not show.
bool CopiedKey::is_guarded(const Read& read) const {
  const Write* later = newest(read.call_ns, false);
  return later != nullptr && std::ranges::any_of(writes_, [&](const Write& one) {
           return one.value && passes(*later, one, read.return_ns);
         });
}

/// Whether `read` has to find this write or a newer value.
bool CopiedKey::is_secured(const Read& read, const Write& write) const {
  if (!write.value || write.told != Told::complete || write.return_ns >= read.call_ns) return false;
  const Era* now = era(write.call_ns, read.return_ns);
  if (options_.may_lose || now == nullptr) return false;
  const bool may_be_deleted = std::ranges::any_of(writes_, [&](const Write& one) {
    return !one.value && one.call_ns <= read.return_ns && !passes(write, one, read.return_ns);
  });
  return !may_be_deleted && any_kept(*now, read, write.call_ns);
}

std::optional<std::string> CopiedKey::judge_miss(const Read& read) const {
  const Write* write = newest(read.call_ns, true);
  if (write == nullptr || !is_secured(read, *write)) return std::nullopt;
  return "lost: " + spelt(write->value) + " of " + at(write->call_ns) + ".." +
         at(write->return_ns) + ", which all had";
}

bool CopiedKey::wrote_between(Time from_ns, Time to_ns) const {
  return std::ranges::any_of(
      writes_, [&](const Write& one) { return one.call_ns >= from_ns && one.call_ns <= to_ns; });
}

/// Of two looks at different holders, and nothing was written in between.
bool CopiedKey::must_agree(const Read& one, const Read& other) const {
  if (!one.value && !other.value) return true;
  Time from_ns = never_ns;
  for (const Read* read : {&one, &other}) {
    if (!read->value) continue;
    const Write* write = written(*read->value);
    if (write == nullptr || write->told != Told::complete) return false;
    from_ns = std::min(from_ns, write->call_ns);
  }
  // Where one has nothing: a delete of which not all know explains it.
  for (const Write& write : writes_) {
    if (write.value || (one.value && other.value)) continue;
    const Write& kept = *written(one.value ? *one.value : *other.value);
    if (passes(kept, write, other.return_ns)) continue;
    if (write.told != Told::complete) return false;
    from_ns = std::min(from_ns, write.call_ns);
  }
  const Era* now = era(from_ns, other.return_ns);
  return !options_.may_lose && now != nullptr && !any_lost(*now, from_ns, other.return_ns);
}

std::optional<std::string> CopiedKey::judge_agreement() {
  const Read* before = nullptr;
  for (const Read& read : reads_) {
    if (!read.holder) continue;
    const Read* one = std::exchange(before, &read);
    if (one == nullptr || one->holder == read.holder) continue;
    if (wrote_between(one->call_ns, read.call_ns) || !must_agree(*one, read)) continue;
    counts_.agreed++;
    if (one->value == read.value) continue;
    return "agreement: n" + std::to_string(*one->holder + 1) + " has " + spelt(one->value) +
           " and n" + std::to_string(*read.holder + 1) + " has " + spelt(read.value);
  }
  return std::nullopt;
}

std::vector<std::string> CopiedKey::judge(const Options& options) {
  options_ = options;
  counts_ = {};
  std::vector<std::string> wrong;
  for (const Write& write : writes_) {
    counts_.writes++;
    counts_.complete += write.told == Told::complete ? 1u : 0u;
    counts_.partly += write.told == Told::partly ? 1u : 0u;
  }
  for (const Read& read : reads_) {
    counts_.reads++;
    counts_.misses += read.value ? 0u : 1u;
    const Write* latest = newest(read.call_ns, true);
    counts_.secured += latest != nullptr && is_secured(read, *latest) ? 1u : 0u;
    counts_.guarded += is_guarded(read) ? 1u : 0u;
    const auto broken = read.value ? judge_value(read) : judge_miss(read);
    if (!broken) continue;
    const std::string who = read.holder ? " at n" + std::to_string(*read.holder + 1) : "";
    wrong.push_back("copies: " + name_ + who + ", read at " + at(read.call_ns) + ".." +
                    at(read.return_ns) + ": " + *broken);
  }
  if (const auto broken = judge_agreement()) wrong.push_back("copies: " + name_ + ": " + *broken);
  return wrong;
}

}  // namespace cacheismo::sim
