#include "cacheismo/node/change_feed.h"

#include <algorithm>
#include <chrono>

#include "cacheismo/base/limits.h"
#include "cacheismo/node/item_copy.h"
#include "cacheismo/node/item_form.h"
#include "cacheismo/node/node_state.h"
#include "cacheismo/node/transfer.h"

namespace cacheismo::node {

ChangeFeed::~ChangeFeed() { node_.store.record_changes(nullptr); }

/// Positions of another life of this node must mean nothing to it: they go on from the calendar, by
/// which they cannot have come further, since no node writes a byte of keys every nanosecond.
void ChangeFeed::begin() {
  const std::int64_t calendar_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(node_.io.now().wall.time_since_epoch())
          .count();
  const auto today = static_cast<std::uint64_t>(std::max<std::int64_t>(calendar_ns, 0));
  log_ = std::make_unique<store::ChangeLog>(std::max(last_end_ + 1, today));
  node_.store.record_changes(log_.get());
}

std::string ChangeFeed::tell(std::uint64_t position) {
  asked_at_ = node_.io.now().monotonic;
  if (log_ == nullptr) begin();
  const bool missing = position < log_->begin() || position > log_->end();
  if (missing) position = log_->end();
  std::string forms;
  std::uint64_t looked_at = 0;
  for (std::uint32_t keys = 0; keys < limits::changes_per_turn && looked_at < slice_bytes; ++keys) {
    const auto change = log_->at(position);
    if (!change) break;
    position = change->next;
    if (change->key.empty()) {
      append_item({.kind = ItemForm::Kind::flush, .key = "*"}, forms);
      continue;
    }
    if (const auto item = node_.store.peek(node_.store.key(change->key), node_.now))
      looked_at += std::min<std::uint64_t>(item->value_bytes(), whole_bytes_max);
    if (!append_form(node_.store, change->key, FormOf::item, whole_bytes_max, node_.now, forms))
      append_item({.kind = ItemForm::Kind::gone, .key = change->key}, forms);
  }
  log_->told(position);
  std::string answer;
  append_number(position, 8, answer);
  append_number(log_->end() - position, 8, answer);
  append_number(missing ? 1 : 0, 1, answer);
  return answer + forms;
}

void ChangeFeed::forget_if_due() {
  if (log_ == nullptr || node_.io.now().monotonic - asked_at_ < limits::change_log_patience) return;
  last_end_ = log_->end();
  node_.store.record_changes(nullptr);
  log_.reset();
}

std::optional<std::string> ChangeFeed::audit() const {
  return log_ == nullptr ? std::nullopt : log_->audit();
}

}  // namespace cacheismo::node
