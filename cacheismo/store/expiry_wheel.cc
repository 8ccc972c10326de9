#include "cacheismo/store/expiry_wheel.h"

#include <algorithm>

namespace cacheismo::store {

void ExpiryWheel::note(std::uint32_t page, Seconds expiry) {
  if (expiry == never) return;
  // What is already past is due at once.
  const std::uint32_t due = std::max(expiry.value, time_);
  alloc::PageHeader& header = arena_->page(page).header();
  if (header.earliest_expiry != 0) {
    if (header.earliest_expiry <= due) return;
    forget(page);
  }
  std::uint32_t& head = heads_[due % slots];
  header.earliest_expiry = due;
  header.wheel_previous = 0;
  header.wheel_next = head;
  if (head != 0) arena_->page(head).header().wheel_previous = page;
  head = page;
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
}

std::optional<std::uint32_t> ExpiryWheel::take_due(Seconds now) {
  // One round visits every slot: a longer sleep need not be counted second by second.
  if (now.value > slots) time_ = std::max(time_, now.value - slots);
  for (; time_ <= now.value; ++time_) {
    for (std::uint32_t page = heads_[time_ % slots]; page != 0;
         page = arena_->page(page).header().wheel_next) {
      if (arena_->page(page).header().earliest_expiry > now.value) continue;
      forget(page);
      return page;
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
