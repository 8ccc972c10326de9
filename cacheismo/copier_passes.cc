// What a Copier does in one pass: the first copies, the others compare; between their slices it
// applies what has changed. See copier.h.

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "cacheismo/copier.h"
#include "cacheismo/copy_difference.h"

namespace cacheismo {

using node::ItemForm;

namespace {

/// Well below -o idle_timeout=2; with 1, which ends at the next full second, nobody can stay.
constexpr Duration keep_alive_interval = std::chrono::milliseconds(500);

/// Keys of --verify that are named.
constexpr std::size_t named_max = 10;

/// How often FROM is asked for changes behind one slice; the rest comes behind the next.
constexpr int catch_up_rounds_max = 64;

}  // namespace

// ---- Between slices -----------------------------------------------------------------------------

/// Says how far it is, and keeps those connections that this pass does not use.
Copier::Outcome Copier::after_slice() {
  progress_.at(seen_, sink_ ? sink_->bytes() : 0, io_.io().stopwatch());
  return keep_alive();
}

Copier::Outcome Copier::keep_alive() {
  const MonotonicTime now = io_.io().stopwatch();
  if (now - kept_alive_ < keep_alive_interval) return {};
  kept_alive_ = now;
  for (CopySource* node : {&*from_, &*to_}) {
    if (auto kept = node->keep_alive(); !kept) return kept;
  }
  if (!sink_) return {};
  if (auto finished = sink_->finish(); !finished) return finished;
  return sink_wire_->keep_alive();
}

/// FROM's items go to TO. Those that are only named are asked for.
Copier::Outcome Copier::put(Bytes forms) {
  std::vector<Difference> long_ones;
  while (const auto item = node::take_item(forms)) {
    if (item->kind == ItemForm::Kind::long_one) {
      long_ones.push_back({.key = std::string(item->key)});
    } else if (auto added = sink_->add(*item); !added) {
      return added;
    }
  }
  return copy_again(long_ones);
}

Copier::Outcome Copier::apply(const CopySource::Changes& changes) {
  left_ = changes.left;
  missed_ |= changes.missing;
  Bytes forms = changes.forms;
  while (const auto item = node::take_item(forms)) {
    ++applied_;
    all_changed_ |= item->kind == ItemForm::Kind::flush;
    changed_.emplace(item->key);
  }
  return put(changes.forms);
}

/// Until FROM has told what it had to tell, and TO has it.
Copier::Outcome Copier::catch_up() {
  for (int round = 0; round < catch_up_rounds_max; ++round) {
    const auto changes = from_->next_changes();
    if (!changes) return failure(changes.error());
    if (auto applied = apply(*changes); !applied) return applied;
    if (left_ == 0) break;
  }
  return sink_->finish();
}

// ---- The first pass -----------------------------------------------------------------------------

Copier::Outcome Copier::copy_all() {
  seen_ = 0;
  progress_.begin("copy", from_facts_.items, io_.io().stopwatch());
  from_->begin_scan(CopySource::What::items);
  for (;;) {
    const auto slice = from_->next_slice();
    if (!slice) return failure(slice.error());
    if (!*slice) return catch_up();
    for (Bytes forms = (*slice)->forms; node::take_item(forms);) ++seen_;
    if (auto copied = put((*slice)->forms); !copied) return copied;
    if (auto applied = apply((*slice)->changes); !applied) return applied;
    if (left_ > 0) {
      if (auto caught_up = catch_up(); !caught_up) return caught_up;
    }
    changed_.clear();
    if (auto gone_on = after_slice(); !gone_on) return gone_on;
  }
}

// ---- Comparing ----------------------------------------------------------------------------------

void Copier::note(const Difference& difference) {
  ++differences_;
  if (options_.verify && named_.size() < named_max) named_.push_back(difference);
}

/// FROM's items as they are now. One that is gone by now is told as a change, or found at TO.
Copier::Outcome Copier::copy_again(const std::vector<Difference>& keys) {
  // One at a time: each may be as long as items are.
  for (const Difference& one : keys) {
    if (!from_->ask(one.key, CopySource::Ask::item)) {
      ++not_asked_;
      continue;
    }
    const auto item = from_->answer();
    if (!item) return failure(item.error());
    if (!*item) continue;
    if ((*item)->kind == ItemForm::Kind::long_one) {
      return failure(fmt::format("an item is longer than {} bytes and cannot be copied: {}",
                                 node::item_payload_bytes_max, one.key));
    }
    if (auto added = sink_->add(**item); !added) return added;
  }
  return {};
}

/// Differences that FROM's changes since the slice do not account for are counted.
Copier::Outcome Copier::settle_differences(std::vector<Difference>& found) {
  if (sink_) {
    if (auto caught_up = catch_up(); !caught_up) return caught_up;
    std::erase_if(found, [this](const Difference& one) {
      return all_changed_ || changed_.contains(one.key);
    });
  }
  for (const Difference& one : found) note(one);
  return {};
}

/// Digests of FROM, held against TO's, which has what has changed until just behind the slice.
Copier::Outcome Copier::compare_slice(Bytes forms) {
  std::vector<ItemForm> asked;
  while (const auto item = node::take_item(forms)) {
    ++seen_;
    if (!to_->ask(item->key, CopySource::Ask::digest)) {
      ++not_asked_;
      continue;
    }
    // Of a long one the slice has no digest.
    if (item->kind == ItemForm::Kind::long_one)
      static_cast<void>(from_->ask(item->key, CopySource::Ask::digest));
    asked.push_back(*item);
  }
  std::vector<Difference> different;
  for (const ItemForm& item : asked) {
    std::optional<ItemForm> own = item;
    if (item.kind == ItemForm::Kind::long_one) {
      const auto answer = from_->answer();
      if (!answer) return failure(answer.error());
      own = *answer;
    }
    const auto answer = to_->answer();
    if (!answer) return failure(answer.error());
    const char* what = own ? difference(*own, *answer) : nullptr;
    if (what != nullptr) different.push_back({.key = std::string(item.key), .what = what});
  }
  if (different.empty()) return {};
  if (auto settled = settle_differences(different); !settled) return settled;
  return sink_ ? copy_again(different) : Outcome{};
}

/// Keys of TO that FROM may have no more.
Copier::Outcome Copier::look_for_gone(Bytes forms) {
  std::vector<ItemForm> asked;
  while (const auto item = node::take_item(forms)) {
    ++seen_;
    if (from_->ask(item->key, CopySource::Ask::presence)) asked.push_back(*item);
  }
  std::vector<Difference> gone;
  for (const ItemForm& item : asked) {
    const auto answer = from_->answer();
    if (!answer) return failure(answer.error());
    if (!*answer && !is_about_to_expire(item))
      gone.push_back({.key = std::string(item.key), .what = "not at FROM"});
  }
  if (auto settled = settle_differences(gone); !settled) return settled;
  for (const Difference& one : gone) {
    if (!sink_) break;
    auto added = sink_->add({.kind = ItemForm::Kind::gone, .key = one.key});
    if (!added) return added;
  }
  return {};
}

Copier::Outcome Copier::compare() {
  seen_ = differences_ = not_asked_ = 0;
  progress_.begin("compare", from_facts_.items + to_facts_.items, io_.io().stopwatch());
  // First what is gone, which makes room.
  for (const bool gone : {true, false}) {
    CopySource& scanned = gone ? *to_ : *from_;
    scanned.begin_scan(CopySource::What::digests);
    for (;;) {
      changed_.clear();
      all_changed_ = false;
      const auto slice = scanned.next_slice();
      if (!slice) return failure(slice.error());
      if (!*slice) break;
      const Bytes forms = (*slice)->forms;
      if (sink_ && !gone) {
        if (auto applied = apply((*slice)->changes); !applied) return applied;
        auto done = left_ > 0 ? catch_up() : sink_->finish();
        if (!done) return done;
      }
      auto done = gone ? look_for_gone(forms) : compare_slice(forms);
      if (!done) return done;
      if (auto gone_on = after_slice(); !gone_on) return gone_on;
    }
    // What was sent must be there before TO is looked at.
    if (sink_) {
      if (auto finished = sink_->finish(); !finished) return finished;
    }
  }
  return {};
}

}  // namespace cacheismo
