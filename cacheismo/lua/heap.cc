#include "cacheismo/lua/heap.h"

#include <algorithm>
#include <cstring>

#include "cacheismo/base/check.h"
#include "cacheismo/lua/heap_pages.h"

namespace cacheismo::lua {

using heap_pages::class_bytes;
using heap_pages::class_for;
using heap_pages::Kind;
using heap_pages::none;
using heap_pages::Page;
using heap_pages::PageNumber;
using heap_pages::Pages;
using heap_pages::poison;
using heap_pages::small_bytes_max;
using heap_pages::unpoison;

static_assert(Heap::page_bytes == heap_pages::page_bytes);

Heap::Heap(std::span<char> region) : pages_(std::make_unique<Pages>(region)) {
  CHECK_GE(region.size(), std::size_t{1} << 20);
  CHECK_LE(region.size(), std::size_t{16} << 30);
  CHECK_EQ(reinterpret_cast<std::uintptr_t>(region.data()) % page_bytes, 0u);
  pages_->give_run(0, static_cast<std::uint32_t>(pages_->table.size()));
}

Heap::~Heap() { unpoison(pages_->base, region_bytes()); }

void* Heap::allocate(std::size_t bytes) {
  CHECK_GT(bytes, 0u);
  void* block = nullptr;
  if (bytes <= small_bytes_max) {
    block = pages_->take_small(class_for(bytes));
  } else if (bytes <= region_bytes()) {
    const auto count = static_cast<std::uint32_t>((bytes + page_bytes - 1) / page_bytes);
    const PageNumber first = pages_->take_run(count);
    if (first == none) return nullptr;
    pages_->table[first].kind = Kind::large;
    pages_->table[first].run = count;
    pages_->used_bytes += count * page_bytes;
    block = pages_->address(first);
  }
  if (block != nullptr) unpoison(block, bytes);
  return block;
}

void Heap::release(void* block, std::size_t bytes) {
  const PageNumber page = pages_->number(block);
  Page& one = pages_->table[page];
  if (one.kind == Kind::small) {
    CHECK_LE(bytes, class_bytes[one.of]);
    pages_->give_small(page, block);
    return;
  }
  CHECK(one.kind == Kind::large);
  CHECK(block == pages_->address(page));
  CHECK_LE(bytes, one.run * page_bytes);
  pages_->used_bytes -= one.run * page_bytes;
  pages_->give_run(page, one.run);
}

void* Heap::resize(void* block, std::size_t from_bytes, std::size_t to_bytes) {
  CHECK_GT(to_bytes, 0u);
  const PageNumber page = pages_->number(block);
  const Page& one = pages_->table[page];
  CHECK(one.kind == Kind::small || one.kind == Kind::large);
  bool stays = false;
  if (one.kind == Kind::small) {
    stays = to_bytes <= small_bytes_max && class_for(to_bytes) == one.of;
  } else if (to_bytes > small_bytes_max && to_bytes <= region_bytes()) {
    const auto count = static_cast<std::uint32_t>((to_bytes + page_bytes - 1) / page_bytes);
    stays = pages_->resize_run(page, count);
  }
  if (!stays) {
    void* moved = allocate(to_bytes);
    if (moved != nullptr) {
      std::memcpy(moved, block, std::min(from_bytes, to_bytes));
      release(block, from_bytes);
      return moved;
    }
    if (to_bytes > from_bytes) return nullptr;
    // Nothing smaller is free: the block stays where it is, at most cut to a page.
    if (one.kind == Kind::large) stays = pages_->resize_run(page, 1);
  }
  const std::size_t room = one.kind == Kind::small ? class_bytes[one.of] : one.run * page_bytes;
  poison(block, room);
  unpoison(block, to_bytes);
  return block;
}

std::size_t Heap::used_bytes() const { return pages_->used_bytes; }

std::size_t Heap::region_bytes() const { return pages_->table.size() * page_bytes; }

std::optional<std::string> Heap::audit() const {
  std::size_t used = 0;
  for (PageNumber page = 0; page < pages_->table.size();) {
    if (auto broken = pages_->audit_page(page, used)) return broken;
    const Page& one = pages_->table[page];
    const std::uint32_t length = one.kind == Kind::small ? 1 : one.run;
    for (PageNumber inside = page + 1; inside < page + length; ++inside) {
      if (inside >= pages_->table.size() || pages_->table[inside].kind != Kind::inside)
        return "page " + std::to_string(inside) + " is not inside the run it should be in";
    }
    page += length;
  }
  if (used != pages_->used_bytes) return "used_bytes is not the sum of the blocks in use";
  return pages_->audit_lists();
}

}  // namespace cacheismo::lua
