#include "cacheismo/store/expiry_wheel.h"

#include <algorithm>

namespace cacheismo::store {

void ExpiryWheel::note(std::uint32_t page, Seconds expiry) {
  if (expiry == never) return;
  // What is past when it is noted is due with the next second.
  const std::uint32_t due = std::max(expiry.value, time_);
  alloc::PageHeader& header = arena_->page(page).header();
  if (header.earliest_expiry != 0) {
    if (header.earliest_expiry <= due) return;
    forget(page);
  }
  header.earliest_expiry = due;
  // In the slot that is being passed, before the hand would be too late by a round.
  const bool at_hand = hand_ != 0 && due % slots == time_ % slots;
  const std::uint32_t behind = at_hand ? hand_ : heads_[due % slots];
  header.wheel_next = behind;
  header.wheel_previous = at_hand ? arena_->page(behind).header().wheel_previous : 0;
  if (behind != 0) arena_->page(behind).header().wheel_previous = page;
  if (header.wheel_previous != 0)
    arena_->page(header.wheel_previous).header().wheel_next = page;
  else
    heads_[due % slots] = page;
  if (at_hand) hand_ = page;
}

void ExpiryWheel::forget(std::uint32_t page) {
  alloc::PageHeader& header = arena_->page(page).header();
  if (header.earliest_expiry == 0) return;
  if (header.wheel_next != 0)
    arena_->page(header.wheel_next).header().wheel_previous = header.wheel_previous;
  if (header.wheel_previous != 0)
    arena_->page(header.wheel_previous).header().wheel_next = header.wheel_next;
  else
    heads_[header.earliest_expiry % slots] = header.wheel_next;
  header.earliest_expiry = 0;
  if (hand_ == page) hand_ = header.wheel_next;
}

std::optional<std::uint32_t> ExpiryWheel::take_due(Seconds now, std::uint32_t& left) {
  // One round visits every slot: a longer sleep need not be counted second by second.
  if (now.value > slots && time_ < now.value - slots) {
    time_ = now.value - slots;
    hand_ = 0;
  }
  for (; time_ <= now.value; ++time_, hand_ = 0) {
    if (hand_ == 0) hand_ = heads_[time_ % slots];
    while (hand_ != 0) {
      if (left == 0) return std::nullopt;
      --left;
      const std::uint32_t page = hand_;
      const alloc::PageHeader& header = arena_->page(page).header();
      const bool due = header.earliest_expiry <= now.value;
      const std::uint32_t behind = header.wheel_next;
      if (due) forget(page);
      hand_ = behind;
      if (due) return page;
    }
  }
  return std::nullopt;
}

std::optional<std::string> ExpiryWheel::audit() const {
  std::uint32_t listed = 0;
  for (std::uint32_t slot = 0; slot < slots; ++slot) {
    std::uint32_t previous = 0;
    for (std::uint32_t page = heads_[slot]; page != 0;) {
      const alloc::PageHeader& header = arena_->page(page).header();
      const std::string where = "page " + std::to_string(page) + " on the expiry wheel: ";
      if (header.earliest_expiry == 0) return where + "holds nothing that expires";
      if (header.earliest_expiry % slots != slot) return where + "in a foreign slot";
      if (header.wheel_previous != previous) return where + "bad back link";
      if (++listed > arena_->page_count()) return where + "the list does not end";
      previous = page;
      page = header.wheel_next;
    }
  }
  return std::nullopt;
}

}  // namespace cacheismo::store
