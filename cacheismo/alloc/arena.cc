#include "cacheismo/alloc/arena.h"

#include <bit>
#include <cstring>

#include "cacheismo/alloc/poison.h"
#include "cacheismo/base/check.h"

namespace cacheismo::alloc {
namespace {

/// Pages that the table of headers takes in front of the others.
std::size_t header_pages(std::size_t pages) {
  return (pages * sizeof(PageHeader) + page_bytes - 1) / page_bytes;
}

std::string text_of(std::uint32_t page, const char* what) {
  return "page " + std::to_string(page) + ": " + what;
}

}  // namespace

Arena::Arena(std::span<char> region, std::uint32_t floor_pages, SizeOf size_of)
    : headers_(reinterpret_cast<PageHeader*>(region.data())),
      base_(region.data() + header_pages(region.size() / page_bytes) * page_bytes),
      size_of_(size_of),
      limit_(static_cast<std::uint32_t>(region.size() / page_bytes -
                                        header_pages(region.size() / page_bytes))),
      floor_(floor_pages),
      low_(limit_) {
  CHECK_EQ(reinterpret_cast<std::uintptr_t>(region.data()) % alignof(PageHeader), 0u);
  CHECK_GE(limit_, 4u);
  CHECK_LE(region.size() / page_bytes, std::size_t{1} << 24);
  CHECK_GE(floor_, 1u);
  CHECK_LT(floor_, limit_);
  stats_.untouched_pages = low_ - floor_;
}

Arena::~Arena() { unpoison(base_, static_cast<std::size_t>(limit_) * page_bytes); }

std::size_t Arena::room(std::uint32_t number) const {
  return slots_left(page(number).header()) ? page(number).room(size_of_) : 0;
}

void Arena::rebin(std::uint32_t number) {
  CHECK_EQ(page(number).header().bin, no_bin);
  bin(number, room(number));
}

void Arena::bin(std::uint32_t number, std::size_t room) {
  PageHeader& head = page(number).header();
  const std::size_t bin = room / bin_step;
  head.bin = static_cast<std::uint16_t>(bin);
  head.bin_previous = 0;
  head.bin_next = bins_[bin];
  if (head.bin_next != 0) page(head.bin_next).header().bin_previous = number;
  bins_[bin] = number;
  bitmap_[bin / 64] |= std::uint64_t{1} << (bin % 64);
}

void Arena::unbin(std::uint32_t number) {
  if (number == unsorted_) unsorted_ = 0;
  PageHeader& head = page(number).header();
  if (head.bin == no_bin) return;
  if (head.bin_next != 0) page(head.bin_next).header().bin_previous = head.bin_previous;
  if (head.bin_previous != 0) {
    page(head.bin_previous).header().bin_next = head.bin_next;
  } else {
    bins_[head.bin] = head.bin_next;
    if (head.bin_next == 0) bitmap_[head.bin / 64] &= ~(std::uint64_t{1} << (head.bin % 64));
  }
  head.bin = no_bin;
}

void Arena::sort(std::uint32_t number, std::size_t room) {
  if (number == unsorted_) unsorted_ = 0;
  const PageHeader& head = page(number).header();
  if (head.bin == no_bin || head.bin == room / bin_step) return;
  unbin(number);
  bin(number, room);
}

std::optional<std::uint32_t> Arena::find_page(std::size_t need) const {
  // The bin that `need` falls into holds pages on both sides of it: only its first is looked at.
  const std::size_t own = need / bin_step;
  if (bins_[own] != 0 && room(bins_[own]) >= need) return bins_[own];
  const std::size_t from = own + 1;
  if (from >= bin_count) return std::nullopt;
  std::size_t word = from / 64;
  std::uint64_t bits = bitmap_[word] & (~std::uint64_t{0} << (from % 64));
  while (bits == 0) {
    if (++word == bitmap_.size()) return std::nullopt;
    bits = bitmap_[word];
  }
  return bins_[word * 64 + static_cast<std::size_t>(std::countr_zero(bits))];
}

std::optional<std::uint32_t> Arena::touch_page() {
  if (low_ == floor_) return std::nullopt;
  --low_;
  --stats_.untouched_pages;
  page(low_).format();
  stats_.free_bytes += page(low_).header().free_bytes;
  rebin(low_);
  return low_;
}

std::optional<Handle> Arena::take(Kind kind, std::size_t bytes) {
  CHECK_LE(even(bytes), chunk_bytes_max);
  const std::size_t need = even(bytes) + slot_bytes;
  std::optional<std::uint32_t> number = find_page(need);
  if (!number && unsorted_ != 0 && room(unsorted_) >= need) number = unsorted_;
  if (!number) number = touch_page();
  if (!number) return std::nullopt;
  return take_in(*number, kind, bytes);
}

Handle Arena::take_in(std::uint32_t number, Kind kind, std::size_t bytes) {
  bytes = even(bytes);
  Page in = page(number);
  const std::size_t before = in.header().free_bytes;
  if (!in.takes_unslid(bytes)) ++stats_.slides;
  const std::uint32_t slot = in.take(kind, bytes, size_of_);
  stats_.free_bytes -= before - in.header().free_bytes;
  sort(number, slots_left(in.header()) ? in.room(size_of_, slot, bytes) : 0);
  return Handle{number << 8 | slot};
}

void Arena::release(Handle handle) {
  const std::uint32_t number = handle.page();
  Page in = page(number);
  const std::size_t bytes = even(size_of_(in.kind(handle.slot()), in.chunk(handle.slot())));
  const std::size_t before = in.header().free_bytes;
  in.release(handle.slot(), bytes);
  stats_.free_bytes += in.header().free_bytes - before;
  if (number == unsorted_ || in.header().bin == no_bin) return;
  if (unsorted_ != 0) sort(unsorted_);
  unsorted_ = number;
}

void Arena::shorten(Handle handle, std::size_t before) {
  Page in = page(handle.page());
  const std::size_t free_before = in.header().free_bytes;
  const std::size_t after = size_of_(in.kind(handle.slot()), in.chunk(handle.slot()));
  in.shorten(handle.slot(), even(before), even(after));
  stats_.free_bytes += in.header().free_bytes - free_before;
  sort(handle.page());
}

std::optional<std::uint32_t> Arena::roomiest() {
  if (unsorted_ != 0) sort(unsorted_);
  for (std::size_t word = bitmap_.size(); word-- > 0;) {
    if (bitmap_[word] == 0) continue;
    const auto top = 63 - static_cast<std::size_t>(std::countl_zero(bitmap_[word]));
    const std::uint32_t number = bins_[word * 64 + top];
    if (page(number).empty() || low_ == floor_) return number;
    break;
  }
  return touch_page();
}

void Arena::pin(Handle handle) {
  page(handle.page()).pin(handle.slot());
  sort(handle.page());
}

void Arena::unpin(Handle handle) {
  page(handle.page()).unpin(handle.slot());
  sort(handle.page());
}

void Arena::claim(std::uint32_t number) {
  Page taken = page(number);
  CHECK(taken.empty());
  CHECK_EQ(taken.header().bin, no_bin);
  stats_.free_bytes -= taken.header().free_bytes;
  ++stats_.claimed_pages;
  taken.header().bin = claimed_bin;
  unpoison(base_ + static_cast<std::size_t>(number) * page_bytes, page_bytes);
}

std::optional<std::uint32_t> Arena::claim_empty() {
  const auto number = roomiest();
  if (!number || !page(*number).empty()) return std::nullopt;
  unbin(*number);
  claim(*number);
  return number;
}

void Arena::give_back(std::uint32_t number) {
  CHECK(claimed(number));
  --stats_.claimed_pages;
  page(number).format();
  stats_.free_bytes += page(number).header().free_bytes;
  rebin(number);
}

void Arena::raise_floor() {
  CHECK_LT(floor_ + 1, limit_);
  if (untouched(floor_)) {
    --stats_.untouched_pages;
  } else {
    Page last = page(floor_);
    CHECK(last.empty());
    CHECK_EQ(last.header().bin, no_bin);
    CHECK_EQ(last.header().pins, 0);
    stats_.free_bytes -= last.header().free_bytes;
    unpoison(base_ + static_cast<std::size_t>(floor_) * page_bytes, page_bytes);
    low_ = floor_ + 1;
  }
  ++floor_;
}

void Arena::lower_floor() {
  CHECK_GT(floor_, 1u);
  --floor_;
  if (low_ == floor_ + 1) {
    // Everything above is in use: the page joins the others, already touched.
    low_ = floor_;
    page(floor_).format();
    stats_.free_bytes += page(floor_).header().free_bytes;
    rebin(floor_);
  } else {
    ++stats_.untouched_pages;
  }
}

std::optional<std::string> Arena::audit_page(std::uint32_t number) const {
  const Page in = page(number);
  const PageHeader& head = in.header();
  if (head.heap_end + head.slot_count * slot_bytes > page_bytes)
    return text_of(number, "heap and slots overlap");
  std::size_t used_bytes = 0;
  std::size_t used_slots = 0;
  std::size_t pinned_slots = 0;
  std::uint8_t owner[page_bytes] = {};
  for (std::uint32_t slot = 0; slot < head.slot_count; ++slot) {
    if (!in.used(slot)) continue;
    const char* chunk = in.chunk(slot);
    const std::size_t bytes = even(size_of_(in.kind(slot), chunk));
    const auto offset = static_cast<std::size_t>(chunk - in.base());
    if (offset + bytes > head.heap_end) return text_of(number, "a chunk lies outside the heap");
    if (std::memchr(owner + offset, 1, bytes) != nullptr)
      return text_of(number, "two chunks overlap");
    std::memset(owner + offset, 1, bytes);
    used_bytes += bytes;
    ++used_slots;
    if (in.pinned(slot)) ++pinned_slots;
  }
  if (head.slot_count > 0 && !in.used(head.slot_count - 1u))
    return text_of(number, "the last slot is free");
  if (used_slots + in.free_slots() != head.slot_count)
    return text_of(number, "a slot is neither used nor in the list of the free");
  if (used_bytes + head.free_bytes + head.slot_count * slot_bytes != page_bytes)
    return text_of(number, "used and free bytes do not add up");
  if (pinned_slots != head.pins) return text_of(number, "pins do not add up");
  const std::size_t bin = room(number) / bin_step;
  if (head.bin == no_bin) return text_of(number, "in no bin");
  if (head.bin != bin && (number != unsorted_ || head.bin > bin))
    return text_of(number, "in the wrong bin");
  if (const std::size_t hole = in.hole_bytes(); hole > 0) {
    if (head.hole + hole >= head.heap_end) return text_of(number, "the kept hole leaves the heap");
    if (std::memchr(owner + head.hole, 1, hole) != nullptr)
      return text_of(number, "the kept hole is in use");
  }
  return std::nullopt;
}

std::optional<std::string> Arena::audit() const {
  std::uint64_t free_bytes = 0;
  std::uint64_t binned = 0;
  std::uint64_t claimed_pages = 0;
  for (std::uint32_t number = low_ > floor_ ? low_ : floor_; number < limit_; ++number) {
    if (claimed(number)) {
      ++claimed_pages;
      continue;
    }
    if (auto broken = audit_page(number)) return broken;
    free_bytes += page(number).header().free_bytes;
    if (page(number).header().bin != no_bin) ++binned;
  }
  if (claimed_pages != stats_.claimed_pages) return "claimed pages do not add up";
  if (free_bytes != stats_.free_bytes) return "free bytes of the pages and of the arena differ";
  std::uint64_t listed = 0;
  for (std::size_t bin = 0; bin < bin_count; ++bin) {
    const bool marked = (bitmap_[bin / 64] >> (bin % 64) & 1) != 0;
    if (marked != (bins_[bin] != 0)) return "bin " + std::to_string(bin) + ": bitmap is wrong";
    for (std::uint32_t n = bins_[bin]; n != 0; n = page(n).header().bin_next) {
      if (page(n).header().bin != bin) return text_of(n, "listed in a bin that is not its own");
      if (++listed > binned) return "bin " + std::to_string(bin) + ": list does not end";
    }
  }
  return listed == binned ? std::nullopt : std::optional<std::string>("a page is in no list");
}

}  // namespace cacheismo::alloc
