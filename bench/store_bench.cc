// What the store costs by itself, beside the textbook cache: std::unordered_map and std::list that
// keep the same exact LRU over the same items.
//
//   Items of 100 bytes: keys of 24, values of 76. `uniform` and `zipf` (0.99) say which keys are
//   asked for; the order of use is mixed before anything is measured, so that neighbours in the
//   list are not neighbours in memory.
//
//   get        a hit: found, its use noted, its value copied out
//   get_batch  the same for 16 keys at a time, all of them prefetched first
//   set        over an existing item
//   set_evict  a new key into a full cache: one item goes for it
//
// Both sides build the key from a number and copy the value, as a server would. One cache lives at
// a time. Figures of 10 million items need 4 GB of memory; the ordinary test run leaves them out.

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <benchmark/benchmark.h>

#include "cacheismo/base/bytes.h"
#include "cacheismo/base/check.h"
#include "cacheismo/base/prng.h"
#include "cacheismo/base/units.h"
#include "cacheismo/store/store.h"

namespace cacheismo::store {
namespace {

constexpr std::size_t key_bytes = 24;
constexpr std::size_t value_bytes = 76;
constexpr std::size_t batch_keys = 16;
constexpr Seconds now{2};

/// A key's text, made from its number: "key:" and 20 hexadecimal digits.
struct KeyText {
  char text[key_bytes] = {'k', 'e', 'y', ':'};
  explicit KeyText(std::uint64_t number) {
    for (std::size_t i = key_bytes; i > 4; --i, number >>= 4)
      text[i - 1] = "0123456789abcdef"[number & 15];
  }
  [[nodiscard]] Bytes bytes() const { return {text, key_bytes}; }
};

const char a_value[value_bytes] = {'v', 'a', 'l', 'u', 'e'};

enum class Shape { uniform, zipf };

/// Which keys are asked for, drawn before the clock starts.
class Draws {
 public:
  Draws(Shape shape, std::uint64_t items) : numbers_(std::size_t{1} << 22) {
    Prng prng(7);
    // Gray and others, 1994: Zipf ranks from a uniform number; ranks are scattered over the keys.
    const double theta = 0.99;
    const auto n = static_cast<double>(items);
    double zeta = 0;
    for (std::uint64_t i = 1; i <= items; ++i) zeta += std::pow(static_cast<double>(i), -theta);
    const double zeta2 = 1 + std::pow(0.5, theta);
    const double alpha = 1 / (1 - theta);
    const double eta = (1 - std::pow(2 / n, 1 - theta)) / (1 - zeta2 / zeta);
    for (std::uint32_t& number : numbers_) {
      std::uint64_t rank = prng.below(items);
      if (shape == Shape::zipf) {
        const double u = prng.unit();
        const double uz = u * zeta;
        rank = uz < 1       ? 0
               : uz < zeta2 ? 1
                            : static_cast<std::uint64_t>(n * std::pow(eta * u - eta + 1, alpha));
      }
      number = static_cast<std::uint32_t>((std::min(rank, items - 1) * 0x9E3779B1u) % items);
    }
  }
  [[nodiscard]] std::uint64_t next() { return numbers_[at_++ & (numbers_.size() - 1)]; }

