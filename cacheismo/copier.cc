#include "cacheismo/copier.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include <fmt/format.h>

#include "cacheismo/proto/percent.h"

namespace cacheismo {
namespace {

constexpr int exit_different = 1;

/// What the index and the log of recency take of a node's memory for each item, bytes (item.h).
constexpr std::uint64_t index_bytes_per_item = 14;

/// How often FROM is asked for changes when a pass has found no difference, until it has none: some
/// 0.1 ms each between two machines of one rack.
constexpr int settle_rounds_max = 10'000;

/// How long nothing is asked while following, after an answer without changes.
constexpr Duration follow_interval = std::chrono::milliseconds(10);

}  // namespace

Copier::Copier(const CopyOptions& options, CopyIo& io, bool terminal)
    : options_(options), io_(io), link_(io), progress_(terminal) {}

void Copier::interrupt() {
  if (!following_ || follow_ends_) link_.stop = true;
  follow_ends_ = true;
}

// ---- The beginning ------------------------------------------------------------------------------

Copier::Outcome Copier::open(const CopyNodes& nodes) {
  link_.user = nodes.user;
  link_.password = nodes.password;
  if (nodes.from == nodes.to) return failure(std::string("FROM and TO are the same node"));
  from_.emplace("FROM " + to_string(nodes.from), nodes.from, link_);
  to_.emplace("TO " + to_string(nodes.to), nodes.to, link_);
  for (CopySource* node : {&*from_, &*to_}) {
    if (auto opened = node->open(); !opened) return opened;
    auto facts = node->facts();
    if (!facts) return failure(facts.error());
    (node == &*from_ ? from_facts_ : to_facts_) = *facts;
  }
  return options_.verify ? Outcome{} : open_sink(nodes);
}

Copier::Outcome Copier::open_sink(const CopyNodes& nodes) {
  if (to_facts_.items > 0 && !options_.resume) {
    return failure(fmt::format(
        "TO has {} items, which would be replaced or deleted: --resume goes on with a copy that "
        "was interrupted, flush_all makes TO empty",
        to_facts_.items));
  }
  const std::uint64_t needed = from_facts_.bytes + index_bytes_per_item * from_facts_.items;
  if (needed > to_facts_.memory_bytes) {
    return failure(fmt::format("TO is too small: FROM's items take {} and TO has {} (-m)",
                               shown_bytes(needed), shown_bytes(to_facts_.memory_bytes)));
  }
  sink_wire_.emplace("TO " + to_string(nodes.to), nodes.to, link_);
  if (auto connected = sink_wire_->connect(); !connected) return connected;
  sink_wire_->send(fmt::format("ms cluster:items 0 {}\r\n\r\n", copy_hop));
  const auto reply = sink_wire_->reply();
  if (!reply) return failure(reply.error());
  if (reply->word != proto::ReplyWord::meta_hit) return failure(sink_wire_->failed(reply->text));
  sink_.emplace(*sink_wire_, to_facts_.item_bytes_max);
  to_is_empty_ = to_facts_.items == 0;
  return from_->begin_changes();
}

// ---- The whole ----------------------------------------------------------------------------------

Copier::Outcome Copier::begin_pass() {
  for (CopySource* node : {&*from_, &*to_}) {
    auto facts = node->facts();
    if (!facts) return failure(facts.error());
    if (node == &*from_) from_facts_.items = facts->items;
    if (node == &*to_) to_facts_.items = facts->items;
    if (node == &*to_) evicted_before_ = facts->evictions;
  }
  if (sink_) refused_before_ = sink_->refused();
  missed_ = false;
  return {};
}

/// Until one has found no difference, or all that may be made were.
Result<int, std::string> Copier::passes() {
  const std::uint32_t count = options_.verify ? 1 : options_.passes_max;
  std::uint32_t pass = 0;
  if (std::exchange(to_is_empty_, false)) {
    if (auto copied = copy_all(); !copied) return failure(copied.error());
    progress_.end();
    fmt::print(stderr, "cacheismo: pass 1: {} items copied, {}\n", seen_,
               shown_bytes(sink_->bytes()));
    ++pass;
  }
  const std::uint32_t last = std::max(count, pass + 1);
  do {
    if (auto begun = begin_pass(); !begun) return failure(begun.error());
    if (auto compared = compare(); !compared) return failure(compared.error());
    progress_.end();
    fmt::print(stderr, "cacheismo: pass {}: {} of {} items differed{}{}\n", ++pass, differences_,
               from_facts_.items, sink_ && differences_ > 0 ? " and were copied" : "",
               missed_ ? "; FROM has changed faster than it could tell" : "");
  } while ((differences_ > 0 || missed_) && pass < last);
  return judge();
}

/// Asks for changes until FROM has none. False: it always had.
Result<bool, std::string> Copier::settle() {
  for (int round = 0; round < settle_rounds_max; ++round) {
    const std::uint64_t before = applied_;
    changed_.clear();
    if (auto caught_up = catch_up(); !caught_up) return failure(caught_up.error());
    if (missed_) return false;
    if (applied_ == before && left_ == 0) return true;
  }
  return false;
}

/// What came of the passes.
Result<int, std::string> Copier::judge() {
  say_differences();
  if (not_asked_ > 0) {
    fmt::print(stderr,
               "cacheismo: {} items have keys that no request can hold, scripts have put them: the "
               "first pass copies those of up to 64 KiB, nothing compares them\n",
               not_asked_);
  }
  bool same = differences_ == 0;
  if (same && sink_) {
    const auto settled = settle();
    if (!settled) return failure(settled.error());
    same = *settled;
  }
  const auto facts = to_->facts();
  if (!facts) return failure(facts.error());
  if (sink_) same &= sink_->refused() == refused_before_ && facts->evictions == evicted_before_;
  if (same) {
    const auto from_facts = from_->facts();
    if (!from_facts) return failure(from_facts.error());
    fmt::print("FROM and TO answer the same: {} items\n", from_facts->items);
    std::fflush(stdout);
    return 0;
  }
  if (!sink_) return exit_different;
  for (const std::string& refusal : sink_->refusals())
    fmt::print(stderr, "cacheismo: {}\n", refusal);
  const std::uint64_t evictions = facts->evictions - to_facts_.evictions;
  if (evictions > 0) {
    fmt::print(stderr,
               "cacheismo: TO is too small: it evicted {} items meanwhile, give it more memory "
               "(-m)\n",
               evictions);
  } else if (sink_->refusals().empty()) {
    fmt::print(stderr, "cacheismo: the last pass still found differences: FROM keeps changing\n");
  }
  return exit_different;
}

void Copier::say_differences() const {
  for (const Difference& one : named_) {
    std::string key(3 * one.key.size(), '\0');
    key.resize(
        static_cast<std::size_t>(proto::put_percent_encoded(key.data(), one.key) - key.data()));
    fmt::print(stderr, "cacheismo: differs: {}: {}\n", key, one.what);
  }
}

/// Until it is interrupted, or changes were missed.
Copier::Outcome Copier::follow() {
  while (!follow_ends_ && !missed_) {
    changed_.clear();
    const std::uint64_t before = applied_;
    if (auto caught_up = catch_up(); !caught_up) return caught_up;
    if (auto kept = keep_alive(); !kept) return kept;
    if (applied_ != before) continue;
    const MonotonicTime next = io_.io().stopwatch() + follow_interval;
    for (MonotonicTime now = io_.io().stopwatch(); now < next && !follow_ends_;
         now = io_.io().stopwatch())
      io_.turn(next - now);
  }
  following_ = false;
  return {};
}

Result<int, std::string> Copier::run(const CopyNodes& nodes) {
  if (auto opened = open(nodes); !opened) return failure(opened.error());
  for (;;) {
    auto code = passes();
    if (!code || *code != 0 || !options_.follow) return code;
    following_ = true;
    fmt::print(stderr,
               "cacheismo: following: what changes at FROM changes at TO; Ctrl-C ends it\n");
    if (auto followed = follow(); !followed) return failure(followed.error());
    if (!missed_) return judge();
  }
}

}  // namespace cacheismo
