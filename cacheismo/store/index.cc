#include "cacheismo/store/index.h"

#include <cstring>

#include "cacheismo/base/check.h"
#include "cacheismo/base/hash.h"

namespace cacheismo::store {

Index::Index(alloc::Arena& arena, std::uint64_t hash_seed) : arena_(&arena), hash_seed_(hash_seed) {
  CHECK_GE(arena.floor_pages(), 1u);
  std::memset(arena.floor_base(), 0, alloc::page_bytes);
}

std::uint64_t Index::hash(Bytes key) const { return hash64(key, hash_seed_); }

void Index::prefetch(std::span<const Key> keys) const {
  for (const Key& key : keys) prefetch(key.hash);
  for (const Key& key : keys) arena_->prefetch_slot(Handle{heads()[bucket_of(key.hash)]});
  for (const Key& key : keys) {
    if (const Handle first{heads()[bucket_of(key.hash)]}) arena_->prefetch_chunk(first);
  }
}

Handle Index::find(const Key& key) const {
  Handle handle{heads()[bucket_of(key.hash)]};
  while (handle) {
    const Item item(arena_->chunk(handle));
    if (item.header().key_bytes == key.bytes.size() && item.key() == key.bytes) return handle;
    handle = Handle{item.header().hash_next};
  }
  return handle;
}

void Index::insert(Handle handle, std::uint64_t hash) {
  std::uint32_t& head = heads()[bucket_of(hash)];
  at(handle).hash_next = head;
  head = handle.value;
  ++items_;
}

bool Index::remove(Handle handle, std::uint64_t hash) {
  std::uint32_t& head = heads()[bucket_of(hash)];
  if (head == handle.value) {
    head = at(handle).hash_next;
    --items_;
    return true;
  }
  for (Handle before{head}; before; before = Handle{at(before).hash_next}) {
    if (at(before).hash_next != handle.value) continue;
    at(before).hash_next = at(handle).hash_next;
    --items_;
    return true;
  }
  return false;
}

bool Index::moved(Handle from, Handle to, std::uint64_t hash) {
  std::uint32_t& head = heads()[bucket_of(hash)];
  if (head == from.value) {
    head = to.value;
    return true;
  }
  for (Handle before{head}; before; before = Handle{at(before).hash_next}) {
    if (at(before).hash_next != from.value) continue;
    at(before).hash_next = to.value;
    return true;
  }
  return false;
}

void Index::split_one() {
  CHECK(!needs_page());
  const std::uint32_t fresh = buckets_++;
  const auto old = static_cast<std::uint32_t>(fresh - low_buckets_);
  std::uint32_t chain = heads()[old];
  heads()[old] = heads()[fresh] = 0;
  while (chain != 0) {
    const Handle handle{chain};
    const Item item(arena_->chunk(handle));
    chain = item.header().hash_next;
    const bool up = (hash(item.key()) & low_buckets_) != 0;
    std::uint32_t& head = heads()[up ? fresh : old];
    item.header().hash_next = head;
    head = handle.value;
  }
  if (buckets_ == 2 * low_buckets_) low_buckets_ *= 2;
}

void Index::merge_one() {
  CHECK_GT(buckets_, buckets_per_page);
  if (buckets_ == low_buckets_) low_buckets_ /= 2;
  const std::uint32_t last = --buckets_;
  std::uint32_t& head = heads()[last - low_buckets_];
  if (head == 0) {
    head = heads()[last];
  } else {
    Handle end{head};
    while (at(end).hash_next != 0) end = Handle{at(end).hash_next};
    at(end).hash_next = heads()[last];
  }
}

void Index::reset() {
  std::memset(arena_->floor_base(), 0, alloc::page_bytes);
  items_ = 0;
  buckets_ = buckets_per_page;
  low_buckets_ = buckets_per_page;
}

}  // namespace cacheismo::store