 private:
  std::vector<std::uint32_t> numbers_;
  std::size_t at_ = 0;
};

/// Ours, in a region that just holds the items (evicts when one more comes).
class Ours {
 public:
  explicit Ours(std::uint64_t items) : region_bytes_(std::max(items * 136, 2 * MiB)) {
    region_ = static_cast<char*>(mmap(nullptr, region_bytes_, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    CHECK(region_ != MAP_FAILED);
    static_cast<void>(madvise(region_, region_bytes_, MADV_HUGEPAGE));  // as io/arena_memory does
    store_ = std::make_unique<Store>(
        std::span<char>(region_, region_bytes_),
        StoreOptions{.limit_bytes = region_bytes_, .item_bytes_max = 1 * MiB, .hash_seed = 1});
  }
  ~Ours() {
    store_.reset();
    munmap(region_, region_bytes_);
  }

  bool get(Bytes key, char* out) { return copied(store_->get(store_->key(key), now), out); }
  std::size_t get_batch(const KeyText* keys, char* out) {
    Key batch[batch_keys];
    for (std::size_t i = 0; i < batch_keys; ++i) batch[i] = store_->key(keys[i].bytes());
    store_->prefetch(batch);
    std::size_t hits = 0;
    for (const Key& key : batch) hits += copied(store_->get(key, now), out) ? 1 : 0;
    return hits;
  }
  void set(Bytes key, Bytes value) {
    benchmark::DoNotOptimize(store_->put(store_->key(key), {}, value, now));
  }
  void fill_up(std::uint64_t) {
    const std::uint64_t before = store_->stats().evictions;
    for (std::uint64_t n = std::uint64_t{1} << 40; store_->stats().evictions == before; ++n)
      set(KeyText(n).bytes(), {a_value, value_bytes});
  }

 private:
  static bool copied(const std::optional<ItemView>& item, char* out) {
    if (!item) return false;
    const Bytes value = *item->contiguous();
    std::copy(value.begin(), value.end(), out);
    return true;
  }

  std::uint64_t region_bytes_;
  char* region_;
  std::unique_ptr<Store> store_;
};

/// The textbook's.
class Textbook {
 public:
  explicit Textbook(std::uint64_t items) : items_max_(items) {}

  bool get(Bytes key, char* out) {
    const auto found = map_.find(key);
    if (found == map_.end()) return false;
    lru_.splice(lru_.begin(), lru_, found->second);
    const std::string& value = found->second->value;
    std::memcpy(out, value.data(), value.size());
    return true;
  }
  std::size_t get_batch(const KeyText* keys, char* out) {
    std::size_t hits = 0;
    for (std::size_t i = 0; i < batch_keys; ++i) hits += get(keys[i].bytes(), out) ? 1 : 0;
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
  void fill_up(std::uint64_t) { items_max_ = map_.size(); }

 private:
  struct Entry {
    std::string key;
    std::string value;
  };
  std::uint64_t items_max_;
  std::list<Entry> lru_;
  std::unordered_map<std::string_view, std::list<Entry>::iterator> map_;
};

/// A cache that holds `items` items in a mixed order of use. The last one made is kept, since
/// filling takes longer than measuring.
template <class Cache>
Cache& warm(std::uint64_t items) {
  static std::unique_ptr<Cache> cache;
  static std::uint64_t held = 0;
  if (cache && held == items) return *cache;
  cache.reset();
  cache = std::make_unique<Cache>(items);
  held = items;
  for (std::uint64_t n = 0; n < items; ++n) cache->set(KeyText(n).bytes(), {a_value, value_bytes});
  Prng prng(3);
  char out[value_bytes];
  for (std::uint64_t n = 0; n < items; ++n)
    CHECK(cache->get(KeyText(prng.below(items)).bytes(), out));
  return *cache;
}

Draws& draws(Shape shape, std::uint64_t items) {
  static std::unique_ptr<Draws> made;
  static Shape made_shape;
  static std::uint64_t made_items = 0;
  if (!made || made_shape != shape || made_items != items) {
    made = std::make_unique<Draws>(shape, items);
    made_shape = shape;
    made_items = items;
  }
  return *made;
}

template <class Cache, Shape shape>
void get(benchmark::State& state) {
  const auto items = static_cast<std::uint64_t>(state.range(0));
  Cache& cache = warm<Cache>(items);
  Draws& keys = draws(shape, items);
  char out[value_bytes];
  for (auto _ : state) {
    CHECK(cache.get(KeyText(keys.next()).bytes(), out));
    benchmark::DoNotOptimize(out);
  }
  state.SetItemsProcessed(state.iterations());
}

template <class Cache, Shape shape>
void get_batch(benchmark::State& state) {
  const auto items = static_cast<std::uint64_t>(state.range(0));
  Cache& cache = warm<Cache>(items);
  Draws& keys = draws(shape, items);
  char out[value_bytes];
  for (auto _ : state) {
    KeyText batch[batch_keys] = {
        KeyText(keys.next()), KeyText(keys.next()), KeyText(keys.next()), KeyText(keys.next()),
        KeyText(keys.next()), KeyText(keys.next()), KeyText(keys.next()), KeyText(keys.next()),
        KeyText(keys.next()), KeyText(keys.next()), KeyText(keys.next()), KeyText(keys.next()),
        KeyText(keys.next()), KeyText(keys.next()), KeyText(keys.next()), KeyText(keys.next())};
    CHECK_EQ(cache.get_batch(batch, out), batch_keys);
    benchmark::DoNotOptimize(out);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch_keys));
}

template <class Cache, Shape shape>
void set(benchmark::State& state) {
  const auto items = static_cast<std::uint64_t>(state.range(0));
  Cache& cache = warm<Cache>(items);
  Draws& keys = draws(shape, items);
  for (auto _ : state) cache.set(KeyText(keys.next()).bytes(), {a_value, value_bytes});
  state.SetItemsProcessed(state.iterations());
}

template <class Cache>
void set_evict(benchmark::State& state) {
  const auto items = static_cast<std::uint64_t>(state.range(0));
  auto cache = std::make_unique<Cache>(items);
  for (std::uint64_t n = 0; n < items; ++n) cache->set(KeyText(n).bytes(), {a_value, value_bytes});
  cache->fill_up(items);
  std::uint64_t fresh = std::uint64_t{1} << 50;
  for (auto _ : state) cache->set(KeyText(fresh++).bytes(), {a_value, value_bytes});
  state.SetItemsProcessed(state.iterations());
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(20'000)->Arg(1'000'000)->Arg(10'000'000);
}

BENCHMARK(get<Ours, Shape::uniform>)->Apply(sizes);
BENCHMARK(get<Textbook, Shape::uniform>)->Apply(sizes);
BENCHMARK(get<Ours, Shape::zipf>)->Apply(sizes);
BENCHMARK(get<Textbook, Shape::zipf>)->Apply(sizes);
BENCHMARK(get_batch<Ours, Shape::uniform>)->Apply(sizes);
BENCHMARK(get_batch<Textbook, Shape::uniform>)->Apply(sizes);
BENCHMARK(get_batch<Ours, Shape::zipf>)->Apply(sizes);
BENCHMARK(get_batch<Textbook, Shape::zipf>)->Apply(sizes);
BENCHMARK(set<Ours, Shape::uniform>)->Apply(sizes);
BENCHMARK(set<Textbook, Shape::uniform>)->Apply(sizes);
BENCHMARK(set<Ours, Shape::zipf>)->Apply(sizes);
BENCHMARK(set<Textbook, Shape::zipf>)->Apply(sizes);
BENCHMARK(set_evict<Ours>)->Apply(sizes);
BENCHMARK(set_evict<Textbook>)->Apply(sizes);

}  // namespace
}  // namespace cacheismo::store
