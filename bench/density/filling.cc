#include "bench/density/filling.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "cacheismo/base/check.h"

namespace cacheismo::density {
namespace {

constexpr store::Seconds now{100};

/// 25 characters that differ for every number.
std::string key_text(std::uint64_t number) {
  std::string text(key_bytes, 'k');
  for (std::size_t i = text.size(); number != 0; number /= 10)
    text[--i] = static_cast<char>('0' + number % 10);
  return text;
}

}  // namespace

Filling::Filling(std::uint64_t memory_bytes, std::uint64_t seed)
    : memory_bytes_(memory_bytes),
      region_(static_cast<char*>(mmap(nullptr, memory_bytes, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))),
      prng_(seed),
      value_(1 * MiB, 'v') {
  CHECK(region_ != MAP_FAILED);
  store_ = std::make_unique<store::Store>(
      std::span<char>(region_, memory_bytes),
      store::StoreOptions{
          .limit_bytes = memory_bytes, .item_bytes_max = 1 * MiB, .hash_seed = seed});
}

Filling::~Filling() {
  store_.reset();
  munmap(region_, memory_bytes_);
}

Stored Filling::store(const Mix& mix) {
  const store::StoreStats before = store_->stats();
  write(mix);
  const store::StoreStats after = store_->stats();
  Stored stored;
  stored.evictions = after.evictions - before.evictions;
  stored.evicted_bytes = after.evicted_bytes - before.evicted_bytes;
  stored.item_bytes = after.bytes + stored.evicted_bytes - before.bytes;
  return stored;
}

std::size_t Filling::write(const Mix& mix) {
  const std::string text = key_text(++keys_);
  const store::Key key = store_->key(text);
  const std::size_t value_bytes = mix.value_bytes(prng_);
  if (value_bytes < draft_bytes)
    put(key, value_bytes);
  else
    draft(key, value_bytes);
  if (!mix.cas) return value_bytes;
  auto item = store_->peek(key, now);
  CHECK(item.has_value());
  CHECK_NE(store_->cas(*item), 0u);
  return value_bytes;
}

void Filling::put(const store::Key& key, std::size_t value_bytes) {
  const auto result = store_->put(key, {}, Bytes(value_).substr(0, value_bytes), now);
  CHECK(result.outcome == store::Outcome::stored);
}

void Filling::draft(const store::Key& key, std::size_t value_bytes) {
  const auto draft = store_->begin(key, value_bytes, now);
  CHECK(draft.has_value());
  for (std::uint64_t offset = 0; offset < value_bytes;) {
    std::array<MutableBytes, 4> windows;
    const std::size_t count = store_->windows(*draft, offset, windows, now);
    CHECK_GT(count, 0u);
    for (std::size_t i = 0; i < count; ++i) {
      std::memcpy(windows[i].data(), value_.data() + offset, windows[i].size());
      offset += windows[i].size();
    }
  }
  CHECK(store_->commit(*draft, {}, now).outcome == store::Outcome::stored);
}

void Filling::fill(const Mix& mix, double cachefuls) {
  const auto goal = static_cast<std::uint64_t>(cachefuls * static_cast<double>(memory_bytes_));
  for (std::uint64_t written = 0; written < goal;) written += key_bytes + write(mix);
}

void Filling::shuffle() {
  const std::uint64_t items = store_->stats().items;
  for (std::uint64_t i = 0; i < 4 * items; ++i) {
    const std::string text = key_text(keys_ - prng_.below(items));
    CHECK(store_->get(store_->key(text), now).has_value());
  }
}

double Filling::steady_density(const Mix& mix) {
  constexpr int looks = 16;
  double sum = 0;
  for (int i = 0; i < looks; ++i) {
    fill(mix, 1.0 / looks);
    sum += density();
  }
  return sum / looks;
}

double Filling::density() const {
  return static_cast<double>(store_->stats().user_bytes) / static_cast<double>(memory_bytes_);
}

double Filling::overhead() const {
  const store::StoreStats stats = store_->stats();
  return static_cast<double>(memory_bytes_ - stats.user_bytes) / static_cast<double>(stats.items);
}

}  // namespace cacheismo::density
