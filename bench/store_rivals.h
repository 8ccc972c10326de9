// StoreRivals: the store and the textbook's cache behind the same few calls, for store_bench.
//
//   Ours       store::Store in a region of its own, mapped as io/arena_memory does
//   Textbook   std::unordered_map to std::list, which keeps the same exact LRU order
//
// Both copy the value out of a hit and copy the value of a set in, as a server would. Neither has
// expiry times in use; the textbook has none at all, no limit in bytes and no bound on a pause.

#ifndef CACHEISMO_BENCH_STORE_RIVALS_H_
#define CACHEISMO_BENCH_STORE_RIVALS_H_

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/check.h"
#include "cacheismo/base/units.h"
#include "cacheismo/store/store.h"

namespace cacheismo::bench {

inline constexpr std::size_t key_bytes = 24;
inline constexpr std::size_t value_bytes = 76;
inline constexpr std::size_t batch_keys = 16;

/// A key's text, made from its number: "key:" and 20 hexadecimal digits.
struct KeyText {
  char text[key_bytes];
  KeyText() = default;
  explicit KeyText(std::uint64_t number) {
    std::memcpy(text, "key:", 4);
    for (std::size_t i = key_bytes; i > 4; --i, number >>= 4)
      text[i - 1] = "0123456789abcdef"[number & 15];
  }
  [[nodiscard]] Bytes bytes() const { return {text, key_bytes}; }
};

class Ours {
 public:
  static constexpr const char* name = "ours";

  explicit Ours(std::uint64_t items) : region_bytes_(std::max(items * 136, 2 * MiB)) {
    region_ = static_cast<char*>(mmap(nullptr, region_bytes_, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    CHECK(region_ != MAP_FAILED);
    static_cast<void>(madvise(region_, region_bytes_, MADV_HUGEPAGE));
    store_ = std::make_unique<store::Store>(
        std::span<char>(region_, region_bytes_),
        store::StoreOptions{
            .limit_bytes = region_bytes_, .item_bytes_max = 1 * MiB, .hash_seed = 1});
  }
  Ours(const Ours&) = delete;
  Ours& operator=(const Ours&) = delete;
  ~Ours() {
    store_.reset();
    munmap(region_, region_bytes_);
  }

  bool get(Bytes key, char* out) { return copied(store_->get(store_->key(key), now), out); }
  std::size_t get_batch(std::span<const KeyText> keys, char* out) {
    store::Key batch[batch_keys];
    for (std::size_t i = 0; i < keys.size(); ++i) batch[i] = store_->key(keys[i].bytes());
    store_->prefetch(std::span(batch, keys.size()));
    std::size_t hits = 0;
    for (std::size_t i = 0; i < keys.size(); ++i)
      hits += copied(store_->get(batch[i], now), out) ? 1 : 0;
    return hits;
  }
  void set(Bytes key, Bytes value) {
    const auto result = store_->put(store_->key(key), {}, value, now);
    CHECK(result.outcome == store::Outcome::stored);
  }
  [[nodiscard]] std::uint64_t items() const { return store_->stats().items; }
  [[nodiscard]] std::uint64_t evictions() const { return store_->stats().evictions; }

 private:
  static constexpr store::Seconds now{2};

  static bool copied(const std::optional<store::ItemView>& item, char* out) {
    if (!item) return false;
    const Bytes value = *item->contiguous();
    std::memcpy(out, value.data(), value.size());
    return true;
  }

  std::uint64_t region_bytes_;
  char* region_;
  std::unique_ptr<store::Store> store_;
};

class Textbook {
 public:
  static constexpr const char* name = "textbook";

  /// At most this many items; the least recently used goes for the next.
  void limit(std::uint64_t items_max) { items_max_ = items_max; }

  bool get(Bytes key, char* out) {
    const auto found = map_.find(key);
    if (found == map_.end()) return false;
    lru_.splice(lru_.begin(), lru_, found->second);
    const std::string& value = found->second->value;
    std::copy(value.begin(), value.end(), out);
    return true;
  }
  std::size_t get_batch(std::span<const KeyText> keys, char* out) {
    std::size_t hits = 0;
    for (const KeyText& key : keys) hits += get(key.bytes(), out) ? 1 : 0;
    return hits;
  }
  void set(Bytes key, Bytes value) {
    const auto found = map_.find(key);
    if (found != map_.end()) {
      lru_.splice(lru_.begin(), lru_, found->second);
      found->second->value.assign(value);
      return;
    }
    if (map_.size() == items_max_) {
      map_.erase(lru_.back().key);
      lru_.pop_back();
    }
    lru_.push_front({std::string(key), std::string(value)});
    map_.emplace(lru_.front().key, lru_.begin());
  }

 private:
  struct Entry {
    std::string key;
    std::string value;
  };
  std::uint64_t items_max_ = UINT64_MAX;
  std::list<Entry> lru_;
  std::unordered_map<std::string_view, std::list<Entry>::iterator> map_;
};

}  // namespace cacheismo::bench

#endif  // CACHEISMO_BENCH_STORE_RIVALS_H_
